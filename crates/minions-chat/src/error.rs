use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a model did not answer.
///
/// Messages say what is wrong and what to do. They never hold a key or text of a document.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChatError {
    /// The request cannot be served as it is.
    #[error("the request is invalid: {0}")]
    InvalidRequest(String),
    /// The conversation does not fit.
    #[error(
        "the prompt has {prompt_tokens} tokens, {max_tokens} more are asked for, and the model's context ends at {context_length}: shorten the document or the conversation, or ask for a shorter reply"
    )]
    ContextOverflow {
        /// Tokens of the conversation.
        prompt_tokens: usize,
        /// Tokens that the reply shall have room for.
        max_tokens: usize,
        /// The most that prompt and reply may have together.
        context_length: usize,
    },
    /// The provider did not accept the key (401, 403).
    #[error("the provider refused the API key ({status}): check the key and what it may be used for")]
    AuthFailed {
        /// The HTTP status.
        status: u16,
    },
    /// Too many requests or no credit (429).
    #[error("the provider's rate limit or quota is reached: {message}")]
    RateLimited {
        /// The provider's words.
        message: String,
        /// How long the provider asks to wait.
        retry_after: Option<Duration>,
    },
    /// The provider answered with another error.
    #[error("the provider answered {status}: {message}")]
    Provider {
        /// The HTTP status.
        status: u16,
        /// The provider's words, shortened.
        message: String,
    },
    /// The provider answered, but not with a chat completion.
    #[error("the provider's reply is not a chat completion: {0}")]
    BadReply(String),
    /// No answer came: the connection failed or was cut, or the browser blocked it.
    #[error("{0}")]
    Network(String),
    /// No answer came in time.
    #[error("no answer within {} seconds", .0.as_secs())]
    Timeout(Duration),
    /// The local engine failed.
    #[error("{message}")]
    Engine {
        /// The kind of failure.
        code: ErrorCode,
        /// What happened and what to do.
        message: String,
    },
}

/// The stable name of a kind of failure, the same in Rust and JavaScript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// There is no WebGPU here, or no adapter that can run the kernels, and `device: "gpu"` was asked for.
    WebgpuUnavailable,
    /// The GPU was reset or taken away. Load the model again.
    DeviceLost,
    /// The model or its cache does not fit on the device.
    OutOfMemory,
    /// The model's name leads nowhere, or its architecture or encoding is not supported.
    UnknownModel,
    /// A file of the model could not be fetched or read.
    DownloadFailed,
    /// A file of the model does not have the digest that it should have: it was damaged or exchanged on its way.
    IntegrityFailed,
    /// A file of the model is not what it should be.
    InvalidModel,
    /// Prompt and reply do not fit in the model's context.
    ContextOverflow,
    /// The call asks for something impossible.
    InvalidRequest,
    /// Another run is using the worker.
    Busy,
    /// The provider did not accept the API key, or the model's host the access token.
    AuthFailed,
    /// The provider or the model's host asks to wait, or the quota is used up.
    RateLimited,
    /// The provider answered with another error.
    ProviderError,
    /// No answer came: no connection, or the browser blocked the request (CORS).
    NetworkError,
    /// No answer came in time.
    Timeout,
    /// The provider answered with something that is not a chat completion.
    BadReply,
    /// A fault of minions-web. Please report it.
    Internal,
}

impl ChatError {
    /// The stable name of the kind of failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidRequest(_) => ErrorCode::InvalidRequest,
            Self::ContextOverflow { .. } => ErrorCode::ContextOverflow,
            Self::AuthFailed { .. } => ErrorCode::AuthFailed,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::Provider { .. } => ErrorCode::ProviderError,
            Self::BadReply(_) => ErrorCode::BadReply,
            Self::Network(_) => ErrorCode::NetworkError,
            Self::Timeout(_) => ErrorCode::Timeout,
            Self::Engine { code, .. } => *code,
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Network(_) | Self::Timeout(_) => true,
            Self::Provider { status, .. } => matches!(status, 408 | 409 | 500..),
            _ => false,
        }
    }
}
