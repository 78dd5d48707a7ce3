//! Google's Gemini, by its own API (`v1beta`, as its reference had it in 2026-10).

mod request;
mod response;

use serde_json::Value;

use crate::wire::{Framing, Wire};

pub(crate) static WIRE: Wire = Wire {
    chat_path: |model| format!("/models/{}:streamGenerateContent?alt=sse", short(model)),
    body: request::body,
    framing: Framing::Sse,
    read: response::read,
    models_path: "/models?pageSize=1000",
    models,
    not_found: "check the base URL (it usually ends in /v1beta) and the model's name",
};

/// The list writes `models/` before every name, and so may users.
fn short(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

/// Those that answer; the list holds others too.
fn models(list: &Value) -> Vec<String> {
    let answers = |model: &&Value| {
        let methods = model.get("supportedGenerationMethods").and_then(Value::as_array);
        methods.is_some_and(|methods| methods.iter().any(|method| method == "generateContent"))
    };
    let all = list.get("models").and_then(Value::as_array).into_iter().flatten();
    all.filter(answers).filter_map(|model| model.get("name")?.as_str()).map(|name| short(name).to_owned()).collect()
}
