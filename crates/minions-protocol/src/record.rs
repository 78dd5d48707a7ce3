//! Keeps the books of a run: tells what happens, adds up what it costs, writes the transcript.

use minions_chat::{ChatError, ChatResponse, Message};

use crate::{Error, Event, Outcome, Reason, RunUsage, Speaker, Stage, Transcript, Turn};

/// The books of one run.
pub(crate) struct Record<'a> {
    emit: &'a mut dyn FnMut(Event),
    usage: RunUsage,
    transcript: Transcript,
    round: u32,
}

impl<'a> Record<'a> {
    pub(crate) fn new(emit: &'a mut dyn FnMut(Event)) -> Self {
        Self { emit, usage: RunUsage::default(), transcript: Transcript::default(), round: 0 }
    }

    /// The round that runs, from 1.
    pub(crate) fn round(&self) -> u32 {
        self.round
    }

    pub(crate) fn emit(&mut self, event: Event) {
        (self.emit)(event);
    }

    pub(crate) fn start_round(&mut self) {
        self.round += 1;
        self.emit(Event::RoundStarted { round: self.round });
    }

    /// Books a call that was answered.
    pub(crate) fn book(&mut self, speaker: Speaker, stage: Option<Stage>, sent: Vec<Message>, reply: &ChatResponse) {
        self.usage.add(speaker, reply.usage);
        self.transcript.turns.push(Turn {
            speaker,
            round: self.round,
            stage,
            sent,
            reply: reply.content.clone(),
            finish_reason: reply.finish_reason,
            usage: reply.usage,
        });
    }

    /// The error of a call that was not answered, with what the run cost until then.
    pub(crate) fn failure(&self, speaker: Speaker, source: ChatError) -> Error {
        Error::Chat { speaker, round: self.round, source, usage: Box::new(self.usage) }
    }

    /// Closes the books.
    pub(crate) fn finish(self, result: Result<String, Reason>, is_raw_reply: bool) -> Outcome {
        let (answer, reason) = match result {
            Ok(answer) => (Some(answer), None),
            Err(reason) => (None, Some(reason)),
        };
        let Self { emit, usage, transcript, round } = self;
        let outcome = Outcome { answer, reason, is_raw_reply, rounds: round, usage, transcript };
        emit(Event::RunFinished { outcome: outcome.clone() });
        outcome
    }
}
