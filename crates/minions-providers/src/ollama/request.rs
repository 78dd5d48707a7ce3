//! From a chat request to the wire.

use minions_chat::{ChatError, ChatRequest, Message};
use serde::Serialize;
use serde_json::{Value, json};

use crate::ReasoningEffort;
use crate::json_mode::Form;
use crate::wire::{Settings, one_reply_only, to_json};

/// The context that a server has if nobody set another. It cuts longer prompts, and does not say so.
const DEFAULT_CONTEXT: usize = 4096;

/// The tokens that a reply should have room for if the request does not say.
const REPLY_ROOM: usize = 1024;

/// The request's JSON text.
pub(super) fn body(request: &ChatRequest, settings: &Settings) -> Result<String, ChatError> {
    one_reply_only(request, "Ollama")?;
    to_json(&WireRequest {
        model: settings.model,
        messages: &request.messages,
        stream: true,
        think: settings.effort,
        format: match settings.json_mode.form(&request.response_format) {
            Form::Text => None,
            Form::Object => Some(json!("json")),
            Form::Schema(schema) => Some(schema.schema.clone()),
        },
        options: Options {
            num_ctx: context(request),
            num_predict: request.max_tokens,
            temperature: request.temperature,
            top_p: request.top_p,
            top_k: request.top_k,
            min_p: request.min_p,
            repeat_penalty: request.repetition_penalty,
            presence_penalty: request.presence_penalty,
            frequency_penalty: request.frequency_penalty,
            seed: request.seed,
            stop: &request.stop,
        },
    })
}

/// The context that prompt and reply take, where the server's own may be too short.
///
/// A server loads the model again when it is asked for another length, so lengths are powers of two: a conversation
/// that grows gets through few of them.
fn context(request: &ChatRequest) -> Option<usize> {
    // Three bytes a token, and not four as elsewhere: to be a little too long costs memory, too short costs the prompt.
    let prompt: usize = request.messages.iter().map(|message| message.content.len() / 3 + 8).sum();
    let room = request.max_tokens.map_or(REPLY_ROOM, |tokens| usize::try_from(tokens).unwrap_or(REPLY_ROOM));
    let needed = prompt.saturating_add(room);
    (needed > DEFAULT_CONTEXT).then(|| needed.checked_next_power_of_two().unwrap_or(needed))
}

#[derive(Serialize)]
struct WireRequest<'a> {
    model: &'a str,
    messages: &'a [Message],
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    think: Option<ReasoningEffort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Value>,
    #[serde(skip_serializing_if = "Options::is_empty")]
    options: Options<'a>,
}

#[derive(Default, PartialEq, Serialize)]
struct Options<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    num_ctx: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_predict: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repeat_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
}

impl Options<'_> {
    fn is_empty(&self) -> bool {
        *self == Options::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::JsonMode;

    fn wire(request: &ChatRequest) -> Value {
        let settings = Settings { model: "m", json_mode: JsonMode::Schema, effort: None, dialect: None };
        serde_json::from_str(&body(request, &settings).unwrap_or_default()).unwrap_or_default()
    }

    #[test]
    fn sends_nothing_that_was_not_asked_for() {
        assert_eq!(
            wire(&ChatRequest::new(vec![Message::user("hi")])),
            json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": true})
        );
    }

    #[test]
    fn asks_for_room_where_the_prompt_is_long() {
        let asked = |bytes: usize, max_tokens| {
            let messages = vec![Message::user("x".repeat(bytes))];
            let request = ChatRequest { max_tokens, ..ChatRequest::new(messages) };
            wire(&request).pointer("/options/num_ctx").and_then(Value::as_u64)
        };
        assert_eq!(asked(9_000, None), None);
        assert_eq!(asked(9_000, Some(2_000)), Some(8_192));
        assert_eq!(asked(90_000, None), Some(32_768));
    }
}
