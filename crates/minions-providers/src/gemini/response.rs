//! From the wire to a reply: an event of a stream and a whole reply look the same.

use minions_chat::FinishReason;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::wire::{Frame, Part, Tokens};

/// Reads one event or a whole reply.
pub(super) fn read(text: &str, _is_piece: bool) -> Result<Frame, serde_json::Error> {
    let wire: WireResponse = serde_json::from_str(text)?;
    let broke_off = wire.candidates.iter().any(Candidate::broke_off);
    let error = broke_off.then(|| json!({"message": "the model called a tool that it was not offered: run it again"}));
    let blocked = wire.prompt_feedback.and_then(|feedback| feedback.block_reason);
    let refusal = blocked.map(|_| Part { finish_reason: Some(FinishReason::ContentFilter), ..Part::default() });
    Ok(Frame {
        parts: wire.candidates.into_iter().map(Candidate::into_part).chain(refusal).collect(),
        tokens: wire.usage_metadata.map(Tokens::from).unwrap_or_default(),
        error: wire.error.or(error),
        // The stream has no end of its own.
        is_last: false,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireResponse {
    #[serde(default)]
    candidates: Vec<Candidate>,
    prompt_feedback: Option<PromptFeedback>,
    usage_metadata: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    #[serde(default)]
    index: u32,
    content: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    parts: Vec<ContentPart>,
}

#[derive(Deserialize)]
struct ContentPart {
    #[serde(default)]
    text: String,
    /// It is no part of the reply.
    #[serde(default)]
    thought: bool,
}

impl Candidate {
    fn broke_off(&self) -> bool {
        matches!(self.finish_reason.as_deref(), Some("MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL"))
    }

    fn into_part(self) -> Part {
        let parts = self.content.into_iter().flat_map(|content| content.parts);
        Part {
            index: self.index,
            text: parts.filter(|part| !part.thought).map(|part| part.text).collect(),
            finish_reason: self.finish_reason.as_deref().and_then(finish_reason),
            logprobs: None,
        }
    }
}

fn finish_reason(reason: &str) -> Option<FinishReason> {
    match reason {
        "FINISH_REASON_UNSPECIFIED" => None,
        "MAX_TOKENS" => Some(FinishReason::Length),
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "IMAGE_SAFETY" | "LANGUAGE" => {
            Some(FinishReason::ContentFilter)
        }
        _ => Some(FinishReason::Stop),
    }
}

/// Cached tokens are in `promptTokenCount`; thoughts are not in `candidatesTokenCount`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireUsage {
    prompt_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
}

impl From<WireUsage> for Tokens {
    fn from(wire: WireUsage) -> Self {
        let said = wire.candidates_token_count.unwrap_or(0).saturating_add(wire.thoughts_token_count.unwrap_or(0));
        let is_told = wire.candidates_token_count.is_some() || wire.thoughts_token_count.is_some();
        Self {
            prompt: wire.prompt_token_count,
            completion: is_told.then_some(said),
            cached: wire.cached_content_token_count,
            reasoning: wire.thoughts_token_count,
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
    fn thoughts_are_counted_and_not_said() {
        let frame = frame(
            r#"{"candidates": [{"content": {"parts": [{"text": "hm", "thought": true}, {"text": "a"}, {"text": "b"}]},
                "finishReason": "MAX_TOKENS"}], "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 2,
                "thoughtsTokenCount": 30, "cachedContentTokenCount": 4, "totalTokenCount": 41}}"#,
        );
        assert_eq!(
            frame.tokens,
            Tokens { prompt: Some(9), completion: Some(32), cached: Some(4), reasoning: Some(30) }
        );
        let [part] = frame.parts.as_slice() else { panic!("a part") };
        assert_eq!((part.text.as_str(), part.finish_reason), ("ab", Some(FinishReason::Length)));
    }

    #[test]
    fn a_blocked_prompt_is_filtered() {
        let frame = frame(r#"{"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 9}}"#);
        assert_eq!(frame.parts.first().and_then(|part| part.finish_reason), Some(FinishReason::ContentFilter));
    }
}
