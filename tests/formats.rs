//! Weights in every format, cut into parts, and quantised while they are loaded: the numbers of the whole model.

use std::path::PathBuf;

use minions_chat::{ChatModel, ChatRequest, Message};
use minions_cli::FileSource;
use minions_engine::{Compute, Engine, Error, LoadOptions, MemorySource, Quantization};
use minions_tests::workspace;

/// What `tools/parity/formats/logits.py` scored, and how many scores a token has.
const VOCABULARY: usize = 260;
/// Float32 sums in another order, and f16 for the one pair of gate and up in different formats. The logits are up to 5.9.
const EXACT_TOLERANCE: f32 = 2e-3;
/// llama.cpp rounds activations to 8 bits before it multiplies them with quantised weights, which takes it this far from
/// what it computes itself with the same weights in float32. Ours stay in float32.
const LLAMA_CPP_TOLERANCE: f32 = 0.22;

/// The fixture's tensors are in fourteen formats; q, k and v of a layer in three.
#[tokio::test]
async fn every_format_at_once_is_the_model_that_llama_cpp_runs() {
    let ids: Vec<u32> = (0..24).map(|i| (7 + 31 * i * i) % 256).collect();
    let bytes = std::fs::read(fixtures().join("logits.bin")).expect("the goldens");
    let goldens: Vec<f32> = bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
    let (exact, llama_cpp) = goldens.split_at(ids.len() * VOCABULARY);
    let theirs = largest_difference(exact, llama_cpp);
    assert!(theirs > 0.9 * LLAMA_CPP_TOLERANCE && theirs < LLAMA_CPP_TOLERANCE, "the goldens differ by {theirs}");
    for compute in [cpu(), gpu().await] {
        let name = compute.adapter().name.clone();
        let engine = load(compute, fixtures().join("llama.gguf"), LoadOptions::default()).await;
        let info = engine.info();
        assert!(info.quantization.contains("Q5_K") && info.quantization.contains("Q6_K"), "{}", info.quantization);
        let logits = engine.logits(&ids).await.expect("the prompt fits");
        let difference = largest_difference(&logits, exact);
        assert!(difference <= EXACT_TOLERANCE, "{name}: {difference}");
        let difference = largest_difference(&logits, llama_cpp);
        assert!(difference <= LLAMA_CPP_TOLERANCE + EXACT_TOLERANCE, "{name}: {difference}");
        // One row at a time goes through other kernels than a prompt, and on a GPU through the captured step.
        let text: String = ids.iter().map(|id| char::from((id % 90 + 33) as u8)).collect();
        assert!(!say(&engine, &text).await.is_empty());
    }
}

/// Bindings too small for the embedding, which is the head as well, and for gate and up: the same numbers from parts.
#[tokio::test]
async fn matrices_above_the_binding_limit_are_cut_and_stay_the_same() {
    for (compute, path) in [
        (cpu(), demo_folder()),
        (gpu().await, demo_folder()),
        (gpu().await, workspace().join("www/public/models/demo-worker.gguf")),
    ] {
        let name = compute.adapter().name.clone();
        let options = || LoadOptions { context_length: Some(512), ..LoadOptions::default() };
        let small = compute.clone().with_max_binding_bytes(320 << 10);
        let (whole, cut) = (load(compute, path.clone(), options()).await, load(small, path, options()).await);
        assert!(cut.info().size_bytes.abs_diff(whole.info().size_bytes) < 1024, "{name}");
        let ids: Vec<u32> = (0..40).map(|i| 97 * i % 4096).collect();
        for ids in [&ids[..], &ids[39..]] {
            let expected = whole.logits(ids).await.expect("the prompt fits");
            assert!(cut.logits(ids).await.expect("the prompt fits") == expected, "{name}: {} rows", ids.len());
        }
        let question = "The tenant is Mara Olden. The notice period is 60 days. What is the notice period?";
        let dispatches = |engine: &Engine| engine.counters().dispatches;
        let before = dispatches(&whole);
        let expected = say(&whole, question).await;
        let of_whole = dispatches(&whole) - before;
        let before = dispatches(&cut);
        assert_eq!(say(&cut, question).await, expected, "{name}");
        let of_cut = dispatches(&cut) - before;
        assert!(
            of_whole == 0 || of_cut > of_whole,
            "{name}: {of_cut} dispatches, not more than {of_whole}: it was not cut"
        );
    }
    let tiny = cpu().with_max_binding_bytes(16 << 10);
    let options = LoadOptions { context_length: Some(16), ..LoadOptions::default() };
    assert!(matches!(try_load(tiny, demo_folder(), options).await, Err(Error::OutOfMemory(_))));
}

/// Floats become fewer bits, as many as asked for; what has few bits already stays. That the bits are ggml's is proved in
/// `shaders/tests/ggml.rs`; four of them cost a model this small a lot.
#[tokio::test]
async fn quantises_floats_while_it_loads_them() {
    let ids: Vec<u32> = (0..40).map(|i| 97 * i % 4096).collect();
    let quantised = |quantize| LoadOptions { quantize, ..LoadOptions::default() };
    let exact = load(cpu(), demo_folder(), LoadOptions::default()).await;
    let expected = exact.logits(&ids).await.expect("the prompt fits");
    for compute in [cpu(), gpu().await] {
        let mut sizes = vec![exact.info().size_bytes];
        for (quantize, name, least) in [(Quantization::Q8_0, "Q8_0", 0.999), (Quantization::Q4_0, "Q4_0 + Q8_0", 0.8)] {
            let engine = load(compute.clone(), demo_folder(), quantised(Some(quantize))).await;
            assert_eq!(engine.info().quantization, name);
            assert_eq!(engine.info().parameters, exact.info().parameters);
            sizes.push(engine.info().size_bytes);
            let cosine = cosine(&engine.logits(&ids).await.expect("the prompt fits"), &expected);
            assert!(cosine >= least && cosine < 1.0, "{quantize:?}: {cosine}");
        }
        assert!(sizes[1] * 18 < sizes[0] * 10 && sizes[2] < sizes[1], "{sizes:?}");
    }
    let gguf = workspace().join("www/public/models/demo-worker.gguf");
    let plain = load(cpu(), gguf.clone(), LoadOptions::default()).await;
    let asked = load(cpu(), gguf, quantised(Some(Quantization::Q8_0))).await;
    assert!(plain.info().quantization.contains("Q8_0") && asked.info().quantization == "Q8_0");
    assert!("q5_1".parse::<Quantization>().is_err_and(|error| error.to_string().contains("q8_0 or q4_0")));
}

/// A weight that is not a number is found where it stands, in floats and in the scale of a block.
#[tokio::test]
async fn names_the_tensor_whose_weights_are_not_numbers() {
    let bytes = std::fs::read(fixtures().join("llama.gguf")).expect("the fixture");
    // The file ends with five norms in float32; before them, and 24 bytes of padding, the last factor of the head in Q6_K.
    let (norm, factor) = (bytes.len() - 4, bytes.len() - 5 * 1024 - 24 - 2);
    for (at, bits, tensor) in
        [(norm, f32::NAN.to_le_bytes().to_vec(), "blk.1.ffn_norm.weight"), (factor, vec![0x00, 0x7c], "output.weight")]
    {
        let mut bytes = bytes.clone();
        bytes[at..at + bits.len()].copy_from_slice(&bits);
        let source = MemorySource::new().with("llama.gguf", bytes);
        let loaded = Engine::load(cpu(), source, "llama.gguf", LoadOptions::default(), &mut |_| {}).await;
        let error = loaded.expect_err("it must fail");
        assert!(matches!(&error, Error::InvalidTensor { tensor: named, .. } if named == tensor), "{error}");
    }
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |largest, (a, b)| largest.max((a - b).abs()))
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The model's greedy words.
async fn say(engine: &Engine, text: &str) -> String {
    let request = ChatRequest { max_tokens: Some(12), ..ChatRequest::new(vec![Message::user(text)]) };
    engine.chat(&request, &mut |_| {}).await.expect("a reply").content
}

fn cpu() -> Compute {
    Compute::cpu("this is the CPU's test")
}

async fn gpu() -> Compute {
    Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter; `cargo xtask test` sets up a software one")
}

async fn load(compute: Compute, path: PathBuf, options: LoadOptions) -> Engine {
    try_load(compute, path, options).await.expect("the model loads")
}

async fn try_load(compute: Compute, path: PathBuf, options: LoadOptions) -> Result<Engine, Error> {
    let (source, main) = FileSource::open(&path).expect("a model's path");
    Engine::load(compute, source, &main, options, &mut |_| {}).await
}

fn fixtures() -> PathBuf {
    workspace().join("tests/fixtures/formats")
}

fn demo_folder() -> PathBuf {
    workspace().join("tests/fixtures/demo-worker")
}
