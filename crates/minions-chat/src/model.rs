use crate::{ChatError, ChatRequest, ChatResponse};

/// Anything that answers a conversation.
///
/// **Cancelling is dropping.** A model stops working, and frees what the call held, when the future is dropped: the
/// engine before its next decode step, a provider by aborting its request.
#[expect(async_fn_in_trait, reason = "futures stay on one thread everywhere, so no Send bound is wanted")]
pub trait ChatModel {
    /// Continues the conversation. `on_delta` receives each new piece of the reply as it is produced; the pieces add
    /// up to the reply's content. A model that cannot stream hands over the whole reply as one piece.
    async fn chat(&self, request: &ChatRequest, on_delta: &mut dyn FnMut(&str)) -> Result<ChatResponse, ChatError>;
}
