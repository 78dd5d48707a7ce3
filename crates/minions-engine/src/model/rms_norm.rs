//! Root mean square normalisation (Zhang & Sennrich 2019), with the residual sum that precedes it.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::kernels;

/// Normalises each row to unit root mean square and scales it by a learned weight.
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// `[hidden]`
    weight: Tensor<1>,
    eps: f32,
    /// Factor on what is added to the residual stream.
    delta_scale: f32,
}

impl RmsNorm {
    /// A norm with this weight; `eps` keeps the root away from zero, `delta_scale` is a factor on what
    /// [`forward_residual`](Self::forward_residual) adds.
    pub fn new(weight: Tensor<1>, eps: f32, delta_scale: f32) -> Self {
        Self { weight, eps, delta_scale }
    }

    /// `norm(x)`: `[rows, hidden]` → `[rows, hidden]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        kernels::rms_norm(x, self.weight.clone(), self.eps)
    }

    /// `(x + delta_scale · delta, its norm)`, each `[rows, hidden]`: the residual stream and its normalised copy.
    pub fn forward_residual(&self, x: Tensor<2>, delta: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        kernels::add_rms_norm(x, delta, self.weight.clone(), self.eps, self.delta_scale)
    }
}
