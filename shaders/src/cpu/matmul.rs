//! Twin of `matmul.wgsl`: the same product as `matvec`, which on a CPU is the same loop.

use bytemuck::{Pod, Zeroable};

use super::matvec::{MatvecParams, matvec};
use crate::weights::WeightFormat;
use crate::{MATMUL, Params, Shader, Slots};

/// Relative to the outputs' size: f32 sums of up to some thousand products in two different orders.
pub const TOLERANCE: f32 = 2e-5;

/// Params of `matmul`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct MatmulParams {
    /// Rows of x.
    pub rows: u32,
    /// Rows of the weights: outputs per row.
    pub n: u32,
    /// Inputs per row, a multiple of 32.
    pub k: u32,
    /// Length of a row of out.
    pub width: u32,
    /// Column of out that the first output goes to.
    pub first: u32,
    /// Zero.
    pub pad: [u32; 3],
}

impl Params for MatmulParams {
    const SHADER: &'static Shader = &MATMUL;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [self.n.div_ceil(64), self.rows.div_ceil(64), 1]
    }
}

/// `out[m, first + j] = dot(x[m, :], weights[j, :])`, with `x: [rows, k]`, `weights: [n, k]`, `out: [rows, width]`.
pub fn matmul(x: &[f32], format: WeightFormat, weights: &[u32], params: &MatmulParams, out: &mut [f32]) {
    let MatmulParams { rows, n, k, width, first, pad } = *params;
    let params = MatvecParams { rows, n, k, width, first, pad };
    matvec(x, format, weights, &params, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplies_by_the_transposed_weights() {
        // Rows of x: ones, then 0..32; weights: all 2, then a one at place 3.
        let x: Vec<f32> = [1.0; 32].into_iter().chain((0..32).map(|i| i as f32)).collect();
        let mut weights = [2.0; 64];
        weights[32..].fill(0.0);
        weights[35] = 1.0;
        let params = MatmulParams { rows: 2, n: 2, k: 32, width: 2, ..Default::default() };
        let mut out = [0.0; 4];
        matmul(&x, WeightFormat::F32, &crate::weights::pack_f32(&weights), &params, &mut out);
        assert_eq!(out, [64.0, 1.0, 992.0, 3.0]);
    }
}
