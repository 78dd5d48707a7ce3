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
    /// Zero.
    pub pad: [u32; 5],
}

impl Params for MatmulParams {
    const SHADER: &'static Shader = &MATMUL;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [self.n.div_ceil(64), self.rows.div_ceil(64), 1]
    }
}

/// `out[m, j] = dot(x[m, :], weights[j, :])`, with `x: [rows, k]`, `weights: [n, k]`, `out: [rows, n]`.
pub fn matmul(x: &[f32], format: WeightFormat, weights: &[u32], params: &MatmulParams, out: &mut [f32]) {
    let params = MatvecParams { rows: params.rows, n: params.n, k: params.k, pad: params.pad };
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
        let params = MatmulParams { rows: 2, n: 2, k: 32, ..Default::default() };
        for format in WeightFormat::ALL {
            let packed = format.pack(&format.encode(&weights), 2, 32);
            let mut out = [0.0; 4];
            matmul(&x, format, &packed, &params, &mut out);
            for (value, expected) in out.into_iter().zip([64.0, 1.0, 992.0, 3.0]) {
                assert!((value - expected).abs() < 1e-3 * expected, "{}: {out:?}", format.name());
            }
        }
    }
}
