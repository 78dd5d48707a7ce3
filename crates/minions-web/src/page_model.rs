//! A model that is an object of the page's: it is asked by a call into JavaScript.

use js_sys::{Function, Promise};
use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse, ErrorCode, FinishReason, TokenCounter, Usage};
use minions_protocol::Speaker;
use serde::Deserialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::error::Failure;
use crate::js::{from_js, message, to_js};

/// The page's supervisor or worker.
pub(crate) struct PageModel {
    speaker: Speaker,
    /// `Ask` in `js/wire.ts`: puts a request to the page and promises its reply.
    ask: Function,
    /// Counts what the reply does not tell.
    token_counter: TokenCounter,
}

/// What the page's `chat` gives: `ChatReply` in `js/model.ts`.
#[derive(Deserialize)]
struct Reply {
    content: String,
    finish_reason: Option<FinishReason>,
    usage: Option<Usage>,
}

impl PageModel {
    pub(crate) fn new(speaker: Speaker, ask: Function, token_counter: TokenCounter) -> Self {
        Self { speaker, ask, token_counter }
    }

    async fn reply(&self, request: &ChatRequest) -> Result<Reply, ChatError> {
        let internal = |failure: Failure| engine_error(ErrorCode::Internal, failure.to_string());
        let speaker = to_js(&self.speaker).map_err(internal)?;
        let request = to_js(request).map_err(internal)?;
        let promise = self.ask.call2(&JsValue::UNDEFINED, &speaker, &request).map_err(|error| failed(&error))?;
        let reply = JsFuture::from(Promise::resolve(&promise)).await.map_err(|error| failed(&error))?;
        from_js(&reply).map_err(|failure| ChatError::BadReply(failure.to_string()))
    }
}

impl ChatModel for PageModel {
    async fn chat(&self, request: &ChatRequest, on_delta: &mut dyn FnMut(&str)) -> Result<ChatResponse, ChatError> {
        let Reply { content, finish_reason, usage } = self.reply(request).await?;
        on_delta(&content);
        let usage = usage.unwrap_or_else(|| Usage::estimate(&request.messages, &content, &self.token_counter));
        Ok(ChatResponse::new(content, finish_reason.unwrap_or(FinishReason::Stop), usage))
    }
}

/// An exception of the page's model. One of ours keeps its code.
fn failed(exception: &JsValue) -> ChatError {
    let code = js_sys::Reflect::get(exception, &"code".into()).ok();
    let code = code.filter(JsValue::is_string).and_then(|code| from_js(&code).ok());
    engine_error(code.unwrap_or(ErrorCode::ProviderError), message(exception))
}

fn engine_error(code: ErrorCode, message: String) -> ChatError {
    ChatError::Engine { code, message }
}
