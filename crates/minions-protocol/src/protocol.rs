//! What all protocols have in common, and all of them under one name.

use std::fmt;

use minions_chat::ChatModel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{Ending, Failure, Record};
use crate::{Auto, Error, Event, LocalOnly, Minion, Minions, Outcome, Question, RemoteOnly};

/// A way to answer a question with a supervisor and a worker.
///
/// The protocols of this crate are all there are: their steps are its own.
#[expect(async_fn_in_trait, reason = "futures stay on one thread everywhere, so no Send bound is wanted")]
pub trait Protocol: Steps {
    /// Answers the question, telling each step through `emit`. Dropping the future cancels the run.
    ///
    /// # Errors
    /// If the question or a limit leaves nothing to do (before any call), or if a model does not answer; the error then
    /// holds what the run had come to.
    async fn run<S: ChatModel, W: ChatModel>(
        &self,
        supervisor: &S,
        worker: &W,
        question: &Question,
        emit: &mut dyn FnMut(Event),
    ) -> Result<Outcome, Error> {
        self.check()?;
        let mut record = Record::open(question, emit)?;
        let ending = self.converse(supervisor, worker, question, &mut record).await;
        record.close(ending)
    }
}

impl<P: Steps> Protocol for P {}

/// What a protocol does within a run. Public only in name: nobody outside can reach it.
#[expect(async_fn_in_trait, reason = "futures stay on one thread everywhere, so no Send bound is wanted")]
pub trait Steps {
    /// Refuses limits that leave nothing to do.
    fn check(&self) -> Result<(), Error>;

    /// Asks both models until there is an answer, or none to be had.
    async fn converse<S: ChatModel, W: ChatModel>(
        &self,
        supervisor: &S,
        worker: &W,
        question: &Question,
        record: &mut Record<'_>,
    ) -> Result<Ending, Failure>;
}

/// Any of the protocols, chosen while the program runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "protocol", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is the protocol of that name")]
pub enum AnyProtocol {
    Minion(Minion),
    Minions(Minions),
    LocalOnly(LocalOnly),
    RemoteOnly(RemoteOnly),
    Auto(Auto),
}

/// Characters that a token of English text has, with some to spare.
const CHARS_PER_TOKEN: usize = 3;
/// Tokens of a job's prompt beside its chunk: rules, task, advice and the template's marks.
const JOB_TOKENS: usize = 200;
/// No chunk is narrowed below this: from less nothing can be told.
const MIN_CHUNK_SIZE: usize = 200;

impl AnyProtocol {
    /// The protocol with its largest chunk narrowed to what a worker of this context length can read, its reply
    /// included. Never widens it.
    #[must_use]
    pub fn within_context(mut self, context_length: usize) -> Self {
        match &mut self {
            Self::Minion(_) | Self::RemoteOnly(_) => {}
            Self::Minions(Minions { max_chunk_size, worker_max_tokens, .. })
            | Self::LocalOnly(LocalOnly { max_chunk_size, worker_max_tokens, .. }) => {
                narrow(max_chunk_size, *worker_max_tokens, context_length);
            }
            Self::Auto(auto) => auto.narrow(context_length),
        }
        self
    }
}

impl Auto {
    /// Narrows the chunks of what may be chosen, as [`AnyProtocol::within_context`] does.
    pub fn narrow(&mut self, context_length: usize) {
        let Self { minions, local_only, .. } = self;
        narrow(&mut minions.max_chunk_size, minions.worker_max_tokens, context_length);
        narrow(&mut local_only.max_chunk_size, local_only.worker_max_tokens, context_length);
    }
}

/// Narrows chunks to what a worker can read, a reply of so many tokens included.
fn narrow(max_chunk_size: &mut usize, reply: u32, context_length: usize) {
    let tokens = context_length.saturating_sub(reply as usize + JOB_TOKENS);
    *max_chunk_size = (*max_chunk_size).min((tokens * CHARS_PER_TOKEN).max(MIN_CHUNK_SIZE));
}

impl Steps for AnyProtocol {
    fn check(&self) -> Result<(), Error> {
        match self {
            Self::Minion(protocol) => protocol.check(),
            Self::Minions(protocol) => protocol.check(),
            Self::LocalOnly(protocol) => protocol.check(),
            Self::RemoteOnly(protocol) => protocol.check(),
            Self::Auto(protocol) => protocol.check(),
        }
    }

    async fn converse<S: ChatModel, W: ChatModel>(
        &self,
        supervisor: &S,
        worker: &W,
        question: &Question,
        record: &mut Record<'_>,
    ) -> Result<Ending, Failure> {
        match self {
            Self::Minion(protocol) => protocol.converse(supervisor, worker, question, record).await,
            Self::Minions(protocol) => protocol.converse(supervisor, worker, question, record).await,
            Self::LocalOnly(protocol) => protocol.converse(supervisor, worker, question, record).await,
            Self::RemoteOnly(protocol) => protocol.converse(supervisor, worker, question, record).await,
            Self::Auto(protocol) => protocol.converse(supervisor, worker, question, record).await,
        }
    }
}

/// The protocols between which a choice is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProtocolName {
    /// [`Minion`].
    Minion,
    /// [`Minions`].
    Minions,
    /// [`LocalOnly`].
    LocalOnly,
    /// [`RemoteOnly`].
    RemoteOnly,
}

impl fmt::Display for ProtocolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minion => "Minion",
            Self::Minions => "MinionS",
            Self::LocalOnly => "local only",
            Self::RemoteOnly => "remote only",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk_size(protocol: AnyProtocol, context_length: usize) -> usize {
        match protocol.within_context(context_length) {
            AnyProtocol::Minions(minions) => minions.max_chunk_size,
            AnyProtocol::LocalOnly(local) => local.max_chunk_size,
            other => panic!("{other:?} has no chunks"),
        }
    }

    #[test]
    fn chunks_are_narrowed_to_what_the_worker_can_read() {
        let minions = |max_chunk_size, worker_max_tokens| {
            AnyProtocol::Minions(Minions { max_chunk_size, worker_max_tokens, ..Minions::default() })
        };
        assert_eq!(chunk_size(minions(32_000, 256), 2_048), (2_048 - 256 - 200) * 3);
        assert_eq!(chunk_size(minions(1_000, 256), 2_048), 1_000, "never widened");
        assert_eq!(chunk_size(minions(32_000, 256), 300), 200, "never to nothing");
        assert_eq!(chunk_size(minions(150, u32::MAX), 0), 150);
        assert_eq!(chunk_size(AnyProtocol::LocalOnly(LocalOnly::default()), 1_024), (1_024 - 256 - 200) * 3);
    }

    #[test]
    fn auto_narrows_both_of_its_chunk_sizes() {
        let AnyProtocol::Auto(auto) = AnyProtocol::Auto(Auto::default()).within_context(1_024) else { panic!() };
        assert_eq!([auto.minions.max_chunk_size, auto.local_only.max_chunk_size], [1_704; 2]);
        let minion = AnyProtocol::Minion(Minion::default());
        assert_eq!(minion.clone().within_context(1), minion);
    }
}
