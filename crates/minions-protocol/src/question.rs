//! What a run is asked.

use serde::{Deserialize, Serialize};

use crate::Error;

/// A task and the documents that it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What the user wants to know. The supervisor sees it.
    pub task: String,
    /// The text of each document. Only the worker sees it.
    pub context: Vec<String>,
}

impl Question {
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
        Question { task: task.into(), context: context.iter().map(|text| (*text).into()).collect() }
    }

    #[test]
    fn whitespace_is_neither_a_task_nor_a_document() {
        assert!(matches!(question(" \n", &["text"]).check(), Err(Error::EmptyTask)));
        assert!(matches!(question("why?", &[]).check(), Err(Error::EmptyContext)));
        assert!(matches!(question("why?", &["", " \t\n"]).check(), Err(Error::EmptyContext)));
        assert!(question("why?", &["", "text"]).check().is_ok());
    }
}
