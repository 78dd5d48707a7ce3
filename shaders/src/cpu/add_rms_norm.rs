//! Twin of `add_rms_norm.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::rms_norm::{RmsNormParams, rms_norm};
use crate::registry::MAX_WORKGROUPS;
use crate::{ADD_RMS_NORM, Params, Shader, Slots};

/// As for `rms_norm`: the sum is rounded once or twice.
pub const TOLERANCE: f32 = super::rms_norm::TOLERANCE;

/// Params of `add_rms_norm`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct AddRmsNormParams {
    /// Rows of x.
    pub rows: u32,
    /// Width of a row, a multiple of 4.
    pub hidden: u32,
    /// Added to the mean square.
    pub eps: f32,
    /// Factor on delta: 1, or a family's residual multiplier.
    pub delta_scale: f32,
    /// Zero.
    pub pad: [u32; 4],
}

impl Params for AddRmsNormParams {
    const SHADER: &'static Shader = &ADD_RMS_NORM;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [self.rows.min(MAX_WORKGROUPS), self.rows.div_ceil(MAX_WORKGROUPS), 1]
    }
}

/// `sum = x + delta_scale * delta`, `out = rms_norm(sum)`, all `[rows, hidden]`.
pub fn add_rms_norm(
    x: &[f32],
    delta: &[f32],
    weight: &[f32],
    params: &AddRmsNormParams,
    sum: &mut [f32],
    out: &mut [f32],
) {
    assert_eq!((x.len(), delta.len()), (sum.len(), sum.len()), "x, delta, sum: [rows, hidden]");
    for ((sum, x), delta) in sum.iter_mut().zip(x).zip(delta) {
        *sum = x + params.delta_scale * delta;
    }
    let params = RmsNormParams { rows: params.rows, hidden: params.hidden, eps: params.eps, ..Default::default() };
    rms_norm(sum, weight, &params, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_sum_and_norms_it() {
        let params = AddRmsNormParams { rows: 1, hidden: 4, eps: 0.0, delta_scale: 2.0, ..Default::default() };
        let (mut sum, mut out) = ([0.0; 4], [0.0; 4]);
        add_rms_norm(&[1.0, 2.0, 3.0, 0.0], &[0.5, 0.0, -0.5, 1.0], &[1.0, 1.0, 3.0, 1.0], &params, &mut sum, &mut out);
        assert_eq!(sum, [2.0; 4]);
        assert_eq!(out, [1.0, 1.0, 3.0, 1.0]);
    }
}
