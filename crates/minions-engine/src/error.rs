use minions_chat::{ChatError, ErrorCode};

/// What can go wrong while loading or running a model. Messages name the file, tensor, key or limit, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no WebGPU adapter here, or it cannot run the kernels.
    #[error("WebGPU is not available: {0}")]
    WebgpuUnavailable(String),
    /// The GPU was reset or taken away while it was in use.
    #[error("the GPU device was lost: {0}; load the model again")]
    DeviceLost(String),
    /// A tensor or the KV cache does not fit on the device.
    #[error("out of memory: {0}")]
    OutOfMemory(String),
    /// The source could not be read.
    #[error("{file}: {message}")]
    Read {
        /// The file's name within the model.
        file: String,
        /// What happened.
        message: String,
    },
    /// A file is not what it should be: wrong magic, truncated, inconsistent.
    #[error("{file} is not a valid model file: {message}")]
    InvalidFile {
        /// The file's name within the model.
        file: String,
        /// What is wrong, and where.
        message: String,
    },
    /// A tensor is missing, of the wrong shape, of an unknown type or out of bounds.
    #[error("tensor {tensor}: {message}")]
    InvalidTensor {
        /// The tensor's name in the file.
        tensor: String,
        /// What is wrong.
        message: String,
    },
    /// The model is of a kind that this engine does not run.
    #[error("{what} {name:?} is not supported; supported: {supported}")]
    Unsupported {
        /// What it is: an architecture, a tensor type, a tokenizer…
        what: &'static str,
        /// Its name in the file.
        name: String,
        /// What would work.
        supported: &'static str,
    },
    /// The model has no usable tokenizer.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// The model's chat template failed.
    #[error("chat template: {0}")]
    Template(String),
    /// Prompt and reply do not fit in the context.
    #[error(
        "the prompt has {prompt_tokens} tokens, {max_tokens} more are asked for, and the model's context ends at {context_length}: shorten the document or the conversation, or ask for a shorter reply"
    )]
    ContextOverflow {
        /// Tokens of the rendered conversation.
        prompt_tokens: usize,
        /// Tokens that the reply shall have room for.
        max_tokens: usize,
        /// The model's limit.
        context_length: usize,
    },
    /// The request asks for something impossible.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// A reply could not be held to its form any longer.
    #[error("the reply could not be held to the form asked for: {0}")]
    Grammar(String),
    /// The GPU runtime reported a failure.
    #[error("the GPU runtime failed: {0}")]
    Gpu(String),
}

/// The engine's results.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The stable name of the kind of failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::WebgpuUnavailable(_) => ErrorCode::WebgpuUnavailable,
            Self::DeviceLost(_) => ErrorCode::DeviceLost,
            Self::OutOfMemory(_) => ErrorCode::OutOfMemory,
            Self::Read { .. } => ErrorCode::DownloadFailed,
            Self::InvalidFile { .. } | Self::InvalidTensor { .. } | Self::Tokenizer(_) | Self::Template(_) => {
                ErrorCode::InvalidModel
            }
            Self::Unsupported { .. } => ErrorCode::UnknownModel,
            Self::ContextOverflow { .. } => ErrorCode::ContextOverflow,
            Self::InvalidRequest(_) => ErrorCode::InvalidRequest,
            Self::Grammar(_) | Self::Gpu(_) => ErrorCode::Internal,
        }
    }
}

impl Error {
    pub(crate) fn invalid_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidFile { file: file.into(), message: message.into() }
    }

    pub(crate) fn invalid_tensor(tensor: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidTensor { tensor: tensor.into(), message: message.into() }
    }

    pub(crate) fn unsupported_type(name: &str, tensor: &str) -> Self {
        let supported = "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL";
        Self::Unsupported { what: "tensor type", name: format!("{name} of {tensor}"), supported }
    }
}

impl From<Error> for ChatError {
    fn from(error: Error) -> Self {
        match error {
            Error::ContextOverflow { prompt_tokens, max_tokens, context_length } => {
                Self::ContextOverflow { prompt_tokens, max_tokens, context_length }
            }
            Error::InvalidRequest(message) => Self::InvalidRequest(message),
            other => Self::Engine { code: other.code(), message: other.to_string() },
        }
    }
}
