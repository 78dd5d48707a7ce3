//! Cloud chat models: pure mapping between chat requests and providers' wires.
//!
//! Bytes go through the [`Transport`] that a shell brings (the browser's `fetch`, a native client, a fake in a test);
//! the clock lives there too. The API key goes into one header of requests to the provider's own address and nowhere
//! else: [`ApiKey`] shows itself to nobody, and a provider's error text is searched for it, and for words of the request,
//! before it is passed on.
//!
//! A wire is a folder (`openai`, `anthropic`, `gemini`, `ollama`); a provider is a line of data ([`PRESETS`]).

#![warn(clippy::unwrap_used, clippy::indexing_slicing)]

mod address;
mod anthropic;
mod api_key;
mod error;
mod gemini;
mod json_mode;
mod lines;
mod model;
mod ndjson;
mod ollama;
mod openai;
mod preset;
mod presets;
mod reasoning_effort;
mod recorded;
mod reply;
mod retry;
mod secrets;
mod sse;
mod transport;
mod wire;

pub use api_key::ApiKey;
pub use json_mode::JsonMode;
pub use model::CloudModel;
pub use ndjson::NdjsonParser;
pub use openai::{Dialect, ModelRule};
pub use preset::{Auth, Cors, Preset};
pub use presets::{COMPATIBLE, PRESETS};
pub use reasoning_effort::ReasoningEffort;
pub use recorded::{RecordedReply, Recording, RecordingError};
pub use sse::SseParser;
pub use transport::{Body, HttpRequest, HttpResponse, Method, Transport, TransportError};
pub use wire::WireKind;
