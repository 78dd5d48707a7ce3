//! ggml's blocks: taken apart into planes, and put together again as weights.
//!
//! Formats: ggml, `ggml-common.h` (structs) and `ggml-quants.c` (`dequantize_row_*`). ggml interleaves the numbers of a
//! block for the sake of CPUs' vector registers; in a plane they stand in order. Sums and products of a factor of 11 bits, a
//! scale of up to 8 and a number of up to 6 fit in the 24 of an f32, so a product never rounds and, whatever the order,
//! only the last addition does: a GPU, fused or not, gets the same bits.

use half::f16;

use super::{CODES, WeightFormat};

/// Where the parts of one block go.
pub struct Planes<'a> {
    pub quants: &'a mut [u8],
    pub high: &'a mut [u8],
    pub scales: &'a mut [u8],
    pub factors: &'a mut [u8],
}

/// The parts of one block.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    pub quants: &'a [u8],
    pub high: &'a [u8],
    pub scales: &'a [u8],
    pub factors: &'a [u8],
}

/// Takes a file's block apart.
pub fn split(format: WeightFormat, block: &[u8], planes: Planes) {
    let Planes { quants, high, scales, factors } = planes;
    match format {
        WeightFormat::F32 | WeightFormat::F16 | WeightFormat::Bf16 => quants.copy_from_slice(block),
        WeightFormat::Q8_0 => {
            factors.copy_from_slice(&block[..2]);
            quants.copy_from_slice(&block[2..]);
        }
        WeightFormat::Q4_0 | WeightFormat::Iq4_Nl => {
            factors.copy_from_slice(&block[..2]);
            straighten::<4>(&block[2..], 16, quants);
        }
        WeightFormat::Q4_1 => {
            factors.copy_from_slice(&block[..4]);
            straighten::<4>(&block[4..], 16, quants);
        }
        WeightFormat::Q5_0 => {
            factors.copy_from_slice(&block[..2]);
            high.copy_from_slice(&block[2..6]);
            straighten::<4>(&block[6..], 16, quants);
        }
        WeightFormat::Q5_1 => {
            factors.copy_from_slice(&block[..4]);
            high.copy_from_slice(&block[4..8]);
            straighten::<4>(&block[8..], 16, quants);
        }
        WeightFormat::Q2_K => {
            scales.copy_from_slice(&block[..16]);
            straighten::<2>(&block[16..80], 32, quants);
            factors.copy_from_slice(&block[80..]);
        }
        WeightFormat::Q3_K => {
            straighten::<1>(&block[..32], 32, high);
            straighten::<2>(&block[32..96], 32, quants);
            q3_k_scales(&block[96..108], scales);
            factors.copy_from_slice(&block[108..]);
        }
        WeightFormat::Q4_K => {
            factors.copy_from_slice(&block[..4]);
            q4_k_scales(&block[4..16], scales);
            straighten::<4>(&block[16..], 32, quants);
        }
        WeightFormat::Q5_K => {
            factors.copy_from_slice(&block[..4]);
            q4_k_scales(&block[4..16], scales);
            straighten::<1>(&block[16..48], 32, high);
            straighten::<4>(&block[48..], 32, quants);
        }
        WeightFormat::Q6_K => {
            straighten::<4>(&block[..128], 64, quants);
            straighten::<2>(&block[128..192], 32, high);
            scales.copy_from_slice(&block[192..208]);
            factors.copy_from_slice(&block[208..]);
        }
    }
}

/// Numbers of `BITS` bits from ggml's order to their own. In each `stride` bytes of ggml's, byte `l` holds in its lowest
/// bits number `l`, in the next ones number `stride + l`, and so on.
fn straighten<const BITS: usize>(source: &[u8], stride: usize, out: &mut [u8]) {
    // Of each lane of 8, 16, 32 and 64 bits, the lowest that one number, or 2, 4, 8 of them take.
    let lowest = |lane: usize| u64::MAX / (u64::MAX >> (64 - lane)) * ((1 << (BITS * lane / 8)) - 1);
    let masks = [lowest(8), lowest(16), lowest(32)];
    let mut out = out.chunks_exact_mut(BITS);
    for group in source.chunks_exact(stride) {
        for shift in (0..8).step_by(BITS) {
            for (bytes, out) in group.as_chunks().0.iter().zip(&mut out) {
                let mut numbers = u64::from_le_bytes(*bytes) >> shift & masks[0];
                numbers = (numbers | numbers >> (8 - BITS)) & masks[1];
                numbers = (numbers | numbers >> (2 * (8 - BITS))) & masks[2];
                numbers |= numbers >> (4 * (8 - BITS));
                out.copy_from_slice(&numbers.to_le_bytes()[..BITS]);
            }
        }
    }
}

/// Sixteen scales of 6 bits, less 32: their low 4 bits in 8 bytes, their upper 2 in 4.
fn q3_k_scales(packed: &[u8], scales: &mut [u8]) {
    for (i, scale) in scales.iter_mut().enumerate() {
        let low = packed[i % 8] >> (i / 8 * 4) & 15;
        let high = packed[8 + i % 4] >> (i / 4 * 2) & 3;
        *scale = (low | high << 4).wrapping_sub(32);
    }
}

/// Eight pairs of scale and minimum of 6 bits: the first four in 8 bytes, whose upper 2 bits belong to the last four.
fn q4_k_scales(packed: &[u8], scales: &mut [u8]) {
    for (i, pair) in scales.chunks_exact_mut(2).enumerate() {
        (pair[0], pair[1]) = if i < 4 {
            (packed[i] & 63, packed[i + 4] & 63)
        } else {
            let rest = packed[i + 4];
            (rest & 15 | packed[i - 4] >> 6 << 4, rest >> 4 | packed[i] >> 6 << 4)
        };
    }
}

/// The weights of a block.
pub fn decode(format: WeightFormat, block: Block, out: &mut [f32]) {
    let Block { quants, scales, factors, .. } = block;
    let factor = |i: usize| f16::from_le_bytes([factors[2 * i], factors[2 * i + 1]]).to_f32();
    let d = factor(0);
    // A scale for every 16 weights is one for every two octets.
    let signed = |octet: usize| d * f32::from(scales[octet / 2].cast_signed());
    let pair = |octet: usize| {
        let [scale, least] = [scales[octet / 4 * 2], scales[octet / 4 * 2 + 1]];
        (d * f32::from(scale), -(factor(1) * f32::from(least)))
    };
    match format {
        WeightFormat::F32 | WeightFormat::F16 | WeightFormat::Bf16 => unreachable!("floats have no blocks"),
        WeightFormat::Q8_0 => {
            for (out, &byte) in out.iter_mut().zip(quants) {
                *out = d * f32::from(byte.cast_signed());
            }
        }
        WeightFormat::Q4_0 => centred::<4, 0, 8>(block, |_| d, out),
        WeightFormat::Q5_0 => centred::<4, 1, 16>(block, |_| d, out),
        WeightFormat::Q3_K => centred::<2, 1, 4>(block, signed, out),
        WeightFormat::Q6_K => centred::<4, 2, 32>(block, signed, out),
        WeightFormat::Q4_1 => shifted::<4, 0>(block, |_| (d, factor(1)), out),
        WeightFormat::Q5_1 => shifted::<4, 1>(block, |_| (d, factor(1)), out),
        WeightFormat::Q4_K => shifted::<4, 0>(block, pair, out),
        WeightFormat::Q5_K => shifted::<4, 1>(block, pair, out),
        WeightFormat::Q2_K => {
            let nibbles = |octet: usize| {
                let both = scales[octet / 2];
                (d * f32::from(both & 15), -(factor(1) * f32::from(both >> 4)))
            };
            shifted::<2, 0>(block, nibbles, out);
        }
        WeightFormat::Iq4_Nl => {
            for (octet, out) in out.chunks_exact_mut(8).enumerate() {
                let numbers = numbers::<4, 0>(block, octet);
                for (out, number) in out.iter_mut().zip(numbers) {
                    *out = d * f32::from(CODES[number as usize]);
                }
            }
        }
    }
}

/// `scale * (q - ZERO)`
fn centred<const LOW: usize, const HIGH: usize, const ZERO: i32>(
    block: Block,
    scale: impl Fn(usize) -> f32,
    out: &mut [f32],
) {
    for (octet, out) in out.chunks_exact_mut(8).enumerate() {
        let (numbers, scale) = (numbers::<LOW, HIGH>(block, octet), scale(octet));
        for (out, number) in out.iter_mut().zip(numbers) {
            *out = scale * (number - ZERO) as f32;
        }
    }
}

/// `scale * q + offset`
fn shifted<const LOW: usize, const HIGH: usize>(block: Block, pair: impl Fn(usize) -> (f32, f32), out: &mut [f32]) {
    for (octet, out) in out.chunks_exact_mut(8).enumerate() {
        let (numbers, (scale, offset)) = (numbers::<LOW, HIGH>(block, octet), pair(octet));
        for (out, number) in out.iter_mut().zip(numbers) {
            *out = scale * number as f32 + offset;
        }
    }
}

/// Eight numbers of `LOW` bits of one plane and `HIGH` bits of the other.
#[inline(always)]
fn numbers<const LOW: usize, const HIGH: usize>(block: Block, octet: usize) -> [i32; 8] {
    let word = |plane: &[u8], bits: usize| {
        plane[octet * bits..(octet + 1) * bits].iter().rev().fold(0u32, |word, byte| word << 8 | u32::from(*byte))
    };
    let (low, high) = (word(block.quants, LOW), word(block.high, HIGH));
    std::array::from_fn(|i| {
        let low = low >> (i * LOW) & ((1 << LOW) - 1);
        let high = high >> (i * HIGH) & ((1 << HIGH) - 1);
        (low | high << LOW) as i32
    })
}
