//! From the wire to a reply: the parts that a whole reply and a stream's pieces have in common, and the whole reply.

use minions_chat::{ChatError, ChatResponse, FinishReason, Message, Usage};
use serde::Deserialize;
use serde_json::Value;

use crate::{ApiKey, error};

/// Reads a whole reply.
pub(super) fn parse(body: &str, messages: &[Message], key: &ApiKey) -> Result<ChatResponse, ChatError> {
    let wire: WireResponse =
        serde_json::from_str(body).map_err(|_| error::bad_reply("check the base URL; it answered", body, key))?;
    if let Some(error) = wire.error {
        return Err(error::from_error_object(&error, key));
    }
    let Some(choice) = wire.choices.into_iter().next() else {
        return Err(error::bad_reply("it holds no choices", body, key));
    };
    let content = choice.message.or(choice.delta).and_then(WireMessage::into_text).unwrap_or_default();
    let finish_reason = choice.finish_reason.as_deref();
    complete(content, finish_reason, wire.usage, messages)
}

/// A reply from its parts. An empty one is no reply.
pub(super) fn complete(
    content: String,
    finish_reason: Option<&str>,
    usage: Option<WireUsage>,
    messages: &[Message],
) -> Result<ChatResponse, ChatError> {
    let finish_reason = match finish_reason {
        Some("length" | "max_tokens") => FinishReason::Length,
        Some("content_filter") => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    };
    if content.trim().is_empty() {
        return Err(ChatError::BadReply(empty(finish_reason).to_owned()));
    }
    let usage = usage.map_or_else(|| Usage::estimate(messages, &content), Usage::from);
    Ok(ChatResponse { content, finish_reason, usage })
}

fn empty(finish_reason: FinishReason) -> &'static str {
    match finish_reason {
        FinishReason::Length => "it is empty: the token limit was used up before the first word",
        FinishReason::ContentFilter => "it is empty: the provider's content filter held it back",
        FinishReason::Stop => "it is empty: try again, or another model",
    }
}

/// A whole reply, or one piece of a streamed one.
#[derive(Deserialize)]
pub(super) struct WireResponse {
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
    pub(super) usage: Option<WireUsage>,
    pub(super) error: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    message: Option<WireMessage>,
    pub(super) delta: Option<WireMessage>,
    pub(super) finish_reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct WireMessage {
    content: Option<Content>,
    refusal: Option<String>,
}

impl WireMessage {
    /// What is said, a refusal included.
    pub(super) fn into_text(self) -> Option<String> {
        let content = self.content.map(Content::into_text).filter(|text| !text.is_empty());
        content.or(self.refusal)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    /// As some providers send it: a list of parts, thoughts among them.
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type", default)]
    kind: String,
    text: Option<String>,
}

impl Content {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => {
                parts.into_iter().filter(|part| part.kind == "text").filter_map(|part| part.text).collect()
            }
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Clone, Copy, Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Self {
        Self {
            prompt_tokens: wire.prompt_tokens,
            completion_tokens: wire.completion_tokens,
            cached_tokens: wire.prompt_tokens_details.and_then(|details| details.cached_tokens).unwrap_or(0),
            reasoning_tokens: wire.completion_tokens_details.and_then(|details| details.reasoning_tokens).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<ChatResponse, ChatError> {
        parse(body, &[Message::user("1234")], &ApiKey::default())
    }

    #[test]
    fn reads_content_reason_and_usage() {
        let body = r#"{"choices": [{"message": {"content": "hi"}, "finish_reason": "length"}], "usage": {
            "prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 1}}}"#;
        let usage = Usage { prompt_tokens: 5, completion_tokens: 3, cached_tokens: 2, reasoning_tokens: 1 };
        assert_eq!(read(body), Ok(ChatResponse { content: "hi".into(), finish_reason: FinishReason::Length, usage }));
    }

    #[test]
    fn estimates_the_usage_that_is_not_told() {
        let reply = read(r#"{"choices": [{"message": {"content": "12345"}, "finish_reason": "new"}], "usage": null}"#);
        let usage = Usage { prompt_tokens: 5, completion_tokens: 2, ..Usage::default() };
        assert_eq!(reply, Ok(ChatResponse { content: "12345".into(), finish_reason: FinishReason::Stop, usage }));
    }

    #[test]
    fn reads_parts_and_refusals() {
        let parts =
            r#"[{"type": "thinking", "text": "hm"}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]"#;
        let reply = read(&format!(r#"{{"choices": [{{"message": {{"content": {parts}}}}}]}}"#));
        assert!(reply.is_ok_and(|reply| reply.content == "ab"));
        let reply = read(r#"{"choices": [{"message": {"content": null, "refusal": "no"}}]}"#);
        assert!(reply.is_ok_and(|reply| reply.content == "no"));
    }

    #[test]
    fn refuses_what_is_not_a_reply() {
        for body in ["", "<html>", "{}", r#"{"choices": []}"#, r#"{"choices": [{"message": {"content": " "}}]}"#] {
            assert!(matches!(read(body), Err(ChatError::BadReply(_))), "{body}");
        }
        assert!(matches!(read(r#"{"error": {"message": "m"}}"#), Err(ChatError::Provider { status: 502, .. })));
    }
}
