//! A model server that does as its script says, on the wires of OpenAI, Anthropic and Ollama, streaming or not.
//!
//! For native tests ([`spawn`]) and, as the program `scripted-server`, for browser tests. Any API key will do.
//!
//! # The model
//!
//! `POST /v1/chat/completions`, `POST /v1/messages` (Anthropic) and `POST /api/chat` (Ollama) play the next step of the
//! script, each in its own words; `GET /v1/models` and `GET /api/tags` list one model. What a provider refuses before it
//! asks a model is refused here too, and costs no step: a missing model or message, a `response_format` or `format` that
//! is none; Anthropic wants `x-api-key`, `anthropic-version`, `max_tokens`, and from pages
//! `anthropic-dangerous-direct-browser-access`. `OPTIONS` on any path answers a CORS preflight that allows any origin,
//! but only the headers that the wire needs, as strict providers do. When the script is used up the answer is a 500 that
//! says so. Usage is counted by rule: ceil(bytes / 4) per text, and 4 more for each message sent, Anthropic's `system`
//! included.
//!
//! # The script
//!
//! `POST /__script` with a JSON list of steps replaces the script. A step is an object with a `type`:
//!
//! | `type` | what happens | further fields |
//! |---|---|---|
//! | `reply` | a reply, streamed if the request says so | `content`, `finish_reason` (`"stop"`; OpenAI's words, translated for the others), `piece_chars` (8), `piece_delay_ms` (0) before each piece, `usage` (true: tell it) |
//! | `error` | an HTTP error with the wire's error object; a status of 3xx leads to `/elsewhere` | `status`, `message`, `code` (Anthropic's error `type`; Ollama has none), `retry_after` (seconds), `echo_key` (false: the message repeats the header with the key), `after` (none: a stream says this first, and the error inside it) |
//! | `disconnect` | begins a reply, then cuts the connection | `content` (`""`; a stream says all of it), `piece_chars` |
//! | `malformed` | a stream with a piece that is not JSON, or a whole reply that is not | |
//! | `non_json` | status 200 and an HTML page | |
//! | `empty` | a reply without text | |
//!
//! Every step may also have `delay_ms` (0: wait before answering), `cors` (true; false leaves out the CORS headers of
//! the answer itself, not of the preflight) and `when`: `{"contains": "words"}` keeps the step for a request whose last
//! message contains these words, whenever it comes. A request that no `when` fits takes the next step without one. Each
//! step is played once.
//!
//! # What was asked
//!
//! `GET /__requests` lists every request since the last reset, in order, preflights included: `{"method", "path",
//! "headers", "body", "state"}`, where `body` is the JSON that was sent (or its text) and `state` is `"open"` while the
//! answer is being sent, `"done"` after it, `"cut"` when the script cut it, `"aborted"` when the client left before its
//! end. `POST /__reset` empties script and list.

mod answer;
mod script;
mod state;
mod wire;

use axum::Router;
use axum::extract::{Json, State};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;

pub use script::{Action, Step, When};
use state::Shared;

/// Serves on the listener until the task is dropped.
///
/// # Errors
/// If the listener fails.
pub async fn serve(listener: TcpListener) -> std::io::Result<()> {
    axum::serve(listener, router()).await
}

/// Serves in the background on a free port of this machine; returns the address, without a slash at its end.
///
/// # Errors
/// If no port can be had.
pub async fn spawn() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(serve(listener));
    Ok(address)
}

fn router() -> Router {
    Router::new()
        .route("/__script", post(set_script))
        .route("/__requests", get(list_requests))
        .route("/__reset", post(reset))
        .fallback(answer::answer)
        .with_state(Shared::default())
}

async fn set_script(State(shared): State<Shared>, Json(steps): Json<Vec<Step>>) {
    shared.set_script(steps);
}

async fn list_requests(State(shared): State<Shared>) -> Json<Vec<Value>> {
    Json(shared.requests())
}

async fn reset(State(shared): State<Shared>) {
    shared.reset();
}
