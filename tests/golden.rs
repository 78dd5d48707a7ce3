//! The included worker against `transformers`: the goldens say how they were made.
//!
//! The Hugging Face folder holds float16 weights, which the engine keeps as they are and computes with in float32: the same
//! arithmetic as the goldens'. The GGUF file holds the same model in Q8_0.

use std::path::PathBuf;

use minions_chat::{ChatModel, ChatRequest, Message};
use minions_cli::FileSource;
use minions_engine::{Compute, Engine, KvFormat, LoadOptions};
use minions_tests::workspace;
use serde::Deserialize;

/// Float32 sums in another order, through six layers: the goldens' logits are of the order of 10.
const LOGITS_TOLERANCE: f32 = 2e-3;
/// Q8_0 keeps 8 bits of each weight.
const QUANTIZED_COSINE: f32 = 0.999;
/// A cache in Q8_0 keeps 8 bits of each key and value. Of all scores of a prompt, and of those of its worst position.
const QUANTIZED_CACHE_COSINE: f32 = 0.9998;
const QUANTIZED_CACHE_WORST_COSINE: f32 = 0.997;

#[derive(Deserialize)]
struct Golden {
    max_new_tokens: u32,
    prompts: Vec<Prompt>,
}

#[derive(Deserialize)]
struct Prompt {
    label: String,
    messages: Vec<Message>,
    ids: Vec<u32>,
    argmax: Vec<usize>,
    logsumexp: Vec<f32>,
    greedy: String,
    logits: LogitsPlace,
}

#[derive(Deserialize)]
struct LogitsPlace {
    offset: usize,
    rows: usize,
    columns: usize,
    first_position: usize,
}

#[derive(Deserialize)]
struct SampleQuestion {
    question: String,
    expect: String,
}

#[tokio::test]
async fn on_the_cpu_it_is_the_model_that_transformers_runs() {
    let engine = hugging_face(Compute::cpu("this is the CPU's test")).await;
    compare_with_transformers(&engine).await;
}

#[tokio::test]
async fn on_the_gpu_it_is_the_model_that_transformers_runs() {
    let engine = hugging_face(gpu().await).await;
    compare_with_transformers(&engine).await;
}

#[tokio::test]
async fn quantized_it_is_nearly_the_same_model() {
    let exact = hugging_face(Compute::cpu("this is the CPU's test")).await;
    for compute in [Compute::cpu("this is the CPU's test"), gpu().await] {
        let quantized = gguf(compute).await;
        let adapter = quantized.adapter().name.clone();
        for prompt in golden().prompts {
            let expected = exact.logits(&prompt.ids).await.expect("the prompt fits");
            let actual = quantized.logits(&prompt.ids).await.expect("the prompt fits");
            let columns = prompt.logits.columns;
            for (position, (e, a)) in expected.chunks(columns).zip(actual.chunks(columns)).enumerate() {
                let cosine = cosine(e, a);
                assert!(cosine >= QUANTIZED_COSINE, "{adapter}, {}, position {position}: {cosine}", prompt.label);
            }
        }
    }
}

/// Keys and values in 8 bits, with the weights as they are: nearly the same scores, and the same replies.
#[tokio::test]
async fn with_a_cache_in_8_bits_it_says_the_same() {
    let exact = hugging_face(Compute::cpu("this is the CPU's test")).await;
    for compute in [Compute::cpu("this is the CPU's test"), gpu().await] {
        let options = LoadOptions { kv_cache: KvFormat::Q8_0, ..LoadOptions::default() };
        let engine = load(compute, fixture(""), options).await;
        let adapter = engine.adapter().name.clone();
        let golden = golden();
        for prompt in golden.prompts {
            let name = format!("{adapter}, {}", prompt.label);
            let expected = exact.logits(&prompt.ids).await.expect("the prompt fits");
            let actual = engine.logits(&prompt.ids).await.expect("the prompt fits");
            assert_ne!(actual, expected, "{name}: they are rounded");
            let columns = prompt.logits.columns;
            let cosines = expected.chunks(columns).zip(actual.chunks(columns)).map(|(e, a)| cosine(e, a));
            let (whole, worst) = (cosine(&expected, &actual), cosines.fold(1.0, f32::min));
            println!("{name}: cosine {whole:.6}, of the worst position {worst:.6}");
            assert!(whole >= QUANTIZED_CACHE_COSINE, "{name}: {whole}");
            assert!(worst >= QUANTIZED_CACHE_WORST_COSINE, "{name}: {worst}");
            let reply = ask(&engine, prompt.messages.clone(), golden.max_new_tokens).await;
            assert_eq!(reply, prompt.greedy, "{name}: greedy reply");
        }
    }
}

/// What the demo promises: its questions about the sample record, each asked in a conversation of its own.
#[tokio::test]
async fn the_included_worker_reads_the_sample_record() {
    let record = std::fs::read_to_string(workspace().join("www/samples/patient-record.txt")).expect("the sample");
    let questions =
        std::fs::read(workspace().join("www/samples/patient-record.questions.json")).expect("its questions");
    let questions: Vec<SampleQuestion> = serde_json::from_slice(&questions).expect("a list of questions");
    let engine = gguf(Compute::cpu("this is the CPU's test")).await;
    let mut wrong = Vec::new();
    for SampleQuestion { question, expect } in questions {
        let system = Message::system(minions_protocol::worker_prompt(std::slice::from_ref(&record)));
        let reply = ask(&engine, vec![system, Message::user(question.clone())], 64).await;
        if !reply.contains(&expect) {
            wrong.push(format!("{question} — {reply:?} lacks {expect:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn compare_with_transformers(engine: &Engine) {
    let golden = golden();
    let bytes = std::fs::read(fixture("golden-logits.bin")).expect("the goldens' logits");
    for prompt in &golden.prompts {
        let label = &prompt.label;
        let request = ChatRequest::new(prompt.messages.clone());
        assert_eq!(engine.tokenize(&request).expect("the template renders"), prompt.ids, "{label}: token ids");

        let logits = engine.logits(&prompt.ids).await.expect("the prompt fits");
        let place = &prompt.logits;
        assert_eq!(logits.len(), prompt.ids.len() * place.columns, "{label}: logits");
        for (position, row) in logits.chunks(place.columns).enumerate() {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = row.iter().map(|logit| f64::from(logit - largest).exp()).sum();
            near(largest + sum.ln() as f32, prompt.logsumexp[position], &format!("{label}: logsumexp at {position}"));
            near(row[prompt.argmax[position]], largest, &format!("{label}: argmax at {position}"));
        }
        let expected = &bytes[place.offset..place.offset + place.rows * place.columns * 4];
        let actual = &logits[place.first_position * place.columns..];
        for (index, (expected, actual)) in expected.chunks_exact(4).zip(actual).enumerate() {
            let expected = f32::from_le_bytes([expected[0], expected[1], expected[2], expected[3]]);
            near(*actual, expected, &format!("{label}: logit {index} of the last positions"));
        }
        let reply = ask(engine, prompt.messages.clone(), golden.max_new_tokens).await;
        assert_eq!(reply, prompt.greedy, "{label}: greedy reply");
    }
}

#[track_caller]
fn near(actual: f32, expected: f32, what: &str) {
    assert!((actual - expected).abs() <= LOGITS_TOLERANCE, "{what} is {actual}, not {expected}");
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()) as f32
}

async fn ask(engine: &Engine, messages: Vec<Message>, max_tokens: u32) -> String {
    let request = ChatRequest { max_tokens: Some(max_tokens), ..ChatRequest::new(messages) };
    let mut streamed = String::new();
    let response = engine.chat(&request, &mut |delta| streamed.push_str(delta)).await.expect("a reply");
    assert_eq!(streamed, response.content, "the pieces add up to the reply");
    response.content
}

async fn gpu() -> Compute {
    Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter; `cargo xtask test` sets up a software one")
}

async fn hugging_face(compute: Compute) -> Engine {
    load(compute, fixture(""), LoadOptions::default()).await
}

async fn gguf(compute: Compute) -> Engine {
    load(compute, workspace().join("www/public/models/demo-worker.gguf"), LoadOptions::default()).await
}

async fn load(compute: Compute, path: PathBuf, options: LoadOptions) -> Engine {
    let (source, main) = FileSource::open(&path).expect("a model's path");
    Engine::load(compute, source, &main, options, &mut |_| {}).await.expect("the model loads")
}

fn golden() -> Golden {
    let bytes = std::fs::read(fixture("golden.json")).expect("the goldens");
    serde_json::from_slice(&bytes).expect("goldens as export.py writes them")
}

fn fixture(name: &str) -> PathBuf {
    workspace().join("tests/fixtures/demo-worker").join(name)
}
