//! Anthropic's messages.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::{Refusal, Reply, Wire, messages, refuse};

/// The header by which a page says that its key may be in a browser.
const FROM_PAGE: &str = "anthropic-dangerous-direct-browser-access";

pub(super) static WIRE: Wire = Wire {
    chat_path: "/v1/messages",
    allowed_headers: "content-type, x-api-key, anthropic-version, anthropic-dangerous-direct-browser-access",
    key_header: "x-api-key",
    check,
    whole,
    error,
    streams_by_default: false,
    stream_type: "text/event-stream",
    frame: |value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default()),
    opening,
    piece: |_, text| {
        let delta = json!({"type": "text_delta", "text": text});
        json!({"type": "content_block_delta", "index": 0, "delta": delta})
    },
    ending,
    last_line: "",
};

fn check(request: &Value, headers: &HeaderMap) -> Result<(), Refusal> {
    if !headers.contains_key("x-api-key") {
        return Err((401, "x-api-key header is required".to_owned()));
    }
    // Only pages send an origin.
    if headers.contains_key("origin") && headers.get(FROM_PAGE).is_none_or(|value| value != "true") {
        return Err((401, format!("CORS requests must set '{FROM_PAGE}' header")));
    }
    if !headers.contains_key("anthropic-version") {
        return refuse("anthropic-version: header is required");
    }
    if !request["max_tokens"].is_u64() {
        return refuse("max_tokens: Field required");
    }
    if !request["response_format"].is_null() {
        return refuse("response_format: Extra inputs are not permitted");
    }
    let is_turn = |message: &Value| message["role"] == "user" || message["role"] == "assistant";
    if !messages(request).iter().all(is_turn) {
        return refuse("messages: roles are user and assistant; a system prompt goes into the parameter system");
    }
    Ok(())
}

fn whole(reply: &Reply) -> Value {
    let mut message = message(reply);
    message["content"] = match reply.content {
        "" => json!([]),
        text => json!([{"type": "text", "text": text}]),
    };
    message["stop_reason"] = stop_reason(reply.finish_reason).into();
    if let Some(usage) = reply.usage {
        message["usage"] = json!({"input_tokens": usage.prompt, "output_tokens": usage.completion});
    }
    message
}

fn opening(reply: &Reply) -> Vec<Value> {
    let mut message = message(reply);
    if let Some(usage) = reply.usage {
        // What has come out so far; the end of the stream tells all of it.
        message["usage"] = json!({"input_tokens": usage.prompt, "output_tokens": 1});
    }
    let block = json!({"type": "text", "text": ""});
    vec![
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "ping"}),
    ]
}

fn ending(reply: &Reply) -> Vec<Value> {
    let delta = json!({"stop_reason": stop_reason(reply.finish_reason), "stop_sequence": null});
    let mut end = json!({"type": "message_delta", "delta": delta});
    if let Some(usage) = reply.usage {
        end["usage"] = json!({"output_tokens": usage.completion});
    }
    vec![json!({"type": "content_block_stop", "index": 0}), end, json!({"type": "message_stop"})]
}

/// A message before its first word.
fn message(reply: &Reply) -> Value {
    let model = &reply.request["model"];
    json!({
        "id": "msg_scripted", "type": "message", "role": "assistant", "model": model,
        "content": [], "stop_reason": null, "stop_sequence": null,
    })
}

fn stop_reason(finish_reason: &str) -> &str {
    match finish_reason {
        "stop" => "end_turn",
        "length" => "max_tokens",
        "content_filter" => "refusal",
        other => other,
    }
}

fn error(status: u16, message: &str, code: Option<&str>) -> Value {
    let kind = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    json!({"type": "error", "error": {"type": code.unwrap_or(kind), "message": message}})
}
