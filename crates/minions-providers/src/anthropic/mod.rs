//! Anthropic's messages, in the version of 2023-06-01, which the header `anthropic-version` names.

mod request;
mod response;

use crate::wire::{Framing, Wire, names};

pub(crate) static WIRE: Wire = Wire {
    chat_path: |_| "/messages".to_owned(),
    body: request::body,
    framing: Framing::Sse,
    read: response::read,
    models_path: "/models?limit=1000",
    models: |list| names(list.get("data"), "id"),
    not_found: "check the base URL (it usually ends in /v1) and the model's name",
};
