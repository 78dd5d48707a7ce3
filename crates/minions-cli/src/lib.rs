//! What a native process adds to the crates: files and the network. The `minions` command is in `main.rs`.

mod files;
mod transport;

pub use files::FileSource;
pub use transport::{HttpBody, HttpTransport, http_client};
