//! The gated feed-forward network, SwiGLU or GeGLU (Shazeer 2020).

use burn::module::Module;
use burn::tensor::Tensor;
use minions_shaders::Activation;

use super::Matrix;
use crate::generate::Phase;
use crate::kernels;

/// One layer's feed-forward network: `down(activation(gate(x)) · up(x))`.
#[derive(Module, Debug)]
pub struct FeedForward {
    /// Gate and up stacked: `[2 · ffn_size, hidden]`
    pub(super) gate_up: Matrix,
    /// `[hidden, ffn_size]`
    pub(super) down: Matrix,
    #[module(skip)]
    pub(super) activation: Activation,
}

impl FeedForward {
    /// `[rows, hidden]` → `[rows, hidden]`.
    pub fn forward(&self, x: Tensor<2>, phase: Phase) -> Tensor<2> {
        self.down.forward(kernels::gated_matmul(x, &self.gate_up, self.activation, phase), phase)
    }
}
