//! Any model that the shell can reach.

use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse};
use minions_engine::Engine;
use minions_providers::{CloudModel, Recording};

use crate::transport::HttpTransport;

pub enum Model {
    /// On this machine's GPU or CPU, within this process.
    Local(Box<Engine>),
    /// Behind an address.
    Server(Box<CloudModel<HttpTransport>>),
    /// Not a model: what was written down for one task.
    Recorded(Recording),
    /// None, for protocols that do not ask it.
    Absent,
}

impl ChatModel for Model {
    async fn chat(&self, request: &ChatRequest, on_delta: &mut dyn FnMut(&str)) -> Result<ChatResponse, ChatError> {
        match self {
            Self::Local(engine) => engine.chat(request, on_delta).await,
            Self::Server(model) => model.chat(request, on_delta).await,
            Self::Recorded(recording) => recording.chat(request, on_delta).await,
            Self::Absent => Err(ChatError::InvalidRequest("this protocol was to do without this model".to_owned())),
        }
    }
}
