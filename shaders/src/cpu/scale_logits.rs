//! Twin of `scale_logits.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::attention_decode::soft_cap;
use crate::{Params, SCALE_LOGITS, Shader, Slots};

/// A GPU's tanh is a quotient of exponentials.
pub const TOLERANCE: f32 = 2e-5;

/// Params of `scale_logits`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct ScaleLogitsParams {
    /// Rows of logits.
    pub rows: u32,
    /// Logits in a row.
    pub vocab: u32,
    /// Factor on every logit.
    pub scale: f32,
    /// Logits stay within this, by tanh; 0 leaves them as they are.
    pub softcap: f32,
    /// Zero.
    pub pad: [u32; 4],
}

impl Params for ScaleLogitsParams {
    const SHADER: &'static Shader = &SCALE_LOGITS;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [self.vocab.div_ceil(256), self.rows, 1]
    }
}

/// `out = soft_cap(scale * x, softcap)`, with `x, out: [rows, vocab]`.
pub fn scale_logits(x: &[f32], params: &ScaleLogitsParams, out: &mut [f32]) {
    let len = (params.rows * params.vocab) as usize;
    assert_eq!((x.len(), out.len()), (len, len), "x, out: [rows, vocab]");
    for (out, x) in out.iter_mut().zip(x) {
        *out = soft_cap(params.scale * x, params.softcap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_then_caps() {
        let mut out = [0.0; 3];
        let params = ScaleLogitsParams { rows: 1, vocab: 3, scale: 0.5, softcap: 0.0, ..Default::default() };
        scale_logits(&[2.0, -4.0, 1e6], &params, &mut out);
        assert_eq!(out, [1.0, -2.0, 5e5]);
        scale_logits(&[2.0, -4.0, 1e6], &ScaleLogitsParams { softcap: 2.0, ..params }, &mut out);
        assert!((out[0] - 2.0 * 0.5_f32.tanh()).abs() < 1e-6 && out[2] == 2.0, "{out:?}");
    }
}
