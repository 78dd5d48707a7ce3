use serde::{Deserialize, Serialize};

use crate::{ToolCall, Usage};

/// A complete reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatResponse {
    /// The text of the reply.
    pub content: String,
    /// Why the reply ended.
    pub finish_reason: FinishReason,
    /// What the call cost in tokens, all replies together.
    pub usage: Usage,
    /// The calls that the model asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// How probable each token was, if asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<TokenLogprob>>,
    /// The other replies, where the request asked for several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
}

/// Another reply to the same request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// The text of the reply.
    pub content: String,
    /// Why the reply ended.
    pub finish_reason: FinishReason,
    /// The calls that the model asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// How probable each token was, if asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<TokenLogprob>>,
}

impl ChatResponse {
    /// A single reply, of which nothing more is known.
    pub fn new(content: impl Into<String>, finish_reason: FinishReason, usage: Usage) -> Self {
        Self {
            content: content.into(),
            finish_reason,
            usage,
            tool_calls: Vec::new(),
            logprobs: None,
            alternatives: Vec::new(),
        }
    }
}

/// One token of a reply, and how probable it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    /// The token's text; U+FFFD where it is no whole character.
    pub token: String,
    /// The natural logarithm of its probability.
    pub logprob: f32,
    /// The token's bytes.
    pub bytes: Option<Vec<u8>>,
    /// The most probable tokens in its place, the most probable first.
    #[serde(default)]
    pub top_logprobs: Vec<TopLogprob>,
}

/// A token that could have stood in the place of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopLogprob {
    /// The token's text; U+FFFD where it is no whole character.
    pub token: String,
    /// The natural logarithm of its probability.
    pub logprob: f32,
    /// The token's bytes.
    pub bytes: Option<Vec<u8>>,
}

/// Why a reply ended. A reply that was cancelled has no reason, because there is no reply: cancelling is dropping, and
/// shells report it in their own way (JavaScript: the call rejects with the signal's `AbortError`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended its turn, or a stop text was reached.
    Stop,
    /// The token limit cut the reply short.
    Length,
    /// The provider's content filter cut the reply short.
    ContentFilter,
    /// The model waits for what the calls give that it asks for. Protocols have none.
    #[schemars(skip)]
    ToolCalls,
}
