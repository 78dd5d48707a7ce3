//! From a chat request to the wire.

use std::borrow::Cow;
use std::collections::BTreeMap;

use minions_chat::{ChatError, ChatRequest, Message, ResponseFormat};
use serde::{Deserialize, Serialize};

/// Where chat completions are asked for.
pub(super) fn url(base_url: &str) -> Result<String, ChatError> {
    let base_url = base_url.trim().trim_end_matches('/');
    if host(base_url).is_none_or(str::is_empty) {
        let message = "the base URL must be a full address such as https://api.openai.com/v1";
        return Err(ChatError::InvalidRequest(message.to_owned()));
    }
    Ok(format!("{base_url}/chat/completions"))
}

/// The request's JSON text.
pub(super) fn body(
    request: &ChatRequest,
    model: &str,
    base_url: &str,
    json_mode: Option<JsonMode>,
) -> Result<String, ChatError> {
    if model.trim().is_empty() {
        return Err(ChatError::InvalidRequest("the model's name is empty: choose a model".to_owned()));
    }
    // OpenAI renamed the token limit and refuses the old name for its newer models; others know only the old name.
    // The three samplers that are not OpenAI's are known to local servers (llama.cpp, vLLM, Ollama) and refused by OpenAI.
    let is_openai = is_openai(base_url);
    let wire = WireRequest {
        model: model.trim(),
        messages: &request.messages,
        stream: true,
        stream_options: StreamOptions { include_usage: true },
        max_completion_tokens: request.max_tokens.filter(|_| is_openai),
        max_tokens: request.max_tokens.filter(|_| !is_openai),
        temperature: request.temperature,
        top_p: request.top_p,
        top_k: request.top_k.filter(|_| !is_openai),
        min_p: request.min_p.filter(|_| !is_openai),
        repetition_penalty: request.repetition_penalty.filter(|_| !is_openai),
        presence_penalty: request.presence_penalty,
        frequency_penalty: request.frequency_penalty,
        logit_bias: &request.logit_bias,
        logprobs: request.logprobs,
        top_logprobs: request.top_logprobs.filter(|_| request.logprobs),
        n: request.n.filter(|samples| *samples != 1),
        seed: request.seed,
        stop: &request.stop,
        response_format: response_format(
            &request.response_format,
            json_mode.unwrap_or_else(|| JsonMode::of(is_openai)),
        ),
    };
    serde_json::to_string(&wire).map_err(|error| ChatError::InvalidRequest(error.to_string()))
}

#[derive(Serialize)]
struct WireRequest<'a> {
    model: &'a str,
    messages: &'a [Message],
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
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
    response_format: Option<Cow<'a, ResponseFormat>>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// How far a model can be held to JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonMode {
    /// Not at all: requests that want JSON say so in words only.
    None,
    /// To one JSON object (`json_object`).
    Object,
    /// To a schema (`json_schema`).
    Schema,
}

impl JsonMode {
    /// Most servers that speak this wire know `json_object`; several refuse `json_schema`.
    fn of(is_openai: bool) -> Self {
        if is_openai { Self::Schema } else { Self::Object }
    }
}

/// The strongest form that both sides know.
fn response_format(wanted: &ResponseFormat, mode: JsonMode) -> Option<Cow<'_, ResponseFormat>> {
    match (wanted, mode) {
        // The wire has no word for a pattern or a choice.
        (ResponseFormat::Text | ResponseFormat::Regex { .. } | ResponseFormat::Choice { .. }, _) => None,
        (_, JsonMode::None) => None,
        (ResponseFormat::JsonSchema { .. }, JsonMode::Object) => Some(Cow::Owned(ResponseFormat::JsonObject)),
        (wanted, _) => Some(Cow::Borrowed(wanted)),
    }
}

/// Whether the address is OpenAI's own, regional ones included.
fn is_openai(base_url: &str) -> bool {
    host(base_url.trim()).is_some_and(|host| host == "api.openai.com" || host.ends_with(".api.openai.com"))
}

/// The host of an http address, without its port.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    rest.split(['/', ':', '?']).next()
}

#[cfg(test)]
mod tests {
    use minions_chat::JsonSchema;
    use serde_json::{Value, json};

    use super::*;

    const OPENAI: &str = "https://api.openai.com/v1";

    fn wire(request: &ChatRequest, base_url: &str, json_mode: Option<JsonMode>) -> Value {
        let body = body(request, "m", base_url, json_mode).unwrap_or_default();
        serde_json::from_str(&body).unwrap_or_default()
    }

    #[test]
    fn sends_nothing_that_was_not_asked_for() {
        assert_eq!(
            wire(&ChatRequest::new(vec![Message::user("hi")]), OPENAI, None),
            json!({
                "model": "m",
                "messages": [{"role": "user", "content": "hi"}],
                "stream": true,
                "stream_options": {"include_usage": true},
            })
        );
    }

    #[test]
    fn names_the_token_limit_as_the_host_knows_it() {
        let request = ChatRequest { max_tokens: Some(7), top_k: Some(3), ..ChatRequest::default() };
        for openai in [OPENAI, "https://eu.api.openai.com/v1"] {
            let wire = wire(&request, openai, None);
            assert_eq!(wire.get("max_completion_tokens"), Some(&json!(7)));
            assert_eq!((wire.get("max_tokens"), wire.get("top_k")), (None, None));
        }
        for other in ["http://localhost:8080/v1", "https://api.openai.com.example.org/v1"] {
            let wire = wire(&request, other, None);
            assert_eq!((wire.get("max_tokens"), wire.get("top_k")), (Some(&json!(7)), Some(&json!(3))));
            assert_eq!(wire.get("max_completion_tokens"), None);
        }
    }

    #[test]
    fn asks_for_json_as_strictly_as_the_server_can() {
        let json_schema = JsonSchema::strict("plan", json!({"type": "object"}));
        let schema = ResponseFormat::JsonSchema { json_schema };
        let format = |wanted: &ResponseFormat, base_url, mode| {
            let request = ChatRequest { response_format: wanted.clone(), ..ChatRequest::default() };
            wire(&request, base_url, mode).get("response_format").cloned()
        };
        let object = Some(json!({"type": "json_object"}));
        let strict = Some(json!({
            "type": "json_schema",
            "json_schema": {"name": "plan", "schema": {"type": "object"}, "strict": true},
        }));
        assert_eq!(format(&schema, OPENAI, None), strict);
        assert_eq!(format(&schema, "http://localhost:8080/v1", None), object);
        assert_eq!(format(&schema, "http://localhost:8080/v1", Some(JsonMode::Schema)), strict);
        assert_eq!(format(&ResponseFormat::JsonObject, OPENAI, None), object);
        assert_eq!(format(&schema, OPENAI, Some(JsonMode::None)), None);
        for unknown in [
            ResponseFormat::Text,
            ResponseFormat::Regex { pattern: "a+".into() },
            ResponseFormat::Choice { choices: vec!["a".into()] },
        ] {
            assert_eq!(format(&unknown, OPENAI, None), None);
            assert_eq!(format(&unknown, "http://localhost:8080/v1", Some(JsonMode::Schema)), None);
        }
    }

    #[test]
    fn passes_on_what_the_host_knows_of_sampling() {
        let request = ChatRequest {
            presence_penalty: Some(0.5),
            frequency_penalty: Some(-0.5),
            repetition_penalty: Some(1.25),
            logit_bias: [(7, -100.0)].into(),
            logprobs: true,
            top_logprobs: Some(2),
            n: Some(3),
            ..ChatRequest::default()
        };
        let known = json!({"presence_penalty": 0.5, "frequency_penalty": -0.5, "logit_bias": {"7": -100.0},
            "logprobs": true, "top_logprobs": 2, "n": 3});
        for (base_url, repetition_penalty) in [(OPENAI, None), ("http://localhost:8080/v1", Some(&json!(1.25)))] {
            let wire = wire(&request, base_url, None);
            for (name, value) in known.as_object().into_iter().flatten() {
                assert_eq!(wire.get(name), Some(value), "{name} for {base_url}");
            }
            assert_eq!(wire.get("repetition_penalty"), repetition_penalty, "{base_url}");
        }
    }

    #[test]
    fn builds_the_address() {
        assert_eq!(url(" http://localhost:1234/v1/ "), Ok("http://localhost:1234/v1/chat/completions".into()));
        for wrong in ["", "api.openai.com/v1", "https://", "file:///v1"] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }
}
