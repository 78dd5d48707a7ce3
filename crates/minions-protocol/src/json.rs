//! Finds the JSON object in a model's reply.
//!
//! Models wrap JSON in prose, in code fences, in other objects and after `<think>` blocks, break lines inside strings,
//! and now and then write other quotation marks or half a character. A scanner that keeps count of braces and respects
//! strings finds every candidate; the best one wins.

use serde_json::Value;

/// Why no JSON was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Nothing looks like JSON.
    #[error("it holds no JSON object")]
    Missing,
    /// A brace is never closed.
    #[error("its JSON object is not closed")]
    Unclosed,
    /// Something looks like JSON and is not.
    #[error("its JSON is invalid: {0}")]
    Invalid(String),
}

/// The JSON value that a reply means: the object that holds most of the `expected` keys, and of equals the last. Without
/// any object, the last array.
///
/// # Errors
/// If the reply holds no JSON value; the message completes the sentence "your reply cannot be used".
pub fn extract(reply: &str, expected: &[&str]) -> Result<Value, JsonError> {
    // Valid JSON needs no search, whatever its strings hold.
    if let Ok(value @ Value::Object(_)) = serde_json::from_str(reply) {
        return Ok(unwrapped(value, expected));
    }
    let mut candidates = Vec::new();
    let problem = scan(after_thinking(reply), expected, &mut candidates);
    let best = candidates.into_iter().max_by_key(|value| rank(value, expected)).ok_or(problem)?;
    Ok(unwrapped(best, expected))
}

/// The object itself; if it holds none of the expected keys, the one within it that holds most, if any does.
fn unwrapped(value: Value, expected: &[&str]) -> Value {
    if rank(&value, expected) != Some(0) {
        return value;
    }
    let mut best: Option<&Value> = None;
    let mut open = vec![&value];
    while let Some(next) = open.pop() {
        if rank(next, expected) > best.map_or(Some(0), |best| rank(best, expected)) {
            best = Some(next);
        }
        match next {
            Value::Object(entries) => open.extend(entries.values()),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    best.cloned().unwrap_or(value)
}

/// The reply as prose for a reader, without what the model thought aloud; `None` if it is empty or meant as JSON.
pub(crate) fn prose(reply: &str) -> Option<String> {
    let prose = after_thinking(reply).trim();
    let is_data = prose.starts_with(['{', '[']) || prose.contains("```json") || prose.contains("{\"");
    (!prose.is_empty() && !is_data).then(|| prose.to_owned())
}

/// What follows the last `<think>` block. A block that never ends is all the model said, and none of it is a reply.
fn after_thinking(reply: &str) -> &str {
    match reply.trim_start().strip_prefix("<think>") {
        Some(thoughts) => thoughts.split_once("</think>").map_or("", |(_, rest)| after_thinking(rest)),
        None => reply,
    }
}

/// Gives up after this many places that look like JSON and are not: each may cost a walk to the reply's end.
const MAX_FAILURES: usize = 200;

/// Collects every outermost JSON object and array; returns the first problem met, for the case that none is found.
fn scan(text: &str, expected: &[&str], candidates: &mut Vec<Value>) -> JsonError {
    let mut problem = None;
    let mut failures = 0;
    let mut rest = text;
    while let Some(start) = rest.find(['{', '[']) {
        rest = rest.get(start..).unwrap_or_default();
        match parse_prefix(rest) {
            Ok((value, end)) => {
                rest = rest.get(end..).unwrap_or_default();
                candidates.extend(objects_within(&value, expected));
                candidates.push(value);
            }
            Err(error) => {
                // An opening brace is one byte, so this never splits a character.
                rest = rest.get(1..).unwrap_or_default();
                problem.get_or_insert(error);
                failures += 1;
                if failures == MAX_FAILURES {
                    break;
                }
            }
        }
    }
    problem.unwrap_or(JsonError::Missing)
}

/// A list of decisions instead of one: its objects stand for themselves.
fn objects_within(value: &Value, expected: &[&str]) -> Vec<Value> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter(|item| matches!(rank(item, expected), Some(1..))).cloned().collect()
}

/// Objects by how many expected keys they hold; everything else below.
fn rank(value: &Value, expected: &[&str]) -> Option<usize> {
    value.as_object().map(|object| expected.iter().filter(|key| object.contains_key(**key)).count())
}

/// Parses the value that starts at the text's first byte; returns it and where it ends.
fn parse_prefix(text: &str) -> Result<(Value, usize), JsonError> {
    let end = balanced_end(text).ok_or(JsonError::Unclosed)?;
    let slice = text.get(..end).unwrap_or_default();
    let escaped = escape_control_characters(slice);
    let parsed =
        serde_json::from_str(&escaped).or_else(|error| serde_json::from_str(&mend(&escaped)).map_err(|_| error));
    match parsed {
        Ok(value) => Ok((value, end)),
        Err(error) => Err(JsonError::Invalid(error.to_string())),
    }
}

/// Halves of a surrogate pair become the replacement character. Where there is no `"` at all, other quotation marks are
/// taken for it.
fn mend(text: &str) -> String {
    let has_quotes = text.contains('"');
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (known, length) = match escaped_unit(rest) {
            Some(0xD800..=0xDBFF) if matches!(rest.get(6..).and_then(escaped_unit), Some(0xDC00..=0xDFFF)) => {
                (rest.get(..12), 12)
            }
            Some(0xD800..=0xDFFF) => (Some("\\ufffd"), 6),
            // A backslash and what it escapes belong together.
            _ if character == '\\' => {
                let length = 1 + rest.chars().nth(1).map_or(0, char::len_utf8);
                (rest.get(..length), length)
            }
            _ if !has_quotes && "“”„‟«»＂".contains(character) => (Some("\""), character.len_utf8()),
            _ => (rest.get(..character.len_utf8()), character.len_utf8()),
        };
        mended.push_str(known.unwrap_or_default());
        rest = rest.get(length..).unwrap_or_default();
    }
    mended
}

/// The UTF-16 unit that a text begins with in escaped form.
fn escaped_unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

/// Where the bracket that opens the text is closed. Brackets inside strings do not count.
fn balanced_end(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut strings = StringTracker::default();
    for (position, character) in text.char_indices() {
        if strings.is_inside(character) {
            continue;
        }
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(position + character.len_utf8());
        }
    }
    None
}

/// Models break lines inside strings, which JSON does not allow.
fn escape_control_characters(text: &str) -> String {
    let mut repaired = String::with_capacity(text.len());
    let mut strings = StringTracker::default();
    for character in text.chars() {
        match character {
            control if strings.is_inside(control) && control.is_ascii_control() => {
                repaired.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => repaired.push(other),
        }
    }
    repaired
}

/// Knows, fed character by character, which ones belong to a JSON string (its quotes included).
#[derive(Default)]
struct StringTracker {
    in_string: bool,
    escaped: bool,
}

impl StringTracker {
    fn is_inside(&mut self, character: char) -> bool {
        let was_in_string = self.in_string;
        match character {
            _ if self.escaped => self.escaped = false,
            '\\' if self.in_string => self.escaped = true,
            '"' => self.in_string = !self.in_string,
            _ => {}
        }
        was_in_string || self.in_string
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEYS: &[&str] = &["decision", "answer"];

    #[test]
    fn finds_the_object_with_the_expected_keys() {
        let reply = r#"First {"answer": 1, "decision": "x"}, as in {"example": 2}."#;
        assert_eq!(extract(reply, KEYS), Ok(json!({"answer": 1, "decision": "x"})));
    }

    #[test]
    fn of_equals_the_last_one_counts() {
        assert_eq!(extract(r#"{"answer": 1} no: {"answer": 2}"#, KEYS), Ok(json!({"answer": 2})));
    }

    #[test]
    fn looks_into_a_list_of_decisions() {
        assert_eq!(extract(r#"[{"answer": 1}]"#, KEYS), Ok(json!({"answer": 1})));
        assert_eq!(extract(r#"see [1] {"a": 2}"#, KEYS), Ok(json!({"a": 2})));
    }

    #[test]
    fn braces_fences_and_tags_inside_strings_are_text() {
        let reply = r#"Sure: {"answer": "if } or ``` or <think> or \" then {"} Bye."#;
        assert_eq!(extract(reply, KEYS), Ok(json!({"answer": "if } or ``` or <think> or \" then {"})));
    }

    #[test]
    fn thoughts_do_not_count() {
        let reply = "<think>maybe {\"answer\": 1}</think>\n{\"answer\": 2}";
        assert_eq!(extract(reply, KEYS), Ok(json!({"answer": 2})));
        assert_eq!(extract("<think>{\"answer\": 1}", KEYS), Err(JsonError::Missing));
    }

    #[test]
    fn control_characters_in_strings_are_repaired() {
        assert_eq!(extract("x {\"answer\":\"a\n\tb\r\"}", KEYS), Ok(json!({"answer": "a\n\tb\r"})));
    }

    #[test]
    fn prose_with_braces_does_not_hide_the_object() {
        assert_eq!(extract(r#"The set {x | x > 0} is {"answer": 1}"#, KEYS), Ok(json!({"answer": 1})));
        assert_eq!(extract(r#"An open { and {"answer": 1}"#, KEYS), Ok(json!({"answer": 1})));
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(extract("no", KEYS), Err(JsonError::Missing));
        assert_eq!(extract("{\"a\":1", KEYS), Err(JsonError::Unclosed));
        assert!(matches!(extract("{'a':1}", KEYS), Err(JsonError::Invalid(_))));
    }

    /// A reply of nothing but braces must not cost quadratic time or a deep stack.
    #[test]
    fn a_hostile_reply_ends_soon() {
        assert!(extract(&"{".repeat(200_000), KEYS).is_err());
        assert!(extract(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), KEYS).is_err());
        assert!(extract(&"{\"a\":".repeat(50_000), KEYS).is_err());
    }

    #[test]
    fn prose_is_what_is_not_meant_as_json() {
        assert_eq!(prose("<think>hm</think> It is 42. "), Some("It is 42.".into()));
        assert_eq!(prose("{\"answer\": \"4"), None);
        assert_eq!(prose("```json\n{'a'"), None);
        assert_eq!(prose(" \n"), None);
    }

    #[test]
    fn an_object_within_another_is_found_by_its_keys() {
        let wrapped = r#"{"JobOutput": {"answer": "a", "citation": "c"}, "note": {"answer": "b"}}"#;
        assert_eq!(extract(wrapped, &["answer", "citation"]), Ok(json!({"answer": "a", "citation": "c"})));
        assert_eq!(
            extract(&format!("So: {wrapped}"), &["answer", "citation"]),
            Ok(json!({"answer": "a", "citation": "c"}))
        );
        assert_eq!(extract(r#"{"a": {"b": 1}}"#, &["c"]), Ok(json!({"a": {"b": 1}})));
    }

    #[test]
    fn half_a_character_and_other_quotation_marks_are_mended() {
        assert_eq!(
            extract(r#"{"a": "x\ud800y \ud83d\ude00 \\ud800"}"#, &[]),
            Ok(json!({"a": "x\u{fffd}y 😀 \\ud800"}))
        );
        assert_eq!(extract("{“a”: “b”, „c“: 1}", &[]), Ok(json!({"a": "b", "c": 1})));
    }
}
