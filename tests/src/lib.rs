//! What the tests of several crates share: models and transports that do as they are told, and a model server that
//! speaks the real wire.
//!
//! Nothing of the product depends on this package.

mod fake_transport;
mod fixtures;
mod random_worker;
mod scripted_model;
pub mod server;

pub use fake_transport::{FakeResponse, FakeTransport};
pub use fixtures::{fixtures, workspace};
pub use random_worker::{RANDOM_WORKER_CONTEXT, RandomWorker};
pub use scripted_model::{ScriptedModel, ScriptedReply};
