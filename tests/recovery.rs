//! A device that fails under its jobs: they go on on another, and say what they would have said.

use std::pin::pin;
use std::task::Poll;

use futures_util::future::{Either, join_all, poll_fn, select};
use minions_chat::{
    ChatError, ChatRequest, ChatResponse, ErrorCode, FinishReason, Message, ResponseFormat, TokenLogprob,
};
use minions_engine::{Compute, LoadOptions, MemoryPages, Pooling};
use minions_shaders::cases::Noise;
use minions_tests::{RANDOM_WORKER_CONTEXT, RandomWorker};

/// Replies that are drawn at random and replies of a form, over a cache that has no room for all of them; the device goes at
/// random moments. `MINIONS_LOST_DEVICES` may say how often; a software adapter takes seconds to compile its kernels anew.
#[tokio::test]
async fn sixty_jobs_outlive_their_devices() {
    let losses = std::env::var("MINIONS_LOST_DEVICES").map_or(2, |text| text.parse().expect("a number"));
    let requests: Vec<_> = (0..60).map(request).collect();
    let undisturbed = RandomWorker::load(gpu().await, 5).await;
    let expected = join_all(requests.iter().map(|request| undisturbed.say(request))).await;

    let options = LoadOptions {
        cache_tokens: Some(RANDOM_WORKER_CONTEXT),
        page_store: Some(Box::new(MemoryPages::new(1 << 18))),
        ..LoadOptions::default()
    };
    let worker = RandomWorker::with_options(gpu().await, 5, options).await;
    let mut noise = Noise::new(11);
    let mut next_loss = 1;
    // As often as it takes: all jobs may be done before all devices are lost.
    while worker.engine.tally().recoveries < losses {
        let breaker = poll_fn(|context| {
            if worker.steps.get() >= next_loss && worker.engine.tally().recoveries < losses {
                worker.engine.lose_device();
                next_loss = worker.steps.get() + 1 + noise.bits() as usize % 400;
            }
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        let jobs = join_all(requests.iter().map(|request| worker.say(request)));
        let Either::Left((replies, _)) = select(jobs, breaker).await else { unreachable!("it has no end") };
        for (index, (reply, expected)) in replies.iter().zip(&expected).enumerate() {
            assert_eq!(whole(reply), whole(expected), "job {index}");
        }
    }
    assert_eq!(worker.engine.tally().held_pages, 0);
}

/// Who only reads begins again.
#[tokio::test]
async fn embeddings_and_scores_outlive_a_device() {
    let worker = RandomWorker::load(gpu().await, 6).await;
    let texts = ["one text".to_owned(), "another text ".repeat(60)];
    let ids: Vec<u32> = (0..40).collect();
    let vectors = worker.engine.embed(&texts, Pooling::Mean).await.expect("vectors");
    let scores = worker.engine.logits(&ids).await.expect("scores");
    worker.engine.lose_device();
    assert_eq!(worker.engine.embed(&texts, Pooling::Mean).await, Ok(vectors));
    worker.engine.lose_device();
    assert_eq!(worker.engine.logits(&ids).await, Ok(scores));
    assert_eq!(worker.engine.tally().recoveries, 2);
}

/// One after the other fails before anything comes of it: there is an end to that, and it is told.
#[tokio::test]
async fn a_device_that_always_fails_is_given_up() {
    let worker = RandomWorker::load(gpu().await, 8).await;
    let request = request(0);
    let breaker = poll_fn(|context| {
        worker.engine.lose_device();
        context.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    let Either::Left((reply, _)) = select(pin!(worker.reply(&request)), breaker).await else {
        unreachable!("it has no end")
    };
    let error = reply.expect_err("no step is ever done");
    assert!(matches!(error, ChatError::Engine { code: ErrorCode::DeviceLost, .. }), "{error}");
    assert_eq!(worker.engine.tally().held_pages, 0);
    worker.say(&request).await;
}

/// A caller who gives up while the model is brought back leaves it to the next one.
#[tokio::test]
async fn a_recovery_that_nobody_waits_for_is_done_by_the_next() {
    let worker = RandomWorker::load(gpu().await, 9).await;
    let (first, second) = (request(1), request(2));
    let expected = worker.say(&second).await;
    worker.engine.lose_device();
    select(pin!(worker.reply(&first)), pin!(later())).await;
    assert_eq!(whole(&worker.say(&second).await), whole(&expected));
}

/// A little later than now.
async fn later() {
    let mut polls = 0;
    poll_fn(|context| {
        polls += 1;
        context.waker().wake_by_ref();
        if polls > 3 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await
}

fn request(job: usize) -> ChatRequest {
    let text = format!("{} {}task {}", "rules ".repeat(20), format!("chunk {} ", job / 6).repeat(20), job % 6);
    ChatRequest {
        max_tokens: Some(8 + (job % 5) as u32 * 4),
        temperature: job.is_multiple_of(2).then_some(1.5),
        seed: Some(job as u64),
        logprobs: true,
        response_format: if job.is_multiple_of(3) { ResponseFormat::JsonObject } else { ResponseFormat::Text },
        ..ChatRequest::new(vec![Message::user(text)])
    }
}

/// All of a reply that is not about its cost.
fn whole(reply: &ChatResponse) -> (String, FinishReason, Option<Vec<TokenLogprob>>) {
    (reply.content.clone(), reply.finish_reason, reply.logprobs.clone())
}

async fn gpu() -> Compute {
    Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter; `cargo xtask test` sets up a software one")
}
