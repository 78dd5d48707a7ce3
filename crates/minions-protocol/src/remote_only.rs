//! Remote only: the documents go up whole. For comparison, and for documents that are neither private nor long.

use minions_chat::{ChatModel, ResponseFormat};
use serde::{Deserialize, Serialize};

use crate::protocol::Steps;
use crate::record::{Ending, Failure, Record};
use crate::supervisor::Supervisor;
use crate::{Error, History, NoAnswer, Question, Stage, prompt};

/// One supervisor call that holds everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteOnly {}

impl Steps for RemoteOnly {
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn converse<S: ChatModel, W: ChatModel>(
        &self,
        supervisor: &S,
        _: &W,
        question: &Question,
        record: &mut Record<'_>,
    ) -> Result<Ending, Failure> {
        History::bound(supervisor, record).await?;
        record.start_round();
        let documents = prompt::fence("documents", &question.context.join("\n\n"));
        let slots = [("documents", &*documents), ("preamble", &record.preamble()), ("task", &question.task)];
        let message = prompt::fill(prompt::REMOTE_ANSWER, &slots);
        let mut supervisor = Supervisor::new(supervisor);
        let reply = supervisor.say(Stage::Answer, message, &ResponseFormat::Text, record).await?;
        let answer = record.restore(reply.content.trim()).into_owned();
        let result = if answer.is_empty() { Err(NoAnswer::Unknown) } else { Ok(answer) };
        Ok(Ending { result, is_raw_reply: false })
    }
}
