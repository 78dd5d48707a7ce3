//! What the supervisor decides once it has the evidence: to answer, or to look further.

use minions_chat::ResponseFormat;
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::plan::strict_format;
use crate::{json, text};

/// The supervisor's decision.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The run ends.
    Final {
        /// The answer; `None` if it cannot be known.
        answer: Option<String>,
        /// The numbers of the evidence that it rests on.
        evidence: Vec<u64>,
    },
    /// Another round is wanted.
    Continue(Notes),
    /// No reply had the form asked for; what can be made of the last one.
    Unreadable(Option<String>),
}

/// What the supervisor wants to know in the next round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// What is missing.
    pub(crate) feedback: Option<String>,
    /// What to remember.
    pub(crate) scratchpad: Option<String>,
}

pub(crate) const KEYS: &[&str] = &["decision", "answer", "feedback", "scratchpad", "evidence"];

/// Reads a reply. The error says what is wrong, in words that the supervisor can act on.
pub(crate) fn read(value: Value) -> Result<Verdict, String> {
    let Value::Object(object) = value else {
        return Err("it is JSON but not an object".to_owned());
    };
    match object.get("decision").and_then(Value::as_str).map(str::trim) {
        Some("request_additional_info") => Ok(Verdict::Continue(notes(&object))),
        Some(_) if object.contains_key("answer") => Ok(answer(&object)),
        Some(_) => Err(r#"it decides to answer but has no "answer""#.to_owned()),
        None => Err(r#"it has no "decision""#.to_owned()),
    }
}

/// What an unreadable reply may still mean: an answer without a decision, or prose.
pub(crate) fn salvage(reply: &str) -> Option<String> {
    match json::extract(reply, KEYS) {
        Ok(Value::Object(object)) => object.get("answer").and_then(text::of),
        _ => json::prose(reply),
    }
}

fn answer(object: &Map<String, Value>) -> Verdict {
    let evidence = object.get("evidence").and_then(Value::as_array).into_iter().flatten();
    let evidence = evidence.filter_map(|id| id.as_u64().or_else(|| id.as_str()?.trim_matches(['[', ']']).parse().ok()));
    Verdict::Final { answer: object.get("answer").and_then(text::of), evidence: evidence.collect() }
}

fn notes(object: &Map<String, Value>) -> Notes {
    let take = |key: &str| object.get(key).and_then(text::of);
    let feedback = take("feedback").or_else(|| take("message")).or_else(|| take("explanation"));
    Notes { feedback, scratchpad: take("scratchpad") }
}

/// The form of a decision for models that can be held to one.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used: replies are read leniently")]
struct Form {
    reasoning: String,
    decision: Decision,
    answer: Option<String>,
    feedback: Option<String>,
    scratchpad: Option<String>,
    evidence: Vec<u64>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used: replies are read leniently")]
enum Decision {
    ProvideFinalAnswer,
    RequestAdditionalInfo,
}

pub(crate) fn format() -> ResponseFormat {
    strict_format::<Form>("decision")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_both_decisions() {
        let last = json!({"decision": "provide_final_answer", "answer": 42, "evidence": [1, "[2]", null]});
        assert_eq!(read(last), Ok(Verdict::Final { answer: Some("42".into()), evidence: vec![1, 2] }));
        let more = json!({"decision": "request_additional_info", "answer": null, "feedback": "f", "scratchpad": "s"});
        let notes = Notes { feedback: Some("f".into()), scratchpad: Some("s".into()) };
        assert_eq!(read(more), Ok(Verdict::Continue(notes)));
    }

    #[test]
    fn an_answer_that_says_nothing_is_none() {
        for nothing in [json!(null), json!(""), json!([])] {
            let verdict = read(json!({"decision": "provide_final_answer", "answer": nothing}));
            assert_eq!(verdict, Ok(Verdict::Final { answer: None, evidence: vec![] }));
        }
    }

    #[test]
    fn says_what_is_missing() {
        assert_eq!(read(json!({"answer": "42"})), Err(r#"it has no "decision""#.into()));
        assert_eq!(read(json!({"decision": "done"})), Err(r#"it decides to answer but has no "answer""#.into()));
        assert_eq!(read(json!([])), Err("it is JSON but not an object".into()));
    }

    #[test]
    fn salvages_what_is_plain() {
        assert_eq!(salvage(r#"{"answer": "42"}"#).as_deref(), Some("42"));
        assert_eq!(salvage("It is 42.").as_deref(), Some("It is 42."));
        assert_eq!(salvage(r#"{"answer": "#), None);
    }
}
