//! What models and providers send may be anything: the readers of it never panic. `fuzz/` looks longer and deeper.

use minions_protocol::{Plan, PlanLimits, extract_json};
use minions_providers::SseParser;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const LIMITS: PlanLimits = PlanLimits { documents: 3, has_previous: true, tasks: 8, samples: 5, chunk_size: 10_000 };

/// What replies and streams are made of, beside white space: put together at random it gets further than random bytes do.
const FRAGMENTS: &str = r#"{ } [ ] " \ : , ' é 𝄞 null true -1 1e999 99999999999999999999 "answer": "decision":
    {"tasks":[{"task":"Who?"}] {"task":" "}] "chunking":{"by":"section","size": "overlap": "source":"prev_hits"
    "filter":{"must_match":"( "select": <think> </think> ```json ``` data: data:[DONE] event:"#;

/// Arbitrary bytes, or fragments in any order.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let fragments: Vec<_> = FRAGMENTS.split_whitespace().chain([" ", "\n", "\n\n", "\r", "\0", "\u{feff}"]).collect();
    let fragments = vec(select(fragments), 0..60).prop_map(|fragments| fragments.concat().into_bytes());
    prop_oneof![vec(any::<u8>(), 0..2000), fragments]
}

proptest! {
    #[test]
    fn finding_json_never_panics(bytes in anything()) {
        let _ = extract_json(&String::from_utf8_lossy(&bytes), &["decision", "answer"]);
    }

    #[test]
    fn reading_a_plan_never_panics(bytes in anything()) {
        let _ = Plan::parse(&String::from_utf8_lossy(&bytes), &LIMITS);
    }

    #[test]
    fn parsing_events_never_panics_wherever_their_pieces_end(bytes in anything(), size in 1_usize..40) {
        prop_assert_eq!(events(bytes.chunks(size)), events([bytes.as_slice()].into_iter()));
    }
}

fn events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut parser = SseParser::default();
    let mut events: Vec<_> = pieces.flat_map(|piece| parser.push(piece)).collect();
    events.extend(parser.finish());
    events
}
