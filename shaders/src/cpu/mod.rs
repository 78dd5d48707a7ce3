//! The twins: each kernel in scalar Rust, same inputs, same params, to be read beside its WGSL.
//!
//! They are not only what the kernels are tested against: on a machine without a GPU the whole model runs on them, so the
//! matrix products unpack a weight row once for all rows of x and walk contiguous memory.

pub mod add_bias;
pub mod add_rms_norm;
pub mod attention_decode;
pub mod attention_prefill;
pub mod copy_pages;
pub mod embed;
pub mod gated_matmul;
pub mod gated_matvec;
pub mod matmul;
pub mod matvec;
pub mod multiply_add;
mod product;
pub mod qkv_epilogue;
pub mod quantize;
pub mod rms_norm;
pub mod sample;
pub mod scale_logits;
pub mod stream_copy;

pub use add_bias::{AddBiasParams, add_bias};
pub use add_rms_norm::{AddRmsNormParams, add_rms_norm};
pub use attention_decode::{AttentionDecodeParams, attention_decode};
pub use attention_prefill::{AttentionPrefillParams, attention_prefill};
pub use copy_pages::{CopyPagesParams, copy_pages};
pub use embed::{EmbedParams, embed};
pub use gated_matmul::{GatedMatmulParams, gated_matmul};
pub use gated_matvec::{GatedMatvecParams, gated_matvec};
pub use matmul::{MatmulParams, matmul};
pub use matvec::{MatvecParams, matvec};
pub use multiply_add::{MultiplyAddParams, multiply_add};
pub use qkv_epilogue::{QkvEpilogueParams, qkv_epilogue};
pub use quantize::{QuantizeParams, dequantize, quantize};
pub use rms_norm::{RmsNormParams, rms_norm};
pub use sample::{SampleParams, sample};
pub use scale_logits::{ScaleLogitsParams, scale_logits};
pub use stream_copy::{StreamCopyParams, stream_copy};
