use serde::{Deserialize, Serialize};

use crate::Usage;

/// A complete reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatResponse {
    /// The text of the reply.
    pub content: String,
    /// Why the reply ended.
    pub finish_reason: FinishReason,
    /// What the call cost in tokens.
    pub usage: Usage,
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended its turn, or a stop text was reached.
    Stop,
    /// The token limit cut the reply short.
    Length,
    /// The provider's content filter cut the reply short.
    ContentFilter,
}
