//! How replies are drawn, against the definitions: penalties, biases, log probabilities, several samples, seeds.

use std::collections::BTreeMap;

use minions_chat::{ChatModel, ChatRequest, FinishReason, Message, TokenLogprob};
use minions_engine::Compute;
use minions_tests::RandomWorker;

/// Sums of float32 in another order.
const TOLERANCE: f32 = 1e-3;

/// The chosen tokens' log probabilities, and those of the best alternatives, are the model's own: the softmax of its logits.
#[tokio::test]
async fn log_probabilities_are_those_of_the_logits() {
    let worker = RandomWorker::on_cpu(1).await;
    let request = ChatRequest { logprobs: true, top_logprobs: Some(5), max_tokens: Some(6), ..request() };
    let reply = worker.say(&request).await;
    let told = reply.logprobs.expect("asked for");
    assert_eq!(told.iter().map(|one| one.token.as_str()).collect::<String>(), reply.content);
    let mut ids = worker.engine.tokenize(&request).expect("a prompt");
    for TokenLogprob { token, logprob, bytes, top_logprobs } in &told {
        let expected = log_softmax(&worker.next_logits(&ids).await);
        let ranked = ranked(&expected);
        near(*logprob, expected[ranked[0]]);
        assert_eq!(bytes.as_deref(), Some(token.as_bytes()));
        assert_eq!(top_logprobs.len(), 5);
        assert_eq!(&top_logprobs[0].token, token, "a greedy reply takes the most probable");
        for (alternative, id) in top_logprobs.iter().zip(&ranked) {
            near(alternative.logprob, expected[*id]);
        }
        ids.push(ranked[0] as u32);
    }
    assert!(worker.say(&self::request()).await.logprobs.is_none(), "nothing is told unasked");
}

/// `transformers`' `RepetitionPenaltyLogitsProcessor`, and OpenAI's definition of the other two, step by step.
#[tokio::test]
async fn penalties_are_taken_as_they_are_defined() {
    let worker = RandomWorker::on_cpu(2).await;
    let base = ChatRequest { logprobs: true, max_tokens: Some(12), ..request() };
    let prompt = worker.engine.tokenize(&base).expect("a prompt");
    let biased = ranked(&worker.next_logits(&prompt).await)[3] as u32;
    for request in [
        ChatRequest { repetition_penalty: Some(1.7), ..base.clone() },
        ChatRequest { presence_penalty: Some(1.5), ..base.clone() },
        ChatRequest { frequency_penalty: Some(0.6), ..base.clone() },
        ChatRequest { frequency_penalty: Some(-0.4), presence_penalty: Some(0.2), ..base.clone() },
        ChatRequest {
            repetition_penalty: Some(1.2),
            frequency_penalty: Some(0.3),
            logit_bias: [(biased, 2.5)].into(),
            ..base.clone()
        },
    ] {
        let told = worker.say(&request).await.logprobs.expect("asked for");
        let mut ids = prompt.clone();
        for one in &told {
            let logits = worker.next_logits(&ids).await;
            let mut adjusted = logits.clone();
            for (token, bias) in &request.logit_bias {
                adjusted[*token as usize] += bias;
            }
            let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
            ids.iter().for_each(|id| *counts.entry(*id).or_default() += 1);
            for id in counts.keys() {
                let (logit, penalty) = (&mut adjusted[*id as usize], request.repetition_penalty.unwrap_or(1.0));
                *logit = if *logit < 0.0 { *logit * penalty } else { *logit / penalty };
                let generated = ids[prompt.len()..].iter().filter(|other| *other == id).count();
                if generated > 0 {
                    *logit -= request.presence_penalty.unwrap_or(0.0);
                    *logit -= request.frequency_penalty.unwrap_or(0.0) * generated as f32;
                }
            }
            let chosen = ranked(&adjusted)[0];
            near(one.logprob, log_softmax(&logits)[chosen]);
            ids.push(chosen as u32);
        }
    }
}

#[tokio::test]
async fn a_bias_forces_and_forbids() {
    let worker = RandomWorker::on_cpu(3).await;
    let prompt = worker.engine.tokenize(&request()).expect("a prompt");
    let best = ranked(&worker.next_logits(&prompt).await)[0] as u32;
    let plain = worker.say(&request()).await.content;
    let forbidden = ChatRequest { logit_bias: [(best, -100.0)].into(), ..request() };
    assert_ne!(worker.say(&forbidden).await.content, plain);
    let forced = ChatRequest { logit_bias: [(best, 100.0)].into(), ..request() };
    let told = worker.say(&ChatRequest { logprobs: true, ..forced }).await.logprobs.expect("asked for");
    assert!(told.windows(2).all(|pair| pair[0].token == pair[1].token), "{told:?}");
}

/// `n` replies read the prompt once; each is what its own seed gives.
#[tokio::test]
async fn several_samples_share_the_prompt() {
    let worker = RandomWorker::on_cpu(4).await;
    let long = Message::user("word ".repeat(300));
    let one =
        ChatRequest { messages: vec![long], temperature: Some(1.5), seed: Some(40), max_tokens: Some(5), ..request() };
    let several = ChatRequest { n: Some(4), ..one.clone() };
    worker.steps.set(0);
    let reply = worker.say(&several).await;
    // The first sample reads the prompt; the others its last page and token.
    let tally = worker.engine.tally();
    assert!(tally.prefill_tokens < reply.usage.prompt_tokens + 3 * 16, "{tally:?}, {:?}", reply.usage);
    let longest = 5;
    assert!(tally.decode_steps <= 1 + longest, "three of the samples go on together: {tally:?}");
    let replies: Vec<_> =
        std::iter::once(reply.content).chain(reply.alternatives.into_iter().map(|a| a.content)).collect();
    assert_eq!(replies.len(), 4);
    for (index, content) in replies.iter().enumerate() {
        let alone = ChatRequest { seed: Some(40 + index as u64), ..one.clone() };
        assert_eq!(&worker.say(&alone).await.content, content, "sample {index}");
    }
    for n in [0, 129] {
        let refused = ChatRequest { n: Some(n), ..one.clone() };
        assert!(worker.engine.chat(&refused, &mut |_| {}).await.is_err(), "n = {n}");
    }
}

/// Draws follow the softmax of what the filters leave, by Pearson's test.
#[tokio::test]
async fn draws_follow_the_probabilities() {
    let worker = RandomWorker::on_cpu(5).await;
    let request = ChatRequest {
        temperature: Some(0.7),
        top_k: Some(6),
        max_tokens: Some(1),
        n: Some(128),
        logprobs: true,
        ..request()
    };
    let prompt = worker.engine.tokenize(&request).expect("a prompt");
    let logits: Vec<f32> = worker.next_logits(&prompt).await.iter().map(|logit| logit / 0.7).collect();
    let kept = &ranked(&logits)[..6];
    let probabilities = log_softmax(&kept.iter().map(|id| logits[*id]).collect::<Vec<_>>());
    let raw = log_softmax(&worker.next_logits(&prompt).await);
    let mut seen = [0.0_f32; 6];
    for seed in 0..8 {
        let reply = worker.say(&ChatRequest { seed: Some(1000 * seed), ..request.clone() }).await;
        let others = reply.alternatives.into_iter().map(|other| other.logprobs);
        for told in std::iter::once(reply.logprobs).chain(others) {
            let logprob = told.expect("asked for")[0].logprob;
            // A token is told by its log probability: no two of the six are equal.
            let closest =
                |a: &usize, b: &usize| (raw[kept[*a]] - logprob).abs().total_cmp(&(raw[kept[*b]] - logprob).abs());
            let index = (0..6).min_by(closest).expect("there are six");
            near(raw[kept[index]], logprob);
            seen[index] += 1.0;
        }
    }
    let draws: f32 = seen.iter().sum();
    let expected = probabilities.iter().map(|logprob| draws * logprob.exp());
    let statistic: f32 = seen.iter().zip(expected).map(|(seen, expected)| (seen - expected).powi(2) / expected).sum();
    // Five degrees of freedom: 20.5 is exceeded once in a thousand.
    assert!(draws == 1024.0 && statistic < 20.5, "{statistic}: {seen:?}");
}

/// On one adapter the same seed gives the same bits, log probabilities included, and every setting goes through the
/// captured step as it goes through the others.
#[tokio::test]
async fn a_gpu_repeats_itself_and_agrees_with_the_cpu() {
    let gpu =
        Compute::gpu().await.expect("a Vulkan, Metal or DirectX 12 adapter; `cargo xtask test` sets up a software one");
    let (gpu, cpu) = (RandomWorker::load(gpu, 6).await, RandomWorker::on_cpu(6).await);
    let request = ChatRequest {
        temperature: Some(1.2),
        top_p: Some(0.9),
        repetition_penalty: Some(1.3),
        frequency_penalty: Some(0.2),
        logit_bias: [(300, 3.0)].into(),
        logprobs: true,
        top_logprobs: Some(20),
        seed: Some(77),
        max_tokens: Some(10),
        ..request()
    };
    let first = gpu.say(&request).await;
    assert_eq!(gpu.say(&request).await.logprobs, first.logprobs);
    let expected = cpu.say(&request).await;
    assert_eq!(first.content, expected.content);
    for (actual, expected) in first.logprobs.iter().flatten().zip(expected.logprobs.iter().flatten()) {
        near(actual.logprob, expected.logprob);
        for (actual, expected) in actual.top_logprobs.iter().zip(&expected.top_logprobs) {
            near(actual.logprob, expected.logprob);
        }
    }
}

/// A reply ends before a stop text wherever the tokens' bounds are.
#[tokio::test]
async fn stop_texts_are_found_across_tokens() {
    let worker = RandomWorker::on_cpu(7).await;
    let long = ChatRequest { max_tokens: Some(24), temperature: Some(1.5), seed: Some(5), logprobs: true, ..request() };
    let whole = worker.say(&long).await;
    let tokens: Vec<_> = whole.logprobs.iter().flatten().map(|one| one.token.clone()).collect();
    let pair = tokens
        .windows(2)
        .find(|pair| pair.iter().all(|token| token.chars().count() > 2 && !token.contains('\u{fffd}')));
    let [left, right] = pair.expect("two tokens that are text") else { unreachable!("a window of two") };
    let stop: String = left.chars().skip(1).chain(right.chars().take(2)).collect();
    let reply = worker.say(&ChatRequest { stop: vec![stop.clone()], ..long }).await;
    assert_eq!(reply.finish_reason, FinishReason::Stop);
    assert_eq!(Some(reply.content.as_str()), whole.content.split(&stop).next(), "{stop:?} in {:?}", whole.content);
}

fn request() -> ChatRequest {
    ChatRequest { max_tokens: Some(8), ..ChatRequest::new(vec![Message::user("Say something.")]) }
}

fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - largest).exp()).sum();
    logits.iter().map(|logit| logit - largest - sum.ln() as f32).collect()
}

/// The ids, the largest value first.
fn ranked(values: &[f32]) -> Vec<usize> {
    let mut ids: Vec<usize> = (0..values.len()).collect();
    ids.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
    ids
}

#[track_caller]
fn near(actual: f32, expected: f32) {
    assert!((actual - expected).abs() <= TOLERANCE, "{actual}, not {expected}");
}
