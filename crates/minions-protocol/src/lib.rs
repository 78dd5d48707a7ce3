//! The Minions protocols: a small worker model reads the documents, a large supervisor model reasons.
//!
//! Pure logic over two [`ChatModel`](minions_chat::ChatModel)s: no I/O, no clock, no randomness without a seed, no
//! logging. What happens is told by [`Event`]s while it happens, and by the [`Outcome`] at the end. What leaves the
//! device is exactly what the `supervisor.request` events hold. Text written by a model is read as data and never
//! executed: MinionS' supervisor answers with a declarative [`Plan`].
//!
//! [`Minion`] is a conversation between the two, [`Minions`] a plan of many jobs at once; [`LocalOnly`] and
//! [`RemoteOnly`] are what they compare with, and [`Auto`] chooses. A run is cancelled by dropping its future.

#![warn(clippy::unwrap_used, clippy::indexing_slicing)]

mod auto;
mod bm25;
mod chunk;
mod citation;
mod error;
mod event;
mod history;
mod json;
mod local_only;
mod minion;
mod minions;
mod outcome;
mod price;
mod privacy;
mod prompt;
mod protocol;
mod question;
mod recall;
mod record;
mod rehearsal;
mod remote_only;
mod select;
mod supervisor;
mod text;
mod transcript;

pub use auto::{Auto, CostSensitivity, Forecast};
pub use bm25::Bm25;
pub use chunk::{Chunk, ChunkBy, ChunkError, Chunking, chunk};
pub use citation::locate as locate_citation;
pub use error::Error;
pub use event::{Decision, Event, Fallback, Hidden, Stage};
pub use history::{Exchange, History};
pub use json::{JsonError, extract as extract_json};
pub use local_only::LocalOnly;
pub use minion::Minion;
pub use minions::{
    Aggregate, AggregateMode, AnswerType, Evidence, Filter, JobCounts, JobManifest, JobOutput, JobResult, JobStatus,
    Minions, Plan, PlanChunking, PlanError, PlanLimits, PlanTask, Source, job_prompt,
};
pub use outcome::{Cost, NoAnswer, Outcome, Reason, RunUsage, StageUsage};
pub use price::{ModelPrice, Price, PriceError, PriceTable};
pub use privacy::{Finding, Privacy, PrivacyError, PrivateKind, Redactor};
pub use prompt::worker_prompt;
pub use protocol::{AnyProtocol, Protocol, ProtocolName};
pub use question::Question;
pub use rehearsal::{REHEARSAL_JOBS, Rehearsal};
pub use remote_only::RemoteOnly;
pub use select::{Keyword, Select, SelectError, select};
pub use transcript::{Replay, Speaker, Transcript, Turn};
