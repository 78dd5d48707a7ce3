//! From the wire to a reply: a piece of a stream, or the whole.

use minions_chat::{FinishReason, TokenLogprob};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::wire::{Frame, Part, Tokens};

/// Reads one piece of a stream (what it says is in `delta`) or a whole reply (in `message`).
pub(super) fn read(text: &str, is_piece: bool) -> Result<Frame, serde_json::Error> {
    if text.trim() == "[DONE]" {
        return Ok(Frame { is_last: true, ..Frame::default() });
    }
    let wire: WireResponse = serde_json::from_str(text)?;
    let broke_off = wire.choices.iter().any(Choice::broke_off);
    let error = broke_off.then(|| json!({"message": "the model broke off: run it again"}));
    Ok(Frame {
        parts: wire.choices.into_iter().map(|choice| choice.into_part(is_piece)).collect(),
        tokens: wire.usage.map(Tokens::from).unwrap_or_default(),
        error: wire.error.or(error),
        is_last: false,
    })
}

#[derive(Deserialize)]
struct WireResponse {
    #[serde(default, deserialize_with = "null_is_none")]
    choices: Vec<Choice>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u32,
    message: Option<WireMessage>,
    delta: Option<WireMessage>,
    finish_reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    logprobs: Option<WireLogprobs>,
}

impl Choice {
    /// The provider gave up half-way: Mistral's and OpenRouter's word, DeepSeek's word.
    fn broke_off(&self) -> bool {
        matches!(self.finish_reason.as_deref(), Some("error" | "insufficient_system_resource"))
    }

    fn into_part(self, is_piece: bool) -> Part {
        // Some servers repeat the whole message with a stream's last piece.
        let said = if is_piece { self.delta } else { self.message.or(self.delta) };
        Part {
            index: self.index,
            text: said.map(WireMessage::into_text).unwrap_or_default(),
            finish_reason: self.finish_reason.as_deref().filter(|reason| !reason.is_empty()).map(finish_reason),
            logprobs: self.logprobs.and_then(|logprobs| logprobs.content),
        }
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "content_filter" | "safety" | "refusal" => FinishReason::ContentFilter,
        // "stop", "eos", "tool_calls", and whatever a server calls it.
        _ => FinishReason::Stop,
    }
}

#[derive(Deserialize)]
struct WireMessage {
    content: Option<Content>,
    refusal: Option<String>,
}

impl WireMessage {
    /// What is said, a refusal included. Reasoning, which has fields of its own, is not.
    fn into_text(self) -> String {
        let content = self.content.map(Content::into_text).filter(|text| !text.is_empty());
        content.or(self.refusal).unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    /// As some providers send it: a list of parts, thoughts among them.
    Parts(Vec<ContentPart>),
}

#[derive(Deserialize)]
struct ContentPart {
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

#[derive(Deserialize)]
struct WireLogprobs {
    content: Option<Vec<TokenLogprob>>,
}

#[derive(Deserialize)]
struct WireUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek's place for cached tokens.
    prompt_cache_hit_tokens: Option<u64>,
    /// Moonshot's.
    cached_tokens: Option<u64>,
    /// Perplexity's place for reasoning.
    reasoning_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl From<WireUsage> for Tokens {
    fn from(wire: WireUsage) -> Self {
        let details = wire.prompt_tokens_details.and_then(|details| details.cached_tokens);
        let reasoning = wire.completion_tokens_details.and_then(|details| details.reasoning_tokens);
        // xAI and Google leave reasoning out of `completion_tokens`, but not out of the total.
        let rest = wire.total_tokens.zip(wire.prompt_tokens).map(|(total, prompt)| total.saturating_sub(prompt));
        Self {
            prompt: wire.prompt_tokens,
            completion: wire.completion_tokens.map(|told| told.max(rest.unwrap_or(0))),
            cached: details.or(wire.prompt_cache_hit_tokens).or(wire.cached_tokens),
            reasoning: reasoning.or(wire.reasoning_tokens),
        }
    }
}

/// What has another form (there are older ones of log probabilities) is absent: the reply is what counts.
fn lenient<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

fn null_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Choice>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(json: &str) -> Part {
        read(json, false).expect("JSON").parts.pop().expect("a part")
    }

    #[test]
    fn reads_content_reason_and_usage() {
        let frame = read(
            r#"{"choices": [{"message": {"content": "hi"}, "finish_reason": "length"}], "usage": {
            "prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 1}}}"#,
            false,
        );
        let Ok(Frame { parts, tokens, .. }) = frame else { panic!("a frame") };
        assert_eq!(tokens, Tokens { prompt: Some(5), completion: Some(3), cached: Some(2), reasoning: Some(1) });
        let [Part { text, finish_reason: Some(FinishReason::Length), .. }] = parts.as_slice() else { panic!("a part") };
        assert_eq!(text, "hi");
    }

    #[test]
    fn counts_reasoning_as_part_of_the_reply_wherever_it_is_told() {
        let tokens = |usage: &str| read(&format!(r#"{{"usage": {usage}}}"#), true).expect("JSON").tokens;
        let xai = tokens(
            r#"{"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 22,
                "completion_tokens_details": {"reasoning_tokens": 7}}"#,
        );
        assert_eq!((xai.completion, xai.reasoning), (Some(12), Some(7)));
        let deepseek = tokens(r#"{"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 4}"#);
        assert_eq!((deepseek.completion, deepseek.cached), (Some(5), Some(4)));
        assert_eq!(tokens(r#"{"prompt_tokens": 10, "cached_tokens": 3}"#).cached, Some(3));
        assert_eq!(tokens(r#""many""#), Tokens::default());
    }

    #[test]
    fn reads_several_replies_and_log_probabilities() {
        let frame = read(
            r#"{"choices": [
                {"index": 1, "message": {"content": "b"}, "finish_reason": "length", "logprobs": {"tokens": ["b"]}},
                {"index": 0, "message": {"content": "a"}, "finish_reason": "stop", "logprobs": {"content": [
                    {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [
                        {"token": "a", "logprob": -0.5, "bytes": [97]}, {"token": "c", "logprob": -1.5, "bytes": null}]}]}}]}"#,
            false,
        );
        let parts = frame.expect("a frame").parts;
        let [other, first] = parts.as_slice() else { panic!("two replies") };
        assert_eq!((other.index, other.text.as_str(), other.logprobs.as_ref()), (1, "b", None));
        let told = first.logprobs.as_deref();
        let Some([TokenLogprob { logprob, top_logprobs, .. }]) = told else { panic!("one token") };
        let alternatives: Vec<_> = top_logprobs.iter().map(|alternative| alternative.token.as_str()).collect();
        assert_eq!((*logprob, alternatives), (-0.5, vec!["a", "c"]));
    }

    #[test]
    fn reads_parts_and_refusals() {
        let parts =
            r#"[{"type": "thinking", "text": "hm"}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]"#;
        assert_eq!(part(&format!(r#"{{"choices": [{{"message": {{"content": {parts}}}}}]}}"#)).text, "ab");
        assert_eq!(part(r#"{"choices": [{"message": {"content": null, "refusal": "no"}}]}"#).text, "no");
        assert_eq!(part(r#"{"choices": [{"message": {"content": "", "reasoning_content": "hm"}}]}"#).text, "");
    }

    #[test]
    fn knows_why_a_reply_ended() {
        let ended = |reason: &str| part(&format!(r#"{{"choices": [{{"finish_reason": "{reason}"}}]}}"#)).finish_reason;
        assert_eq!(ended("model_length"), Some(FinishReason::Length));
        assert_eq!(ended("content_filter"), Some(FinishReason::ContentFilter));
        assert_eq!(ended("eos"), Some(FinishReason::Stop));
        assert_eq!(ended(""), None);
        let broken = read(r#"{"choices": [{"delta": {}, "finish_reason": "error"}]}"#, true);
        assert!(broken.is_ok_and(|frame| frame.error.is_some()));
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in ["", "<html>", "{", "[]x", r#"{"choices": 1}"#] {
            assert!(read(text, false).is_err(), "{text}");
        }
        assert!(read("[DONE]", true).is_ok_and(|frame| frame.is_last));
    }
}
