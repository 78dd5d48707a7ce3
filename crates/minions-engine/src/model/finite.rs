//! Whether a file's bytes are numbers, told from the floats among them: the rest of a quantised block is integers.

use crate::weights::TensorType;

/// An f16 whose exponent is all ones is infinite or no number; so is a bf16, and so is an f32.
const F16_EXPONENT: u16 = 0x7c00;
const BF16_EXPONENT: u16 = 0x7f80;
const F32_EXPONENT: u32 = 0x7f80_0000;

/// Whether all weights that `bytes` encode are finite numbers.
pub fn all_finite(dtype: TensorType, bytes: &[u8]) -> bool {
    let is_f16 = |bytes: &[u8]| u16::from_le_bytes([bytes[0], bytes[1]]) & F16_EXPONENT != F16_EXPONENT;
    match dtype {
        TensorType::F32 => {
            bytes.as_chunks().0.iter().all(|word| u32::from_le_bytes(*word) & F32_EXPONENT != F32_EXPONENT)
        }
        TensorType::F16 => bytes.as_chunks::<2>().0.iter().all(|half| is_f16(half)),
        TensorType::Bf16 => {
            bytes.as_chunks().0.iter().all(|half| u16::from_le_bytes(*half) & BF16_EXPONENT != BF16_EXPONENT)
        }
        TensorType::Q8_0 | TensorType::Q4_0 => bytes.chunks_exact(dtype.block_bytes()).all(is_f16),
    }
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;

    #[test]
    fn notices_what_is_no_number() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let at_the_end = |good: &[u8], bad: &[u8]| [good, good, bad].concat();
            let f32s = at_the_end(&f32::MAX.to_le_bytes(), &bad.to_le_bytes());
            let f16s = at_the_end(&f16::MAX.to_le_bytes(), &f16::from_f32(bad).to_le_bytes());
            let bf16s = at_the_end(&bf16::MIN.to_le_bytes(), &bf16::from_f32(bad).to_le_bytes());
            for (dtype, bytes, width) in
                [(TensorType::F32, f32s, 4), (TensorType::F16, f16s, 2), (TensorType::Bf16, bf16s, 2)]
            {
                assert!(!all_finite(dtype, &bytes), "{dtype} {bad}");
                assert!(all_finite(dtype, &bytes[..2 * width]), "{dtype}");
            }
            for dtype in [TensorType::Q8_0, TensorType::Q4_0] {
                // Every bit of the integers may be set.
                let mut blocks = vec![0xff; 2 * dtype.block_bytes()];
                for block in blocks.chunks_exact_mut(dtype.block_bytes()) {
                    block[..2].copy_from_slice(&f16::MAX.to_le_bytes());
                }
                assert!(all_finite(dtype, &blocks), "{dtype}");
                blocks[dtype.block_bytes()..][..2].copy_from_slice(&f16::from_f32(bad).to_le_bytes());
                assert!(!all_finite(dtype, &blocks), "{dtype} {bad}");
            }
        }
    }
}
