//! From prompts to replies: what is read and drawn in which step, and what comes of it.

mod calls;
mod grammar;
mod job;
mod page_store;
mod pages;
mod quotation;
mod reply;
mod sampling;
mod scheduler;
mod schema;
mod sequence;
mod step;

pub use calls::check as check_tools;
pub use grammar::{Advance, Grammar, Grammars};
pub use job::{Finished, Job};
pub use page_store::{MemoryPages, PageKey, PageStore};
pub use pages::{PagePool, Pages};
pub use reply::Reply;
pub use sampling::{History, Sampling};
pub use scheduler::{DeviceKind, PREFILL_ROWS, STEP_ROWS, Scheduler, Tally, Ticket, step_rows};
pub use sequence::Sequence;
pub use step::{Draw, Layout, Phase, Step, StepBuilder};
