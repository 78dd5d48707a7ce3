//! Plays one step of the script.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use futures_util::stream;
use serde_json::Value;

use super::state::{Entry, Shared};
use super::wire::{self, Refusal, Reply, Usage, Wire, messages, text};
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
    let wire = wire::of(uri.path());
    if method == Method::OPTIONS {
        entry.end("done");
        return preflight(wire);
    }
    if let Some(models) = wire::models(uri.path()).filter(|_| method == Method::GET) {
        return Answer::json(200, &models).into_response(true, entry);
    }
    let step = match check(wire, &method, &uri, &request, &headers) {
        Err((status, message)) => error_step(status, &message),
        Ok(()) => shared.next_step(&last_message(&request)).unwrap_or_else(|| {
            error_step(500, "the script is used up, or has no step for this request: POST more to /__script")
        }),
    };
    tokio::time::sleep(Duration::from_millis(step.delay_ms)).await;
    let answer = Answer::of(&step.action, wire, &request, &headers);
    answer.into_response(step.cors, entry)
}

/// What providers refuse before any model is asked.
fn check(wire: &Wire, method: &Method, uri: &Uri, request: &Value, headers: &HeaderMap) -> Result<(), Refusal> {
    if !uri.path().ends_with(wire.chat_path) || method != Method::POST {
        return Err((404, format!("unknown request: {method} {}", uri.path())));
    }
    if messages(request).is_empty() || !request["model"].is_string() {
        return Err((400, "model and messages are required".to_owned()));
    }
    (wire.check)(request, headers)
}

fn last_message(request: &Value) -> String {
    messages(request).last().map(|message| text(&message["content"])).unwrap_or_default()
}

fn error_step(status: u16, message: &str) -> Step {
    let message = message.to_owned();
    let action = Action::Error { status, message, code: None, retry_after: None, echo_key: false, after: None };
    Step { action, when: None, delay_ms: 0, cors: true }
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
    fn of(action: &Action, wire: &Wire, request: &Value, headers: &HeaderMap) -> Self {
        let reply = |content, finish_reason| {
            let usage = Some(count(request, content));
            Reply { request, content, finish_reason, usage }
        };
        let is_stream = request["stream"].as_bool().unwrap_or(wire.streams_by_default);
        match action {
            Action::Reply { content, finish_reason, piece_chars, piece_delay_ms, usage } => {
                let mut reply = reply(content, finish_reason);
                reply.usage = reply.usage.filter(|_| *usage);
                if !is_stream {
                    return Self::json(200, &(wire.whole)(&reply));
                }
                let mut frames = beginning(wire, &reply, *piece_chars, *piece_delay_ms);
                frames.extend((wire.ending)(&reply).iter().map(|value| frame((wire.frame)(value))));
                frames.push(frame(wire.last_line.to_owned()));
                Self::stream(wire, frames)
            }
            Action::Error { status, message, code, retry_after, echo_key, after } => {
                let key = headers.get(wire.key_header).and_then(|value| value.to_str().ok()).unwrap_or_default();
                let message = if *echo_key { format!("{message}: {key}") } else { message.clone() };
                let error = (wire.error)(*status, &message, code.as_deref());
                if let Some(content) = after.as_ref().filter(|_| is_stream) {
                    let mut frames = beginning(wire, &reply(content, ""), 8, 0);
                    frames.push(frame((wire.frame)(&error)));
                    return Self::stream(wire, frames);
                }
                Self { retry_after: *retry_after, ..Self::json(*status, &error) }
            }
            Action::Disconnect { content, piece_chars } => {
                let reply = reply(content, "");
                if !is_stream {
                    let body = (wire.whole)(&reply).to_string();
                    let half = body.get(..body.floor_char_boundary(body.len() / 2)).unwrap_or_default();
                    let frames = vec![frame(half.to_owned()), Frame::Cut];
                    return Self { frames, ..Self::json(200, &Value::Null) };
                }
                let mut frames = beginning(wire, &reply, *piece_chars, 0);
                frames.push(Frame::Cut);
                Self::stream(wire, frames)
            }
            Action::Malformed if is_stream => {
                let reply = reply("Well", "");
                let mut frames = beginning(wire, &reply, 8, 0);
                frames.push(frame(broken(&(wire.frame)(&(wire.piece)(&reply, "then")))));
                Self::stream(wire, frames)
            }
            Action::Malformed => {
                let body = (wire.whole)(&reply("Well", "stop")).to_string();
                Self::text("application/json", broken(&body))
            }
            Action::NonJson => Self::text("text/html", "<html><body>It works!</body></html>".to_owned()),
            Action::Empty => {
                let (content, finish_reason) = (String::new(), "stop".to_owned());
                let reply = Action::Reply { content, finish_reason, piece_chars: 1, piece_delay_ms: 0, usage: false };
                Self::of(&reply, wire, request, headers)
            }
        }
    }

    fn json(status: u16, body: &Value) -> Self {
        Self { status, ..Self::text("application/json", body.to_string()) }
    }

    fn text(content_type: &'static str, text: String) -> Self {
        Self { status: 200, content_type, retry_after: None, frames: vec![frame(text)] }
    }

    fn stream(wire: &Wire, frames: Vec<Frame>) -> Self {
        Self { status: 200, content_type: wire.stream_type, retry_after: None, frames }
    }

    fn into_response(self, cors: bool, entry: Entry) -> Response {
        let mut response = Response::builder()
            .status(StatusCode::from_u16(self.status).expect("a script names valid statuses"))
            .header(header::CONTENT_TYPE, self.content_type);
        if let Some(seconds) = self.retry_after {
            response = response.header(header::RETRY_AFTER, seconds);
        }
        if (300..400).contains(&self.status) {
            response = response.header(header::LOCATION, "/elsewhere");
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

/// A stream up to its last words.
fn beginning(wire: &Wire, reply: &Reply, piece_chars: usize, delay_ms: u64) -> Vec<Frame> {
    let characters: Vec<char> = reply.content.chars().collect();
    let pieces = characters.chunks(piece_chars.max(1)).map(|piece| piece.iter().collect::<String>());
    let words = pieces.map(|piece| Frame::Text { text: (wire.frame)(&(wire.piece)(reply, &piece)), delay_ms });
    let opening = (wire.opening)(reply);
    opening.iter().map(|value| frame((wire.frame)(value))).chain(words).collect()
}

fn frame(text: String) -> Frame {
    Frame::Text { text, delay_ms: 0 }
}

/// JSON that lacks a brace.
fn broken(json: &str) -> String {
    json.replacen('}', "", 1)
}

/// The rule of the reference runs. A system prompt beside the messages counts as one.
fn count(request: &Value, content: &str) -> Usage {
    let contents = messages(request).iter().map(|message| &message["content"]).chain(request.get("system"));
    let prompt = contents.map(|content| text(content).len().div_ceil(4) + 4).sum();
    Usage { prompt, completion: content.len().div_ceil(4) }
}

fn preflight(wire: &Wire) -> Response {
    Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS")
        .header(header::ACCESS_CONTROL_ALLOW_HEADERS, wire.allowed_headers)
        .body(Body::empty())
        .expect("these headers are valid")
}

fn header_map(headers: &HeaderMap) -> Value {
    let value = |value: &axum::http::HeaderValue| Value::from(String::from_utf8_lossy(value.as_bytes()));
    Value::Object(headers.iter().map(|(name, text)| (name.to_string(), value(text))).collect())
}
