//! Failures as JavaScript gets them: an `Error` with `code`, `retryable` and, for a run, `outcome`: what it
//! had come to.

use minions_chat::{ChatError, ErrorCode};
use minions_protocol::Outcome;
use wasm_bindgen::prelude::*;

use crate::js::to_js;

/// Why a call failed.
#[derive(Debug)]
pub struct Failure {
    code: ErrorCode,
    message: String,
    retryable: bool,
    /// What a run had come to.
    outcome: Option<Box<Outcome>>,
}

impl Failure {
    fn new(code: ErrorCode, message: String) -> Self {
        Self { code, message, retryable: false, outcome: None }
    }

    pub(crate) fn internal(message: String) -> Self {
        Self::new(ErrorCode::Internal, message)
    }

    pub(crate) fn invalid_request(message: String) -> Self {
        Self::new(ErrorCode::InvalidRequest, format!("the request is invalid: {message}"))
    }

    pub(crate) fn busy() -> Self {
        Self::new(ErrorCode::Busy, "the worker takes part in another run: wait for it or abort it".to_owned())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ChatError> for Failure {
    fn from(error: ChatError) -> Self {
        Self { retryable: error.is_retryable(), ..Self::new(error.code(), error.to_string()) }
    }
}

impl From<minions_engine::Error> for Failure {
    fn from(error: minions_engine::Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<minions_protocol::Error> for Failure {
    fn from(error: minions_protocol::Error) -> Self {
        let outcome = error.outcome().cloned().map(Box::new);
        Self { retryable: error.is_retryable(), outcome, ..Self::new(error.code(), error.to_string()) }
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        let error = js_sys::Error::new(&failure.message);
        let set = |name: &str, value: &JsValue| {
            // Setting a property of a fresh, extensible object cannot fail.
            let _ = js_sys::Reflect::set(&error, &name.into(), value);
        };
        set("code", &to_js(&failure.code).unwrap_or_default());
        set("retryable", &failure.retryable.into());
        if let Some(outcome) = failure.outcome {
            set("outcome", &to_js(&outcome).unwrap_or_default());
        }
        error.into()
    }
}
