//! What callers of the engine rely on beside the numbers: cancelling, the cache between calls, limits, repeatable sampling.

use futures_util::future::poll_immediate;
use minions_chat::{ChatError, ChatModel, ChatRequest, FinishReason, Message};
use minions_cli::FileSource;
use minions_engine::{Compute, Engine, LoadOptions};
use minions_tests::workspace;

/// A prompt of two prefill steps and a reply that random sampling makes long.
fn long_request(seed: u64) -> ChatRequest {
    let document = std::fs::read_to_string(workspace().join("www/samples/patient-record.txt")).expect("the sample");
    ChatRequest {
        max_tokens: Some(12),
        temperature: Some(1.5),
        seed: Some(seed),
        ..ChatRequest::new(vec![
            Message::system(minions_protocol::worker_prompt(&[document])),
            Message::user("What is the patient's blood pressure?"),
        ])
    }
}

/// Dropping a reply once left a buffer of the GPU runtime mapped, and the next reply ended the device.
#[tokio::test]
async fn an_abandoned_reply_leaves_the_engine_usable() {
    for compute in [gpu().await, cpu()] {
        let engine = load(compute).await;
        let expected = say(&engine, &long_request(7)).await;
        for polls in [1, 3] {
            let mut ignore = |_: &str| {};
            let request = long_request(100 + polls);
            let mut reply = Box::pin(engine.chat(&request, &mut ignore));
            for _ in 0..polls {
                if let Some(end) = poll_immediate(&mut reply).await {
                    end.expect("a reply that ends early ends well");
                    break;
                }
            }
            drop(reply);
            assert_eq!(say(&engine, &long_request(7)).await, expected, "{}, {polls} polls", engine.adapter().name);
        }
    }
}

#[tokio::test]
async fn the_same_seed_draws_the_same_reply_and_another_one_another() {
    let engine = load(cpu()).await;
    let first = say(&engine, &long_request(1)).await;
    assert_eq!(say(&engine, &long_request(1)).await, first);
    let mut others = Vec::new();
    for seed in 2..6 {
        others.push(say(&engine, &long_request(seed)).await);
    }
    assert!(others.iter().any(|other| *other != first), "{first:?} whatever the seed");
}

/// The second turn of a conversation reads only what follows the first one's prompt, which is shared by whole pages, and
/// says to the bit what an engine says that reads it all.
#[tokio::test]
async fn a_conversation_goes_on_where_it_ended() {
    let mut request = ChatRequest { temperature: None, logprobs: true, ..long_request(0) };
    let engine = load(cpu()).await;
    let first = engine.chat(&request, &mut |_| {}).await.expect("a reply");
    assert_eq!(first.usage.cached_tokens, 0);
    request.messages.push(Message::assistant(first.content));
    request.messages.push(Message::user("What is the patient's LDL cholesterol?"));
    let warm = engine.chat(&request, &mut |_| {}).await.expect("a reply");
    assert!(warm.usage.cached_tokens + 16 >= first.usage.prompt_tokens, "{:?}", warm.usage);
    let cold = load(cpu()).await.chat(&request, &mut |_| {}).await.expect("a reply");
    assert_eq!(cold.usage.cached_tokens, 0);
    assert_eq!((warm.content, warm.logprobs), (cold.content, cold.logprobs));
}

#[tokio::test]
async fn stops_at_the_limit_and_at_stop_texts() {
    let engine = load(cpu()).await;
    let request = ChatRequest { max_tokens: Some(3), ..long_request(3) };
    let reply = engine.chat(&request, &mut |_| {}).await.expect("a reply");
    assert_eq!((reply.finish_reason, reply.usage.completion_tokens), (FinishReason::Length, 3));

    let whole = say(&engine, &long_request(3)).await;
    let stop: String = whole.chars().skip(4).take(3).collect();
    let request = ChatRequest { stop: vec![stop.clone()], ..long_request(3) };
    let reply = engine.chat(&request, &mut |_| {}).await.expect("a reply");
    assert_eq!(reply.finish_reason, FinishReason::Stop);
    let before = whole.split(&stop).next().unwrap_or_default();
    assert_eq!(reply.content, before, "of {whole:?} without {stop:?}");
}

#[tokio::test]
async fn refuses_a_prompt_that_does_not_fit_and_goes_on() {
    let engine = load(cpu()).await;
    let request = ChatRequest::new(vec![Message::user("word ".repeat(5000))]);
    let error = engine.chat(&request, &mut |_| {}).await.expect_err("it is longer than the context");
    let context_length = engine.info().context_length;
    assert!(matches!(error, ChatError::ContextOverflow { context_length: limit, .. } if limit == context_length));
    let request = ChatRequest { max_tokens: Some(context_length as u32 - 5), ..long_request(1) };
    let error = engine.chat(&request, &mut |_| {}).await.expect_err("prompt and reply are longer than the context");
    assert!(
        matches!(error, ChatError::ContextOverflow { max_tokens, .. } if max_tokens == context_length - 5),
        "{error}"
    );
    say(&engine, &long_request(1)).await;
}

async fn say(engine: &Engine, request: &ChatRequest) -> String {
    engine.chat(request, &mut |_| {}).await.expect("a reply").content
}

async fn load(compute: Compute) -> Engine {
    let path = workspace().join("www/public/models/demo-worker.gguf");
    let (source, main) = FileSource::open(&path).expect("the model's path");
    Engine::load(compute, source, &main, LoadOptions::default(), &mut |_| {}).await.expect("the model loads")
}

fn cpu() -> Compute {
    Compute::cpu("this is the CPU's test")
}

async fn gpu() -> Compute {
    Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter; `cargo xtask test` sets up a software one")
}

/// On a GPU a step of one row replays the captured decode step: one submit, one upload, one read-back (`browser/bench.mjs`
/// counts them where they are made).
#[tokio::test]
async fn every_decode_step_on_a_gpu_is_a_replay() {
    let engine = load(gpu().await).await;
    // The first prompt takes turns of its own before its first token; the rest of the same prompt is read in the turn of its
    // first token.
    for is_first in [true, false] {
        let (counters, tally) = (engine.counters(), engine.tally());
        let usage = engine.chat(&long_request(1), &mut |_| {}).await.expect("a reply").usage;
        let (work, tally) = (engine.counters() - counters, engine.tally() - tally);
        assert_eq!(work.replays, tally.decode_steps, "{usage:?}");
        assert_eq!(tally.decode_steps + tally.accepted_tokens, usage.completion_tokens, "{tally:?}");
        assert_eq!(work.read_backs == work.replays, !is_first, "{work:?}");
    }
}

/// What is measured is read and written anew each time, as many tokens as are counted; nobody else's replies change by it.
#[tokio::test]
async fn a_speed_is_measured_with_tokens_that_nobody_knows() {
    let engine = load(gpu().await).await;
    let reply = say(&engine, &long_request(16)).await;
    for _ in 0..2 {
        let before = engine.tally();
        let speed = engine.measure().await.expect("there is room");
        let tally = engine.tally() - before;
        assert!([speed.prefill, speed.decode, speed.batch_decode].iter().all(|rate| rate.is_finite() && *rate > 0.0));
        assert_eq!(
            tally.prefill_tokens, 255,
            "a prompt of 256 tokens, the last of which is read by the first step of its reply"
        );
        assert!(tally.decode_rows >= (2 + 16 + 1 + 1 + 24 + 8 * 24), "{tally:?}");
    }
    assert_eq!(say(&engine, &long_request(16)).await, reply);
    let options = LoadOptions { context_length: Some(47), ..LoadOptions::default() };
    let (source, main) =
        FileSource::open(&workspace().join("www/public/models/demo-worker.gguf")).expect("the model's path");
    let short = Engine::load(cpu(), source, &main, options, &mut |_| {}).await.expect("the model loads");
    let error = short.measure().await.expect_err("there is no room").to_string();
    assert!(error.contains("a context of 47 tokens"), "{error}");
}
