//! The gated feed-forward network, SwiGLU (Shazeer 2020).

use burn::module::Module;
use burn::tensor::Tensor;

use super::Matrix;
use crate::kernels;

/// One layer's feed-forward network: `down(silu(gate(x)) · up(x))`.
#[derive(Module, Debug)]
pub struct FeedForward {
    /// Gate and up stacked: `[2 · ffn_size, hidden]`
    gate_up: Matrix,
    /// `[hidden, ffn_size]`
    down: Matrix,
}

impl FeedForward {
    /// A network with these projections.
    pub fn new(gate_up: Matrix, down: Matrix) -> Self {
        Self { gate_up, down }
    }

    /// `[rows, hidden]` → `[rows, hidden]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.down.forward(kernels::gated_matmul(x, &self.gate_up))
    }
}
