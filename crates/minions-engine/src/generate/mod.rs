//! From a prompt to a reply: ragged steps of prefill and decode.

mod grammar;
mod reply;
mod sampling;
mod schema;
mod sequence;
mod step;

pub use grammar::{Advance, Grammar, Grammars};
pub use reply::Reply;
pub use sampling::{History, Sampling};
pub use sequence::Sequence;
pub use step::{Draw, Step, StepBuilder};
