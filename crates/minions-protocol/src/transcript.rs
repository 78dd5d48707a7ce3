//! The full record of a run.

use std::cell::RefCell;
use std::fmt;

use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse, FinishReason, Message, Usage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{JobManifest, JobResult, Stage};

/// Which of the two models speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
/// Conversations only grow, save that MinionS plans each round from the first two messages and concludes in a new one.
/// With Minion, the worker's first call has the documents as it was sent them; of a job there is its chunk's range alone. So the
/// transcript together with the question is enough to replay the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Transcript {
    /// The calls.
    pub turns: Vec<Turn>,
    /// MinionS: the jobs of all rounds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<JobManifest>,
    /// MinionS: what came of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<JobResult>,
}

/// One call of one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// Who was asked.
    pub speaker: Speaker,
    /// The round, from 1.
    pub round: u32,
    /// The step of the protocol, for the supervisor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The job, for a worker that was put one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<usize>,
    /// The messages that this call added to the conversation; none for a job, which its chunk and task say all about.
    pub sent: Vec<Message>,
    /// The reply, as the model gave it.
    pub reply: String,
    /// Why the reply ended.
    pub finish_reason: FinishReason,
    /// What the call cost.
    pub usage: Usage,
}

impl Turn {
    /// What the model said.
    pub(crate) fn response(&self) -> ChatResponse {
        ChatResponse::new(self.reply.clone(), self.finish_reason, self.usage)
    }
}

/// One of the two models of a finished run: gives the same replies again, in the same order.
///
/// Two of them, for the supervisor and the worker, and the run's own question and protocol lead to the same outcome.
#[derive(Debug)]
pub struct Replay<'a> {
    turns: RefCell<std::vec::IntoIter<&'a Turn>>,
}

impl Transcript {
    /// Whether no call was answered.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The model that says again what the speaker said.
    pub fn replay(&self, speaker: Speaker) -> Replay<'_> {
        let turns: Vec<_> = self.turns.iter().filter(|turn| turn.speaker == speaker).collect();
        Replay { turns: RefCell::new(turns.into_iter()) }
    }
}

impl ChatModel for Replay<'_> {
    async fn chat(&self, _: &ChatRequest, on_delta: &mut dyn FnMut(&str)) -> Result<ChatResponse, ChatError> {
        let turn = self.turns.borrow_mut().next();
        let turn = turn.ok_or_else(|| {
            ChatError::InvalidRequest("the transcript ends before the run: it belongs to another question".to_owned())
        })?;
        on_delta(&turn.reply);
        Ok(turn.response())
    }
}
