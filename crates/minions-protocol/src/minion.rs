//! Minion: one supervisor and one worker in conversation.
//!
//! The supervisor knows the task and never sees the document; the worker sees the document and is asked one question
//! at a time. With all of N rounds used that is 1 + N supervisor calls and N worker calls.

use minions_chat::ChatModel;
use serde::{Deserialize, Serialize};

use crate::record::Record;
use crate::supervisor::{Supervisor, Unreadable};
use crate::verdict::{self, Verdict};
use crate::worker::Worker;
use crate::{Decision, Error, Event, Fallback, NoAnswer, Outcome, Question, Stage, json, prompt};

/// The Minion protocol and its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Minion {
    /// The most questions that the supervisor may put to the worker. 3 unless set.
    pub max_rounds: u32,
    /// The most tokens of one worker reply. 256 unless set: the worker is asked for facts, not for essays.
    pub worker_max_tokens: u32,
}

impl Default for Minion {
    fn default() -> Self {
        Self { max_rounds: 3, worker_max_tokens: 256 }
    }
}

impl Minion {
    /// Answers the question, telling each step through `emit`. Dropping the future cancels the run.
    ///
    /// # Errors
    /// If the question is empty (before any call), or if a model does not answer.
    pub async fn run<S: ChatModel, W: ChatModel>(
        &self,
        supervisor: &S,
        worker: &W,
        question: &Question,
        emit: &mut dyn FnMut(Event),
    ) -> Result<Outcome, Error> {
        self.check(question)?;
        let mut supervisor = Supervisor::new(supervisor);
        let mut worker = Worker::new(worker, self.worker_max_tokens, &question.context);
        let mut record = Record::new(emit);
        let chars = question.context.iter().map(|document| document.chars().count()).sum();
        record.emit(Event::RunStarted { task: question.task.clone(), chars });
        record.start_round();

        let mut stage = Stage::Open;
        let mut message = prompt::fill(prompt::MINION_OPEN, &[("task", &question.task)]);
        loop {
            let reply = supervisor.ask(stage, message, verdict::read, &mut record).await?;
            let verdict = reply.unwrap_or_else(|reply| degrade(stage, &reply, &question.task, &mut record));
            let question_to_worker = match close(stage, verdict, &mut record) {
                Next::Ask(message) => message,
                Next::Finish { result, is_raw_reply } => {
                    return Ok(record.finish(result.map_err(Into::into), is_raw_reply));
                }
            };
            let reply = worker.ask(&question_to_worker, &mut record).await?;
            stage = if record.round() == self.max_rounds { Stage::Conclude } else { Stage::Decide };
            let prompt = if stage == Stage::Conclude { prompt::MINION_CONCLUDE } else { prompt::MINION_DECIDE };
            message = prompt::fill(prompt, &[("reply", &prompt::quote(&reply))]);
        }
    }

    fn check(&self, question: &Question) -> Result<(), Error> {
        if self.max_rounds == 0 {
            return Err(Error::NoRounds);
        }
        question.check()
    }
}

/// How the run goes on.
enum Next {
    /// The worker is asked.
    Ask(String),
    /// The run ends.
    Finish { result: Result<String, NoAnswer>, is_raw_reply: bool },
}

/// Turns a verdict into what happens next, and closes the round where it ends here. The opening only starts round 1:
/// the round goes on unless the answer is already there.
fn close(stage: Stage, verdict: Verdict, record: &mut Record<'_>) -> Next {
    let round = record.round();
    match verdict {
        Verdict::Continue { message } if stage == Stage::Open => Next::Ask(message),
        Verdict::Continue { message } => {
            let decision = Decision::RequestAdditionalInfo;
            record.emit(Event::RoundFinished { round, decision, message: Some(message.clone()) });
            if stage == Stage::Conclude {
                return Next::Finish { result: Err(NoAnswer::OutOfRounds), is_raw_reply: false };
            }
            record.start_round();
            Next::Ask(message)
        }
        Verdict::Final { result, is_raw_reply } => {
            record.emit(Event::RoundFinished { round, decision: Decision::ProvideFinalAnswer, message: None });
            Next::Finish { result, is_raw_reply }
        }
    }
}

/// What stands in for a verdict that could not be read twice over. Prose is taken at its word: as the next question
/// while rounds are left, as the answer at the end. Broken JSON is not shown to anyone.
fn degrade(stage: Stage, Unreadable(reply): &Unreadable, task: &str, record: &mut Record<'_>) -> Verdict {
    let prose = json::prose(reply);
    let (fallback, verdict) = match (stage, prose) {
        (Stage::Conclude, Some(prose)) => {
            (Fallback::ReplyAsAnswer, Verdict::Final { result: Ok(prose), is_raw_reply: true })
        }
        (Stage::Conclude, None) => {
            (Fallback::NoAnswer, Verdict::Final { result: Err(NoAnswer::UnreadableReply), is_raw_reply: false })
        }
        (_, Some(prose)) => (Fallback::ReplyAsMessage, Verdict::Continue { message: prose }),
        (_, None) => (Fallback::TaskAsMessage, Verdict::Continue { message: task.to_owned() }),
    };
    record.emit(Event::ReplyDegraded { round: record.round(), stage, fallback });
    verdict
}
