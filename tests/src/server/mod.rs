//! A model server that does as its script says: OpenAI's chat completions wire, streaming or not.
//!
//! For native tests ([`spawn`]) and, as the program `scripted-server`, for browser tests. Any API key will do.
//!
//! # The model
//!
//! `POST /v1/chat/completions` plays the next step of the script; `OPTIONS` on any path answers a CORS preflight that
//! allows any origin, but only the headers `content-type` and `authorization`, as strict providers do. When the script
//! is used up the answer is a 500 that says so. Usage is counted by rule: ceil(bytes / 4) per text, and 4 more for each
//! message sent.
//!
//! # The script
//!
//! `POST /__script` with a JSON list of steps replaces the script. A step is an object with a `type`:
//!
//! | `type` | what happens | further fields |
//! |---|---|---|
//! | `reply` | a reply, streamed if the request says so | `content`, `finish_reason` (`"stop"`), `piece_chars` (8), `piece_delay_ms` (0) before each piece, `usage` (true: tell it) |
//! | `error` | an HTTP error with OpenAI's error object | `status`, `message`, `code`, `retry_after` (seconds), `echo_key` (false: the message repeats the `Authorization` header) |
//! | `disconnect` | streams `content`, then cuts the connection | `content` (`""`), `piece_chars` |
//! | `malformed` | a stream with a piece that is not JSON | |
//! | `non_json` | status 200 and an HTML page | |
//! | `empty` | a reply without text | |
//!
//! Every step may also have `delay_ms` (0: wait before answering) and `cors` (true; false leaves out the CORS headers of
//! the answer itself, not of the preflight).
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

use axum::Router;
use axum::extract::{Json, State};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;

pub use script::{Action, Step};
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
