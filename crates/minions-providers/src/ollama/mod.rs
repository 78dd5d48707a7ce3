//! Ollama's own chat (`/api/chat`; written from its API document, not tried live). Unlike its OpenAI wire it takes any schema,
//! and the length of the context.

mod request;
mod response;

use crate::wire::{Framing, Wire, names};

pub(crate) static WIRE: Wire = Wire {
    chat_path: |_| "/api/chat".to_owned(),
    body: request::body,
    framing: Framing::Ndjson,
    read: response::read,
    models_path: "/api/tags",
    models: |list| names(list.get("models"), "name"),
    not_found: "pull the model first (ollama pull), and check its name and the base URL (it has no /v1)",
};
