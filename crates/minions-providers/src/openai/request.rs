//! From a chat request to the wire.

use std::collections::BTreeMap;

use minions_chat::{ChatError, ChatRequest, Message, Role};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::dialect::{Dialect, MOST};
use crate::ReasoningEffort;
use crate::json_mode::Form;
use crate::wire::{Settings, to_json};

/// The request's JSON text.
pub(super) fn body(request: &ChatRequest, settings: &Settings) -> Result<String, ChatError> {
    let dialect = settings.dialect.unwrap_or(&MOST);
    let rule = dialect.rule(settings.model);
    let system_role = rule.map_or("system", |rule| rule.system_role);
    let wire = WireRequest {
        model: settings.model,
        messages: request.messages.iter().map(|message| WireMessage::new(message, system_role)).collect(),
        stream: true,
        stream_options: StreamOptions { include_usage: true },
        max_tokens: request.max_tokens,
        reasoning_effort: settings.effort,
        temperature: request.temperature,
        top_p: request.top_p,
        top_k: request.top_k,
        min_p: request.min_p,
        repetition_penalty: request.repetition_penalty,
        presence_penalty: request.presence_penalty,
        frequency_penalty: request.frequency_penalty,
        logit_bias: &request.logit_bias,
        logprobs: request.logprobs,
        top_logprobs: request.top_logprobs.filter(|_| request.logprobs),
        n: request.n.filter(|samples| *samples != 1),
        seed: request.seed,
        stop: &request.stop,
        response_format: match settings.json_mode.form(&request.response_format) {
            Form::Text => None,
            Form::Object => Some(json!({"type": "json_object"})),
            Form::Schema(json_schema) => Some(json!({"type": "json_schema", "json_schema": json_schema})),
        },
    };
    in_dialect(&to_json(&wire)?, dialect, settings.model)
}

/// Leaves out and renames what the provider wants left out and renamed.
fn in_dialect(plain: &str, dialect: &Dialect, model: &str) -> Result<String, ChatError> {
    let rule = dialect.rule(model);
    // Through text and not `to_value`, which would turn 0.7 into the nearest double of the nearest float.
    let fields: Map<String, Value> =
        serde_json::from_str(plain).map_err(|error| ChatError::InvalidRequest(error.to_string()))?;
    let fields: Map<String, Value> =
        fields.into_iter().filter_map(|(field, value)| Some((dialect.name(&field, rule)?.to_owned(), value))).collect();
    to_json(&fields)
}

#[derive(Serialize)]
struct WireRequest<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<ReasoningEffort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repetition_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    logit_bias: &'a BTreeMap<u32, f32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    logprobs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
}

#[derive(Serialize)]
struct WireMessage<'a> {
    role: &'a str,
    content: &'a str,
}

impl<'a> WireMessage<'a> {
    fn new(message: &'a Message, system_role: &'a str) -> Self {
        let role = match message.role {
            Role::System => system_role,
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        Self { role, content: &message.content }
    }
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[cfg(test)]
mod tests {
    use minions_chat::{JsonSchema, ResponseFormat, ToolChoice};

    use super::super::{CEREBRAS, MISTRAL, OPENAI, TOKASAURUS};
    use super::*;
    use crate::JsonMode;

    fn wire(request: &ChatRequest, model: &str, dialect: &'static Dialect) -> Value {
        let settings = Settings { model, json_mode: JsonMode::Schema, effort: None, dialect: Some(dialect) };
        let body = body(request, &settings).unwrap_or_default();
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// A request that asks for everything.
    fn everything() -> ChatRequest {
        ChatRequest {
            messages: vec![Message::system("be brief"), Message::user("hi"), Message::assistant("hello")],
            max_tokens: Some(7),
            temperature: Some(0.7),
            top_p: Some(0.9),
            top_k: Some(3),
            min_p: Some(0.1),
            presence_penalty: Some(0.5),
            frequency_penalty: Some(-0.5),
            repetition_penalty: Some(1.25),
            logit_bias: [(7, -100.0)].into(),
            logprobs: true,
            top_logprobs: Some(2),
            n: Some(3),
            seed: Some(1),
            stop: vec!["END".into()],
            // No provider is told.
            priority: 7,
            response_format: ResponseFormat::JsonObject,
            // A model behind any wire refuses these (`model.rs`).
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: None,
        }
    }

    #[test]
    fn sends_nothing_that_was_not_asked_for() {
        assert_eq!(
            wire(&ChatRequest::new(vec![Message::user("hi")]), "m", &OPENAI),
            json!({
                "model": "m",
                "messages": [{"role": "user", "content": "hi"}],
                "stream": true,
                "stream_options": {"include_usage": true},
            })
        );
    }

    #[test]
    fn sends_everything_to_whom_nothing_is_known_of() {
        assert_eq!(
            wire(&everything(), "m", &MOST),
            json!({
                "model": "m",
                "messages": [
                    {"role": "system", "content": "be brief"},
                    {"role": "user", "content": "hi"},
                    {"role": "assistant", "content": "hello"},
                ],
                "stream": true,
                "stream_options": {"include_usage": true},
                "max_tokens": 7, "temperature": 0.7, "top_p": 0.9, "top_k": 3, "min_p": 0.1,
                "repetition_penalty": 1.25, "presence_penalty": 0.5, "frequency_penalty": -0.5,
                "logit_bias": {"7": -100.0}, "logprobs": true, "top_logprobs": 2, "n": 3, "seed": 1, "stop": ["END"],
                "response_format": {"type": "json_object"},
            })
        );
    }

    #[test]
    fn leaves_out_and_renames_what_the_provider_wants() {
        let fields = |dialect: &'static Dialect| {
            let Value::Object(fields) = wire(&everything(), "m", dialect) else { panic!("an object") };
            fields.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let has = |dialect, field: &str| fields(dialect).iter().any(|name| name == field);
        for (dialect, present, absent) in [
            (&OPENAI, "max_completion_tokens", "max_tokens"),
            (&OPENAI, "temperature", "top_k"),
            (&MISTRAL, "max_tokens", "stream_options"),
            (&MISTRAL, "random_seed", "seed"),
            (&CEREBRAS, "seed", "presence_penalty"),
            (&TOKASAURUS, "model", "stream"),
        ] {
            assert!(has(dialect, present) && !has(dialect, absent), "{present}, not {absent}");
        }
    }

    #[test]
    fn reasoning_models_get_no_samplers_and_a_developer() {
        for model in ["o1", "o3-mini", "gpt-5", "gpt-5.2-2026-01-01", "openai/o4-mini"] {
            let wire = wire(&everything(), model, &OPENAI);
            assert_eq!(wire.pointer("/messages/0/role"), Some(&json!("developer")), "{model}");
            assert_eq!(wire.get("max_completion_tokens"), Some(&json!(7)), "{model}");
            for field in ["temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs"] {
                assert_eq!(wire.get(field), None, "{field} for {model}");
            }
        }
        let wire = wire(&everything(), "gpt-4o", &OPENAI);
        assert_eq!(wire.pointer("/messages/0/role"), Some(&json!("system")));
        assert_eq!(wire.get("temperature"), Some(&json!(0.7)));
    }

    #[test]
    fn asks_for_a_schema_by_its_name() {
        let json_schema = JsonSchema::strict("plan", json!({"type": "object"}));
        let request =
            ChatRequest { response_format: ResponseFormat::JsonSchema { json_schema }, ..ChatRequest::default() };
        let expected = json!({
            "type": "json_schema",
            "json_schema": {"name": "plan", "schema": {"type": "object"}, "strict": true},
        });
        assert_eq!(wire(&request, "m", &MOST).get("response_format"), Some(&expected));
    }
}
