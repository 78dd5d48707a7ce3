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
        "the prompt has {prompt_tokens} tokens and the model's context ends at {context_length}: shorten the document or the conversation"
    )]
    ContextOverflow {
        /// Tokens of the conversation.
        prompt_tokens: usize,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are the documentation; js/errors.ts describes each")]
pub enum ErrorCode {
    WebgpuUnavailable,
    DeviceLost,
    OutOfMemory,
    UnknownModel,
    DownloadFailed,
    InvalidModel,
    ContextOverflow,
    InvalidRequest,
    Busy,
    AuthFailed,
    RateLimited,
    ProviderError,
    NetworkError,
    Timeout,
    BadReply,
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
