//! Google's Gemini, by its own API (`v1beta`; written from its reference, not tried live).

mod request;
mod response;

use serde_json::Value;

use crate::wire::{Framing, Wire};

pub(crate) static WIRE: Wire = Wire {
    chat_path: |model| format!("/models/{}:streamGenerateContent?alt=sse", encoded(short(model))),
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

/// A name as a part of a path, which it must not leave.
fn encoded(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let letters =
        name.bytes().map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    letters.collect()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_stays_a_part_of_the_path() {
        let path = |model| (WIRE.chat_path)(model);
        assert_eq!(path("models/gemini-2.5-flash"), "/models/gemini-2.5-flash:streamGenerateContent?alt=sse");
        assert_eq!(path("a/../b?c#d é"), "/models/a%2F..%2Fb%3Fc%23d%20%C3%A9:streamGenerateContent?alt=sse");
    }

    #[test]
    fn lists_the_models_that_answer() {
        let list = json!({"models": [
            {"name": "models/gemini-2.5-flash", "supportedGenerationMethods": ["generateContent", "countTokens"]},
            {"name": "models/embedding-001", "supportedGenerationMethods": ["embedContent"]},
            {"name": 1},
        ]});
        assert_eq!(models(&list), ["gemini-2.5-flash"]);
    }
}
