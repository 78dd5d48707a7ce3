//! A model that gives prepared replies and remembers what it was asked.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse, FinishReason, TokenCounter, Usage};

/// A model that gives prepared replies, in order.
///
/// It counts tokens as the reference runs' server did (`Usage::estimate`), failed calls included.
pub struct ScriptedModel {
    replies: RefCell<VecDeque<ScriptedReply>>,
    requests: RefCell<Vec<ChatRequest>>,
    usage: Cell<Usage>,
}

/// One prepared reply.
#[derive(Clone, Debug)]
pub enum ScriptedReply {
    /// A complete reply.
    Text(String),
    /// A reply that its token limit cut short.
    CutOff(String),
    /// No reply.
    Error(ChatError),
}

impl From<&str> for ScriptedReply {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl ScriptedModel {
    /// A model that gives these replies.
    pub fn new(replies: impl IntoIterator<Item = impl Into<ScriptedReply>>) -> Self {
        let replies = RefCell::new(replies.into_iter().map(Into::into).collect());
        Self { replies, requests: RefCell::default(), usage: Cell::default() }
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<ChatRequest> {
        self.requests.borrow().clone()
    }

    /// Every token that went in or out, counted here and not by the one who asked.
    pub fn usage(&self) -> Usage {
        self.usage.get()
    }
}

impl ChatModel for ScriptedModel {
    async fn chat(&self, request: &ChatRequest, on_delta: &mut dyn FnMut(&str)) -> Result<ChatResponse, ChatError> {
        self.requests.borrow_mut().push(request.clone());
        let reply = self.replies.borrow_mut().pop_front();
        let (content, finish_reason) = match reply {
            Some(ScriptedReply::Text(text)) => (text, FinishReason::Stop),
            Some(ScriptedReply::CutOff(text)) => (text, FinishReason::Length),
            Some(ScriptedReply::Error(error)) => return Err(error),
            None => {
                let message = format!("the script has no reply to request {}", self.requests.borrow().len());
                return Err(ChatError::Provider { status: 500, message });
            }
        };
        content.split_inclusive(' ').for_each(on_delta);
        // Told, as a provider tells it.
        let usage =
            Usage { estimated: false, ..Usage::estimate(&request.messages, &content, &TokenCounter::default()) };
        self.usage.set(self.usage.get() + usage);
        Ok(ChatResponse::new(content, finish_reason, usage))
    }
}
