//! Ollama's chat.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::{Refusal, Reply, Wire, refuse};

pub(super) static WIRE: Wire = Wire {
    chat_path: "/api/chat",
    allowed_headers: "content-type, authorization",
    key_header: "authorization",
    check,
    whole: |reply| last(reply, reply.content),
    error: |_, message, _| json!({"error": message}),
    streams_by_default: true,
    stream_type: "application/x-ndjson",
    frame: |value| format!("{value}\n"),
    opening: |_| Vec::new(),
    piece: |reply, text| line(reply, text, false),
    ending: |reply| vec![last(reply, "")],
    last_line: "",
};

fn check(request: &Value, _: &HeaderMap) -> Result<(), Refusal> {
    match &request["format"] {
        Value::Null | Value::Object(_) => Ok(()),
        Value::String(format) if matches!(format.as_str(), "" | "json") => Ok(()),
        other => refuse(format!("invalid format: {other}; expected \"json\" or a valid JSON Schema object")),
    }
}

fn line(reply: &Reply, text: &str, done: bool) -> Value {
    let message = json!({"role": "assistant", "content": text});
    json!({"model": reply.request["model"], "created_at": "2026-01-01T00:00:00Z", "message": message, "done": done})
}

/// The last line of a stream, and the whole of a reply without one.
fn last(reply: &Reply, text: &str) -> Value {
    let mut line = line(reply, text, true);
    line["done_reason"] = reply.finish_reason.into();
    if let Some(usage) = reply.usage {
        line["prompt_eval_count"] = usage.prompt.into();
        line["eval_count"] = usage.completion.into();
    }
    line
}

pub(super) fn models() -> Value {
    json!({"models": [{"name": "scripted:latest", "model": "scripted:latest", "size": 1}]})
}
