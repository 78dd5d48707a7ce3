//! The calls in a reply: JSON between tags, as the grammar lets it be written (`generate/calls.rs`).

use minions_chat::{FunctionCall, ToolCall, ToolKind};
use serde::Deserialize;
use serde_json::Value;

use super::tools::CALL_TAGS;

/// Parts a reply, as it grows, into text and calls.
#[derive(Clone, Debug)]
pub struct ToolCalls {
    place: Place,
    held: String,
    /// Calls that the conversation had before.
    earlier: usize,
    calls: Vec<ToolCall>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Text, or the beginning of a tag.
    Text,
    Call,
    /// After a call: white space, and what ends it.
    After,
}

/// A call as a model writes it.
#[derive(Deserialize)]
struct Written {
    name: String,
    arguments: Value,
}

impl ToolCalls {
    /// Begins with a reply to a conversation that had so many calls: the next one's id counts on.
    pub fn new(earlier: usize) -> Self {
        Self { place: Place::Text, held: String::new(), earlier, calls: Vec::new() }
    }

    /// Takes in a piece of the reply: → what of it is certainly text.
    pub fn push(&mut self, piece: &str) -> String {
        let [begin, end] = CALL_TAGS;
        self.held.push_str(piece);
        let mut text = String::new();
        loop {
            match self.place {
                Place::Text => {
                    if let Some((before, call)) = self.held.split_once(begin) {
                        text.push_str(before);
                        self.held = call.to_owned();
                        self.place = Place::Call;
                    } else {
                        let rest = self.held.split_off(self.held.len() - overlap(&self.held, begin));
                        text.push_str(&std::mem::replace(&mut self.held, rest));
                        return text;
                    }
                }
                Place::Call => {
                    // The tag may stand in an argument, so that only the parser knows where a call ends.
                    let mut values = serde_json::Deserializer::from_str(&self.held).into_iter::<Written>();
                    let Some(Ok(call)) = values.next() else { return text };
                    let read = values.byte_offset();
                    self.held.drain(..read);
                    self.place = Place::After;
                    let id = format!("call_{}", self.earlier + self.calls.len());
                    let function = FunctionCall { name: call.name, arguments: call.arguments.to_string() };
                    self.calls.push(ToolCall { id, kind: ToolKind::Function, function });
                }
                Place::After => {
                    let rest = self.held.trim_start();
                    let rest = rest.strip_prefix(end).unwrap_or(rest).trim_start();
                    if end.starts_with(rest) || (begin.starts_with(rest) && rest != begin) {
                        return text;
                    }
                    self.held = rest.to_owned();
                    self.place = Place::Text;
                }
            }
        }
    }

    /// Ends the reply: → what was held back and is text after all, and the calls.
    pub fn finish(self) -> (String, Vec<ToolCall>) {
        let text = match self.place {
            Place::Text => self.held,
            // Cut off, which the grammar lets happen to no call that there was room for.
            Place::Call => format!("{}{}", CALL_TAGS[0], self.held),
            Place::After => String::new(),
        };
        (text, self.calls)
    }
}

/// How much of the end of `text` may be the beginning of `tag`.
fn overlap(text: &str, tag: &str) -> usize {
    (1..tag.len()).rev().find(|len| text.ends_with(&tag[..*len])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pieces: &[&str]) -> (String, Vec<(String, String, String)>) {
        let mut calls = ToolCalls::new(2);
        let told: String = pieces.iter().map(|piece| calls.push(piece)).collect();
        let (rest, calls) = calls.finish();
        let calls = calls.into_iter().map(|ToolCall { id, function, .. }| (id, function.name, function.arguments));
        (told + &rest, calls.collect())
    }

    #[test]
    fn parts_text_and_calls_wherever_pieces_end() {
        let reply = "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"b\": \"</tool_call>\", \"a\": 1}}\n</tool_call>\n\
                     <tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>";
        let call = |id: &str, name: &str, arguments: &str| (id.to_owned(), name.to_owned(), arguments.to_owned());
        let calls = vec![call("call_2", "f", r#"{"b":"</tool_call>","a":1}"#), call("call_3", "g", "{}")];
        let whole = ("Let me see.\n".to_owned(), calls);
        assert_eq!(run(&[reply]), whole);
        let chars: Vec<String> = reply.chars().map(String::from).collect();
        assert_eq!(run(&chars.iter().map(String::as_str).collect::<Vec<_>>()), whole);
        for at in (0..reply.len()).filter(|at| reply.is_char_boundary(*at)) {
            assert_eq!(run(&[&reply[..at], &reply[at..]]), whole, "at {at}");
        }
    }

    #[test]
    fn what_is_no_call_is_text() {
        for text in ["", "plain", "a < b <tool", "<tool_cal", "<tool_call>\n{\"name\": \"f\", \"argu", "é<"] {
            assert_eq!(run(&[text]), (text.to_owned(), Vec::new()));
        }
    }
}
