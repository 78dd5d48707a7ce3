//! What a run ends with.

use minions_chat::Usage;
use serde::{Deserialize, Serialize};

use crate::{Speaker, Transcript};

/// What a run ends with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The final answer; `None` if the supervisor gave none.
    pub answer: Option<String>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The answer is the supervisor's last reply as it stands, because that was not the JSON object asked for.
    pub is_raw_reply: bool,
    /// Rounds begun.
    pub rounds: u32,
    /// What the run cost, every repeated question included.
    pub usage: RunUsage,
    /// Every call of the run.
    pub transcript: Transcript,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The kind.
    pub code: NoAnswer,
    /// A sentence for the user.
    pub message: String,
}

/// The kinds of runs without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoAnswer {
    /// The supervisor says that the answer cannot be known.
    Unknown,
    /// The supervisor asked for more although no round was left.
    OutOfRounds,
    /// The supervisor's last reply could not be read, even after it was asked again.
    UnreadableReply,
}

impl From<NoAnswer> for Reason {
    fn from(code: NoAnswer) -> Self {
        let message = match code {
            NoAnswer::Unknown => "The supervisor found no answer in what the worker reported.",
            NoAnswer::OutOfRounds => "The supervisor wanted to know more, and no round was left: allow more rounds.",
            NoAnswer::UnreadableReply => "The supervisor's last reply was not the JSON object that it was asked for.",
        };
        Self { code, message: message.to_owned() }
    }
}

/// What a run cost, apart for each model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunUsage {
    /// The worker's tokens.
    pub local: Usage,
    /// The supervisor's tokens.
    pub remote: Usage,
}

impl RunUsage {
    pub(crate) fn add(&mut self, speaker: Speaker, usage: Usage) {
        match speaker {
            Speaker::Supervisor => self.remote += usage,
            Speaker::Worker => self.local += usage,
        }
    }
}
