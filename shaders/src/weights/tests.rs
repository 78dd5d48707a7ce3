//! That packing loses nothing and quantising little. That the numbers are ggml's is proved in `minions-engine`, on blocks
//! that ggml's own Python package has read.

use super::*;

fn ramp(n: usize, k: usize) -> Vec<f32> {
    (0..n * k).map(|i| ((i * 37 % 101) as f32 - 50.0) / 64.0).collect()
}

/// Bytes of an `[n, k]` matrix of `format`.
fn some(format: WeightFormat, n: usize, k: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut bits = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 24
    };
    if format.block_len() == 1 { format.encode(&ramp(n, k)) } else { format.blocks_of_noise(n * k, 0.25, &mut bits) }
}

#[test]
fn unpacks_a_q4_0_block_in_order() {
    // Scale 2; byte j: low nibble j % 16 (element j), high nibble 15 - j (element j + 16).
    let mut block = f16::from_f32(2.0).to_le_bytes().to_vec();
    block.extend((0..16).map(|j: u8| j | (15 - j) << 4));
    let packed = WeightFormat::Q4_0.pack(&block, 1, 32);
    assert_eq!(packed[..4], [0x7654_3210, 0xfedc_ba98, 0x89ab_cdef, 0x0123_4567]);
    assert_eq!(packed[4..], [0x4000, 0, 0, 0]);
    let out = WeightFormat::Q4_0.dequantize(&packed, 1, 32);
    assert_eq!((out[0], out[15], out[16], out[31]), (-16.0, 14.0, 14.0, -16.0));
}

#[test]
fn unpacks_a_q8_0_block_in_order() {
    let mut block = f16::from_f32(0.5).to_le_bytes().to_vec();
    block.extend((0..32).map(|i| (i as i8 - 16) as u8));
    let out = WeightFormat::Q8_0.to_f32(&block);
    assert_eq!((out[0], out[16], out[31]), (-8.0, 0.0, 7.5));
}

#[test]
fn floats_survive_packing() {
    let weights = ramp(3, 64);
    for format in [WeightFormat::F32, WeightFormat::F16, WeightFormat::Bf16] {
        let packed = format.pack(&format.encode(&weights), 3, 64);
        assert_eq!(format.dequantize(&packed, 3, 64), weights, "{format}");
    }
    assert_eq!(pack_f32(&weights), WeightFormat::F32.pack(&WeightFormat::F32.encode(&weights), 3, 64));
}

#[test]
fn quantisation_stays_within_half_a_step() {
    let weights = ramp(2, 96);
    for (format, steps) in [(WeightFormat::Q8_0, 127.0), (WeightFormat::Q4_0, 8.0)] {
        let packed = format.pack(&format.encode(&weights), 2, 96);
        for (block, out) in weights.chunks(32).zip(format.dequantize(&packed, 2, 96).chunks(32)) {
            let largest = block.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
            for (w, o) in block.iter().zip(out) {
                // Half a step, a whole one at the far end of Q4_0 (+8 is clipped to +7), and f16's rounding of the scale.
                let step = largest / steps * if steps == 8.0 { 1.01 } else { 0.51 };
                assert!((w - o).abs() <= step + 0.001 * largest, "{format}: {w} became {o}");
            }
        }
    }
}

#[test]
fn a_zero_block_stays_zero() {
    for format in [WeightFormat::F32, WeightFormat::F16, WeightFormat::Bf16, WeightFormat::Q8_0, WeightFormat::Q4_0] {
        assert_eq!(format.to_f32(&format.encode(&[0.0; 64])), [0.0; 64], "{format}");
    }
}

/// A packed matrix takes no more than the file, but for scales of 6 bits, which take a byte, and the rounding up of planes.
#[test]
fn packed_matrices_are_as_small_as_files() {
    for format in WeightFormat::ALL {
        let (n, k) = (7, 768);
        let blocks = n * k / format.block_len();
        let unpacked_scales = match format {
            WeightFormat::Q3_K | WeightFormat::Q4_K | WeightFormat::Q5_K => 4,
            _ => 0,
        };
        let most = blocks * (format.block_bytes() + unpacked_scales) + 4 * 15;
        assert!(format.packed_len(n, k) * 4 <= most, "{format}: {} words", format.packed_len(n, k));
    }
}

#[test]
fn packs_piecewise_as_whole() {
    // Odd numbers of blocks a row: rows start in the middle of a word of scales.
    for format in WeightFormat::ALL {
        let (n, k) = (7, 3 * format.block_len().max(BLOCK));
        let source = some(format, n, k);
        let whole = format.pack(&source, n, k);
        assert_eq!(whole.len(), format.packed_len(n, k));
        let row_bytes = format.row_bytes(k).expect("whole blocks") as usize;
        let mut pieces = vec![0; whole.len()];
        for rows in [3..7, 0..1, 1..3] {
            let bytes = &source[rows.start * row_bytes..rows.end * row_bytes];
            format.pack_rows(bytes, rows, n, k, &mut pieces);
        }
        assert_eq!(pieces, whole, "{format}");
        assert_eq!(format.dequantize(&whole, n, k), format.to_f32(&source), "{format}");
    }
}

#[test]
fn pieces_packed_by_themselves_make_the_whole() {
    for format in WeightFormat::ALL {
        // The narrowest rows there are, odd numbers of blocks, and matrices of less than a piece.
        for (n, blocks) in [(1, 1), (5, 1), (8, 3), (37, 1), (61, 3), (192, 5)] {
            let k = blocks * format.block_len().max(BLOCK);
            let source = some(format, n, k);
            let row_bytes = source.len() / n;
            for piece in [PIECE_ROWS, 3 * PIECE_ROWS, 64, 256] {
                let whole = format.pack(&source, n, k);
                let mut assembled = vec![u32::MAX; whole.len()];
                for start in (0..n).step_by(piece) {
                    let rows = start..n.min(start + piece);
                    let words = format.pack(&source[start * row_bytes..rows.end * row_bytes], rows.len(), k);
                    let mut placed = 0;
                    for (at, of_piece) in format.places(rows, n, k) {
                        placed += of_piece.len();
                        assembled[at..at + of_piece.len()].copy_from_slice(&words[of_piece]);
                    }
                    assert_eq!(placed, words.len(), "{format}: every word of a piece has a place");
                }
                assert_eq!(assembled, whole, "{format} [{n}, {k}] in pieces of {piece}");
            }
        }
    }
}

#[test]
fn notices_what_is_not_a_number() {
    for format in WeightFormat::ALL {
        let mut source = some(format, 2, 256);
        assert!(format.is_finite(&source), "{format}");
        let Layout { block_bytes, factors_at, factors, .. } = format.layout();
        let last = source.len() - block_bytes + if factors > 0 { factors_at + factors } else { block_bytes };
        source[last - 1] = 0xff;
        source[last - 2] = 0xff;
        assert!(!format.is_finite(&source), "{format}");
        assert!(format.to_f32(&source).iter().any(|weight| !weight.is_finite()), "{format}");
    }
}
