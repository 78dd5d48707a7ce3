//! What a model takes on its device, and what becomes of it where there is less: planned before the first weight goes there.

use std::path::PathBuf;

use minions_chat::{ChatModel, ChatRequest, Message};
use minions_cli::FileSource;
use minions_engine::{Compute, Engine, Error, KvFormat, LoadOptions, ModelInfo, Progress, Quantization};
use minions_tests::workspace;

/// The sums are exact to the byte, whatever the weights become: with so much memory everything is as it would be with more,
/// and with a byte less the cache is smaller.
#[tokio::test]
async fn what_fits_is_loaded_as_asked_for() {
    for compute in devices().await {
        for quantize in [None, Some(Quantization::Q8_0), Some(Quantization::Q4_0)] {
            let options = || LoadOptions { quantize, ..LoadOptions::default() };
            let load = |memory| load(compute.clone().with_memory_limit(memory), folder(), options());
            let wish = load(u64::MAX).await.info().clone();
            assert_eq!(wish.context_length, 2048, "the model's own limit");
            assert!(wish.cache_tokens > wish.context_length, "{wish:?}");
            assert_eq!(*load(total(&wish)).await.info(), wish);
            let less = load(total(&wish) - 1).await.info().clone();
            assert_eq!(less.cache_tokens, wish.cache_tokens / 2, "{less:?}");
            assert_eq!((less.context_length, less.size_bytes), (wish.context_length, wish.size_bytes));
            assert!(total(&less) < total(&wish));
        }
    }
}

/// First the cache is halved, down to one context, then the context; the model says the same all the while.
#[tokio::test]
async fn a_device_with_less_memory_gets_a_smaller_cache_then_a_shorter_context() {
    for compute in devices().await {
        let engine = load(compute.clone(), model(), LoadOptions::default()).await;
        let reply = say(&engine).await;
        let mut info = engine.info().clone();
        let mut contexts = vec![info.context_length];
        loop {
            let less = compute.clone().with_memory_limit(total(&info) - 1);
            let engine = match try_load(less, model(), LoadOptions::default(), &mut |_| {}).await {
                Ok(engine) => engine,
                Err(Error::OutOfMemory(_)) => break,
                Err(error) => panic!("{error}"),
            };
            let smaller = engine.info().clone();
            assert!(total(&smaller) < total(&info), "{smaller:?}");
            if smaller.context_length < info.context_length {
                assert_eq!(info.cache_tokens, info.context_length, "the cache was made smaller before");
                contexts.push(smaller.context_length);
            }
            assert_eq!(say(&engine).await, reply, "{smaller:?}");
            info = smaller;
        }
        assert_eq!(contexts, [2048, 1024, 512], "no shorter than 512");
    }
}

/// A refusal comes before any weight goes to the device, with all figures and with what may help.
#[tokio::test]
async fn what_cannot_fit_is_refused_with_figures() {
    for compute in devices().await {
        let least = LoadOptions { context_length: Some(512), cache_tokens: Some(512), ..LoadOptions::default() };
        let info = load(compute.clone(), model(), least).await.info().clone();
        let small = compute.with_memory_limit(5 << 20);
        let mut heard = Vec::new();
        let refusal = try_load(small, model(), LoadOptions::default(), &mut |step| heard.push(step)).await;
        let Err(Error::OutOfMemory(message)) = refusal else { panic!("{refusal:?}") };
        assert_eq!(heard, [], "nothing was uploaded");
        let megabytes = |bytes: u64| format!("{} MB", bytes.div_ceil(1 << 20));
        for figure in [
            format!("weights take {}", megabytes(info.size_bytes)),
            format!("the cache for 512 tokens {}", megabytes(info.cache_bytes)),
            format!("compute {}", megabytes(info.activation_bytes)),
            format!("these {}", megabytes(total(&info))),
            "the device gave 5: ".to_owned(),
        ] {
            assert!(message.contains(&figure), "{message:?} has no {figure:?}");
        }
        for advice in ["shorter context_length", "kv_cache q8_0", "quantize", "smaller model"] {
            assert!(message.contains(advice), "{message:?} has no {advice:?}");
        }
    }
}

/// Whoever asks for a context or a cache gets it or hears that it does not fit; what was not asked for may shrink.
#[tokio::test]
async fn what_was_asked_for_is_honoured_or_refused() {
    for compute in devices().await {
        let asked =
            |context_length, cache_tokens| LoadOptions { context_length, cache_tokens, ..LoadOptions::default() };
        let memory = |context_length, cache_tokens| {
            let compute = compute.clone();
            async move { total(load(compute, model(), asked(context_length, cache_tokens)).await.info()) }
        };
        let enough = memory(Some(600), Some(600)).await;
        let limited = |memory| compute.clone().with_memory_limit(memory);

        let info = load(limited(enough), model(), asked(Some(600), None)).await.info().clone();
        assert_eq!(
            (info.context_length, info.cache_tokens),
            (600, 608),
            "the cache shrinks to one context, in whole pages"
        );
        assert_refused(limited(enough - 1), asked(Some(600), None)).await;
        assert_refused(limited(enough - 1), asked(Some(600), Some(600))).await;

        let enough = memory(Some(1024), Some(2048)).await;
        let info = load(limited(enough), model(), asked(None, Some(2048))).await.info().clone();
        assert_eq!((info.context_length, info.cache_tokens), (1024, 2048));
        assert_refused(limited(enough - (1 << 20)), asked(None, Some(2048))).await;
        // More than any kernel of a GPU sees at a time, and than there can be.
        if compute.adapter().is_gpu() {
            assert_refused(compute.clone(), asked(None, Some(usize::MAX))).await;
        }
    }
}

/// A layer's keys are one binding: a context that nobody asked for is made as short as the adapter needs it.
#[tokio::test]
async fn a_cache_fits_what_the_adapter_binds() {
    for compute in devices().await {
        let adapter = || compute.clone().with_max_binding_bytes(320 << 10);
        let engine = load(adapter(), folder(), LoadOptions::default()).await;
        let info = engine.info();
        assert!(info.context_length == 512 && info.cache_tokens <= 624, "{info:?}");
        assert!(!say(&engine).await.is_empty());
        assert_refused(adapter(), LoadOptions { context_length: Some(2048), ..LoadOptions::default() }).await;
        let options = LoadOptions { kv_cache: KvFormat::Q8_0, ..LoadOptions::default() };
        assert_eq!(load(adapter(), folder(), options).await.info().context_length, 2048, "in 8 bits it fits");
    }
}

/// All that a model takes.
fn total(info: &ModelInfo) -> u64 {
    info.size_bytes + info.cache_bytes + info.activation_bytes
}

async fn assert_refused(compute: Compute, options: LoadOptions) {
    let refusal = try_load(compute, model(), options, &mut |_| {}).await;
    assert!(matches!(refusal, Err(Error::OutOfMemory(_))), "{refusal:?}");
}

async fn say(engine: &Engine) -> String {
    let text = "The tenant is Mara Olden. The notice period is 60 days. What is the notice period?";
    let request = ChatRequest { max_tokens: Some(12), ..ChatRequest::new(vec![Message::user(text)]) };
    engine.chat(&request, &mut |_| {}).await.expect("a reply").content
}

async fn load(compute: Compute, path: PathBuf, options: LoadOptions) -> Engine {
    try_load(compute, path, options, &mut |_| {}).await.expect("the model loads")
}

async fn try_load(
    compute: Compute,
    path: PathBuf,
    options: LoadOptions,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Engine, Error> {
    let (source, main) = FileSource::open(&path).expect("the model's path");
    Engine::load(compute, source, &main, options, on_progress).await
}

async fn devices() -> [Compute; 2] {
    let gpu =
        Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter; `cargo xtask test` sets up a software one");
    [Compute::cpu("this is the CPU's test"), gpu]
}

fn model() -> PathBuf {
    workspace().join("www/public/models/demo-worker.gguf")
}

/// The same model in floats.
fn folder() -> PathBuf {
    workspace().join("tests/fixtures/demo-worker")
}
