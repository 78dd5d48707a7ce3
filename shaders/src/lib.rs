//! WGSL kernels and their CPU twins.
//!
//! One `.wgsl` file per kernel, whose header is its contract; one twin of the same stem in [`cpu`], which takes the same
//! inputs and the same params struct; one [`Shader`] constant here. [`cases`] are the inputs each pair is tested on. This
//! crate names no GPU API: launching is the engine's.

pub mod cases;
pub mod cpu;
mod kv;
mod registry;
pub mod step;
pub mod weights;

pub use kv::{KvFormat, UnknownKvFormat};
pub use registry::*;
pub use step::{
    Adjustment, GROUP_ROWS, Group, MAX_ALTERNATIVES, MAX_HEAD_DIM, PAGE_SIZE, RowHeader, Sampling, TILE_ROWS, Tile,
    groups,
};
pub use weights::WeightFormat;

/// What the gate of a feed-forward network does, as the kernels' params number it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `v / (1 + exp(-v))`
    Silu = 0,
    /// GELU by tanh.
    GeluTanh = 1,
}
