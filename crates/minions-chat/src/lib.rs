//! The vocabulary of chat models, shared by everything that answers (the local engine, a cloud provider, a script in
//! a test) and everything that asks (the protocols, the shells).
//!
//! Types and one trait; no I/O, no clock, no randomness. Field names are OpenAI's, so that what a web developer knows
//! about chat completions carries over.

mod error;
mod message;
mod model;
mod request;
mod response;
mod tool;
mod usage;

pub use error::{ChatError, ErrorCode};
pub use message::{Message, Role};
pub use model::ChatModel;
pub use request::{ChatRequest, JsonSchema, ResponseFormat};
pub use response::{Alternative, ChatResponse, FinishReason, TokenLogprob, TopLogprob};
pub use tool::{Function, FunctionCall, Tool, ToolCall, ToolChoice, ToolKind};
pub use usage::{TokenCounter, Usage, estimate_tokens};
