//! The Minions protocols: a small worker model reads the documents, a large supervisor model reasons.
//!
//! Pure logic over two [`ChatModel`](minions_chat::ChatModel)s: no I/O, no clock, no randomness, no logging. What
//! happens is told by [`Event`]s while it happens, and by the [`Outcome`] at the end. What leaves the device is exactly
//! what the `supervisor.request` events hold. Text written by a model is read as data and never executed.
//!
//! A run is cancelled by dropping its future.

#![warn(clippy::unwrap_used, clippy::indexing_slicing)]

mod error;
mod event;
mod json;
mod minion;
mod outcome;
mod prompt;
mod question;
mod record;
mod supervisor;
mod transcript;
mod verdict;
mod worker;

pub use error::Error;
pub use event::{Decision, Event, Fallback, Stage};
pub use json::{JsonError, extract as extract_json};
pub use minion::Minion;
pub use outcome::{NoAnswer, Outcome, Reason, RunUsage};
pub use prompt::worker_prompt;
pub use question::Question;
pub use transcript::{Speaker, Transcript, Turn};
