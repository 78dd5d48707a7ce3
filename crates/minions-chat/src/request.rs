use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Message, Tool, ToolChoice};

/// A conversation to continue, and how. `None` leaves a choice to the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatRequest {
    /// The conversation so far; the last message is the one to answer.
    pub messages: Vec<Message>,
    /// The most tokens to produce. The local engine refuses more than its context has room for after the prompt; without a
    /// number it takes what is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// 0 is greedy; higher is more random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Sample among the `top_k` most probable tokens only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    /// Sample among the most probable tokens that together hold this share of the probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    /// Drop tokens less probable than this share of the most probable one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f32>,
    /// Takes this from the score of every token of the reply so far, once for each time it stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f32>,
    /// Takes this from the score of every token that stands in the reply so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f32>,
    /// Above 1, makes every token of prompt and reply less likely to come again: positive scores are divided by it,
    /// negative ones multiplied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition_penalty: Option<f32>,
    /// What is added to the scores of single tokens, by token id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub logit_bias: BTreeMap<u32, f32>,
    /// Makes sampling repeatable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How many replies to sample; they share the prompt. The first is streamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// Whether to tell how probable each token of the reply was.
    #[serde(skip_serializing_if = "is_false")]
    pub logprobs: bool,
    /// How many alternatives to tell for each token, with `logprobs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<u32>,
    /// Generation ends before any of these texts; they are not part of the reply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Among requests that wait for the local engine those of the highest priority are served first; 0 unless set. No provider
    /// is told.
    #[serde(skip_serializing_if = "is_zero")]
    pub priority: i32,
    /// What form the reply must have.
    #[serde(skip_serializing_if = "ResponseFormat::is_text")]
    pub response_format: ResponseFormat,
    /// Functions that the model may ask for. The local engine holds every call to its function's schema; no provider is asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Whether the model may, must or must not ask for one.
    #[serde(skip_serializing_if = "ToolChoice::is_auto")]
    pub tool_choice: ToolChoice,
    /// Whether it may ask for several at a time. Unless set it may, but for a function that `tool_choice` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
}

impl ChatRequest {
    /// A request with these messages and everything else left to the model.
    pub fn new(messages: Vec<Message>) -> Self {
        Self { messages, ..Self::default() }
    }

    /// Whether the model may ask for a call.
    pub fn offers_tools(&self) -> bool {
        !self.tools.is_empty() && self.tool_choice != ToolChoice::None
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// What form the reply must have. The local engine holds every reply to it, token by token. A provider knows some of
/// these forms only; it is asked for the next weaker one, so whoever needs the form must read with care.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ResponseFormat {
    /// Any text.
    #[default]
    Text,
    /// One JSON object.
    JsonObject,
    /// JSON that a schema describes.
    JsonSchema {
        /// The schema.
        json_schema: JsonSchema,
    },
    /// Text that a regular expression matches from its beginning to its end. No provider is asked for it.
    Regex {
        /// The expression, in the syntax of Rust's `regex`, without look-around and back-references.
        pattern: String,
    },
    /// One of some texts, word for word. No provider is asked for it.
    Choice {
        /// The texts.
        choices: Vec<String>,
    },
}

/// A named JSON Schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonSchema {
    /// What the object is, in one word.
    pub name: String,
    /// The schema. For OpenAI's strict mode every property must be required, and none may be added.
    pub schema: serde_json::Value,
    /// Whether a provider must hold the reply to the schema exactly. The local engine always does.
    #[serde(default)]
    pub strict: bool,
    /// Properties of the object, and for each the text that its string must be a piece of, word for word: what a citation is
    /// taken from. Words are whole ones. The local engine's own, and not sent to providers.
    #[serde(default, skip_serializing)]
    pub quote_of: BTreeMap<String, String>,
}

impl JsonSchema {
    /// A schema that replies must be held to exactly.
    pub fn strict(name: impl Into<String>, schema: serde_json::Value) -> Self {
        Self { name: name.into(), schema, strict: true, quote_of: BTreeMap::new() }
    }
}

impl ResponseFormat {
    /// Whether any text will do.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text)
    }
}
