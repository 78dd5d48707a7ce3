//! `scale_logits`: what some families do to the head's output.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor};
use bytemuck::Zeroable;
use minions_shaders::Slots;
use minions_shaders::cpu::{self, ScaleLogitsParams};

use super::launch::launch;
use super::tensors::{empty, from_vec, plain};

/// How logits are made of the head's output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LogitScale {
    /// Factor on every one.
    pub scale: f32,
    /// They stay within this, by tanh.
    pub softcap: Option<f32>,
}

impl LogitScale {
    /// The output is the logits.
    pub const NONE: Self = Self { scale: 1.0, softcap: None };
}

#[backend_extension(Cube, Flex)]
trait ScaleLogitsOps: Backend {
    fn scale_logits(x: FloatTensor<Self>, params: ScaleLogitsParams) -> FloatTensor<Self>;
}

impl ScaleLogitsOps for Cube {
    fn scale_logits(x: FloatTensor<Self>, params: ScaleLogitsParams) -> FloatTensor<Self> {
        let out = empty(&x, x.shape(), DType::F32);
        launch(&params, Slots::NONE, &[&x, &out]);
        out
    }
}

impl ScaleLogitsOps for Flex {
    fn scale_logits(x: FloatTensor<Self>, params: ScaleLogitsParams) -> FloatTensor<Self> {
        let x = plain(x);
        let mut out = vec![0.0; x.shape().num_elements()];
        cpu::scale_logits(x.storage(), &params, &mut out);
        from_vec(out, x.shape())
    }
}

/// `[rows, vocab_size]` → `[rows, vocab_size]`.
pub(crate) fn scale_logits(x: Tensor<2>, LogitScale { scale, softcap }: LogitScale) -> Tensor<2> {
    let [rows, vocab] = x.dims();
    let softcap = softcap.unwrap_or(0.0);
    let params = ScaleLogitsParams { rows: rows as u32, vocab: vocab as u32, scale, softcap, ..Zeroable::zeroed() };
    Tensor::from_dispatch(Dispatch::scale_logits(x.into_dispatch(), params))
}
