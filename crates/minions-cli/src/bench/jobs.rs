//! Many short jobs over the chunks of a document, as MinionS asks for them: one by one as a plain engine would run them,
//! then with one thing after another that makes them cheaper. All in one run; what counts is the ratios.

use std::time::Instant;

use futures_util::future::join_all;
use minions_chat::{ChatModel, ChatRequest, JsonSchema, Message, ResponseFormat};
use minions_engine::{Counters, Engine, LoadOptions, MemorySource, Tally};
use minions_protocol::job_prompt;
use serde_json::json;

use super::{Arguments, Bench};
use crate::files::FileSource;
use crate::random_model::{self, LLAMA_15M};

const CONTEXT_LENGTH: usize = 1536;
const TASKS: usize = 3;
const CHUNK_TOKENS: usize = 700;
const REPLY_TOKENS: u32 = 90;

/// Of five jobs, those whose chunk does not say.
const ABSENT_OF_FIVE: usize = 4;

/// How the jobs are run.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    /// All at a time, or one after another.
    together: bool,
    /// The rules and the chunk come first, or a word that no other job begins with.
    shared: bool,
    reply: Reply,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reply {
    /// Free text.
    Text,
    /// The three strings of a job's reply.
    Form,
    /// Three nulls in four of five jobs.
    MostlyAbsent,
}

const CASES: [Case; 5] = [
    Case { name: "one-by-one", together: false, shared: false, reply: Reply::Text },
    Case { name: "batched", together: true, shared: false, reply: Reply::Text },
    Case { name: "batched+prefix", together: true, shared: true, reply: Reply::Text },
    Case { name: "batched+prefix+forced", together: true, shared: true, reply: Reply::Form },
    Case { name: "batched+prefix+forced+abstain", together: true, shared: true, reply: Reply::MostlyAbsent },
];

/// What a case took.
struct Measured {
    seconds: f64,
    tally: Tally,
    work: Counters,
}

pub async fn run(arguments: &Arguments, bench: &mut Bench) -> anyhow::Result<()> {
    let chunks = if arguments.quick { 5 } else { 20 };
    let options = || LoadOptions { context_length: Some(CONTEXT_LENGTH), ..LoadOptions::default() };
    let (source, main) = FileSource::open(&arguments.demo_model)?;
    let compute = arguments.device.open().await?;
    let demo = Engine::load(compute, source, &main, options(), &mut |_| {}).await?;
    bench.jobs("demo", &demo, chunks).await?;
    drop(demo);

    let source = MemorySource::new().with("random.gguf", random_model::gguf(&LLAMA_15M));
    let compute = arguments.device.open().await?;
    let random = Engine::load(compute, source, "random.gguf", options(), &mut |_| {}).await?;
    bench.jobs(LLAMA_15M.name, &random, chunks).await
}

impl Bench {
    async fn jobs(&mut self, model: &str, engine: &Engine, chunks: usize) -> anyhow::Result<()> {
        self.adapter = format!("{} ({})", engine.adapter().name, engine.adapter().backend);
        let chunks: Vec<String> = (0..chunks).map(|chunk| text_of(engine, chunk)).collect::<anyhow::Result<_>>()?;
        // Compiles what steps of many rows need.
        let warm = Case { name: "warm-up", together: true, shared: false, reply: Reply::Form };
        measure(engine, &[String::new()], warm).await?;
        let mut base: Option<Measured> = None;
        for case in CASES {
            let measured = measure(engine, &chunks, case).await?;
            let jobs = chunks.len() * TASKS;
            let name = format!("{model}-{jobs}-jobs-{}", case.name);
            let Measured { seconds, tally, work } = &measured;
            self.row(name.clone(), "jobs_per_s", jobs as f64 / seconds, "1/s");
            self.row(name.clone(), "prefill_tokens", tally.prefill_tokens as f64, "1");
            self.row(name.clone(), "decode_steps", tally.decode_steps as f64, "1");
            self.row(name.clone(), "dispatches", work.dispatches as f64, "1");
            self.row(name.clone(), "readbacks", work.read_backs as f64, "1");
            self.row(name.clone(), "peak_pages", tally.peak_pages as f64, "1");
            match &base {
                None => base = Some(measured),
                Some(base) => {
                    let of = |now: u64, before: u64| now as f64 / before as f64;
                    self.row(name.clone(), "times_one_by_one", base.seconds / seconds, "1");
                    let (now, before) = (tally, &base.tally);
                    self.row(name.clone(), "prefill_of_one_by_one", of(now.prefill_tokens, before.prefill_tokens), "1");
                    self.row(name.clone(), "steps_of_one_by_one", of(now.decode_steps, before.decode_steps), "1");
                }
            }
        }
        Ok(())
    }
}

/// Runs every task over every chunk.
async fn measure(engine: &Engine, chunks: &[String], case: Case) -> anyhow::Result<Measured> {
    let requests: Vec<ChatRequest> = chunks
        .iter()
        .enumerate()
        .flat_map(|(chunk, text)| (0..TASKS).map(move |task| request(case, chunk, text, task)))
        .collect();
    let (tally, work, started) = (engine.tally(), engine.counters(), Instant::now());
    if case.together {
        for reply in join_all(requests.iter().map(|request| say(engine, request))).await {
            reply?;
        }
    } else {
        for request in &requests {
            say(engine, request).await?;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(Measured { seconds, tally: engine.tally() - tally, work: engine.counters() - work })
}

async fn say(engine: &Engine, request: &ChatRequest) -> anyhow::Result<()> {
    engine.chat(request, &mut |_| {}).await?;
    Ok(())
}

fn request(case: Case, chunk: usize, text: &str, task: usize) -> ChatRequest {
    // A beginning of the case's own keeps it from finding what another one has read.
    let beginning = match case.shared {
        true => format!("{}: ", case.name),
        false => format!("{} {chunk} {task}: ", case.name),
    };
    let prompt = job_prompt(text, &format!("Task {task}: which value does the record state?"), None);
    let is_absent = case.reply == Reply::MostlyAbsent && chunk % 5 < ABSENT_OF_FIVE;
    let response_format = match case.reply {
        Reply::Text => ResponseFormat::Text,
        Reply::Form | Reply::MostlyAbsent => form(is_absent),
    };
    ChatRequest {
        messages: vec![Message::user(beginning + &prompt)],
        max_tokens: Some(REPLY_TOKENS),
        // So hot that hardly any reply ends early.
        temperature: Some(50.0),
        seed: Some((chunk * TASKS + task) as u64),
        response_format,
        ..ChatRequest::default()
    }
}

/// A job's reply: three strings that leave little of its room, or three nulls, each of which is a choice of the worker's.
fn form(is_absent: bool) -> ResponseFormat {
    let string = |least: usize| match is_absent {
        true => json!({"enum": [null, 0]}),
        false => json!({"type": ["string", "null"], "minLength": least, "maxLength": least + 20}),
    };
    let schema = json!({
        "type": "object",
        "properties": {"explanation": string(60), "citation": string(80), "answer": string(30)},
        "required": ["explanation", "citation", "answer"],
        "additionalProperties": false,
    });
    ResponseFormat::JsonSchema { json_schema: JsonSchema::strict("job", schema) }
}

/// Sentences until there are as many tokens as a chunk has; no two chunks begin alike.
fn text_of(engine: &Engine, chunk: usize) -> anyhow::Result<String> {
    let mut text = String::new();
    for sentence in 0.. {
        text.push_str(&format!(
            "Record {chunk}, entry {sentence}: the value that was measured is {}. ",
            7 * sentence + chunk
        ));
        if engine.tokenize(&ChatRequest::new(vec![Message::user(text.clone())]))?.len() >= CHUNK_TOKENS {
            break;
        }
    }
    Ok(text)
}
