//! What makes up a wire: how a kind of provider is asked, and how its answers are read. Data, and small functions from one
//! text to another; all that wires do alike is in `model.rs` and `reply.rs`.

use minions_chat::{ChatError, ChatRequest, FinishReason, TokenLogprob};
use serde_json::Value;

use crate::openai::Dialect;
use crate::{JsonMode, ReasoningEffort, anthropic, gemini, ollama, openai};

/// The wires there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireKind {
    /// OpenAI's chat completions, as spoken here.
    OpenAi(&'static Dialect),
    /// Anthropic's messages.
    Anthropic,
    /// Google's `streamGenerateContent`.
    Gemini,
    /// Ollama's own chat.
    Ollama,
}

impl WireKind {
    pub(crate) fn wire(self) -> &'static Wire {
        match self {
            Self::OpenAi(_) => &openai::WIRE,
            Self::Anthropic => &anthropic::WIRE,
            Self::Gemini => &gemini::WIRE,
            Self::Ollama => &ollama::WIRE,
        }
    }
}

/// One wire.
pub(crate) struct Wire {
    /// Where below the base URL a model is asked, from its name.
    pub(crate) chat_path: fn(&str) -> String,
    /// The text that asks it.
    pub(crate) body: fn(&ChatRequest, &Settings) -> Result<String, ChatError>,
    /// What a stream is made of.
    pub(crate) framing: Framing,
    /// Reads a piece of a stream, or with `is_piece` false a whole reply.
    pub(crate) read: fn(text: &str, is_piece: bool) -> Result<Frame, serde_json::Error>,
    /// Where below the base URL the models are listed.
    pub(crate) models_path: &'static str,
    /// The names in that list.
    pub(crate) models: fn(&Value) -> Vec<String>,
    /// What is usually wrong where the address or the model does not exist.
    pub(crate) not_found: &'static str,
}

/// What a request's text depends on beside the request.
pub(crate) struct Settings<'a> {
    pub(crate) model: &'a str,
    pub(crate) json_mode: JsonMode,
    pub(crate) effort: Option<ReasoningEffort>,
    pub(crate) dialect: Option<&'a Dialect>,
}

/// What the pieces of a stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events.
    Sse,
    /// Lines of JSON.
    Ndjson,
}

/// What one piece of a stream, or a whole reply, says.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    /// Parts of replies.
    pub(crate) parts: Vec<Part>,
    /// What is known of the usage by now.
    pub(crate) tokens: Tokens,
    /// The provider's error object.
    pub(crate) error: Option<Value>,
    /// Nothing follows.
    pub(crate) is_last: bool,
}

/// A part of one of the replies.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Which reply.
    pub(crate) index: u32,
    pub(crate) text: String,
    pub(crate) finish_reason: Option<FinishReason>,
    pub(crate) logprobs: Option<Vec<TokenLogprob>>,
}

/// Usage as far as a provider tells it, in OpenAI's sense: `cached` is part of `prompt`, `reasoning` of `completion`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) prompt: Option<u64>,
    pub(crate) completion: Option<u64>,
    pub(crate) cached: Option<u64>,
    pub(crate) reasoning: Option<u64>,
}

impl Tokens {
    /// What is told later counts: some providers tell a growing number with every piece, others each number once.
    pub(crate) fn then(self, later: Self) -> Self {
        Self {
            prompt: later.prompt.or(self.prompt),
            completion: later.completion.or(self.completion),
            cached: later.cached.or(self.cached),
            reasoning: later.reasoning.or(self.reasoning),
        }
    }
}

/// Refuses several replies to one request where the wire has no word for them.
pub(crate) fn one_reply_only(request: &ChatRequest, provider: &str) -> Result<(), ChatError> {
    match request.n {
        Some(2..) => {
            let message = format!("{provider} gives one reply to a request: leave n out, or ask several times");
            Err(ChatError::InvalidRequest(message))
        }
        _ => Ok(()),
    }
}

/// The text of a request.
pub(crate) fn to_json(wire: &impl serde::Serialize) -> Result<String, ChatError> {
    serde_json::to_string(wire).map_err(|error| ChatError::InvalidRequest(error.to_string()))
}

/// The texts that stand under `name` in each entry of `list`.
pub(crate) fn names(list: Option<&Value>, name: &str) -> Vec<String> {
    let entries = list.and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(|entry| entry.get(name)?.as_str()).map(str::to_owned).collect()
}
