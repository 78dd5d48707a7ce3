//! Why a run ended without an outcome.

use minions_chat::{ChatError, ErrorCode};

use crate::{RunUsage, Speaker};

/// Why a run ended without an outcome.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no task.
    #[error("the task is empty: write what you want to know about the document")]
    EmptyTask,
    /// There is no text to read.
    #[error("the document is empty: add a document that holds text (a scanned PDF holds only pictures)")]
    EmptyContext,
    /// No round is allowed.
    #[error("max_rounds is 0: allow at least one round")]
    NoRounds,
    /// A model did not answer. What was spent before is in `usage`.
    #[error("the {speaker} did not answer in round {round}: {source}")]
    Chat {
        /// Which model.
        speaker: Speaker,
        /// In which round, from 1.
        round: u32,
        /// What the model reports.
        source: ChatError,
        /// What the run cost until then.
        usage: Box<RunUsage>,
    },
}

impl Error {
    /// The stable name of the kind of failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::EmptyTask | Self::EmptyContext | Self::NoRounds => ErrorCode::InvalidRequest,
            Self::Chat { source, .. } => source.code(),
        }
    }

    /// What the run cost before it failed.
    pub fn usage(&self) -> RunUsage {
        match self {
            Self::Chat { usage, .. } => **usage,
            _ => RunUsage::default(),
        }
    }

    /// Whether the same run may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Chat { source, .. } if source.is_retryable())
    }
}
