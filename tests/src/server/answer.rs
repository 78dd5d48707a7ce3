//! Plays one step of the script.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use futures_util::stream;
use serde_json::{Value, json};

use super::state::{Entry, Shared};
use super::{Action, Step};

/// Answers everything that is not the server's own administration.
pub(super) async fn answer(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let request: Value = serde_json::from_str(&body).unwrap_or(Value::String(body));
    let mut entry = shared.record(method.as_str(), uri.path(), header_map(&headers), request.clone());
    if method == Method::OPTIONS {
        entry.end("done");
        return preflight();
    }
    let step = match check(&method, &uri, &request) {
        Err((status, message)) => error_step(status, &message),
        Ok(()) => {
            shared.next_step().unwrap_or_else(|| error_step(500, "the script is used up: POST more to /__script"))
        }
    };
    tokio::time::sleep(Duration::from_millis(step.delay_ms)).await;
    let answer = Answer::of(&step.action, &request, &headers);
    answer.into_response(step.cors, entry)
}

/// What OpenAI refuses before any model is asked.
fn check(method: &Method, uri: &Uri, request: &Value) -> Result<(), (u16, String)> {
    if !uri.path().ends_with("/chat/completions") || method != Method::POST {
        return Err((404, format!("unknown request: {method} {}", uri.path())));
    }
    let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    if messages.is_empty() || !request["model"].is_string() {
        return Err((400, "model and messages are required".to_owned()));
    }
    let mentions_json = |message: &Value| text(&message["content"]).to_lowercase().contains("json");
    if request["response_format"]["type"] == "json_object" && !messages.iter().any(mentions_json) {
        return Err((400, "messages must mention json to use response_format json_object".to_owned()));
    }
    Ok(())
}

fn error_step(status: u16, message: &str) -> Step {
    let message = message.to_owned();
    let action = Action::Error { status, message, code: None, retry_after: None, echo_key: false };
    Step { action, delay_ms: 0, cors: true }
}

/// What goes back.
struct Answer {
    status: u16,
    content_type: &'static str,
    retry_after: Option<u64>,
    frames: Vec<Frame>,
}

/// A part of a body.
enum Frame {
    Text {
        text: String,
        delay_ms: u64,
    },
    /// The connection is cut.
    Cut,
}

impl Answer {
    fn of(action: &Action, request: &Value, headers: &HeaderMap) -> Self {
        let is_stream = request["stream"] == true;
        match action {
            Action::Reply { content, finish_reason, piece_chars, piece_delay_ms, usage } => {
                let usage = usage.then(|| count(request, content));
                if !is_stream {
                    let message = json!({"role": "assistant", "content": content});
                    let choice = json!({"index": 0, "message": message, "finish_reason": finish_reason});
                    return Self::json(200, &json!({"object": "chat.completion", "choices": [choice], "usage": usage}));
                }
                let mut frames = pieces(content, *piece_chars, *piece_delay_ms);
                frames.push(event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]}), 0));
                if let Some(usage) = usage.filter(|_| request["stream_options"]["include_usage"] == true) {
                    frames.push(event(&json!({"choices": [], "usage": usage}), 0));
                }
                frames.push(Frame::Text { text: "data: [DONE]\n\n".to_owned(), delay_ms: 0 });
                Self::stream(frames)
            }
            Action::Error { status, message, code, retry_after, echo_key } => {
                let key = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
                let message = if *echo_key { format!("{message}: {key}") } else { message.clone() };
                let answer = Self::json(*status, &json!({"error": {"message": message, "code": code}}));
                Self { retry_after: *retry_after, ..answer }
            }
            Action::Disconnect { content, piece_chars } => {
                let mut frames = pieces(content, *piece_chars, 0);
                frames.push(Frame::Cut);
                Self::stream(frames)
            }
            Action::Malformed => {
                let mut frames = pieces("Well", 8, 0);
                frames.push(Frame::Text { text: "data: {\"choices\": [{\"delta\"\n\n".to_owned(), delay_ms: 0 });
                Self::stream(frames)
            }
            Action::NonJson => Self::text("text/html", "<html><body>It works!</body></html>"),
            Action::Empty if is_stream => {
                let end = event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}), 0);
                Self::stream(vec![end])
            }
            Action::Empty => Self::json(200, &json!({"choices": [{"message": {"content": ""}}]})),
        }
    }

    fn json(status: u16, body: &Value) -> Self {
        Self { status, ..Self::text("application/json", &body.to_string()) }
    }

    fn text(content_type: &'static str, text: &str) -> Self {
        let frames = vec![Frame::Text { text: text.to_owned(), delay_ms: 0 }];
        Self { status: 200, content_type, retry_after: None, frames }
    }

    fn stream(frames: Vec<Frame>) -> Self {
        Self { status: 200, content_type: "text/event-stream", retry_after: None, frames }
    }

    fn into_response(self, cors: bool, entry: Entry) -> Response {
        let mut response = Response::builder()
            .status(StatusCode::from_u16(self.status).expect("a script names valid statuses"))
            .header(header::CONTENT_TYPE, self.content_type);
        if let Some(seconds) = self.retry_after {
            response = response.header(header::RETRY_AFTER, seconds);
        }
        if cors {
            response = response
                .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
                .header(header::ACCESS_CONTROL_EXPOSE_HEADERS, "retry-after");
        }
        response.body(body(self.frames, entry)).expect("these headers are valid")
    }
}

fn body(frames: Vec<Frame>, entry: Entry) -> Body {
    Body::from_stream(stream::unfold((frames.into_iter(), entry), async |(mut frames, mut entry)| {
        let piece = match frames.next() {
            Some(Frame::Text { text, delay_ms }) => {
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                Ok(Bytes::from(text))
            }
            Some(Frame::Cut) => {
                // Time for what was sent before to leave the socket.
                tokio::time::sleep(Duration::from_millis(50)).await;
                entry.end("cut");
                Err(std::io::Error::other("the script cuts the connection"))
            }
            None => {
                entry.end("done");
                return None;
            }
        };
        Some((piece, (frames, entry)))
    }))
}

fn pieces(content: &str, piece_chars: usize, delay_ms: u64) -> Vec<Frame> {
    let characters: Vec<char> = content.chars().collect();
    let pieces = characters.chunks(piece_chars.max(1)).map(|piece| piece.iter().collect::<String>());
    pieces.map(|piece| event(&json!({"choices": [{"index": 0, "delta": {"content": piece}}]}), delay_ms)).collect()
}

fn event(data: &Value, delay_ms: u64) -> Frame {
    Frame::Text { text: format!("data: {data}\n\n"), delay_ms }
}

/// The rule of the reference runs.
fn count(request: &Value, content: &str) -> Value {
    let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let prompt: usize = messages.iter().map(|message| text(&message["content"]).len().div_ceil(4) + 4).sum();
    let completion = content.len().div_ceil(4);
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
}

fn text(content: &Value) -> &str {
    content.as_str().unwrap_or_default()
}

fn preflight() -> Response {
    Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS")
        .header(header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, authorization")
        .body(Body::empty())
        .expect("these headers are valid")
}

fn header_map(headers: &HeaderMap) -> Value {
    let value = |value: &axum::http::HeaderValue| Value::from(String::from_utf8_lossy(value.as_bytes()));
    Value::Object(headers.iter().map(|(name, text)| (name.to_string(), value(text))).collect())
}
