//! Keeps the books of a run: tells what happens, adds up what it costs, writes the transcript, and sees to it that what
//! goes up holds nothing private.

use std::borrow::Cow;

use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse, Message, Usage, estimate_tokens};
use serde_json::Value;

use crate::minions::{JobManifest, JobResult};
use crate::recall::Recall;
use crate::{
    Cost, Error, Event, Evidence, Exchange, Hidden, History, NoAnswer, Outcome, Question, Reason, Redactor, RunUsage,
    Speaker, Stage, StageUsage, Transcript, Turn, prompt,
};

/// The books of one run.
pub struct Record<'a> {
    emit: &'a mut dyn FnMut(Event),
    question: &'a Question,
    redactor: Option<Redactor>,
    recall: Recall,
    /// What the supervisor was told of earlier questions.
    history: History,
    round: u32,
    usage: RunUsage,
    stages: Vec<StageUsage>,
    remote_only: Usage,
    evidence: Vec<Evidence>,
    transcript: Transcript,
}

/// How a protocol ends.
pub struct Ending {
    /// The answer, or why there is none.
    pub(crate) result: Result<String, NoAnswer>,
    /// The answer is a reply that had not the form asked for.
    pub(crate) is_raw_reply: bool,
}

/// A model did not answer.
pub struct Failure {
    pub(crate) speaker: Speaker,
    pub(crate) source: ChatError,
}

impl<'a> Record<'a> {
    /// Opens the books.
    ///
    /// # Errors
    /// If nobody could answer the question; nothing was told or asked then.
    pub(crate) fn open(question: &'a Question, emit: &'a mut dyn FnMut(Event)) -> Result<Self, Error> {
        question.check()?;
        let redactor = question.privacy.as_ref().map(|privacy| Redactor::new(privacy, question.texts())).transpose()?;
        let prompt_tokens = question.context.iter().chain([&question.task]).map(|text| estimate_tokens(text)).sum();
        let mut record = Self {
            emit,
            question,
            redactor,
            recall: Recall::new(&question.earlier),
            history: question.history.clone(),
            round: 0,
            usage: RunUsage::default(),
            stages: Vec::new(),
            remote_only: Usage { prompt_tokens, ..Usage::default() },
            evidence: Vec::new(),
            transcript: Transcript::default(),
        };
        let chars = question.context.iter().map(|document| document.chars().count()).sum();
        record.emit(Event::RunStarted { task: question.task.clone(), chars });
        if let Some(redactor) = &record.redactor {
            let hidden = redactor
                .findings()
                .iter()
                .map(|finding| Hidden { placeholder: finding.placeholder.clone(), kind: finding.kind });
            let hidden = hidden.collect();
            record.emit(Event::PrivacyApplied { hidden });
        }
        Ok(record)
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

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    pub(crate) fn set_history(&mut self, history: History) {
        self.history = history;
    }

    /// What the supervisor must know before the task: how private words look, and what was said before.
    pub(crate) fn preamble(&self) -> String {
        let privacy = if self.redactor.is_some() { prompt::PRIVACY } else { "" };
        format!("{privacy}{}", self.history.prompt())
    }

    /// A text as it may leave the device.
    pub(crate) fn redact(&mut self, text: String) -> String {
        match &mut self.redactor {
            Some(redactor) => redactor.redact(&text),
            None => text,
        }
    }

    /// A text from above with what was hidden in its place again.
    pub(crate) fn restore<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.redactor {
            Some(redactor) => Cow::Owned(redactor.restore(text)),
            None => Cow::Borrowed(text),
        }
    }

    /// The same within a JSON value, where a restored quotation mark does no harm.
    pub(crate) fn restore_value(&self, value: &mut Value) {
        if self.redactor.is_none() {
            return;
        }
        match value {
            Value::String(text) => *text = self.restore(text).into_owned(),
            Value::Array(items) => items.iter_mut().for_each(|item| self.restore_value(item)),
            Value::Object(entries) => entries.values_mut().for_each(|item| self.restore_value(item)),
            _ => {}
        }
    }

    /// Puts a request to a model, unless an earlier run has its reply, and books the call. `sent` is what the call adds to
    /// its conversation; `delta` makes an event of each piece of the reply.
    pub(crate) async fn call<M: ChatModel>(
        &mut self,
        call: Call,
        model: &M,
        request: &ChatRequest,
        sent: Vec<Message>,
        delta: impl Fn(String) -> Event,
    ) -> Result<ChatResponse, Failure> {
        let reply = match self.recall.turn(call, self.round, &sent) {
            Some(reply) => {
                self.emit(delta(reply.content.clone()));
                reply
            }
            None => {
                let reply = model.chat(request, &mut |piece| self.emit(delta(piece.to_owned()))).await;
                reply.map_err(|source| Failure { speaker: call.speaker(), source })?
            }
        };
        self.book(call, sent, &reply);
        Ok(reply)
    }

    /// What an earlier run was answered to this job.
    pub(crate) fn recall_job(&mut self, job: &JobManifest) -> Vec<ChatResponse> {
        self.recall.job(job)
    }

    /// Books a call that was answered.
    pub(crate) fn book(&mut self, call: Call, sent: Vec<Message>, reply: &ChatResponse) {
        let (stage, job) = match call {
            Call::Supervisor(stage) => (Some(stage), None),
            Call::Worker => (None, None),
            Call::Job(id) => (None, Some(id)),
        };
        let (round, speaker) = (self.round, call.speaker());
        self.usage.add(speaker, reply.usage);
        let same = |entry: &&mut StageUsage| (entry.round, entry.speaker, entry.stage) == (round, speaker, stage);
        match self.stages.iter_mut().rev().find(same) {
            Some(entry) => {
                entry.calls += 1;
                entry.usage += reply.usage;
            }
            None => self.stages.push(StageUsage { round, speaker, stage, calls: 1, usage: reply.usage }),
        }
        let turn = Turn {
            speaker,
            round,
            stage,
            job,
            sent,
            reply: reply.content.clone(),
            finish_reason: reply.finish_reason,
            usage: reply.usage,
        };
        self.transcript.turns.push(turn.clone());
        self.emit(Event::CallAnswered { turn });
        let (usage, cost) = (self.usage, self.cost());
        self.emit(Event::UsageUpdated { usage, cost });
    }

    /// Jobs end in any order; the transcript keeps them in theirs, so that a replay meets them as they are asked.
    pub(crate) fn sort_jobs(&mut self) {
        let round = self.round;
        let first = self.transcript.turns.iter().position(|turn| turn.round == round && turn.job.is_some());
        if let Some(jobs) = first.and_then(|first| self.transcript.turns.get_mut(first..)) {
            jobs.sort_by_key(|turn| turn.job);
        }
        self.transcript.results.sort_by_key(|result| result.job_id);
    }

    pub(crate) fn book_jobs(&mut self, jobs: &[JobManifest]) {
        self.transcript.jobs.extend_from_slice(jobs);
        self.emit(Event::JobsCreated { round: self.round, jobs: jobs.to_vec() });
    }

    pub(crate) fn book_result(&mut self, result: JobResult) {
        self.transcript.results.push(result.clone());
        self.emit(Event::JobFinished { round: self.round, result });
    }

    pub(crate) fn keep_evidence(&mut self, evidence: Vec<Evidence>) {
        self.evidence.extend(evidence);
    }

    /// Marks the evidence that the supervisor names as its grounds.
    pub(crate) fn cite(&mut self, ids: &[u64]) {
        for evidence in &mut self.evidence {
            evidence.is_cited |= ids.contains(&(evidence.id as u64));
        }
    }

    fn cost(&self) -> Option<Cost> {
        let price = self.question.price.as_ref()?;
        Some(Cost { spent: price.cost(&self.usage.remote), remote_only: price.cost(&self.remote_only) })
    }

    /// Closes the books. A run that a model broke off keeps what it had.
    pub(crate) fn close(mut self, ending: Result<Ending, Failure>) -> Result<Outcome, Error> {
        match ending {
            Ok(Ending { result, is_raw_reply }) => {
                let (answer, reason) = match result {
                    Ok(answer) => (Some(answer), None),
                    Err(code) => (None, Some(Reason::from(code))),
                };
                if let Some(answer) = &answer {
                    self.remote_only.completion_tokens = estimate_tokens(answer);
                    let exchange = Exchange { task: self.question.task.clone(), answer: answer.clone() };
                    self.history.exchanges.push(exchange);
                }
                let outcome = Outcome { is_raw_reply, ..self.outcome(answer, reason) };
                self.emit(Event::RunFinished { outcome: outcome.clone() });
                Ok(outcome)
            }
            Err(Failure { speaker, source }) => {
                let round = self.round;
                let message = format!("The {speaker} did not answer in round {round}: {source}");
                let outcome = self.outcome(None, Some(Reason { code: NoAnswer::Failed, message }));
                self.emit(Event::RunFailed { code: source.code(), outcome: outcome.clone() });
                Err(Error::Chat { speaker, round, source, outcome: Box::new(outcome) })
            }
        }
    }

    fn outcome(&mut self, answer: Option<String>, reason: Option<Reason>) -> Outcome {
        Outcome {
            answer,
            reason,
            is_raw_reply: false,
            rounds: self.round,
            usage: self.usage,
            stages: std::mem::take(&mut self.stages),
            remote_only: self.remote_only,
            cost: self.cost(),
            evidence: std::mem::take(&mut self.evidence),
            history: std::mem::take(&mut self.history),
            transcript: std::mem::take(&mut self.transcript),
        }
    }
}

/// Which call is booked.
#[derive(Clone, Copy)]
pub(crate) enum Call {
    Supervisor(Stage),
    Worker,
    Job(usize),
}

impl Call {
    fn speaker(self) -> Speaker {
        match self {
            Self::Supervisor(_) => Speaker::Supervisor,
            Self::Worker | Self::Job(_) => Speaker::Worker,
        }
    }
}
