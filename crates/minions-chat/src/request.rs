use serde::{Deserialize, Serialize};

use crate::Message;

/// A conversation to continue, and how. `None` leaves a choice to the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatRequest {
    /// The conversation so far; the last message is the one to answer.
    pub messages: Vec<Message>,
    /// The most tokens to produce.
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
    /// Makes sampling repeatable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Generation ends before any of these texts; they are not part of the reply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// What form the reply must have.
    #[serde(skip_serializing_if = "ResponseFormat::is_text")]
    pub response_format: ResponseFormat,
}

impl ChatRequest {
    /// A request with these messages and everything else left to the model.
    pub fn new(messages: Vec<Message>) -> Self {
        Self { messages, ..Self::default() }
    }
}

/// What form the reply must have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ResponseFormat {
    /// Any text.
    #[default]
    Text,
    /// One JSON object, where the model has such a mode.
    JsonObject,
    /// One JSON object that a schema describes. Where the model has no such mode, the next weaker one.
    JsonSchema {
        /// The schema.
        json_schema: JsonSchema,
    },
}

/// A named JSON Schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonSchema {
    /// What the object is, in one word.
    pub name: String,
    /// The schema. Every property is required and none may be added, as OpenAI's strict mode wants it.
    pub schema: serde_json::Value,
    /// Whether the reply must fit the schema exactly.
    pub strict: bool,
}

impl ResponseFormat {
    /// Whether any text will do.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text)
    }
}
