//! Twin of `matvec.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::product::products;
use crate::weights::{BLOCK, WeightFormat};
use crate::{MATVEC, Params, Shader, Slots};

/// Relative to the outputs' size: f32 sums of up to some thousand products in two different orders.
pub const TOLERANCE: f32 = 2e-5;

/// Params of `matvec`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct MatvecParams {
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

impl Params for MatvecParams {
    const SHADER: &'static Shader = &MATVEC;

    fn workgroups(&self, slots: Slots) -> [u32; 3] {
        [self.n.div_ceil(16), self.rows.div_ceil(slots.rows.unwrap_or(1)), 1]
    }
}

/// `out[m, first + j] = dot(x[m, :], weights[j, :])`, with `x: [rows, k]`, `weights: [n, k]`, `out: [rows, width]`.
pub fn matvec(x: &[f32], format: WeightFormat, weights: &[u32], params: &MatvecParams, out: &mut [f32]) {
    let (rows, n, k) = (params.rows as usize, params.n as usize, params.k as usize);
    let (width, first) = (params.width as usize, params.first as usize);
    assert!(k.is_multiple_of(BLOCK), "k {k} is not a multiple of {BLOCK}");
    assert_eq!((x.len(), out.len()), (rows * k, rows * width), "lengths of x: [rows, k] and out: [rows, width]");
    assert!(first + n <= width, "columns {first} .. {first} + {n} of {width}");
    let mut unpacked = vec![0.0; 4 * k];
    for j in (0..n).step_by(4) {
        let picked = [j, j + 1, j + 2, j + 3].map(|row| row.min(n - 1));
        products(x, (format, weights, n), k, picked, &mut unpacked, |m, sums| {
            for (i, sum) in sums.into_iter().take(n - j).enumerate() {
                out[m * width + first + j + i] = sum;
            }
        });
    }
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
        let params = MatvecParams { rows: 2, n: 2, k: 32, width: 2, ..Default::default() };
        let mut out = [0.0; 4];
        matvec(&x, WeightFormat::F32, &crate::weights::pack_f32(&weights), &params, &mut out);
        assert_eq!(out, [64.0, 1.0, 992.0, 3.0]);
    }
}
