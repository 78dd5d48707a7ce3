//! Twin of `add_bias.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::{ADD_BIAS, Params, Shader, Slots};

/// One sum per element.
pub const TOLERANCE: f32 = 1e-6;

/// Params of `add_bias`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct AddBiasParams {
    /// Rows of x.
    pub rows: u32,
    /// Width of a row.
    pub n: u32,
    /// Zero.
    pub pad: [u32; 6],
}

impl Params for AddBiasParams {
    const SHADER: &'static Shader = &ADD_BIAS;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [self.n.div_ceil(64), self.rows, 1]
    }
}

/// `out[r, i] = x[r, i] + bias[i]`, with `x, out: [rows, n]`.
pub fn add_bias(x: &[f32], bias: &[f32], params: &AddBiasParams, out: &mut [f32]) {
    let (rows, n) = (params.rows as usize, params.n as usize);
    assert_eq!((x.len(), bias.len(), out.len()), (rows * n, n, rows * n), "lengths of x, bias, out");
    for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
        for ((out, x), bias) in out.iter_mut().zip(x).zip(bias) {
            *out = x + bias;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_the_bias_to_every_row() {
        let mut out = [0.0; 4];
        let params = AddBiasParams { rows: 2, n: 2, ..Default::default() };
        add_bias(&[1.0, 2.0, 3.0, 4.0], &[10.0, 20.0], &params, &mut out);
        assert_eq!(out, [11.0, 22.0, 13.0, 24.0]);
    }
}
