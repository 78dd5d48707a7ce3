//! Model files: what is in them, checked, under one set of names. Nothing here knows tensors on a device.
//!
//! [`ModelFile::open`] reads headers only; weights are read later, rows at a time, from the same [`ModelSource`].

mod gguf;
mod hugging_face;
mod model_file;
mod names;
mod safetensors;
mod source;
mod split;
mod tensor;
#[cfg(test)]
pub mod tests;

pub use gguf::Metadata;
pub use model_file::{GgufVocabulary, ModelFile, TokenKind, TokenizerSource, Vocabulary};
pub use source::{MemorySource, ModelSource};
pub use tensor::TensorInfo;
