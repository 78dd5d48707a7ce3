//! What the supervisor decides: to ask on, or to answer.

use serde_json::{Map, Value};

use crate::{NoAnswer, text};

/// The supervisor's decision.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The run ends.
    Final {
        /// The answer, or why there is none.
        result: Result<String, NoAnswer>,
        /// The answer is a reply that had not the form asked for.
        is_raw_reply: bool,
    },
    /// The worker is asked.
    Continue {
        /// The question.
        message: String,
        /// Which of the attempts at the last question was the best, from 1.
        best: Option<usize>,
    },
}

pub(crate) const KEYS: &[&str] = &["decision", "message", "answer"];

/// Reads a reply. The error says what is wrong, in words that the supervisor can act on.
///
/// Lenient where the meaning is plain: any decision but `provide_final_answer` goes on if there is a message, and an
/// answer without a known decision is an answer.
pub(crate) fn read(value: Value) -> Result<Verdict, String> {
    let Value::Object(object) = value else {
        return Err("it is JSON but not an object".to_owned());
    };
    let decision = object.get("decision").and_then(Value::as_str).map(str::trim);
    let message = object.get("message").and_then(text::of);
    match (decision, message) {
        (Some("provide_final_answer"), _) => final_answer(&object),
        (_, Some(message)) => Ok(Verdict::Continue { message, best: best(&object) }),
        (Some("request_additional_info"), None) => Err(r#"it asks to go on but has no "message""#.to_owned()),
        (_, None) if object.contains_key("answer") => final_answer(&object),
        (_, None) => Err(r#"it has neither "message" nor "answer""#.to_owned()),
    }
}

fn final_answer(object: &Map<String, Value>) -> Result<Verdict, String> {
    let answer = object.get("answer").ok_or(r#"it decides to answer but has no "answer""#)?;
    Ok(Verdict::Final { result: text::of(answer).ok_or(NoAnswer::Unknown), is_raw_reply: false })
}

fn best(object: &Map<String, Value>) -> Option<usize> {
    object.get("best").and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reply: &str) -> Result<Verdict, String> {
        super::read(serde_json::from_str(reply).expect("the test's reply is JSON"))
    }

    fn answer(text: &str) -> Result<Verdict, String> {
        Ok(Verdict::Final { result: Ok(text.into()), is_raw_reply: false })
    }

    fn message(text: &str) -> Result<Verdict, String> {
        Ok(Verdict::Continue { message: text.into(), best: None })
    }

    #[test]
    fn reads_both_decisions() {
        assert_eq!(read(r#"{"decision": "provide_final_answer", "answer": "42"}"#), answer("42"));
        assert_eq!(read(r#"{"decision": "request_additional_info", "message": "why?"}"#), message("why?"));
    }

    #[test]
    fn a_missing_or_unknown_decision_goes_on_with_its_message() {
        assert_eq!(read(r#"{"reasoning": "r", "message": "why?"}"#), message("why?"));
        assert_eq!(read(r#"{"decision": "maybe", "message": "why?"}"#), message("why?"));
    }

    #[test]
    fn an_answer_without_a_known_decision_is_an_answer() {
        assert_eq!(read(r#"{"answer": "42"}"#), answer("42"));
        assert_eq!(read(r#"{"decision": "done", "answer": "42"}"#), answer("42"));
    }

    #[test]
    fn answers_of_other_types_become_readable_text() {
        let of = |json: &str| read(&format!(r#"{{"decision": "provide_final_answer", "answer": {json}}}"#));
        assert_eq!(of("42.5"), answer("42.5"));
        assert_eq!(of("true"), answer("true"));
        assert_eq!(of(r#"["a", 2]"#), answer("- a\n- 2"));
        assert_eq!(of(r#"{"agent": "Omnipaque 240"}"#), answer("agent: Omnipaque 240"));
        assert_eq!(of(r#"{"a": {"b": [1]}}"#), answer(r#"a: {"b":[1]}"#));
    }

    #[test]
    fn an_answer_that_says_nothing_is_none() {
        for nothing in ["null", r#""""#, r#"" \n""#, "[]", "{}"] {
            let verdict = read(&format!(r#"{{"decision": "provide_final_answer", "answer": {nothing}}}"#));
            assert_eq!(verdict, Ok(Verdict::Final { result: Err(NoAnswer::Unknown), is_raw_reply: false }));
        }
    }

    #[test]
    fn says_what_is_missing() {
        assert!(read(r#"{"reasoning": "r"}"#).is_err_and(|reason| reason.contains("message")));
        assert!(read(r#"{"decision": "provide_final_answer"}"#).is_err_and(|reason| reason.contains("answer")));
        assert!(read(r#"{"decision": "request_additional_info"}"#).is_err_and(|reason| reason.contains("message")));
        assert!(read("[1]").is_err_and(|reason| reason.contains("object")));
    }
}
