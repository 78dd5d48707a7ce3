//! Minion: one supervisor and one worker in conversation.
//!
//! The supervisor knows the task and never sees the document; the worker sees the document and is asked one question
//! at a time. With all of N rounds used that is 1 + N supervisor calls and N worker calls.

mod verdict;
mod worker;

use minions_chat::{ChatModel, ResponseFormat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::protocol::Steps;
use crate::record::{Ending, Failure, Record};
use crate::supervisor::{Inquiry, Supervisor, Unreadable};
use crate::{Decision, Error, Event, Fallback, History, NoAnswer, Question, Stage, json, prompt};
use verdict::Verdict;
use worker::Worker;

/// The Minion protocol and its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Minion {
    /// The most questions that the supervisor may put to the worker. 3 unless set.
    pub max_rounds: u32,
    /// The most tokens of one worker reply. 256 unless set: the worker is asked for facts, not for essays.
    pub worker_max_tokens: u32,
    /// How many attempts the worker has at each question; the supervisor judges them. 1 unless set.
    pub samples: u32,
}

impl Default for Minion {
    fn default() -> Self {
        Self { max_rounds: 3, worker_max_tokens: 256, samples: 1 }
    }
}

/// How often the supervisor is asked before the run goes on without a readable reply.
const ATTEMPTS: u32 = 2;

impl Steps for Minion {
    fn check(&self) -> Result<(), Error> {
        if self.max_rounds == 0 { Err(Error::ZeroLimit("maxRounds")) } else { Ok(()) }
    }

    async fn converse<S: ChatModel, W: ChatModel>(
        &self,
        supervisor: &S,
        worker: &W,
        question: &Question,
        record: &mut Record<'_>,
    ) -> Result<Ending, Failure> {
        History::bound(supervisor, record).await?;
        let mut supervisor = Supervisor::new(supervisor);
        let mut worker = Worker::new(worker, self, question);
        record.start_round();

        let mut stage = Stage::Open;
        let preamble = record.preamble();
        let mut message = prompt::fill(prompt::MINION_OPEN, &[("preamble", &preamble), ("task", &question.task)]);
        let mut attempts = Vec::new();
        loop {
            let (format, keys) = (ResponseFormat::JsonObject, verdict::KEYS);
            let inquiry = Inquiry { stage, message, format, keys, attempts: ATTEMPTS };
            let reply = supervisor.ask(inquiry, verdict::read, record).await?;
            let verdict = reply.unwrap_or_else(|reply| degrade(stage, &reply, &question.task, record));
            let (question_to_worker, best) = match close(stage, verdict, record) {
                Next::Ask { message, best } => (message, best),
                Next::Finish(ending) => return Ok(ending),
            };
            if let Some(reply) = best.and_then(|number| attempts.get(number.checked_sub(1)?)).or(attempts.first()) {
                worker.keep(reply);
            }
            attempts = worker.ask(&question_to_worker, record).await?;
            stage = if record.round() == self.max_rounds { Stage::Conclude } else { Stage::Decide };
            let prompt = if stage == Stage::Conclude { prompt::MINION_CONCLUDE } else { prompt::MINION_DECIDE };
            message = prompt::fill(prompt, &[("reply", &prompt::quote_attempts(&attempts))]);
        }
    }
}

/// How the run goes on.
enum Next {
    /// The worker is asked.
    Ask { message: String, best: Option<usize> },
    /// The run ends.
    Finish(Ending),
}

/// Turns a verdict into what happens next, and closes the round where it ends here. The opening only starts round 1:
/// the round goes on unless the answer is already there.
fn close(stage: Stage, verdict: Verdict, record: &mut Record<'_>) -> Next {
    let round = record.round();
    match verdict {
        Verdict::Continue { message, best } if stage == Stage::Open => Next::Ask { message, best },
        Verdict::Continue { message, best } => {
            let decision = Decision::RequestAdditionalInfo;
            record.emit(Event::RoundFinished { round, decision, message: Some(message.clone()) });
            if stage == Stage::Conclude {
                return Next::Finish(Ending { result: Err(NoAnswer::OutOfRounds), is_raw_reply: false });
            }
            record.start_round();
            Next::Ask { message, best }
        }
        Verdict::Final { result, is_raw_reply } => {
            record.emit(Event::RoundFinished { round, decision: Decision::ProvideFinalAnswer, message: None });
            Next::Finish(Ending { result, is_raw_reply })
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
        (_, Some(prose)) => (Fallback::ReplyAsMessage, Verdict::Continue { message: prose, best: None }),
        (_, None) => (Fallback::TaskAsMessage, Verdict::Continue { message: task.to_owned(), best: None }),
    };
    record.emit(Event::ReplyDegraded { round: record.round(), stage, fallback });
    verdict
}
