//! Twin of `gated_matmul.wgsl`: the same product as `gated_matvec`, which on a CPU is the same loop.

use bytemuck::{Pod, Zeroable};

use super::gated_matvec::{GatedMatvecParams, gated_matvec};
use crate::weights::WeightFormat;
use crate::{GATED_MATMUL, Params, Shader, Slots};

/// Relative to the outputs' size: two f32 sums in two different orders and their product.
pub const TOLERANCE: f32 = 5e-5;

/// Params of `gated_matmul`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct GatedMatmulParams {
    /// Rows of x.
    pub rows: u32,
    /// Outputs per row: half the rows of the weights.
    pub f: u32,
    /// Inputs per row, a multiple of 32.
    pub k: u32,
    /// What the gate does: an [`Activation`](crate::Activation).
    pub activation: u32,
    /// Length of a row of out.
    pub width: u32,
    /// Column of out that the first output goes to.
    pub first: u32,
    /// Zero.
    pub pad: [u32; 2],
}

impl Params for GatedMatmulParams {
    const SHADER: &'static Shader = &GATED_MATMUL;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [self.f.div_ceil(32), self.rows.div_ceil(64), 1]
    }
}

/// `out[m, first + j] = activation(dot(x[m, :], weights[j, :])) * dot(x[m, :], weights[f + j, :])`, with `x: [rows, k]`,
/// `weights: [2 f, k]`, `out: [rows, width]`.
pub fn gated_matmul(x: &[f32], format: WeightFormat, weights: &[u32], params: &GatedMatmulParams, out: &mut [f32]) {
    let GatedMatmulParams { rows, f, k, activation, width, first, pad } = *params;
    let params = GatedMatvecParams { rows, f, k, activation, width, first, pad };
    gated_matvec(x, format, weights, &params, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_the_up_rows() {
        // f = 1: the gate row sums x to 2, the up row picks 3 times the first element.
        let mut x = [0.0; 32];
        (x[0], x[1]) = (1.5, 0.5);
        let mut weights = [1.0; 64];
        weights[32..].fill(0.0);
        weights[32] = 3.0;
        let params = GatedMatmulParams { rows: 1, f: 1, k: 32, width: 1, ..Default::default() };
        let mut out = [0.0];
        gated_matmul(&x, WeightFormat::F32, &crate::weights::pack_f32(&weights), &params, &mut out);
        assert!((out[0] - 2.0 / (1.0 + (-2.0_f32).exp()) * 4.5).abs() < 1e-5, "{out:?}");
    }
}
