//! The local worker: a small transformer on WebGPU, or on the CPU where there is none.
//!
//! [`Compute`] says where tensors live, [`Engine::load`] reads a model from a [`ModelSource`], and the engine answers
//! through [`minions_chat::ChatModel`]. This is the only crate that knows burn, cubecl and wgpu.

mod device;
mod engine;
mod error;
mod generate;
mod kernels;
mod model;
mod probe;
mod text;
mod weights;

pub use device::{Adapter, AdapterKind, Compute, Overlays};
pub use engine::{Caller, Engine, LoadOptions, ModelInfo, Pooling, Progress, Speed, Wait};
pub use error::{Error, Result};
pub use generate::{MemoryPages, PageKey, PageStore, Tally};
pub use kernels::{Counters, KernelCheck, KernelOverlay, KernelSpeed, bench_burn, bench_kernels, check_kernels};
pub use minions_shaders::{KvFormat, UnknownKvFormat};
pub use model::Quantization;
pub use text::Date;
pub use weights::{MemorySource, ModelSource};
