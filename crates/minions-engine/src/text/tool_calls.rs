//! The calls in a reply: JSON between tags, as the grammar lets it be written (`generate/calls.rs`).

use minions_chat::{FunctionCall, Message, ToolCall, ToolKind};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::stop::overlap;
use super::tools::CALL_TAGS;

/// What the ids of calls begin with, before their numbers in the conversation.
const ID: &str = "call_";

/// Parts a reply, as it grows, into text and calls.
#[derive(Clone, Debug)]
pub struct ToolCalls {
    place: Place,
    held: String,
    /// The number of the first call.
    first: usize,
    calls: Vec<ToolCall>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Text, or the beginning of a tag.
    Text,
    Call,
    /// After a call: white space, and what ends it.
    After,
    /// What follows is not the model's.
    Cut,
}

/// A call as a model writes it.
#[derive(Deserialize)]
struct Written {
    name: String,
    #[serde(rename = "arguments")]
    _arguments: IgnoredAny,
}

impl ToolCalls {
    /// Begins with a reply to a conversation: its calls are numbered on from there.
    pub fn new(messages: &[Message]) -> Self {
        let ids = messages.iter().flat_map(|message| &message.tool_calls).map(|call| call.id.as_str());
        let numbers = ids.filter_map(|id| id.strip_prefix(ID)?.parse::<u32>().ok());
        let first = numbers.max().map_or(0, |number| number as usize + 1);
        Self { place: Place::Text, held: String::new(), first, calls: Vec::new() }
    }

    /// The rest of the reply only brings it to its end: a call that has begun, or begins, is none.
    pub fn cut(&mut self) {
        if self.place != Place::Text {
            self.place = Place::Cut;
        }
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
                    let rest = self.held.split_off(values.byte_offset());
                    let written = std::mem::replace(&mut self.held, rest);
                    self.place = Place::After;
                    // As they are written. Names have no quotation marks in them, so the first such key is the call's.
                    let after = written.split_once("\"arguments\":").map_or("", |(_, after)| after).trim();
                    let arguments = after.strip_suffix('}').unwrap_or(after).trim_end().to_owned();
                    let id = format!("{ID}{}", self.first + self.calls.len());
                    let function = FunctionCall { name: call.name, arguments };
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
                Place::Cut => {
                    self.held.clear();
                    return text;
                }
            }
        }
    }

    /// Ends the reply: → what was held back and is text after all, and the calls.
    pub fn finish(self) -> (String, Vec<ToolCall>) {
        let text = match self.place {
            Place::Text => self.held,
            // A call that is cut off is none, and no text either.
            Place::Call | Place::After | Place::Cut => String::new(),
        };
        (text, self.calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pieces: &[&str]) -> (String, Vec<(String, String, String)>) {
        let before = |id: &str| {
            let function = FunctionCall { name: "f".to_owned(), arguments: "{}".to_owned() };
            let call = ToolCall { id: id.to_owned(), kind: ToolKind::Function, function };
            Message { tool_calls: vec![call], ..Message::assistant("") }
        };
        // One of another's, and the first of ours is not there any more.
        let mut calls = ToolCalls::new(&[before("call_1"), before("x9")]);
        let told: String = pieces.iter().map(|piece| calls.push(piece)).collect();
        let (rest, calls) = calls.finish();
        let calls = calls.into_iter().map(|ToolCall { id, function, .. }| (id, function.name, function.arguments));
        (told + &rest, calls.collect())
    }

    #[test]
    fn parts_text_and_calls_wherever_pieces_end() {
        let reply = "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"b\": \"</tool_call>\", \"a\": 1.10}}\n</tool_call>\n\
                     <tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>";
        let call = |id: &str, name: &str, arguments: &str| (id.to_owned(), name.to_owned(), arguments.to_owned());
        let calls = vec![call("call_2", "f", r#"{"b": "</tool_call>", "a": 1.10}"#), call("call_3", "g", "{}")];
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
        for text in ["", "plain", "a < b <tool", "<tool_cal", "é<"] {
            assert_eq!(run(&[text]), (text.to_owned(), Vec::new()));
        }
    }

    /// What a grammar makes up so that a reply ends within its room is nobody's wish.
    #[test]
    fn a_call_that_is_cut_off_is_none() {
        let begun = "Well. <tool_call>\n{\"name\": \"f\", \"argu";
        assert_eq!(run(&[begun]), ("Well. ".to_owned(), Vec::new()));
        let mut calls = ToolCalls::new(&[]);
        let text = calls.push(begun);
        calls.cut();
        assert_eq!(text + &calls.push("ments\": {}}\n</tool_call>"), "Well. ");
        assert_eq!(calls.finish(), (String::new(), Vec::new()));
    }
}
