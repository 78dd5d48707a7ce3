//! Twin of `quantize.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::registry::MAX_WORKGROUPS;
use crate::weights::{BLOCK, WeightFormat};
use crate::{Params, QUANTIZE, Shader, Slots};

/// Words are compared; the cases keep away from ties.
pub const TOLERANCE: f32 = 0.0;

/// Which of 8 bytes stand in which word when interleaved: the even ones in the first, the odd ones in the second.
const INTERLEAVED: [usize; 8] = [0, 2, 4, 6, 1, 3, 5, 7];

/// Params of `quantize`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct QuantizeParams {
    /// Rows of x.
    pub rows: u32,
    /// Width of a row, a multiple of 32.
    pub k: u32,
    /// 1 for weights whose bytes are nibbles, 0 for those that are bytes.
    pub interleaved: u32,
    /// Zero.
    pub pad: [u32; 5],
}

impl QuantizeParams {
    /// For `[rows, k]` activations that meet weights of this format.
    pub fn new(rows: usize, k: usize, format: WeightFormat) -> Self {
        let interleaved = u32::from(format == WeightFormat::Q4_0);
        Self { rows: rows as u32, k: k as u32, interleaved, ..Self::default() }
    }

    /// Words of the output: bytes, then scales, to a whole vec4.
    pub const fn out_len(&self) -> usize {
        (self.bytes_len() + self.blocks()).next_multiple_of(4)
    }

    const fn blocks(&self) -> usize {
        self.rows as usize * (self.k as usize / BLOCK)
    }

    /// Words of bytes.
    const fn bytes_len(&self) -> usize {
        self.blocks() * 8
    }
}

impl Params for QuantizeParams {
    const SHADER: &'static Shader = &QUANTIZE;

    fn workgroups(&self, _: Slots) -> [u32; 3] {
        let groups = (self.blocks() as u32).div_ceil(64);
        [groups.min(MAX_WORKGROUPS), groups.div_ceil(MAX_WORKGROUPS), 1]
    }
}

/// `x: [rows, k]` as bytes and scales.
pub fn quantize(x: &[f32], params: &QuantizeParams, out: &mut [u32]) {
    assert!(params.k.is_multiple_of(BLOCK as u32), "k {} is not a multiple of {BLOCK}", params.k);
    assert_eq!((x.len(), out.len()), (params.blocks() * BLOCK, params.out_len()), "lengths of x and out");
    let (words, scales) = out.split_at_mut(params.bytes_len());
    for ((block, words), scale) in x.chunks_exact(BLOCK).zip(words.chunks_exact_mut(8)).zip(scales) {
        // As bits, so that what is not a number is the largest, and the scale with it.
        let largest = block.iter().map(|value| value.abs().to_bits()).max().unwrap_or_default();
        let step = f32::from_bits(largest) * (1.0 / 127.0);
        let inverse = if step == 0.0 { 0.0 } else { 1.0 / step };
        *scale = step.to_bits();
        let bytes: &mut [[u8; 8]] = bytemuck::cast_slice_mut(words);
        for (octet, bytes) in block.as_chunks::<8>().0.iter().zip(bytes) {
            for (i, byte) in bytes.iter_mut().enumerate() {
                *byte = (octet[params.place(i)] * inverse).round_ties_even() as i8 as u8;
            }
        }
    }
}

/// What the bytes and scales stand for: `[rows, k]`.
pub fn dequantize(quantized: &[u32], params: &QuantizeParams) -> Vec<f32> {
    let (words, scales) = quantized.split_at(params.bytes_len());
    let mut out = vec![0.0; params.blocks() * BLOCK];
    for ((block, words), scale) in out.chunks_exact_mut(BLOCK).zip(words.chunks_exact(8)).zip(scales) {
        let bytes: &[[i8; 8]] = bytemuck::cast_slice(words);
        for (octet, bytes) in block.as_chunks_mut::<8>().0.iter_mut().zip(bytes) {
            for (i, byte) in bytes.iter().enumerate() {
                octet[params.place(i)] = f32::from(*byte) * f32::from_bits(*scale);
            }
        }
    }
    out
}

impl QuantizeParams {
    /// Which element of an octet its `i`-th byte is.
    const fn place(&self, i: usize) -> usize {
        if self.interleaved != 0 { INTERLEAVED[i] } else { i }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_the_nearest_of_127_steps() {
        let mut x = [0.0; 64];
        (x[0], x[1], x[5], x[63]) = (2.0, -1.004, 0.5, 0.0);
        for interleaved in [0, 1] {
            let params = QuantizeParams { rows: 2, k: 32, interleaved, ..Default::default() };
            let mut words = vec![0; params.out_len()];
            quantize(&x, &params, &mut words);
            assert_eq!(words.len(), 20, "16 words of bytes, 2 scales, 2 to fill a vec4");
            assert_eq!(words[0] & 0xff, 127);
            assert_eq!(words[17], 0, "the scale of nothing");
            let back = dequantize(&words, &params);
            for (i, (back, x)) in back.iter().zip(x).enumerate() {
                assert!((back - x).abs() <= 1.0 / 127.0 + 1e-6, "{i}: {back}, not {x}");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_none() {
        let mut x = [1.0; 32];
        x[7] = f32::NAN;
        let params = QuantizeParams { rows: 1, k: 32, ..Default::default() };
        let mut words = vec![0; params.out_len()];
        quantize(&x, &params, &mut words);
        assert!(dequantize(&words, &params).iter().all(|value| value.is_nan()));
    }

    #[test]
    fn interleaved_words_hold_the_even_and_the_odd() {
        let x: Vec<f32> = (0..32).map(|i| if i == 31 { 127.0 } else { i as f32 }).collect();
        let params = QuantizeParams { rows: 1, k: 32, interleaved: 1, ..Default::default() };
        let mut words = vec![0; params.out_len()];
        quantize(&x, &params, &mut words);
        assert_eq!(words[..2], [0x0604_0200, 0x0705_0301]);
    }
}
