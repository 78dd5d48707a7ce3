//! What a run ends with.

use minions_chat::Usage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Evidence, History, Speaker, Stage, Transcript};

/// What a run ends with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// The same, apart for each step of each round.
    pub stages: Vec<StageUsage>,
    /// What it would have cost to send the documents to the supervisor: an estimate.
    pub remote_only: Usage,
    /// What the run cost in money, where the price is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// What the answer rests on: MinionS' checked citations.
    pub evidence: Vec<Evidence>,
    /// For the next question about the same documents.
    pub history: History,
    /// Every call of the run.
    pub transcript: Transcript,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// The kind.
    pub code: NoAnswer,
    /// A sentence for the user.
    pub message: String,
}

/// The kinds of runs without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoAnswer {
    /// The supervisor says that the answer cannot be known.
    Unknown,
    /// The supervisor asked for more although no round was left.
    OutOfRounds,
    /// The supervisor's last reply could not be read, even after it was asked again.
    UnreadableReply,
    /// No chunk of the documents says anything about it.
    NothingFound,
    /// A model did not answer.
    Failed,
}

impl From<NoAnswer> for Reason {
    fn from(code: NoAnswer) -> Self {
        let message = match code {
            NoAnswer::Unknown => "The supervisor found no answer in what the worker reported.",
            NoAnswer::OutOfRounds => "The supervisor wanted to know more, and no round was left: allow more rounds.",
            NoAnswer::UnreadableReply => "The supervisor's last reply was not the JSON object that it was asked for.",
            NoAnswer::NothingFound => "The worker found nothing about it in the documents.",
            NoAnswer::Failed => "A model did not answer.",
        };
        Self { code, message: message.to_owned() }
    }
}

/// What a run cost, apart for each model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// What one step of one round cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageUsage {
    /// The round, from 1; 0 before the first.
    pub round: u32,
    /// Whose tokens.
    pub speaker: Speaker,
    /// The step of the protocol, for the supervisor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// How many calls, every repeated one included.
    pub calls: u32,
    /// Their tokens.
    pub usage: Usage,
}

/// What a run cost in money: the supervisor's tokens, in the currency of its price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// What was spent.
    pub spent: f64,
    /// What it would have cost to send the documents to the supervisor: an estimate.
    pub remote_only: f64,
}
