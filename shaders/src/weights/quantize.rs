//! Quantising: what a model in floats becomes when it is loaded in fewer bits.

use half::f16;

use super::BLOCK;

/// Quantises to GGUF Q8_0 blocks: scale = largest magnitude / 127, rounding half away from zero.
pub fn quantize_q8_0(weights: &[f32]) -> Vec<u8> {
    let mut blocks = Vec::with_capacity(weights.len() / BLOCK * 34);
    for block in whole_blocks(weights) {
        let scale = block.iter().fold(0.0_f32, |largest, w| largest.max(w.abs())) / 127.0;
        let inverse = if scale == 0.0 { 0.0 } else { scale.recip() };
        blocks.extend(f16::from_f32(scale).to_le_bytes());
        blocks.extend(block.iter().map(|w| (w * inverse).round() as i8 as u8));
    }
    blocks
}

/// Quantises to GGUF Q4_0 blocks: scale = the weight of largest magnitude / -8, so that this weight is exact.
pub fn quantize_q4_0(weights: &[f32]) -> Vec<u8> {
    let mut blocks = Vec::with_capacity(weights.len() / BLOCK * 18);
    for block in whole_blocks(weights) {
        let extreme = block.iter().fold(0.0_f32, |extreme, &w| if w.abs() > extreme.abs() { w } else { extreme });
        let scale = extreme / -8.0;
        let inverse = if scale == 0.0 { 0.0 } else { scale.recip() };
        let nibble = |w: f32| ((w * inverse + 8.5) as u8).min(15);
        blocks.extend(f16::from_f32(scale).to_le_bytes());
        blocks.extend((0..BLOCK / 2).map(|j| nibble(block[j]) | nibble(block[j + BLOCK / 2]) << 4));
    }
    blocks
}

fn whole_blocks(weights: &[f32]) -> std::slice::ChunksExact<'_, f32> {
    assert!(weights.len().is_multiple_of(BLOCK), "{} weights are not whole blocks of {BLOCK}", weights.len());
    weights.chunks_exact(BLOCK)
}
