//! `minions bench`: rows of suite, case, metric, value, unit, adapter.

mod jobs;

use std::path::PathBuf;
use std::time::Instant;

use minions_chat::{ChatModel, ChatRequest, JsonSchema, Message, ResponseFormat};
use minions_engine::{Compute, Counters, Engine, KernelSpeed, LoadOptions, MemorySource, bench_burn, bench_kernels};
use minions_protocol::{REHEARSAL_JOBS, Rehearsal};
use serde::Serialize;
use serde_json::json;

use crate::device::DeviceChoice;
use crate::files::FileSource;
use crate::random_model::{self, LLAMA_135M};

#[derive(clap::Args)]
pub struct Arguments {
    /// Fewer tokens and only one prefill length.
    #[arg(long)]
    quick: bool,
    /// Only these.
    #[arg(value_enum)]
    only: Option<Only>,
    /// Where to write the rows.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where the engine runs.
    #[arg(long, value_enum, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// The demo worker.
    #[arg(long, default_value = "www/public/models/demo-worker.gguf")]
    demo_model: PathBuf,
}

/// A part of the benchmarks.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    /// Every kernel, beside what the adapter can do at best.
    Kernels,
    /// Many jobs over chunks, with one thing after another that makes them cheaper.
    Jobs,
}

#[derive(Serialize)]
struct Row {
    suite: &'static str,
    case: String,
    metric: &'static str,
    value: f64,
    unit: &'static str,
    adapter: String,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut bench = Bench { adapter: "none".to_owned(), rows: Vec::new() };
    if arguments.only.is_none() {
        bench.protocol().await?;
        models(&arguments, &mut bench).await?;
    }
    if arguments.only != Some(Only::Kernels) {
        jobs::run(&arguments, &mut bench).await?;
    }
    if arguments.only != Some(Only::Jobs) {
        let compute = arguments.device.open().await?;
        if compute.adapter().is_gpu() {
            bench.kernels(&compute, arguments.quick).await?;
        }
    }
    if let Some(path) = arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&bench.rows)?)?;
    }
    Ok(())
}

async fn models(arguments: &Arguments, bench: &mut Bench) -> anyhow::Result<()> {
    let decode_tokens = if arguments.quick { 8 } else { 32 };
    let prefill_tokens: &[usize] = if arguments.quick { &[128] } else { &[128, 512] };

    let (source, main) = FileSource::open(&arguments.demo_model)?;
    let started = Instant::now();
    let engine =
        Engine::load(arguments.device.open().await?, source, &main, LoadOptions::default(), &mut |_| {}).await?;
    bench.model("demo", &engine, started, prefill_tokens, decode_tokens).await?;
    bench.constrained("demo", &engine).await?;
    drop(engine);

    let source = MemorySource::new().with("random.gguf", random_model::gguf(&LLAMA_135M));
    let started = Instant::now();
    let options = LoadOptions { context_length: Some(1024), ..LoadOptions::default() };
    let engine = Engine::load(arguments.device.open().await?, source, "random.gguf", options, &mut |_| {}).await?;
    bench.model(LLAMA_135M.name, &engine, started, prefill_tokens, decode_tokens).await
}

struct Bench {
    adapter: String,
    rows: Vec<Row>,
}

impl Bench {
    /// MinionS without its models; the best of several runs.
    async fn protocol(&mut self) -> anyhow::Result<()> {
        let rehearsal = Rehearsal::default();
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let started = Instant::now();
            let outcome = rehearsal.run().await?;
            best = best.min(started.elapsed().as_secs_f64());
            anyhow::ensure!(outcome.transcript.results.len() == REHEARSAL_JOBS, "not every job was run");
        }
        self.row(format!("minions-{REHEARSAL_JOBS}-jobs"), "protocol_seconds", best, "s");
        Ok(())
    }

    /// Every kernel, and what part it is of the adapter's own ceilings, which are measured first.
    async fn kernels(&mut self, compute: &Compute, quick: bool) -> anyhow::Result<()> {
        self.adapter = format!("{} ({})", compute.adapter().name, compute.adapter().backend);
        let origin = Instant::now();
        let (mut copy, mut arithmetic) = (f64::NAN, f64::NAN);
        let mut on_speed = |speed: KernelSpeed| {
            copy = if speed.kernel == "stream_copy" { speed.bandwidth() } else { copy };
            arithmetic = if speed.kernel == "multiply_add" { speed.arithmetic() } else { arithmetic };
            let case = format!("{} {}", speed.kernel, speed.shape);
            let (of_copy, of_arithmetic) = (speed.bandwidth() / copy, speed.arithmetic() / arithmetic);
            print!("{case:48} {:8.2} GB/s {:5.1} % of the copy", speed.bandwidth() / 1e9, of_copy * 100.0);
            self.push(case.clone(), "bandwidth", speed.bandwidth() / 1e9, "GB/s");
            self.push(case.clone(), "of_copy", of_copy, "1");
            if speed.flops > 0.0 {
                print!(" {:9.2} GFLOP/s {:5.1} % of multiply_add", speed.arithmetic() / 1e9, of_arithmetic * 100.0);
                self.push(case.clone(), "arithmetic", speed.arithmetic() / 1e9, "GFLOP/s");
                self.push(case, "of_multiply_add", of_arithmetic, "1");
            }
            println!();
        };
        let clock = || origin.elapsed().as_secs_f64();
        bench_kernels(compute, quick, &clock, &mut on_speed).await?;
        bench_burn(compute, &clock, &mut on_speed).await?;
        Ok(())
    }

    async fn model(
        &mut self,
        name: &str,
        engine: &Engine,
        load_started: Instant,
        prefill_tokens: &[usize],
        decode_tokens: usize,
    ) -> anyhow::Result<()> {
        self.adapter = format!("{} ({})", engine.adapter().name, engine.adapter().backend);
        for overlay in &engine.adapter().overlays {
            let kernel = overlay.kernel.as_deref().unwrap_or("every kernel");
            let reason = overlay.reason.as_deref().map_or("in use".to_owned(), |reason| format!("off: {reason}"));
            println!("{name}: {} of {kernel}: {reason}", overlay.overlay);
        }
        self.row(format!("{name}-load"), "load_seconds", load_started.elapsed().as_secs_f64(), "s");
        // Compiles the kernels, so that what follows measures their work alone.
        generate(engine, 40, 2, 0).await?;
        for (seed, &tokens) in prefill_tokens.iter().enumerate() {
            let run = generate(engine, tokens, 1, seed as u64 + 1).await?;
            self.row(
                format!("{name}-prefill-{tokens}"),
                "prefill_tokens_per_s",
                run.prompt_tokens / run.seconds,
                "1/s",
            );
        }
        // The same prompt thrice, read once: the difference of a short and a long reply is decoding alone.
        generate(engine, 32, 1, 99).await?;
        let first = generate(engine, 32, 1, 99).await?;
        let all = generate(engine, 32, 1 + decode_tokens, 99).await?;
        let tokens = all.completion_tokens - first.completion_tokens;
        anyhow::ensure!(tokens > 0.0, "the model ended its reply at once: nothing to measure");
        let (seconds, work) = (all.seconds - first.seconds, all.work - first.work);
        let case = format!("{name}-decode");
        self.row(case.clone(), "decode_tokens_per_s", tokens / seconds, "1/s");
        let per_token = |value: u64| value as f64 / tokens;
        self.row(case.clone(), "dispatches_per_token", per_token(work.dispatches), "1");
        self.row(case.clone(), "readbacks_per_token", per_token(work.read_backs), "1");
        self.row(case, "readback_bytes_per_token", per_token(work.read_back_bytes), "B");
        Ok(())
    }

    /// What a token costs whose form is prescribed, beside one that is free: the best of several runs in turn.
    async fn constrained(&mut self, name: &str, engine: &Engine) -> anyhow::Result<()> {
        let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]});
        let json_schema = JsonSchema::strict("text", schema);
        let formats = [ResponseFormat::Text, ResponseFormat::JsonSchema { json_schema }];
        let mut best = [f64::INFINITY; 2];
        for seed in 0..5 {
            for (best, format) in best.iter_mut().zip(&formats) {
                let run = generate_as(engine, 32, 64, seed, format.clone()).await?;
                // Tokens that a form forces are not drawn: one is read back for each that is.
                *best = best.min(run.seconds / run.work.read_backs as f64);
            }
        }
        let [free, constrained] = best;
        self.row(format!("{name}-constrained"), "of_free_decode", constrained / free, "1");
        Ok(())
    }

    fn row(&mut self, case: String, metric: &'static str, value: f64, unit: &'static str) {
        println!("{case:20} {metric:28} {value:14.3} {unit}");
        self.push(case, metric, value, unit);
    }

    fn push(&mut self, case: String, metric: &'static str, value: f64, unit: &'static str) {
        self.rows.push(Row { suite: "native", case, metric, value, unit, adapter: self.adapter.clone() });
    }
}

struct Measured {
    seconds: f64,
    prompt_tokens: f64,
    completion_tokens: f64,
    work: Counters,
}

/// Answers a prompt of about `prompt` tokens with at most `reply` tokens.
async fn generate(engine: &Engine, prompt: usize, reply: usize, seed: u64) -> anyhow::Result<Measured> {
    generate_as(engine, prompt, reply, seed, ResponseFormat::Text).await
}

/// Likewise, in a form.
async fn generate_as(
    engine: &Engine,
    prompt: usize,
    reply: usize,
    seed: u64,
    response_format: ResponseFormat,
) -> anyhow::Result<Measured> {
    let request = ChatRequest {
        messages: vec![Message::user(prompt_of(engine, prompt, seed)?)],
        max_tokens: Some(reply as u32),
        // Hot enough that no model ends its reply early for long.
        temperature: Some(1.0),
        seed: Some(seed),
        response_format,
        ..ChatRequest::default()
    };
    let before = engine.counters();
    let started = Instant::now();
    let response = engine.chat(&request, &mut |_| {}).await?;
    Ok(Measured {
        seconds: started.elapsed().as_secs_f64(),
        prompt_tokens: (response.usage.prompt_tokens - response.usage.cached_tokens) as f64,
        completion_tokens: response.usage.completion_tokens as f64,
        work: engine.counters() - before,
    })
}

/// Words until the conversation has `tokens` tokens; each seed begins differently, so that no prefix is shared.
fn prompt_of(engine: &Engine, tokens: usize, seed: u64) -> anyhow::Result<String> {
    let mut text = format!("{seed}");
    loop {
        text.push_str(" a");
        let request = ChatRequest::new(vec![Message::user(text.clone())]);
        if engine.tokenize(&request)?.len() >= tokens {
            return Ok(text);
        }
    }
}
