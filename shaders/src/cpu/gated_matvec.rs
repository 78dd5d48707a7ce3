//! Twin of `gated_matvec.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::product::{activate, products};
use crate::weights::{BLOCK, WeightFormat};
use crate::{GATED_MATVEC, Params, Shader, Slots};

/// Relative to the outputs' size: two f32 sums in two different orders and their product.
pub const TOLERANCE: f32 = 5e-5;

/// Params of `gated_matvec`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct GatedMatvecParams {
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

impl Params for GatedMatvecParams {
    const SHADER: &'static Shader = &GATED_MATVEC;

    fn workgroups(&self, slots: Slots) -> [u32; 3] {
        [self.f.div_ceil(8), self.rows.div_ceil(slots.rows.unwrap_or(1)), 1]
    }
}

/// `out[m, first + j] = activation(dot(x[m, :], weights[j, :])) * dot(x[m, :], weights[f + j, :])`, with `x: [rows, k]`,
/// `weights: [2 f, k]`, `out: [rows, width]`.
pub fn gated_matvec(x: &[f32], format: WeightFormat, weights: &[u32], params: &GatedMatvecParams, out: &mut [f32]) {
    let (rows, f, k) = (params.rows as usize, params.f as usize, params.k as usize);
    let (width, first) = (params.width as usize, params.first as usize);
    assert!(k.is_multiple_of(BLOCK), "k {k} is not a multiple of {BLOCK}");
    assert_eq!((x.len(), out.len()), (rows * k, rows * width), "lengths of x: [rows, k] and out: [rows, width]");
    assert!(first + f <= width, "columns {first} .. {first} + {f} of {width}");
    let mut unpacked = vec![0.0; 4 * k];
    for j in (0..f).step_by(2) {
        let next = (j + 1).min(f - 1);
        products(x, (format, weights, 2 * f), k, [j, f + j, next, f + next], &mut unpacked, |m, sums| {
            out[m * width + first + j] = activate(params.activation, sums[0]) * sums[1];
            out[m * width + first + next] = activate(params.activation, sums[2]) * sums[3];
        });
    }
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
        let params = GatedMatvecParams { rows: 1, f: 1, k: 32, width: 1, ..Default::default() };
        let mut out = [0.0];
        gated_matvec(&x, WeightFormat::F32, &crate::weights::pack_f32(&weights), &params, &mut out);
        assert!((out[0] - 2.0 / (1.0 + (-2.0_f32).exp()) * 4.5).abs() < 1e-5, "{out:?}");
    }
}
