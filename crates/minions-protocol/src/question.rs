//! What a run is asked.

use serde::{Deserialize, Serialize};

use crate::{Error, History, Price, Privacy, Transcript};

/// A task, the documents that it is about, and the terms on which it is answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Question {
    /// What the user wants to know. The supervisor sees it.
    pub task: String,
    /// The text of each document. Only the worker sees it.
    pub context: Vec<String>,
    /// What kind of documents these are, in a few words. The supervisor sees it.
    pub metadata: Option<String>,
    /// Earlier questions about the same documents.
    pub history: History,
    /// What to hide from the supervisor; `None` hides nothing.
    pub privacy: Option<Privacy>,
    /// What the supervisor costs, for the run's cost.
    pub price: Option<Price>,
    /// Makes sampling repeatable.
    pub seed: u64,
    /// What an earlier run of this question had come to: the calls that it had answered are not made again, as long as the
    /// run goes as it went then. Their usage counts as if they were.
    #[serde(skip_serializing_if = "Transcript::is_empty")]
    pub earlier: Transcript,
}

impl Question {
    /// A question with nothing said about its terms.
    pub fn new(task: impl Into<String>, context: Vec<String>) -> Self {
        Self { task: task.into(), context, ..Self::default() }
    }

    /// Everything from which something could leave the device.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let own = self.context.iter().chain([&self.task]).chain(&self.metadata).map(String::as_str);
        own.chain(self.history.texts())
    }

    /// Refuses what no model could answer, before any call is paid for.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.task.trim().is_empty() {
            return Err(Error::EmptyTask);
        }
        if self.context.iter().all(|document| document.trim().is_empty()) {
            return Err(Error::EmptyContext);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(task: &str, context: &[&str]) -> Question {
        Question::new(task, context.iter().map(|text| (*text).into()).collect())
    }

    #[test]
    fn whitespace_is_neither_a_task_nor_a_document() {
        assert!(matches!(question(" \n", &["text"]).check(), Err(Error::EmptyTask)));
        assert!(matches!(question("why?", &[]).check(), Err(Error::EmptyContext)));
        assert!(matches!(question("why?", &["", " \t\n"]).check(), Err(Error::EmptyContext)));
        assert!(question("why?", &["", "text"]).check().is_ok());
    }
}
