//! Why a run ended without an outcome.

use minions_chat::{ChatError, ErrorCode};

use crate::{Outcome, PrivacyError, RunUsage, Speaker};

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
    /// A limit leaves nothing to do.
    #[error("{0} is 0: allow at least one")]
    ZeroLimit(&'static str),
    /// What to hide cannot be found.
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
    /// A model did not answer. What was found and spent before is in `outcome`.
    #[error("the {speaker} did not answer in round {round}: {source}")]
    Chat {
        /// Which model.
        speaker: Speaker,
        /// In which round, from 1.
        round: u32,
        /// What the model reports.
        source: ChatError,
        /// What the run had come to until then.
        outcome: Box<Outcome>,
    },
}

impl Error {
    /// The stable name of the kind of failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::EmptyTask | Self::EmptyContext | Self::ZeroLimit(_) | Self::Privacy(_) => ErrorCode::InvalidRequest,
            Self::Chat { source, .. } => source.code(),
        }
    }

    /// What the run had come to before it failed.
    pub fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::Chat { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// What the run cost before it failed.
    pub fn usage(&self) -> RunUsage {
        self.outcome().map(|outcome| outcome.usage).unwrap_or_default()
    }

    /// Whether the same run may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Chat { source, .. } if source.is_retryable())
    }
}
