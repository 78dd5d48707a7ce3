//! Every family against `transformers`: tiny models of random weights, each with everything on that is its family's own
//! (`tools/parity/families`). The weights are float16, which the engine keeps, and all arithmetic is float32 on both sides.

use std::ops::Range;
use std::path::PathBuf;

use futures_util::future::join_all;
use minions_chat::{ChatModel, ChatRequest, Message, TokenLogprob};
use minions_cli::FileSource;
use minions_engine::{Compute, Engine, KvFormat, LoadOptions, MemorySource, Overlays};
use minions_tests::workspace;
use serde::Deserialize;

/// Float32 sums in another order, through a few layers, and half a step of the goldens.
const LOGITS_TOLERANCE: f32 = 1e-3;
/// A GGUF file holds the same float16 weights, and the norms as float32: only its angles may be rounded otherwise.
const GGUF_TOLERANCE: f32 = 1e-4;
/// Keys and values in 8 bits of models of random weights, which have nothing to hold on to.
const QUANTIZED_CACHE_COSINE: f64 = 0.9995;

#[derive(Deserialize)]
struct Golden {
    vocab_size: usize,
    /// How many of a position's logits are kept, the first ones.
    columns: usize,
    logit_step: f32,
    runs: Vec<Run>,
    gguf: Option<Vec<GgufTensor>>,
}

/// What a tensor of the GGUF file is made of: one of the folder's, or numbers.
#[derive(Deserialize)]
struct GgufTensor {
    tensor: Option<String>,
    #[serde(default)]
    permuted_heads: usize,
    #[serde(default)]
    added: f32,
    values: Option<Vec<f32>>,
    r#type: String,
}

#[derive(Deserialize)]
struct Run {
    context_length: usize,
    prompt: String,
    ids: Vec<u32>,
    greedy_ids: Vec<u32>,
    greedy: String,
    first_row: usize,
}

#[tokio::test]
async fn on_the_cpu_every_family_is_the_model_that_transformers_runs() {
    compare_all(&Compute::cpu("this is the CPU's test")).await;
}

#[tokio::test]
async fn on_the_gpu_every_family_is_the_model_that_transformers_runs() {
    let gpu = Compute::gpu().await;
    compare_all(&gpu.expect("a Vulkan, Metal or DirectX 12 adapter; `cargo xtask test` sets up a software one")).await;
}

#[tokio::test]
async fn a_gguf_file_is_the_same_model() {
    let cpu = Compute::cpu("this is the CPU's test");
    let mut compared = 0;
    for family in families() {
        let golden = golden(&family);
        let Some(tensors) = &golden.gguf else { continue };
        for run in &golden.runs {
            let folder = load(&cpu, &family, run.context_length).await;
            let source = MemorySource::new().with("model.gguf", gguf_file(&family, tensors));
            let options = LoadOptions { context_length: Some(run.context_length), ..LoadOptions::default() };
            let gguf = Engine::load(cpu.clone(), source, "model.gguf", options, &mut |_| {}).await;
            let gguf = gguf.unwrap_or_else(|error| panic!("{family} as GGUF: {error}"));
            let expected = folder.logits(&run.ids).await.expect("the prompt fits");
            let actual = gguf.logits(&run.ids).await.expect("the prompt fits");
            let worst = largest_difference(&actual, &expected);
            assert!(worst <= GGUF_TOLERANCE, "{family}, {} tokens: {worst}", run.ids.len());
            assert_eq!(say(&gguf, run).await, run.greedy, "{family}: greedy reply");
        }
        compared += 1;
    }
    assert!(compared >= 7, "only {compared} GGUF files were found");
}

/// A decode step is 8 launches a layer and 4 around them; what only some families have is on top.
#[tokio::test]
async fn a_step_launches_no_more_than_its_family_needs() {
    let gpu = Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter");
    for (family, layers, per_layer, around) in [
        ("llama", 2, 8, 4),
        ("qwen2", 2, 8, 4),
        ("smollm3", 4, 8, 4),
        // A bias after attention.
        ("llama-bias", 2, 9, 4),
        // Two more norms a layer, and capped or scaled logits.
        ("gemma2", 3, 10, 5),
        ("granite", 2, 8, 5),
    ] {
        let run = &golden(family).runs[0];
        let engine = load(&gpu, family, run.context_length).await;
        say(&engine, run).await;
        // The same prompt is read the same way again: the difference of a longer reply is decode steps.
        let mut work = Vec::new();
        for max_tokens in [1, 9] {
            let before = engine.counters();
            let request = ChatRequest { max_tokens: Some(max_tokens), ..request(run) };
            engine.chat(&request, &mut |_| {}).await.expect("a reply");
            work.push(engine.counters() - before);
        }
        let work = work[1] - work[0];
        assert_eq!(work.replays, 8, "{family}: {work:?}");
        assert_eq!(work.dispatches, work.replays * (layers * per_layer + around), "{family}: {work:?}");
    }
}

/// Conversations that are answered together share steps and what their prompts begin with, and not a bit of any reply is
/// another for it.
#[tokio::test]
async fn replies_together_are_the_replies_alone() {
    let gpu = Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter");
    // As on hardware: with overlays, and with rows that share what they load of the cache. One family has a window.
    let hardware = gpu.clone().with_overlays(Overlays::Everywhere);
    let some = ["llama", "gemma2"].map(String::from).to_vec();
    // Windows, norms of queries and keys, layers that turn nothing, groups of heads.
    let quantized = ["gemma3", "phi3", "qwen3", "smollm3"].map(String::from).to_vec();
    let cpu = Compute::cpu("this is the CPU's test");
    for (compute, families, format) in [
        (gpu.clone(), families(), KvFormat::F32),
        (hardware.clone(), some.clone(), KvFormat::F32),
        (cpu.clone(), families(), KvFormat::F32),
        (gpu, quantized.clone(), KvFormat::Q8_0),
        (hardware, some, KvFormat::Q8_0),
        (cpu, quantized, KvFormat::Q8_0),
    ] {
        for family in families {
            let run = &golden(&family).runs[0];
            let requests: Vec<_> = (0..11).map(|index| one_of_many(run, index)).collect();
            let load = || load_with(&compute, &family, run.context_length, format);
            let (alone, together) = (load().await, load().await);
            let replies = join_all(requests.iter().map(|request| answer(&together, request))).await;
            let tally = together.tally();
            assert!(tally.decode_rows > 2 * tally.decode_steps, "{family}: they share steps: {tally:?}");
            assert_eq!(tally.held_pages, 0, "{family}: {tally:?}");
            for (index, (request, reply)) in requests.iter().zip(replies).enumerate() {
                let name = format!("{family}, cache {format}, reply {index} on {}", alone.adapter().name);
                assert_eq!(reply, answer(&alone, request).await, "{name}");
            }
        }
    }
}

/// Keys and values in 8 bits: nearly the same model, on the CPU and on a GPU.
#[tokio::test]
async fn a_cache_in_8_bits_is_nearly_the_same_model() {
    let gpu = Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter");
    for compute in [Compute::cpu("this is the CPU's test"), gpu] {
        for family in families() {
            for run in &golden(&family).runs {
                let exact = load(&compute, &family, run.context_length).await;
                let quantized = load_with(&compute, &family, run.context_length, KvFormat::Q8_0).await;
                let expected = exact.logits(&run.ids).await.expect("the prompt fits");
                let actual = quantized.logits(&run.ids).await.expect("the prompt fits");
                let cosine = cosine(&actual, &expected);
                let name = format!("{family}, {} tokens on {}", run.ids.len(), quantized.adapter().name);
                println!("{name}: cosine {cosine:.6}");
                assert!((QUANTIZED_CACHE_COSINE..1.0).contains(&cosine), "{name}: {cosine}");
            }
        }
    }
}

/// One of several requests, some of which share beginnings; some are greedy, and each has its own length.
fn one_of_many(run: &Run, index: usize) -> ChatRequest {
    let shared = run.prompt.chars().take(run.prompt.chars().count() * (1 + index % 4) / 4).collect::<String>();
    ChatRequest {
        temperature: (!index.is_multiple_of(3)).then_some(1.3),
        seed: Some(index as u64),
        max_tokens: Some(2 + 3 * index as u32 % 13),
        logprobs: true,
        top_logprobs: Some(2),
        ..ChatRequest::new(vec![Message::user(format!("{shared}{index}"))])
    }
}

async fn answer(engine: &Engine, request: &ChatRequest) -> (String, Option<Vec<TokenLogprob>>) {
    let reply = engine.chat(request, &mut |_| {}).await.expect("a reply");
    (reply.content, reply.logprobs)
}

/// A weight that is no number is found while its tensor is read, wherever it stands.
#[tokio::test]
async fn a_damaged_weight_is_named() {
    for (family, tensor) in [
        ("qwen2", "model.layers.1.mlp.down_proj.weight"),
        ("qwen2", "model.layers.0.self_attn.k_proj.bias"),
        ("gemma2", "model.layers.2.post_feedforward_layernorm.weight"),
        ("gemma2", "model.embed_tokens.weight"),
    ] {
        let file = |name: &str| std::fs::read(fixtures().join(family).join(name)).expect("the fixture");
        let mut weights = file("model.safetensors");
        let (_, Range { end, .. }) = safetensor(&weights, tensor);
        // The last of its weights, an f16.
        weights[end - 2..end].copy_from_slice(&[0x00, 0x7e]);
        let source = ["config.json", "tokenizer.json", "tokenizer_config.json"]
            .into_iter()
            .fold(MemorySource::new(), |source, name| source.with(name, file(name)))
            .with("model.safetensors", weights);
        let cpu = Compute::cpu("this is the CPU's test");
        let loaded = Engine::load(cpu, source, "config.json", LoadOptions::default(), &mut |_| {}).await;
        let Err(error) = loaded else { panic!("{tensor} of {family} is damaged, and it loads") };
        let expected =
            format!("tensor {tensor}: it holds values that are not finite numbers: the file is damaged, get it again");
        assert_eq!(error.to_string(), expected);
    }
}

/// All families' goldens; all that is wrong is told together.
async fn compare_all(compute: &Compute) {
    let mut wrong = Vec::new();
    for family in families() {
        let golden = golden(&family);
        let bytes = std::fs::read(fixtures().join(&family).join("golden-logits.bin")).expect("the goldens' logits");
        for run in &golden.runs {
            let engine = load(compute, &family, run.context_length).await;
            let name = format!("{family}, {} tokens", run.ids.len());
            let request = request(run);
            assert_eq!(engine.tokenize(&request).expect("the template renders"), run.ids, "{name}: token ids");
            let columns = golden.columns;
            let expected: Vec<f32> = bytes[2 * run.first_row * columns..]
                .chunks_exact(2)
                .take(run.ids.len() * columns)
                .map(|steps| f32::from(i16::from_le_bytes([steps[0], steps[1]])) * golden.logit_step)
                .collect();
            let actual = engine.logits(&run.ids).await.expect("the prompt fits");
            assert_eq!(actual.len(), run.ids.len() * golden.vocab_size, "{name}: logits");
            let actual: Vec<f32> =
                actual.chunks(golden.vocab_size).flat_map(|row| row[..columns].iter().copied()).collect();
            assert_eq!(actual.len(), expected.len(), "{name}: goldens");
            let worst = largest_difference(&actual, &expected);
            println!("{name}: largest difference {worst:.6} on {}", engine.adapter().name);
            if worst > LOGITS_TOLERANCE {
                wrong.push(format!("{name}: logits differ by {worst}"));
            }
            let reply = say(&engine, run).await;
            assert_eq!(run.greedy_ids.len(), 32, "{name}");
            if reply != run.greedy {
                wrong.push(format!("{name}: says {reply:?}, not {:?}", run.greedy));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The file that llama.cpp's converter would have made of a family's folder.
fn gguf_file(family: &str, tensors: &[GgufTensor]) -> Vec<u8> {
    let mut file = std::fs::read(fixtures().join(family).join("gguf-header.bin")).expect("the header");
    let weights = std::fs::read(fixtures().join(family).join("model.safetensors")).expect("the weights");
    for GgufTensor { tensor, permuted_heads, added, values, r#type } in tensors {
        let mut halves = Vec::new();
        if let Some(tensor) = tensor {
            let (rows, bytes) = safetensor(&weights, tensor);
            halves = weights[bytes].chunks_exact(2).map(|half| u16::from_le_bytes([half[0], half[1]])).collect();
            if *permuted_heads > 0 {
                halves = alternate_halves(&halves, rows, *permuted_heads);
            }
        }
        let values = values.clone().unwrap_or_else(|| halves.iter().map(|half| f16_to_f32(*half) + added).collect());
        match r#type.as_str() {
            "F16" => file.extend(halves.iter().flat_map(|half| half.to_le_bytes())),
            "F32" => file.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            other => panic!("{other}: the goldens know F16 and F32"),
        }
        file.resize(file.len().next_multiple_of(32), 0);
    }
    file
}

/// The rows of each head, those of the first half and those of the second in turn.
fn alternate_halves(values: &[u16], rows: usize, heads: usize) -> Vec<u16> {
    let (width, half) = (values.len() / rows, rows / heads / 2);
    let row = |row: usize| &values[row * width..(row + 1) * width];
    let pairs = (0..heads).flat_map(|head| (0..half).map(move |within| 2 * head * half + within));
    pairs.flat_map(|first| [row(first), row(first + half)].concat()).collect()
}

/// The rows of a tensor of a safetensors file, and where in the file its bytes are.
fn safetensor(file: &[u8], name: &str) -> (usize, Range<usize>) {
    let data = 8 + u64::from_le_bytes(file[..8].try_into().expect("8 bytes")) as usize;
    let header: serde_json::Value = serde_json::from_slice(&file[8..data]).expect("the header");
    let number = |value: &serde_json::Value| value.as_u64().expect("a number") as usize;
    let offsets = &header[name]["data_offsets"];
    (number(&header[name]["shape"][0]), data + number(&offsets[0])..data + number(&offsets[1]))
}

/// Of a finite number.
fn f16_to_f32(half: u16) -> f32 {
    let (sign, exponent, mantissa) = (u32::from(half >> 15), u32::from(half >> 10 & 31), u32::from(half & 1023));
    if exponent == 0 {
        return mantissa as f32 * 2.0_f32.powi(-24) * if sign == 1 { -1.0 } else { 1.0 };
    }
    f32::from_bits(sign << 31 | (exponent + 112) << 23 | mantissa << 13)
}

fn largest_difference(actual: &[f32], expected: &[f32]) -> f32 {
    actual
        .iter()
        .zip(expected)
        .map(|(a, e)| (a - e).abs())
        .fold(0.0, |largest, difference| if difference.is_nan() { f32::INFINITY } else { difference.max(largest) })
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn request(run: &Run) -> ChatRequest {
    ChatRequest {
        max_tokens: Some(run.greedy_ids.len() as u32),
        ..ChatRequest::new(vec![Message::user(run.prompt.clone())])
    }
}

/// The greedy reply, of which every token is one character.
async fn say(engine: &Engine, run: &Run) -> String {
    engine.chat(&request(run), &mut |_| {}).await.expect("a reply").content
}

async fn load(compute: &Compute, path: &str, context_length: usize) -> Engine {
    load_with(compute, path, context_length, KvFormat::F32).await
}

async fn load_with(compute: &Compute, path: &str, context_length: usize, kv_cache: KvFormat) -> Engine {
    let (source, main) = FileSource::open(&fixtures().join(path)).expect("a model's path");
    let options = LoadOptions { context_length: Some(context_length), kv_cache, ..LoadOptions::default() };
    let engine = Engine::load(compute.clone(), source, &main, options, &mut |_| {}).await;
    engine.unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn golden(family: &str) -> Golden {
    let bytes = std::fs::read(fixtures().join(family).join("golden.json")).expect("the goldens");
    serde_json::from_slice(&bytes).expect("goldens as make_fixtures.py writes them")
}

/// The folders of fixtures; a new one is tested without being named here.
fn families() -> Vec<String> {
    let entries = std::fs::read_dir(fixtures()).expect("the fixtures").map(|entry| entry.expect("an entry").path());
    let folders = entries.filter(|path| path.is_dir());
    let mut names: Vec<_> = folders.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
    names.sort();
    assert!(names.len() >= 11, "only {} families were found", names.len());
    names
}

fn fixtures() -> PathBuf {
    workspace().join("tests/fixtures/families")
}
