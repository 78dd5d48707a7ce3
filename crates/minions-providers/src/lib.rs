//! Cloud chat models: pure mapping between chat requests and providers' wires.
//!
//! Bytes go through the [`Transport`] that a shell brings (the browser's `fetch`, a native client, a fake in a test);
//! the clock lives there too. The API key goes into one header of requests to the provider's own address and nowhere
//! else: [`ApiKey`] shows itself to nobody, and a provider's error text is searched for it before it is passed on.

#![warn(clippy::unwrap_used, clippy::indexing_slicing)]

mod api_key;
mod error;
mod openai;
mod presets;
mod recorded;
mod retry;
mod sse;
mod transport;

pub use api_key::ApiKey;
pub use openai::{JsonMode, OpenAi};
pub use presets::{PRESETS, Preset};
pub use recorded::{RecordedReply, Recording, RecordingError};
pub use sse::SseParser;
pub use transport::{Body, HttpRequest, HttpResponse, Transport, TransportError};
