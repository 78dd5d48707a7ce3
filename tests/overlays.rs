//! Overlays of kernels: chosen only where they are right, and without them everything goes on as before.

use minions_chat::{ChatModel, ChatRequest, Message};
use minions_cli::FileSource;
use minions_engine::{Compute, Engine, KernelOverlay, LoadOptions, Overlays};
use minions_shaders::{Overlay, Shader, Slots};
use minions_tests::workspace;

/// A prompt of more rows than the kernels for few take, so that those for many are used too.
const QUESTION: &str = "What is the patient's blood pressure, and which medicine does the record name against it?";

/// Eight bits of each activation, on top of the weights' own.
const DP4A_COSINE: f64 = 0.999;

#[tokio::test]
async fn a_software_adapter_keeps_the_baseline_and_says_so() {
    let engine = load(gpu().await).await;
    let overlays = &engine.adapter().overlays;
    assert_eq!(overlays.len(), Overlay::ALL.len(), "one line for each overlay: {overlays:?}");
    for KernelOverlay { kernel, reason, .. } in overlays {
        assert_eq!(*kernel, None);
        assert!(reason.as_ref().is_some_and(|reason| reason.contains("adapter")), "{reason:?}");
    }
}

/// Everything that the adapter can is tried, passes, and gives the model that the baseline gives.
#[tokio::test]
async fn with_every_overlay_it_is_the_same_model() {
    let baseline = load(gpu().await.with_overlays(Overlays::Nowhere)).await;
    let engine = load(gpu().await.with_overlays(Overlays::Everywhere)).await;
    let tried: Vec<_> = engine.adapter().overlays.iter().filter(|overlay| overlay.kernel.is_some()).collect();
    let off: Vec<_> = tried.iter().filter(|overlay| overlay.reason.is_some()).collect();
    assert!(off.is_empty(), "switched off: {off:?}");
    let in_use = |name| tried.iter().any(|overlay| overlay.overlay == name);
    assert!(in_use("subgroups") && in_use("dp4a"), "in use: {tried:?}");
    let ids = engine.tokenize(&request()).expect("the template renders");
    let expected = baseline.logits(&ids).await.expect("the prompt fits");
    let actual = engine.logits(&ids).await.expect("the prompt fits");
    let cosine = cosine(&expected, &actual);
    assert!((DP4A_COSINE..1.0 - 1e-9).contains(&cosine), "{cosine}: of 1 if bytes were not multiplied at all");
}

/// An adapter may compile an overlay and compute nonsense, or not compile it: either way it is not used and not an error.
#[tokio::test]
async fn a_broken_overlay_is_switched_off_and_the_answers_stay_right() {
    let expected = reply(&load(gpu().await.with_overlays(Overlays::Nowhere)).await).await;
    let compute = gpu().await.with_overlays(Overlays::Everywhere).with_self_test_source(broken);
    let engine = load(compute).await;
    let overlays = &engine.adapter().overlays;
    let tried: Vec<_> = overlays.iter().filter(|overlay| overlay.kernel.is_some()).collect();
    for (overlay, why) in [("dp4a", "does not compile"), ("subgroups", "error")] {
        let reasons: Vec<_> =
            tried.iter().filter(|tried| tried.overlay == overlay).map(|tried| &tried.reason).collect();
        assert!(!reasons.is_empty(), "{overlay} was not tried: {tried:?}");
        for reason in reasons {
            assert!(reason.as_ref().is_some_and(|reason| reason.contains(why)), "{overlay}: {reason:?}");
        }
    }
    assert_eq!(reply(&engine).await, expected);
}

/// Subgroups that add what they have added before; bytes whose text ends too early.
fn broken(shader: &Shader, slots: Slots) -> String {
    let source = shader.source(slots);
    match slots.overlay {
        Some(Overlay::Subgroups) => {
            let broken = source.replace("(sum, 1u)", "(sum, 2u)").replace("subgroupAdd(value)", "value");
            assert_ne!(broken, source, "{} was not broken", shader.name(slots));
            broken
        }
        Some(Overlay::Dp4a) => source[..source.len() / 2].to_owned(),
        Some(Overlay::F16) | None => source,
    }
}

fn request() -> ChatRequest {
    ChatRequest { max_tokens: Some(16), ..ChatRequest::new(vec![Message::user(QUESTION)]) }
}

async fn reply(engine: &Engine) -> String {
    engine.chat(&request(), &mut |_| {}).await.expect("a reply").content
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

async fn gpu() -> Compute {
    Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter; `cargo xtask test` sets up a software one")
}

async fn load(compute: Compute) -> Engine {
    let path = workspace().join("www/public/models/demo-worker.gguf");
    let (source, main) = FileSource::open(&path).expect("the model's path");
    Engine::load(compute, source, &main, LoadOptions::default(), &mut |_| {}).await.expect("the model loads")
}
