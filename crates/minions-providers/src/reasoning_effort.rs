//! How much a model is to think before it answers.

use serde::{Deserialize, Serialize};

/// How much a model is to think before it answers. Models that cannot be told refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningEffort {
    /// Little: the fewest tokens.
    Low,
    /// As much as most models do unasked.
    Medium,
    /// A lot.
    High,
}
