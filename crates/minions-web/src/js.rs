//! Values as they cross between Rust and JavaScript: as JSON, so that the wire, fixtures and the page have one encoding,
//! and a number above 2^53 loses precision rather than failing the call.

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

use crate::error::Failure;

/// A value for JavaScript.
pub(crate) fn to_js<T: Serialize>(value: &T) -> Result<JsValue, Failure> {
    let json = serde_json::to_string(value).map_err(|error| Failure::internal(error.to_string()))?;
    js_sys::JSON::parse(&json).map_err(|error| Failure::internal(message(&error)))
}

/// A value that the page handed over.
pub(crate) fn from_js<T: DeserializeOwned>(value: &JsValue) -> Result<T, Failure> {
    let json = js_sys::JSON::stringify(value).map_err(|error| Failure::invalid_request(message(&error)))?;
    serde_json::from_str(&String::from(json)).map_err(|error| Failure::invalid_request(error.to_string()))
}

/// What an exception says.
pub(crate) fn message(exception: &JsValue) -> String {
    match exception.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => format!("{exception:?}"),
    }
}
