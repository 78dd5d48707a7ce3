//! The wasm shell of the npm package: what a worker's script calls, and nothing that a page sees.
//!
//! Few, coarse calls: load an engine, start a reply or a run, pull what comes. Values cross as JSON ([`js`]); the
//! TypeScript in `js/` gives them their types and their public shapes. All I/O of the browser is here: files
//! ([`source`]), the network and the clock ([`fetch`]).

#![warn(clippy::unwrap_used, clippy::indexing_slicing)]

mod diagnostics;
mod digest;
mod engine;
mod error;
mod fetch;
mod generation;
mod js;
mod page_model;
mod page_store;
mod run;
mod source;
mod start;
mod stream;
mod supervisor;

pub use diagnostics::{Rehearsal, bench_kernels, check_kernels, memory_bytes};
pub use digest::Sha256Digest;
pub use engine::{Engine, probe};
pub use run::run_with_page_worker;
pub use stream::Stream;
