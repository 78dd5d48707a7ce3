//! OpenAI's chat completions, and every provider and local server that speaks the same wire: what they do otherwise is
//! data ([`Dialect`]).

mod dialect;
mod request;
mod response;

pub(crate) use dialect::{
    CEREBRAS, COHERE, GATEWAY, GROQ, MISTRAL, MOONSHOT, MOST, OPENAI, PERPLEXITY, STRICT, TOKASAURUS, XAI,
};
pub use dialect::{Dialect, ModelRule};

use serde_json::Value;

use crate::wire::{Framing, Wire, names};

/// As in OpenAI's API reference.
pub(crate) static WIRE: Wire = Wire {
    chat_path: |_| "/chat/completions".to_owned(),
    body: request::body,
    framing: Framing::Sse,
    read: response::read,
    models_path: "/models",
    models,
    not_found: "check the base URL (it usually ends in /v1) and the model's name",
};

/// `{"data": [{"id": …}]}`; Together lists the models without the object around them.
fn models(list: &Value) -> Vec<String> {
    names(list.get("data").or(Some(list)), "id")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_models_with_an_object_around_them_or_without() {
        let models_of_together = json!([{"id": "a", "type": "chat"}, {"object": "model"}]);
        assert_eq!(models(&json!({"object": "list", "data": [{"id": "a"}, {"id": "b"}]})), ["a", "b"]);
        assert_eq!(models(&models_of_together), ["a"]);
        assert!(models(&json!("none")).is_empty());
    }
}
