//! From a chat request to the wire.

use minions_chat::{ChatError, ChatRequest, Message, Role};
use serde::Serialize;
use serde_json::{Value, json};

use crate::json_mode::Form;
use crate::wire::{Settings, one_reply_only, to_json};

/// The token limit is required, so a request without one needs a default: as much as the oldest models allow.
const MAX_TOKENS: u32 = 4096;

/// The same for models that think unasked: their thoughts count.
const MAX_TOKENS_THINKING: u32 = 16_384;

/// How the names of the models begin that sample as they are told. Later ones refuse to be told.
const SAMPLES: &[&str] = &[
    "claude-2",
    "claude-instant",
    "claude-3",
    "claude-opus-4-0",
    "claude-opus-4-1",
    "claude-opus-4-2",
    "claude-opus-4-5",
    "claude-opus-4-6",
    "claude-sonnet-4-0",
    "claude-sonnet-4-2",
    "claude-sonnet-4-5",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
];

/// The request's JSON text.
///
/// The wire knows no `json_object`. A schema is the input of a tool that must be used: what the tool would be called
/// with is the reply.
pub(super) fn body(request: &ChatRequest, settings: &Settings) -> Result<String, ChatError> {
    one_reply_only(request, "Anthropic")?;
    let system: Vec<_> = of(&request.messages, true).map(|message| message.content.as_str()).collect();
    let tool = match settings.json_mode.form(&request.response_format) {
        // A tool's input is an object, whatever the schema says.
        Form::Schema(schema) if schema.schema.get("type") == Some(&json!("object")) => Some(schema),
        _ => None,
    };
    let samples = SAMPLES.iter().any(|beginning| settings.model.starts_with(beginning));
    let default_limit = if samples { MAX_TOKENS } else { MAX_TOKENS_THINKING };
    // 1 is the most there is, and newer models take one of the two, not both.
    let temperature = request.temperature.filter(|_| samples).map(|temperature| temperature.min(1.0));
    to_json(&WireRequest {
        model: settings.model,
        max_tokens: request.max_tokens.unwrap_or(default_limit),
        system: Some(system.join("\n\n")).filter(|system| !system.is_empty()),
        messages: of(&request.messages, false).collect(),
        stream: true,
        temperature,
        top_p: request.top_p.filter(|_| samples && temperature.is_none()),
        top_k: request.top_k.filter(|_| samples),
        stop_sequences: &request.stop,
        output_config: settings.effort.map(|effort| json!({"effort": effort})),
        tools: tool.map(|schema| [Tool { name: &schema.name, description: DESCRIPTION, input_schema: &schema.schema }]),
        tool_choice: tool.map(|schema| json!({"type": "tool", "name": schema.name})),
    })
}

const DESCRIPTION: &str = "Takes the reply.";

/// The system's messages, which the wire has apart, or the conversation's.
fn of(messages: &[Message], system: bool) -> impl Iterator<Item = &Message> {
    messages.iter().filter(move |message| (message.role == Role::System) == system)
}

#[derive(Serialize)]
struct WireRequest<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    messages: Vec<&'a Message>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[Tool<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Value>,
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::JsonMode;

    fn wire(request: &ChatRequest, model: &str) -> Value {
        let settings = Settings { model, json_mode: JsonMode::SchemaOnly, effort: None, dialect: None };
        serde_json::from_str(&body(request, &settings).unwrap_or_default()).unwrap_or_default()
    }

    #[test]
    fn the_system_stands_apart_and_the_limit_is_always_there() {
        let messages = vec![Message::system("be"), Message::user("hi"), Message::system("brief")];
        assert_eq!(
            wire(&ChatRequest::new(messages), "claude-3-5-haiku-latest"),
            json!({
                "model": "claude-3-5-haiku-latest", "max_tokens": 4096, "system": "be\n\nbrief",
                "messages": [{"role": "user", "content": "hi"}], "stream": true,
            })
        );
    }

    #[test]
    fn samples_as_the_model_allows() {
        let request = ChatRequest {
            temperature: Some(1.5),
            top_p: Some(0.5),
            top_k: Some(3),
            seed: Some(1),
            ..ChatRequest::default()
        };
        let older = wire(&request, "claude-sonnet-4-5");
        assert_eq!((older.get("temperature"), older.get("top_k")), (Some(&json!(1.0)), Some(&json!(3))));
        assert_eq!((older.get("top_p"), older.get("seed")), (None, None));
        let newer = wire(&request, "claude-opus-4-7");
        assert_eq!((newer.get("temperature"), newer.get("top_p"), newer.get("top_k")), (None, None, None));
        assert_eq!(newer.get("max_tokens"), Some(&json!(MAX_TOKENS_THINKING)));
    }

    #[test]
    fn several_replies_are_refused() {
        let request = ChatRequest { n: Some(2), ..ChatRequest::default() };
        let settings = Settings { model: "m", json_mode: JsonMode::None, effort: None, dialect: None };
        assert!(matches!(body(&request, &settings), Err(ChatError::InvalidRequest(_))));
    }
}
