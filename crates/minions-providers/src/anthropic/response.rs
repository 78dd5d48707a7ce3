//! From the wire to a reply: an event of a stream, or the whole message.

use minions_chat::FinishReason;
use serde::Deserialize;
use serde_json::Value;

use crate::wire::{Frame, Part, Tokens};

/// Reads an event of a stream or a whole message: each tells its type.
pub(super) fn read(text: &str, _is_piece: bool) -> Result<Frame, serde_json::Error> {
    let wire: Event = serde_json::from_str(text)?;
    let started = wire.message.unwrap_or_default();
    let delta = wire.delta.unwrap_or_default();
    let blocks = wire.content.into_iter().chain(wire.content_block);
    let text: String = blocks.map(Block::into_text).chain(delta.text).chain(delta.partial_json).collect();
    let stop_reason = delta.stop_reason.or(wire.stop_reason);
    let is_part = matches!(
        wire.kind.as_str(),
        "message" | "message_start" | "content_block_start" | "content_block_delta" | "message_delta"
    );
    let part = Part { text, finish_reason: stop_reason.as_deref().map(finish_reason), ..Part::default() };
    let tokens = started.usage.map(Tokens::from).unwrap_or_default();
    Ok(Frame {
        parts: is_part.then_some(part).into_iter().collect(),
        tokens: tokens.then(wire.usage.map(Tokens::from).unwrap_or_default()),
        error: wire.error,
        is_last: wire.kind == "message_stop",
    })
}

/// An event or a message: they share their fields.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type", default)]
    kind: String,
    message: Option<Message>,
    delta: Option<Delta>,
    content_block: Option<Block>,
    #[serde(default)]
    content: Vec<Block>,
    stop_reason: Option<String>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

/// The message before its first word.
#[derive(Default, Deserialize)]
struct Message {
    usage: Option<WireUsage>,
}

#[derive(Default, Deserialize)]
struct Delta {
    text: Option<String>,
    /// A piece of a tool's input.
    partial_json: Option<String>,
    stop_reason: Option<String>,
}

/// A block: text, a tool's input, or thoughts, which are no part of the reply.
#[derive(Deserialize)]
struct Block {
    text: Option<String>,
    input: Option<Value>,
}

impl Block {
    fn into_text(self) -> String {
        // In a stream a tool's input is empty at first and comes in pieces.
        let input = self.input.filter(|input| input.as_object().is_some_and(|fields| !fields.is_empty()));
        self.text.or(input.map(|input| input.to_string())).unwrap_or_default()
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "refusal" => FinishReason::ContentFilter,
        // "end_turn", "stop_sequence", "tool_use", "pause_turn"
        _ => FinishReason::Stop,
    }
}

/// What was read from the cache or written to it is not in `input_tokens`; thoughts are in `output_tokens`.
#[derive(Deserialize)]
struct WireUsage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl From<WireUsage> for Tokens {
    fn from(wire: WireUsage) -> Self {
        let cached = wire.cache_read_input_tokens;
        let beside = cached.unwrap_or(0).saturating_add(wire.cache_creation_input_tokens.unwrap_or(0));
        Self {
            prompt: wire.input_tokens.map(|input| input.saturating_add(beside)),
            completion: wire.output_tokens,
            cached,
            reasoning: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(json: &str) -> Frame {
        read(json, true).expect("JSON")
    }

    #[test]
    fn usage_is_told_at_both_ends() {
        let start = frame(
            r#"{"type": "message_start", "message": {"usage": {"input_tokens": 5, "cache_read_input_tokens": 20,
                "cache_creation_input_tokens": 3, "output_tokens": 1}}}"#,
        );
        let end = frame(
            r#"{"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 9}}"#,
        );
        let told = start.tokens.then(end.tokens);
        assert_eq!(told, Tokens { prompt: Some(28), completion: Some(9), cached: Some(20), reasoning: None });
        assert_eq!(end.parts.first().and_then(|part| part.finish_reason), Some(FinishReason::Length));
    }

    #[test]
    fn a_tools_input_is_the_reply_and_thoughts_are_not() {
        let whole = frame(
            r#"{"type": "message", "stop_reason": "tool_use", "content": [
                {"type": "thinking", "thinking": "hm"}, {"type": "tool_use", "name": "plan", "input": {"a": [1]}}]}"#,
        );
        assert_eq!(whole.parts.first().map(|part| part.text.as_str()), Some(r#"{"a":[1]}"#));
        for (event, text) in [
            (r#"{"type": "content_block_start", "content_block": {"type": "tool_use", "input": {}}}"#, ""),
            (
                r#"{"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "{\"a"}}"#,
                "{\"a",
            ),
            (r#"{"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "hm"}}"#, ""),
        ] {
            assert_eq!(frame(event).parts.first().map(|part| part.text.as_str()), Some(text), "{event}");
        }
    }

    #[test]
    fn pings_say_nothing_and_errors_are_errors() {
        assert!(frame(r#"{"type": "ping"}"#).parts.is_empty());
        assert!(frame(r#"{"type": "message_stop"}"#).is_last);
        assert!(frame(r#"{"type": "error", "error": {"type": "overloaded_error"}}"#).error.is_some());
    }
}
