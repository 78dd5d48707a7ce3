//! From a prompt to a reply: ragged steps of prefill and decode.

mod sampling;
mod sequence;
mod step;

pub use sampling::Sampling;
pub use sequence::Sequence;
pub use step::{Step, StepBuilder};
