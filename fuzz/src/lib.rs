//! The engine's readers of model files without the engine: they need no GPU, and its runtime built for a fuzzer would take
//! an hour.

#[path = "../../crates/minions-engine/src/error.rs"]
mod error;

pub mod weights;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Runs a future that never waits for anything.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}
