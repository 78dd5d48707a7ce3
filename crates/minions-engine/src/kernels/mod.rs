//! The hot operations as burn extension ops: on a GPU each launches one WGSL kernel of `shaders/`, on the CPU it runs
//! the kernel's twin. A file holds one operation: its trait, both implementations, and the function on tensors.
//!
//! Only this folder and `device.rs` know cubecl.

mod add_bias;
mod attention;
mod bench;
mod capture;
mod check;
mod copy_pages;
mod embed;
mod launch;
mod matmul;
mod overlays;
mod pipelines;
mod qkv_epilogue;
mod rms_norm;
mod sample;
mod scale_logits;
mod staging;
mod tensors;
mod upload;

pub use bench::{KernelSpeed, bench_burn, bench_kernels};
pub use check::{KernelCheck, check_kernels};
pub use launch::{Counters, counters};
pub use overlays::KernelOverlay;

pub(crate) use add_bias::add_bias;
pub(crate) use attention::{Scores, attention};
pub(crate) use capture::CapturedStep;
pub(crate) use copy_pages::copy_pages;
pub(crate) use embed::embed;
pub(crate) use matmul::{gated_matmul, matmul};
pub(crate) use overlays::choose_overlays;
pub(crate) use pipelines::Pipelines;
pub(crate) use qkv_epilogue::{QkvVectors, qkv_epilogue};
pub(crate) use rms_norm::{add_rms_norm, rms_norm};
pub(crate) use sample::{Sample, Samples, sample};
pub(crate) use scale_logits::{LogitScale, scale_logits};
pub(crate) use tensors::{forget_abandoned, read_f32};
pub(crate) use upload::{Upload, settle};

/// The heads of an attention layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Query heads.
    pub q: usize,
    /// Key and value heads; `q` is a multiple.
    pub kv: usize,
    /// Features of a head.
    pub dim: usize,
}
