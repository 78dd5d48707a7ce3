//! From the wire to a reply: the parts that a whole reply and a stream's pieces have in common, and the whole reply.

use std::collections::BTreeMap;

use minions_chat::{Alternative, ChatError, ChatResponse, FinishReason, Message, TokenLogprob, Usage};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{ApiKey, error};

/// Reads a whole reply.
pub(super) fn parse(body: &str, messages: &[Message], key: &ApiKey) -> Result<ChatResponse, ChatError> {
    let wire: WireResponse =
        serde_json::from_str(body).map_err(|_| error::bad_reply("check the base URL; it answered", body, key))?;
    if let Some(error) = wire.error {
        return Err(error::from_error_object(&error, key));
    }
    if wire.choices.is_empty() {
        return Err(error::bad_reply("it holds no choices", body, key));
    }
    let mut replies = Replies::default();
    for choice in wire.choices {
        replies.push(choice, false);
    }
    replies.finish(wire.usage, messages)
}

/// The replies to one request, by their index; the pieces of a stream add up.
#[derive(Default)]
pub(super) struct Replies(BTreeMap<u32, Partial>);

#[derive(Default)]
struct Partial {
    content: String,
    finish_reason: Option<String>,
    logprobs: Option<Vec<TokenLogprob>>,
}

impl Replies {
    /// Takes in a reply or a piece of one: → the text that the first reply goes on with.
    pub(super) fn push(&mut self, choice: Choice, is_piece: bool) -> Option<String> {
        let Choice { index, message, delta, finish_reason, logprobs } = choice;
        let reply = self.0.entry(index).or_default();
        let text = if is_piece { delta } else { message.or(delta) }.and_then(WireMessage::into_text);
        if let Some(text) = &text {
            reply.content.push_str(text);
        }
        reply.finish_reason = finish_reason.or(reply.finish_reason.take());
        if let Some(told) = logprobs.and_then(|logprobs| logprobs.content) {
            reply.logprobs.get_or_insert_default().extend(told);
        }
        text.filter(|_| index == 0)
    }

    /// Whether every reply has come to its end.
    pub(super) fn are_complete(&self) -> bool {
        !self.0.is_empty() && self.0.values().all(|reply| reply.finish_reason.is_some())
    }

    /// The response. Without a first reply, or with an empty one, there is none.
    pub(super) fn finish(self, usage: Option<WireUsage>, messages: &[Message]) -> Result<ChatResponse, ChatError> {
        let mut replies = self.0.into_values().map(|reply| Alternative {
            content: reply.content,
            finish_reason: match reply.finish_reason.as_deref() {
                Some("length" | "max_tokens") => FinishReason::Length,
                Some("content_filter") => FinishReason::ContentFilter,
                _ => FinishReason::Stop,
            },
            logprobs: reply.logprobs,
        });
        let first = replies.next();
        let Some(Alternative { content, finish_reason, logprobs }) =
            first.as_ref().filter(|first| !first.content.trim().is_empty()).cloned()
        else {
            let finish_reason = first.map_or(FinishReason::Stop, |first| first.finish_reason);
            return Err(ChatError::BadReply(empty(finish_reason).to_owned()));
        };
        let usage = usage.map_or_else(|| Usage::estimate(messages, &content), Usage::from);
        Ok(ChatResponse { content, finish_reason, usage, logprobs, alternatives: replies.collect() })
    }
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
    #[serde(default)]
    index: u32,
    message: Option<WireMessage>,
    delta: Option<WireMessage>,
    finish_reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    logprobs: Option<WireLogprobs>,
}

#[derive(Deserialize)]
struct WireLogprobs {
    content: Option<Vec<TokenLogprob>>,
}

/// Log probabilities in another form (there are older ones) are none: the reply is what counts.
fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<WireLogprobs>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
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
        assert_eq!(read(body), Ok(ChatResponse::new("hi", FinishReason::Length, usage)));
    }

    #[test]
    fn reads_several_replies_and_log_probabilities() {
        let reply = read(
            r#"{"choices": [
                {"index": 1, "message": {"content": "b"}, "finish_reason": "length", "logprobs": {"tokens": ["b"]}},
                {"index": 0, "message": {"content": "a"}, "finish_reason": "stop", "logprobs": {"content": [
                    {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [
                        {"token": "a", "logprob": -0.5, "bytes": [97]}, {"token": "c", "logprob": -1.5, "bytes": null}]}]}}]}"#,
        );
        let reply = reply.expect("a reply");
        assert_eq!((reply.content.as_str(), reply.finish_reason), ("a", FinishReason::Stop));
        let logprobs = reply.logprobs.expect("they were told");
        let [TokenLogprob { logprob, top_logprobs, .. }] = logprobs.as_slice() else { panic!("one token") };
        let alternatives: Vec<_> = top_logprobs.iter().map(|alternative| alternative.token.as_str()).collect();
        assert_eq!((*logprob, alternatives), (-0.5, vec!["a", "c"]));
        let [other] = reply.alternatives.as_slice() else { panic!("two replies") };
        assert_eq!((other.content.as_str(), other.finish_reason), ("b", FinishReason::Length));
        assert_eq!(other.logprobs, None);
    }

    #[test]
    fn estimates_the_usage_that_is_not_told() {
        let reply = read(r#"{"choices": [{"message": {"content": "12345"}, "finish_reason": "new"}], "usage": null}"#);
        let usage = Usage { prompt_tokens: 5, completion_tokens: 2, estimated: true, ..Usage::default() };
        assert_eq!(reply, Ok(ChatResponse::new("12345", FinishReason::Stop, usage)));
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
