//! Whatever arrives, nothing panics, and no error holds the key or what was asked.

use minions_chat::{ChatModel, ChatRequest, Message};
use minions_providers::{ApiKey, CloudModel, Preset};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::cassette::{Cassette, KEY, all};
use crate::replay::{Replay, now};

const WIRES: &[&str] = &["openai", "anthropic", "gemini", "ollama"];

/// The answers that break off nothing by themselves.
fn streams() -> Vec<Cassette> {
    all().into_iter().filter(|cassette| cassette.response.status == 200).collect()
}

fn is_discreet(text: &str, question: &str) -> bool {
    !text.contains(KEY) && !text.contains(question)
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_or_an_error(
        wire in select(WIRES),
        bytes in vec(any::<u8>(), 0..300),
        status in select(&[200_u16, 400, 401, 404, 429, 500, 599]),
        size in 1_usize..50,
    ) {
        let question = "What does the letter of the notary say?";
        let mut body = bytes;
        // Some servers give back what they were sent.
        body.extend(question.bytes().chain(KEY.bytes()));
        let preset = Preset::named(wire).expect("a preset");
        let mut model = CloudModel::new(Replay::<true>::new(status, &body, size), preset, "m", ApiKey::new(KEY));
        model.max_retries = 0;
        let request = ChatRequest::new(vec![Message::user(question)]);
        if let Err(error) = now(model.chat(&request, &mut |_| {})) {
            prop_assert!(is_discreet(&format!("{error} {error:?}"), question), "{error}");
        }
    }

    /// A byte changed, the end cut off, or a piece doubled.
    #[test]
    fn damaged_answers_are_answers_or_errors(which: Index, at: Index, byte: u8, cut: bool, size in 1_usize..50) {
        let streams = streams();
        let cassette = which.get(&streams);
        let mut body = cassette.body().into_bytes();
        let at = at.index(body.len());
        if cut {
            body.truncate(at);
        } else {
            body[at] = byte;
        }
        let played = cassette.play_on(cassette.preset(), Replay::new(200, &body, size));
        if let Err(error) = played.result {
            prop_assert!(!error.to_string().contains(KEY));
        }
    }
}

/// What goes on without an end is given up.
#[test]
fn endless_answers_are_given_up() {
    for (wire, beginning) in [("openai", "data: "), ("anthropic", "data: "), ("gemini", "{"), ("ollama", "{")] {
        let body = format!("{beginning}{}", "x".repeat(17 * 1024 * 1024));
        let preset = Preset::named(wire).expect("a preset");
        let transport = Replay::<false>::new(200, body.as_bytes(), 1 << 16);
        let model = CloudModel::new(transport, preset, "m", ApiKey::default());
        let error = now(model.chat(&ChatRequest::new(vec![Message::user("hi")]), &mut |_| {}));
        let error = error.expect_err(wire).to_string();
        assert!(error.contains("does not end"), "{wire}: {error}");
    }
}
