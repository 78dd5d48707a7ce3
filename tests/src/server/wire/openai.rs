//! OpenAI's chat completions.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::{Refusal, Reply, Usage, Wire, messages, refuse, text};

pub(super) static WIRE: Wire = Wire {
    chat_path: "/chat/completions",
    allowed_headers: "content-type, authorization",
    key_header: "authorization",
    check,
    whole,
    error: |_, message, code| json!({"error": {"message": message, "code": code}}),
    streams_by_default: false,
    stream_type: "text/event-stream",
    frame: |value| format!("data: {value}\n\n"),
    opening: |_| Vec::new(),
    piece: |_, text| json!({"choices": [{"index": 0, "delta": {"content": text}}]}),
    ending,
    last_line: "data: [DONE]\n\n",
};

fn check(request: &Value, _: &HeaderMap) -> Result<(), Refusal> {
    let format = &request["response_format"];
    let mentions_json = |message: &Value| text(&message["content"]).to_lowercase().contains("json");
    match format["type"].as_str() {
        None if format.is_null() => Ok(()),
        Some("text") => Ok(()),
        Some("json_object") if messages(request).iter().any(mentions_json) => Ok(()),
        Some("json_object") => refuse("messages must mention json to use response_format json_object"),
        Some("json_schema") => check_schema(&format["json_schema"]),
        _ => refuse(format!("Invalid value for 'response_format.type': {}", format["type"])),
    }
}

fn check_schema(format: &Value) -> Result<(), Refusal> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    match format["name"].as_str() {
        None => return refuse("Missing required parameter: 'response_format.json_schema.name'."),
        Some(name) if name.is_empty() || name.len() > 64 || !name.chars().all(is_name) => {
            return refuse("Invalid 'response_format.json_schema.name': it must match '^[a-zA-Z0-9_-]{1,64}$'.");
        }
        Some(_) => {}
    }
    if !format["schema"].is_object() {
        return refuse("Missing required parameter: 'response_format.json_schema.schema'.");
    }
    Ok(())
}

fn whole(reply: &Reply) -> Value {
    let message = json!({"role": "assistant", "content": reply.content});
    let choice = json!({"index": 0, "message": message, "finish_reason": reply.finish_reason});
    json!({"object": "chat.completion", "choices": [choice], "usage": reply.usage.map(usage)})
}

fn ending(reply: &Reply) -> Vec<Value> {
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}]});
    let usage = reply.usage.filter(|_| reply.request["stream_options"]["include_usage"] == true).map(usage);
    std::iter::once(end).chain(usage.map(|usage| json!({"choices": [], "usage": usage}))).collect()
}

fn usage(Usage { prompt, completion }: Usage) -> Value {
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
}

pub(super) fn models() -> Value {
    json!({"object": "list", "data": [{"id": "scripted", "object": "model", "owned_by": "minions"}]})
}
