//! Twin of `embed.wgsl`: the token's row of the weights, scaled.

use bytemuck::{Pod, Zeroable};

use crate::weights::{BLOCK, WeightFormat};
use crate::{EMBED, Params, Shader, Slots, step};

/// One product per element; the GPU may unpack f16 subnormals as zero.
pub const TOLERANCE: f32 = 1e-6;

/// Params of `embed`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct EmbedParams {
    /// Rows of the step.
    pub rows: u32,
    /// Width of a row, a multiple of 32.
    pub hidden: u32,
    /// Tokens of the vocabulary.
    pub vocab: u32,
    /// Factor on every element (1, or sqrt(hidden) for Gemma).
    pub scale: f32,
    /// The first token that these weights are of.
    pub first: u32,
    /// Rows of the weights.
    pub count: u32,
    /// Zero.
    pub pad: [u32; 2],
}

impl Params for EmbedParams {
    const SHADER: &'static Shader = &EMBED;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        [(self.hidden / 8).div_ceil(64), self.rows, 1]
    }
}

/// `out[r, :] = weights[token(r) - first, :] * scale`, with `weights: [count, hidden]` and `out: [rows, hidden]`.
pub fn embed(format: WeightFormat, weights: &[u32], step: &[u32], params: &EmbedParams, out: &mut [f32]) {
    let (rows, hidden, count) = (params.rows as usize, params.hidden as usize, params.count as usize);
    assert!(hidden.is_multiple_of(BLOCK), "hidden {hidden} is not a multiple of {BLOCK}");
    assert_eq!(out.len(), rows * hidden, "out: [rows, hidden]");
    for (row, out) in out.chunks_exact_mut(hidden).enumerate() {
        let token = step::row_header(step, row).token.min(params.vocab - 1);
        let weight_row = token.wrapping_sub(params.first) as usize;
        if weight_row >= count {
            continue;
        }
        format.dequantize_row(weights, count, hidden, weight_row, out);
        for value in out {
            *value *= params.scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::pack_f32;

    #[test]
    fn picks_and_scales_the_rows_of_the_tokens() {
        let weights: Vec<f32> = (0..3 * 32).map(|i| i as f32).collect();
        let step = [2, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0];
        let params = EmbedParams { rows: 3, hidden: 32, vocab: 3, scale: 0.5, count: 3, ..Default::default() };
        let mut out = vec![0.0; 96];
        embed(WeightFormat::F32, &pack_f32(&weights), &step, &params, &mut out);
        assert_eq!((out[0], out[31], out[32], out[33]), (32.0, 47.5, 0.0, 0.5));
        assert_eq!(out[64..], out[..32], "a token past the vocabulary reads the last row");

        // In two buffers, of two tokens and of one, whichever comes first.
        let mut pieces = vec![0.0; 96];
        for (first, count) in [(2, 1), (0, 2)] {
            let part = &weights[first as usize * 32..(first + count) as usize * 32];
            let params = EmbedParams { first, count, ..params };
            embed(WeightFormat::F32, &pack_f32(part), &step, &params, &mut pieces);
        }
        assert_eq!(pieces, out);
    }
}
