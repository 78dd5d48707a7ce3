//! Local only: the worker is put the task about every chunk, and then about what it found. Nothing leaves the device.

use minions_chat::{ChatModel, ChatRequest, FinishReason, Message};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::minions::{
    Aggregate, AggregateMode, Evidence, Filter, Findings, JobStatus, Library, Plan, Terms, execute, gather, job_prompt,
    judge,
};
use crate::protocol::Steps;
use crate::record::{Call, Ending, Failure, Record};
use crate::{Error, Event, NoAnswer, Question, prompt};

/// A map over the chunks and a reduction of what they say, by the worker alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct LocalOnly {
    /// The most characters of a chunk: what the worker can read at once. 3,000 unless set.
    pub max_chunk_size: usize,
    /// The most chunks that are read; beyond it those that share words with the task. 2,048 unless set.
    pub max_jobs: usize,
    /// The most tokens of one reply. 256 unless set.
    pub worker_max_tokens: u32,
    /// How many chunks are put to the worker at the same time. 32 unless set.
    pub max_concurrency: usize,
    /// Whether the worker is held to citations that stand in their chunk word for word, as in MinionS. Not unless set.
    pub verbatim_citations: bool,
}

impl Default for LocalOnly {
    fn default() -> Self {
        Self {
            max_chunk_size: 3_000,
            max_jobs: 2_048,
            worker_max_tokens: 256,
            max_concurrency: 32,
            verbatim_citations: false,
        }
    }
}

impl Steps for LocalOnly {
    fn check(&self) -> Result<(), Error> {
        let limits = [(self.max_chunk_size, "maxChunkSize"), (self.max_jobs, "maxJobs")];
        match limits.into_iter().find(|(limit, _)| *limit == 0) {
            Some((_, name)) => Err(Error::ZeroLimit(name)),
            None => Ok(()),
        }
    }

    async fn converse<S: ChatModel, W: ChatModel>(
        &self,
        _: &S,
        worker: &W,
        question: &Question,
        record: &mut Record<'_>,
    ) -> Result<Ending, Failure> {
        record.start_round();
        let mut library = Library::new(&question.context);
        let plan = Plan::fallback(&question.task);
        let draft = library.draft(&plan, self.max_chunk_size, 1);
        let draft = draft.expect("a question has text, and the plan reads all of it");
        let jobs = library.adopt(draft.shrink(self.max_jobs));
        record.book_jobs(&jobs);
        let terms = Terms {
            max_tokens: self.worker_max_tokens,
            concurrency: self.max_concurrency,
            verbatim_citations: self.verbatim_citations,
            is_sampled: false,
            seed: question.seed,
        };
        let results = execute(&jobs, &library, worker, &terms, record).await?;
        let aggregate = Aggregate { mode: AggregateMode::Dedupe, max_chars: None };
        let Findings { evidence, counts, .. } =
            gather(&jobs, &results, &Filter::default(), &aggregate, false, self.max_chunk_size);
        record.emit(Event::JobsFiltered { round: record.round(), counts });
        record.keep_evidence(evidence.clone());
        let result = match evidence.as_slice() {
            [] => Err(NoAnswer::NothingFound),
            [only] => Ok(only.answer.clone()),
            several => Ok(self.reduce(worker, question, several, record).await?),
        };
        Ok(Ending { result, is_raw_reply: false })
    }
}

impl LocalOnly {
    /// Puts the task about what the chunks said; if the worker cannot tell, what most of them said.
    async fn reduce<W: ChatModel>(
        &self,
        worker: &W,
        question: &Question,
        evidence: &[Evidence],
        record: &mut Record<'_>,
    ) -> Result<String, Failure> {
        let quotes: Vec<_> = evidence.iter().map(|piece| piece.quote.as_deref().unwrap_or(&piece.answer)).collect();
        let excerpt = prompt::shorten(&quotes.join("\n"), self.max_chunk_size).into_owned();
        let message = job_prompt(&excerpt, &question.task, None);
        let round = record.round();
        record.emit(Event::WorkerRequest { round, message: message.clone() });
        let sent = vec![Message::user(message)];
        let request = ChatRequest {
            temperature: Some(0.0),
            max_tokens: Some(self.worker_max_tokens),
            ..ChatRequest::new(sent.clone())
        };
        let delta = |delta| Event::WorkerDelta { round, delta };
        let reply = record.call(Call::Worker, worker, &request, sent, delta).await?;
        let (content, finish_reason) = (reply.content.clone(), reply.finish_reason);
        record.emit(Event::WorkerResponse { round, content, finish_reason, usage: reply.usage });
        let most_frequent = || evidence.iter().max_by_key(|piece| (piece.votes, std::cmp::Reverse(piece.id)));
        Ok(match judge(&reply.content, FinishReason::Stop, &excerpt) {
            (JobStatus::Supported, output, _) => output.answer,
            _ => None,
        }
        .or_else(|| most_frequent().map(|piece| piece.answer.clone()))
        .unwrap_or_default())
    }
}
