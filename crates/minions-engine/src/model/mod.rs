//! The decoder: a model family is data ([`ModelConfig`]), and there is one tree of burn modules.

mod attention;
mod config;
mod feed_forward;
mod kv_cache;
mod load;
mod matrix;
mod rms_norm;
mod rope;
mod transformer;

#[cfg(test)]
pub use config::RopeScaling;
pub use config::{GgufTensors, ModelConfig, Rope};
pub use kv_cache::{KvCache, KvPages};
pub use load::{Quantization, load, size_on_device};
pub use matrix::Matrix;
pub use rope::RopeTable;
pub use transformer::Transformer;
