//! Twin of `rms_norm.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::product::dot;
use crate::registry::MAX_WORKGROUPS;
use crate::{Params, RMS_NORM, Shader, Slots};

/// A sum of squares has no cancellation; the GPU's inverse square root is good to 2 ulp.
pub const TOLERANCE: f32 = 1e-5;

/// Params of `rms_norm`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct RmsNormParams {
    /// Rows of x.
    pub rows: u32,
    /// Width of a row, a multiple of 4.
    pub hidden: u32,
    /// Added to the mean square.
    pub eps: f32,
    /// Zero.
    pub pad: [u32; 5],
}

impl Params for RmsNormParams {
    const SHADER: &'static Shader = &RMS_NORM;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [self.rows.min(MAX_WORKGROUPS), self.rows.div_ceil(MAX_WORKGROUPS), 1]
    }
}

/// `out[r, i] = x[r, i] * weight[i] / sqrt(mean_i(x[r, i]^2) + eps)`, with `x, out: [rows, hidden]`.
pub fn rms_norm(x: &[f32], weight: &[f32], params: &RmsNormParams, out: &mut [f32]) {
    let (rows, hidden) = (params.rows as usize, params.hidden as usize);
    assert!(hidden.is_multiple_of(4), "hidden {hidden} is not a multiple of 4");
    assert_eq!((x.len(), weight.len(), out.len()), (rows * hidden, hidden, rows * hidden), "lengths of x, weight, out");
    for (x, out) in x.chunks_exact(hidden).zip(out.chunks_exact_mut(hidden)) {
        let factor = 1.0 / (dot(x, x) / hidden as f32 + params.eps).sqrt();
        for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
            *out = x * factor * weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_by_the_root_of_the_mean_square() {
        let params = RmsNormParams { rows: 2, hidden: 4, eps: 0.0, ..Default::default() };
        let mut out = [0.0; 8];
        rms_norm(&[3.0, 4.0, 0.0, 5.0, 2.0, 2.0, 2.0, 2.0], &[1.0, 2.0, 1.0, 1.0], &params, &mut out);
        let root = (50.0_f32 / 4.0).sqrt();
        let expected = [3.0 / root, 8.0 / root, 0.0, 5.0 / root, 1.0, 2.0, 1.0, 1.0];
        assert!(out.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{out:?}");
    }

    #[test]
    fn eps_keeps_zeros_finite() {
        let params = RmsNormParams { rows: 1, hidden: 4, eps: 1e-6, ..Default::default() };
        let mut out = [1.0; 4];
        rms_norm(&[0.0; 4], &[1.0; 4], &params, &mut out);
        assert_eq!(out, [0.0; 4]);
    }
}
