//! What was asked and answered before, told to the supervisor with the next question.
//!
//! Bounded: the older half is summarised by the supervisor once there are too many exchanges, so that a long
//! conversation costs no more per question than a short one.

use minions_chat::{ChatModel, ResponseFormat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{Failure, Record};
use crate::supervisor::Supervisor;
use crate::{Stage, prompt};

/// Earlier questions about the same documents. Start with the default; an outcome holds the one for the next question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct History {
    /// What the oldest exchanges came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The latest exchanges, oldest first.
    pub exchanges: Vec<Exchange>,
}

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exchange {
    /// What the user wanted to know.
    pub task: String,
    /// What came of it.
    pub answer: String,
}

/// The most exchanges that are told in full.
const MAX_EXCHANGES: usize = 10;
/// How many remain after a summary.
const KEPT_EXCHANGES: usize = 5;
/// The most characters of one task or answer: enough to know what "it" means.
const MAX_CHARS: usize = 600;

impl History {
    /// Every text in it.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let exchanges = self.exchanges.iter().flat_map(|exchange| [exchange.task.as_str(), exchange.answer.as_str()]);
        self.summary.as_deref().into_iter().chain(exchanges)
    }

    /// The history as the supervisor is told it; empty if there is none.
    pub(crate) fn prompt(&self) -> String {
        if self.summary.is_none() && self.exchanges.is_empty() {
            return String::new();
        }
        let summary = self.summary.iter().map(|summary| format!("Summary: {summary}"));
        let exchanges = self.exchanges.iter().map(|Exchange { task, answer }| {
            format!("User: {}\nAnswer: {}", prompt::shorten(task, MAX_CHARS), prompt::shorten(answer, MAX_CHARS))
        });
        let lines: Vec<_> = summary.chain(exchanges).collect();
        prompt::fill(prompt::HISTORY, &[("history", &prompt::fence("history", &lines.join("\n")))])
    }

    /// Summarises the oldest exchanges if there are too many.
    pub(crate) async fn bound<S: ChatModel>(supervisor: &S, record: &mut Record<'_>) -> Result<(), Failure> {
        let mut history = record.history().clone();
        if history.exchanges.len() <= MAX_EXCHANGES {
            return Ok(());
        }
        let latest = history.exchanges.split_off(history.exchanges.len() - KEPT_EXCHANGES);
        let message = prompt::fill(prompt::SUMMARIZE, &[("history", &history.prompt())]);
        let mut supervisor = Supervisor::new(supervisor);
        let reply = supervisor.say(Stage::Summarize, message, &ResponseFormat::Text, record).await?;
        let summary = record.restore(reply.content.trim()).into_owned();
        // Without a summary the questions themselves are better than nothing.
        let tasks = || history.exchanges.iter().map(|exchange| exchange.task.as_str()).collect::<Vec<_>>().join("; ");
        let summary = if summary.is_empty() { format!("The user asked: {}", tasks()) } else { summary };
        let summary = Some(prompt::shorten(&summary, 4 * MAX_CHARS).into_owned());
        record.set_history(Self { summary, exchanges: latest });
        Ok(())
    }
}
