//! From a chat request to the wire.

use minions_chat::{ChatError, ChatRequest, Message, Role};
use serde::Serialize;
use serde_json::{Value, json};

use crate::ReasoningEffort;
use crate::json_mode::Form;
use crate::wire::{Settings, to_json};

/// The request's JSON text. The model is in the address.
pub(super) fn body(request: &ChatRequest, settings: &Settings) -> Result<String, ChatError> {
    let (mime_type, schema) = match settings.json_mode.form(&request.response_format) {
        Form::Text => (None, None),
        Form::Object => (Some(JSON), None),
        Form::Schema(schema) => (Some(JSON), Some(&schema.schema)),
    };
    let system: Vec<_> = of(&request.messages, true).map(Part::new).collect();
    to_json(&WireRequest {
        system_instruction: Some(Content { role: None, parts: system }).filter(|system| !system.parts.is_empty()),
        contents: of(&request.messages, false).map(Content::new).collect(),
        generation_config: GenerationConfig {
            max_output_tokens: request.max_tokens,
            temperature: request.temperature,
            top_p: request.top_p,
            top_k: request.top_k,
            presence_penalty: request.presence_penalty,
            frequency_penalty: request.frequency_penalty,
            // A signed 32-bit number there.
            seed: request.seed.map(|seed| seed & 0x7fff_ffff),
            candidate_count: request.n.filter(|samples| *samples != 1),
            stop_sequences: &request.stop,
            response_mime_type: mime_type,
            response_json_schema: schema,
            thinking_config: settings.effort.map(|effort| thinking(settings.model, effort)),
        },
    })
}

/// Gemini 2.5 is told how many tokens it may think; later models know the words. The numbers are those of Google's OpenAI
/// wire.
fn thinking(model: &str, effort: ReasoningEffort) -> Value {
    if !model.contains("gemini-2") {
        return json!({"thinkingLevel": effort});
    }
    let budget = match effort {
        ReasoningEffort::Low => 1024,
        ReasoningEffort::Medium => 8192,
        ReasoningEffort::High => 24_576,
    };
    json!({"thinkingBudget": budget})
}

const JSON: &str = "application/json";

/// The system's messages, which the wire has apart, or the conversation's.
fn of(messages: &[Message], system: bool) -> impl Iterator<Item = &Message> {
    messages.iter().filter(move |message| (message.role == Role::System) == system)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "GenerationConfig::is_empty")]
    generation_config: GenerationConfig<'a>,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    parts: Vec<Part<'a>>,
}

impl<'a> Content<'a> {
    fn new(message: &'a Message) -> Self {
        let role = if message.role == Role::Assistant { "model" } else { "user" };
        Self { role: Some(role), parts: vec![Part::new(message)] }
    }
}

#[derive(Serialize)]
struct Part<'a> {
    text: &'a str,
}

impl<'a> Part<'a> {
    fn new(message: &'a Message) -> Self {
        Self { text: &message.content }
    }
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Value>,
}

impl GenerationConfig<'_> {
    fn is_empty(&self) -> bool {
        *self == GenerationConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::JsonMode;
    use minions_chat::ResponseFormat;

    #[test]
    fn says_everything_in_its_words() {
        let request = ChatRequest {
            messages: vec![
                Message::system("be brief"),
                Message::user("hi"),
                Message::assistant("ho"),
                Message::user("?"),
            ],
            max_tokens: Some(7),
            temperature: Some(0.5),
            top_k: Some(3),
            seed: Some(u64::MAX),
            n: Some(2),
            stop: vec!["END".into()],
            response_format: ResponseFormat::JsonObject,
            ..ChatRequest::default()
        };
        let settings = Settings { model: "m", json_mode: JsonMode::Schema, effort: None, dialect: None };
        let wire: Value = serde_json::from_str(&body(&request, &settings).unwrap_or_default()).unwrap_or_default();
        assert_eq!(
            wire,
            json!({
                "systemInstruction": {"parts": [{"text": "be brief"}]},
                "contents": [
                    {"role": "user", "parts": [{"text": "hi"}]},
                    {"role": "model", "parts": [{"text": "ho"}]},
                    {"role": "user", "parts": [{"text": "?"}]},
                ],
                "generationConfig": {
                    "maxOutputTokens": 7, "temperature": 0.5, "topK": 3, "seed": 2_147_483_647, "candidateCount": 2,
                    "stopSequences": ["END"], "responseMimeType": "application/json",
                },
            })
        );
    }

    #[test]
    fn sends_nothing_that_was_not_asked_for() {
        let request = ChatRequest::new(vec![Message::user("hi")]);
        let settings = Settings { model: "m", json_mode: JsonMode::Schema, effort: None, dialect: None };
        let body = body(&request, &settings);
        assert_eq!(body, Ok(r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#.to_owned()));
    }
}
