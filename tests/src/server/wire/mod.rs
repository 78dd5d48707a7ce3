//! The wires: how each kind of provider is asked, answers, streams and refuses.

mod anthropic;
mod ollama;
mod openai;

use axum::http::HeaderMap;
use serde_json::Value;

/// A wire, as data and as small functions from one JSON to another; what they share is in `answer.rs`.
pub(super) struct Wire {
    /// The end of the path where a reply is asked for.
    pub(super) chat_path: &'static str,
    /// The headers that a page may send, as a preflight names them.
    pub(super) allowed_headers: &'static str,
    /// The header that holds the key.
    pub(super) key_header: &'static str,
    /// What the provider refuses before any model is asked, beyond a request without model or messages.
    pub(super) check: fn(&Value, &HeaderMap) -> Result<(), Refusal>,
    /// A whole reply.
    pub(super) whole: fn(&Reply) -> Value,
    /// What an error's body holds, from the status, the message and the script's `code`.
    pub(super) error: fn(u16, &str, Option<&str>) -> Value,
    /// Whether a request that does not say is answered by a stream.
    pub(super) streams_by_default: bool,
    /// The content type of a stream.
    pub(super) stream_type: &'static str,
    /// A value as the stream carries it.
    pub(super) frame: fn(&Value) -> String,
    /// What a stream holds before the first words.
    pub(super) opening: fn(&Reply) -> Vec<Value>,
    /// Some of the words.
    pub(super) piece: fn(&Reply, &str) -> Value,
    /// What a stream holds after the last words.
    pub(super) ending: fn(&Reply) -> Vec<Value>,
    /// The last line of a stream, if it is no value.
    pub(super) last_line: &'static str,
}

/// What a reply is made from.
pub(super) struct Reply<'a> {
    pub(super) request: &'a Value,
    pub(super) content: &'a str,
    /// In OpenAI's words; the other wires translate.
    pub(super) finish_reason: &'a str,
    /// `None` leaves the usage out.
    pub(super) usage: Option<Usage>,
}

/// Tokens, by the rule.
#[derive(Clone, Copy)]
pub(super) struct Usage {
    pub(super) prompt: usize,
    pub(super) completion: usize,
}

/// A status and the message that goes with it.
pub(super) type Refusal = (u16, String);

/// The wire that is spoken at a path; OpenAI's where none is.
pub(super) fn of(path: &str) -> &'static Wire {
    let wires = [&openai::WIRE, &anthropic::WIRE, &ollama::WIRE];
    wires.into_iter().find(|wire| path.ends_with(wire.chat_path)).unwrap_or(&openai::WIRE)
}

/// The list of models that is at a path.
pub(super) fn models(path: &str) -> Option<Value> {
    match path {
        "/v1/models" => Some(openai::models()),
        "/api/tags" => Some(ollama::models()),
        _ => None,
    }
}

/// A request's messages; none if it has no list.
pub(super) fn messages(request: &Value) -> &[Value] {
    request["messages"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The text of a message's content: a text, or a list of blocks.
pub(super) fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        _ => String::new(),
    }
}

fn refuse(message: impl Into<String>) -> Result<(), Refusal> {
    Err((400, message.into()))
}
