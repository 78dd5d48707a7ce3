//! Many replies at a time: they come in any number, go at any time, and what comes of each is what it would have been alone.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all, poll_fn, poll_immediate};
use minions_chat::{
    ChatError, ChatModel, ChatRequest, ChatResponse, FinishReason, JsonSchema, Message, ResponseFormat, TokenLogprob,
};
use minions_cli::FileSource;
use minions_engine::{Compute, Engine, KvFormat, LoadOptions, MemoryPages, Overlays, Pooling};
use minions_protocol::job_prompt;
use minions_shaders::cases::Noise;
use minions_tests::{RANDOM_WORKER_CONTEXT, RandomWorker, workspace};
use serde_json::json;

/// What is read once, three times over: a rule for all, a chunk for some, and a task.
#[tokio::test]
async fn what_prompts_begin_with_is_read_once() {
    let worker = RandomWorker::on_cpu(1).await;
    let requests: Vec<_> = (0..12).map(|job| job_request(job / 4, job % 4, 12)).collect();
    let replies = join_all(requests.iter().map(|request| worker.say(request))).await;
    let tally = worker.engine.tally();
    let unshared: u64 = replies.iter().map(|reply| reply.usage.prompt_tokens).sum();
    let cached: u64 = replies.iter().map(|reply| reply.usage.cached_tokens).sum();
    // All but the last token of a prompt is its prefill.
    assert_eq!(tally.prefill_tokens, unshared - cached - 12);
    assert!(3 * tally.prefill_tokens < unshared, "three chunks for twelve jobs: {tally:?} of {unshared}");
    assert!(tally.decode_rows >= 4 * tally.decode_steps, "{tally:?}");
    assert_eq!(tally.held_pages, 0, "{tally:?}");
    for (request, reply) in requests.iter().zip(&replies) {
        let alone = RandomWorker::on_cpu(1).await;
        assert_eq!(whole(&alone.say(request).await), whole(reply));
    }
}

/// There is room for two jobs at a time, and for all of them in turn.
#[tokio::test]
async fn more_jobs_than_there_is_room_for_wait() {
    let worker = RandomWorker::with_cache(cpu(), 2, Some(RANDOM_WORKER_CONTEXT)).await;
    let requests: Vec<_> = (0..40).map(|job| job_request(job, 0, 100)).collect();
    let replies = join_all(requests.iter().map(|request| worker.say(request))).await;
    let tally = worker.engine.tally();
    assert!(tally.peak_pages as usize <= RANDOM_WORKER_CONTEXT / 16, "{tally:?}");
    assert_eq!(tally.held_pages, 0, "{tally:?}");
    for (request, reply) in requests.iter().zip(&replies).step_by(13) {
        assert_eq!(whole(&worker.say(request).await), whole(reply));
    }
}

/// Many jobs of one caller do not keep the one question of another waiting until they are done.
#[tokio::test]
async fn callers_take_turns() {
    let worker = RandomWorker::on_cpu(8).await;
    let many = worker.engine.caller();
    let ended = Cell::new(0);
    let jobs = (0..100).map(async |job| {
        many.chat(&job_request(job, 0, 12), &mut |_| {}).await.expect("a reply");
        ended.set(ended.get() + 1);
    });
    let question = async {
        worker.say(&job_request(1000, 0, 12)).await;
        ended.get()
    };
    let (_, ended_before) = join(join_all(jobs), question).await;
    assert!(ended_before < 64, "{ended_before} of 100 jobs that were there before ended before");
}

/// Of jobs that wait for room, those of the highest priority are let in first, and of equal ones those that came first.
#[tokio::test]
async fn what_is_urgent_goes_first() {
    let worker = RandomWorker::with_cache(cpu(), 2, Some(RANDOM_WORKER_CONTEXT)).await;
    let caller = worker.engine.caller();
    let ended = RefCell::new(Vec::new());
    // Of this length there is room for one at a time.
    let jobs = [0, 0, -1, 7, 7, i32::MAX].into_iter().enumerate().map(async |(job, priority)| {
        let request = ChatRequest { priority, ..job_request(job, 0, 100) };
        let request = ChatRequest { max_tokens: Some(RANDOM_WORKER_CONTEXT as u32 / 2), ..request };
        caller.chat(&request, &mut |_| {}).await.expect("a reply");
        ended.borrow_mut().push(job);
    });
    join_all(jobs).await;
    assert_eq!(*ended.borrow(), [5, 3, 4, 0, 1, 2]);
}

/// Two rounds over chunks that the cache has no room for: the second finds what the first had to give up, and says what it
/// would have said without.
#[tokio::test]
async fn what_the_cache_gives_up_comes_back() {
    let gpu = Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter");
    for (compute, kv_cache) in
        [cpu(), gpu].into_iter().flat_map(|compute| KvFormat::ALL.map(|kv| (compute.clone(), kv)))
    {
        let options = LoadOptions { kv_cache, ..small_cache(1 << 20) };
        let worker = RandomWorker::with_options(compute.clone(), 9, options).await;
        let options = LoadOptions { kv_cache, ..LoadOptions::default() };
        let alone = RandomWorker::with_options(compute, 9, options).await;
        let mut rounds = Vec::new();
        for task in 0..2 {
            let before = worker.engine.tally();
            for chunk in 0..6 {
                let request = job_request(chunk, task, 12);
                let reply = worker.say(&request).await;
                assert_eq!(whole(&reply), whole(&alone.say(&request).await), "chunk {chunk}, task {task}");
            }
            rounds.push(worker.engine.tally() - before);
        }
        let [first, second] = rounds.as_slice() else { unreachable!("two rounds") };
        assert!(first.evicted_pages > 0 && first.spilled_pages == first.evicted_pages, "{first:?}");
        assert!(second.restored_pages > 0 && second.prefill_tokens < first.prefill_tokens / 4, "{first:?} {second:?}");
    }
}

#[tokio::test]
async fn a_job_that_does_not_fit_fails_alone() {
    let worker = RandomWorker::on_cpu(3).await;
    let mut requests: Vec<_> = (0..5).map(|job| job_request(job, 0, 8)).collect();
    requests[2].messages = vec![Message::user("word ".repeat(2 * RANDOM_WORKER_CONTEXT))];
    let replies = join_all(requests.iter().map(|request| worker.reply(request))).await;
    for (index, reply) in replies.into_iter().enumerate() {
        match reply {
            Err(ChatError::ContextOverflow { .. }) => assert_eq!(index, 2),
            Err(error) => panic!("job {index}: {error}"),
            Ok(_) => assert_ne!(index, 2),
        }
    }
}

/// A caller who begins a reply and does not look at it again holds up nobody, even if it has begun a turn.
#[tokio::test]
async fn who_does_not_look_holds_up_nobody() {
    let gpu = Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter");
    for compute in [cpu(), gpu] {
        let worker = RandomWorker::load(compute, 4).await;
        let (long, short) = (job_request(0, 0, 200), job_request(1, 0, 3));
        for looks in 1..4 {
            let (mut ignore, mut ignore_too) = (|_: &str| {}, |_: &str| {});
            let mut forgotten = pin!(worker.engine.chat(&short, &mut ignore));
            for _ in 0..looks {
                assert!(poll_immediate(&mut forgotten).await.is_none());
            }
            worker.engine.chat(&long, &mut ignore_too).await.expect("a reply");
            assert_eq!(worker.engine.tally().held_pages, 0, "the other one has ended too");
            let reply = worker.say(&short).await;
            assert_eq!(whole(&forgotten.await.expect("a reply")), whole(&reply));
        }
    }
}

/// Who only reads, and those who reply, wait for each other's room.
#[tokio::test]
async fn reading_and_replying_share_the_room() {
    let worker = RandomWorker::with_cache(cpu(), 7, Some(RANDOM_WORKER_CONTEXT)).await;
    let requests: Vec<_> = (0..6).map(|job| job_request(job, 0, 100)).collect();
    let texts: Vec<_> = (0..8).map(|text| format!("{}{text}", "word ".repeat(300))).collect();
    let replies = join_all(requests.iter().map(|request| worker.say(request)));
    let (replies, vectors) = join(replies, worker.engine.embed(&texts, Pooling::Mean)).await;
    assert_eq!(vectors.expect("vectors"), worker.engine.embed(&texts, Pooling::Mean).await.expect("vectors"));
    for (request, reply) in requests.iter().zip(&replies) {
        assert_eq!(whole(&worker.say(request).await), whole(reply));
    }
}

/// A form's forced tokens, masks of several rows in one step, and free text beside them.
#[tokio::test]
async fn forms_hold_for_each_row_of_a_step() {
    let gpu = Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter");
    // As on hardware, with rows that share what they load of the cache.
    let hardware = gpu.clone().with_overlays(Overlays::Everywhere);
    for compute in [cpu(), gpu, hardware] {
        let worker = RandomWorker::load(compute, 5).await;
        let requests: Vec<_> = (0..9).map(|job| ChatRequest { response_format: form(job), ..hot(job, 40) }).collect();
        let replies = join_all(requests.iter().map(|request| worker.say(request))).await;
        for (request, reply) in requests.iter().zip(&replies) {
            assert_eq!(whole(&worker.say(request).await), whole(reply));
            if !request.response_format.is_text() {
                serde_json::from_str::<serde_json::Value>(&reply.content).expect("JSON");
            }
        }
    }
}

/// A worker that quotes is right about what comes next more often than not: it takes fewer steps than it says tokens, and says
/// what it says where nothing is drafted, on the CPU.
#[tokio::test]
async fn quotations_are_drafted_from_the_prompt() {
    let gpu = Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter");
    let (drafting, plain) = (demo_worker(gpu).await, demo_worker(cpu()).await);
    let record = std::fs::read_to_string(workspace().join("www/samples/patient-record.txt")).expect("the sample");
    let excerpt: String = record.chars().take(1500).collect();
    let properties = ["explanation", "citation", "answer"].map(|name| (name, json!({"type": ["string", "null"]})));
    let schema = json!({
        "type": "object",
        "properties": serde_json::Map::from_iter(properties.map(|(name, form)| (name.to_owned(), form))),
        "required": ["explanation", "citation", "answer"],
        "additionalProperties": false,
    });
    let mut tokens = 0;
    for attribute in ["blood pressure", "heart rate", "temperature", "date of birth"] {
        let task = format!("What is the patient's {attribute}?");
        let request = ChatRequest {
            max_tokens: Some(100),
            response_format: ResponseFormat::JsonSchema { json_schema: JsonSchema::strict("job", schema.clone()) },
            ..ChatRequest::new(vec![Message::user(job_prompt(&excerpt, &task, None))])
        };
        let reply = drafting.chat(&request, &mut |_| {}).await.expect("a reply");
        tokens += reply.usage.completion_tokens;
        assert_eq!(whole(&reply), whole(&plain.chat(&request, &mut |_| {}).await.expect("a reply")), "{attribute}");
    }
    let (tally, plain) = (drafting.tally(), plain.tally());
    println!("{tokens} tokens in {} steps, {} without drafts: {tally:?}", tally.decode_steps, plain.decode_steps);
    assert!(tally.accepted_tokens > 0 && tally.decode_steps < plain.decode_steps, "{tally:?}");
    assert_eq!(plain.drafted_tokens, 0);
}

/// Everything at once, for as long as `MINIONS_STRESS_SECONDS` says: jobs of all lengths come and go, some are cancelled at
/// any point, some share beginnings, and the cache is too small for all of them. Every reply that is waited for is the one
/// that its request gets alone, and in the end no page is held.
#[tokio::test]
async fn whatever_comes_and_goes_every_reply_is_the_one_alone() {
    let seconds = std::env::var("MINIONS_STRESS_SECONDS").map_or(6, |seconds| seconds.parse().expect("whole seconds"));
    let gpu = Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter");
    for compute in [cpu(), gpu] {
        let until = Instant::now() + Duration::from_secs(seconds) / 2;
        let mut noise = Noise::new(1);
        let (mut rounds, mut all, mut cancelled) = (0, 0, 0);
        while rounds == 0 || Instant::now() < until {
            // Reloaded now and then.
            let together = RandomWorker::with_options(compute.clone(), 6, small_cache(1 << 17)).await;
            let alone = RandomWorker::load(compute.clone(), 6).await;
            for _ in 0..3 {
                let jobs: Vec<_> = (0..24).map(|_| random_job(&mut noise)).collect();
                let replies = join_all(jobs.iter().map(|(request, polls)| limited(&together.engine, request, *polls)));
                let replies = replies.await;
                let tally = together.engine.tally();
                assert_eq!(tally.held_pages, 0, "{tally:?}");
                for ((request, _), reply) in jobs.iter().zip(replies) {
                    match reply {
                        Some(reply) => assert_eq!(whole(&reply), whole(&alone.say(request).await), "{request:?}"),
                        None => cancelled += 1,
                    }
                    all += 1;
                }
            }
            rounds += 1;
        }
        println!("{rounds} rounds, {cancelled} of {all} jobs cancelled");
        assert!(0 < cancelled && 2 * cancelled < all, "{cancelled} of {all} jobs were cancelled");
    }
}

/// A request of any kind, and after how many looks at it the caller loses interest, if ever.
fn random_job(noise: &mut Noise) -> (ChatRequest, Option<usize>) {
    let mut below = |bound: u32| noise.bits() % bound;
    let prompt_words = [1, 20, 200, 900][below(4) as usize];
    let most_tokens = [4, 20, 80][below(3) as usize];
    let max_tokens = 1 + below(most_tokens);
    let request = ChatRequest {
        messages: vec![Message::user(format!("{}{}", "word ".repeat(prompt_words as usize), below(3)))],
        max_tokens: Some(max_tokens),
        temperature: (below(2) == 0).then_some(1.5),
        seed: Some(u64::from(below(100))),
        logprobs: below(3) == 0,
        response_format: if max_tokens > 30 { form(below(2) as usize) } else { ResponseFormat::Text },
        ..ChatRequest::default()
    };
    let gives_up = below(4) == 0;
    (request, gives_up.then(|| 1 + below(12) as usize))
}

/// The reply, unless the caller has looked `polls` times before it was there.
async fn limited(engine: &Engine, request: &ChatRequest, polls: Option<usize>) -> Option<ChatResponse> {
    let mut ignore = |_: &str| {};
    let mut reply = pin!(engine.chat(request, &mut ignore));
    let mut polled = 0;
    poll_fn(|context| match reply.as_mut().poll(context) {
        Poll::Ready(reply) => Poll::Ready(Some(reply.expect("a reply"))),
        Poll::Pending => {
            polled += 1;
            if Some(polled) == polls { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

/// One of the jobs of a run: rules, a chunk, a task.
fn job_request(chunk: usize, task: usize, max_tokens: u32) -> ChatRequest {
    let text = format!("{} {}task {task}", "rules ".repeat(60), format!("chunk {chunk} ").repeat(40));
    ChatRequest { max_tokens: Some(max_tokens), logprobs: true, ..ChatRequest::new(vec![Message::user(text)]) }
}

/// Room for one context, and elsewhere for so many bytes of what does not find room in it.
fn small_cache(spill_bytes: usize) -> LoadOptions {
    LoadOptions {
        cache_tokens: Some(RANDOM_WORKER_CONTEXT),
        page_store: Some(Box::new(MemoryPages::new(spill_bytes))),
        ..LoadOptions::default()
    }
}

fn hot(job: usize, max_tokens: u32) -> ChatRequest {
    ChatRequest { temperature: Some(1.5), seed: Some(job as u64), ..job_request(job / 3, job % 3, max_tokens) }
}

/// None, or one of two.
fn form(job: usize) -> ResponseFormat {
    let schema = json!({
        "type": "object",
        "properties": {"explanation": {"type": "string", "maxLength": 20}, "n": {"type": "integer"}},
        "required": ["explanation", "n"],
        "additionalProperties": false,
    });
    match job % 3 {
        0 => ResponseFormat::Text,
        1 => ResponseFormat::JsonSchema { json_schema: JsonSchema::strict("job", schema) },
        _ => ResponseFormat::JsonObject,
    }
}

/// All of a reply that is not about its cost.
fn whole(reply: &ChatResponse) -> (String, FinishReason, Option<Vec<TokenLogprob>>) {
    (reply.content.clone(), reply.finish_reason, reply.logprobs.clone())
}

async fn demo_worker(compute: Compute) -> Engine {
    let (source, main) = FileSource::open(&workspace().join("www/public/models/demo-worker.gguf")).expect("its path");
    Engine::load(compute, source, &main, LoadOptions::default(), &mut |_| {}).await.expect("the model loads")
}

fn cpu() -> Compute {
    Compute::cpu("this is the CPU's test")
}
