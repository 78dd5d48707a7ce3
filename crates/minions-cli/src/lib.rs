//! What a native process adds to the crates: files, the network, a terminal. [`main`] is the whole `minions` command.

mod bench;
mod chat;
mod cli;
mod device;
mod exit;
mod files;
mod input;
mod model;
mod models;
mod output;
mod random_model;
mod replay;
mod run;
mod supervisor;
mod transcript;
mod transport;
mod worker;

pub use cli::main;
pub use files::FileSource;
pub use transport::{HttpBody, HttpTransport, http_client};
