//! The full record of a run.

use std::fmt;

use minions_chat::{FinishReason, Message, Usage};
use serde::{Deserialize, Serialize};

use crate::Stage;

/// Which of the two models speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The large model that reasons.
    Supervisor,
    /// The small model that reads the document.
    Worker,
}

impl fmt::Display for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Supervisor => "supervisor",
            Self::Worker => "worker",
        })
    }
}

/// Every call of a run, in order.
///
/// Conversations only grow: what a call sent in full is, for its speaker, all `sent` and `reply` texts before it
/// followed by its own `sent`. So the transcript is enough to replay the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    /// The calls.
    pub turns: Vec<Turn>,
}

/// One call of one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// Who was asked.
    pub speaker: Speaker,
    /// The round, from 1.
    pub round: u32,
    /// The step of the protocol, for the supervisor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The messages that this call added to the conversation.
    pub sent: Vec<Message>,
    /// The reply, as the model gave it.
    pub reply: String,
    /// Why the reply ended.
    pub finish_reason: FinishReason,
    /// What the call cost.
    pub usage: Usage,
}
