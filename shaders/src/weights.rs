//! Weight matrices as the kernels read them: one `array<vec4<u32>>` buffer per matrix.
//!
//! A matrix is `[n, k]`, `n` output features (rows) of `k` inputs, `k` a multiple of 32. Quantised formats keep all quants
//! first and all scales after them, so that a kernel's loads are aligned and adjacent lanes read adjacent vectors; GGUF's
//! 18- and 34-byte blocks are split apart here, once, at load time. Nothing here knows a GPU.

use std::ops::Range;

use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use half::{bf16, f16};

/// Weights per quantisation block, and what `k` must be a multiple of.
pub const BLOCK: usize = 32;

/// How the numbers of a weight matrix are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WeightFormat {
    /// 32-bit floats.
    F32,
    /// 16-bit floats, two per word.
    F16,
    /// The upper halves of 32-bit floats, two per word.
    Bf16,
    /// Blocks of 32 signed bytes and an f16 scale.
    Q8_0,
    /// Blocks of 32 nibbles, less 8, and an f16 scale.
    Q4_0,
}

/// Words that go to one place of a packed matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Offset in the packed matrix, in words.
    pub offset: usize,
    /// The words from there on.
    pub words: Vec<u32>,
}

impl WeightFormat {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::F32, Self::F16, Self::Bf16, Self::Q8_0, Self::Q4_0];

    /// Stable lower-case name, as in `shared/weights_<name>.wgsl` and in pipeline names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
        }
    }

    /// Bytes that one block of 32 weights takes in a file (safetensors or GGUF).
    pub const fn source_block_bytes(self) -> usize {
        match self {
            Self::F32 => 4 * BLOCK,
            Self::F16 | Self::Bf16 => 2 * BLOCK,
            Self::Q8_0 => 2 + BLOCK,
            Self::Q4_0 => 2 + BLOCK / 2,
        }
    }

    /// Bytes of an `[n, k]` matrix in a file.
    pub const fn source_bytes(self, n: usize, k: usize) -> usize {
        n * (k / BLOCK) * self.source_block_bytes()
    }

    /// Words of a packed `[n, k]` matrix: a whole number of vec4s.
    pub const fn packed_len(self, n: usize, k: usize) -> usize {
        let scales = match self {
            Self::Q8_0 | Self::Q4_0 => (n * (k / BLOCK)).div_ceil(8) * 4,
            _ => 0,
        };
        self.scales_offset(n, k) + scales
    }

    /// Words before the scales: all words of a format without scales.
    const fn scales_offset(self, n: usize, k: usize) -> usize {
        n * (k / BLOCK) * self.block_words()
    }

    /// Words of one block's numbers, its scale apart.
    const fn block_words(self) -> usize {
        match self {
            Self::F32 => 32,
            Self::F16 | Self::Bf16 => 16,
            Self::Q8_0 => 8,
            Self::Q4_0 => 4,
        }
    }

    const fn has_scales(self) -> bool {
        matches!(self, Self::Q8_0 | Self::Q4_0)
    }

    /// What the bounds of a row range given to [`WeightFormat::pack_regions`] must be a multiple of (or be `n`): two rows
    /// of an odd number of blocks share a word of scales.
    pub const fn row_granularity(self, k: usize) -> usize {
        if self.has_scales() && !(k / BLOCK).is_multiple_of(2) { 2 } else { 1 }
    }

    /// Packs a whole matrix from a file's bytes.
    pub fn pack(self, source: &[u8], n: usize, k: usize) -> Vec<u32> {
        let mut packed = vec![0; self.packed_len(n, k)];
        self.pack_rows(source, 0..n, n, k, &mut packed);
        packed
    }

    /// Packs some rows of an `[n, k]` matrix into their places of `packed`, which has [`WeightFormat::packed_len`] words.
    /// `source` holds the bytes of exactly those rows. Any partition into ranges in any order gives the same words.
    pub fn pack_rows(self, source: &[u8], rows: Range<usize>, n: usize, k: usize, packed: &mut [u32]) {
        assert_eq!(packed.len(), self.packed_len(n, k), "words of a packed [{n}, {k}] {} matrix", self.name());
        let (quants, scales) = self.split(source, &rows, n, k);
        let blocks = rows.start * (k / BLOCK);
        let at = blocks * self.block_words();
        packed[at..at + quants.len()].copy_from_slice(&quants);
        let halves: &mut [u16] = bytemuck::cast_slice_mut(&mut packed[self.scales_offset(n, k)..]);
        if self.has_scales() {
            halves[blocks..blocks + scales.len()].copy_from_slice(&scales);
        }
    }

    /// As [`WeightFormat::pack_rows`], but as the one or two regions to be written to a buffer that starts zeroed or is
    /// written whole: numbers, then scales. The range's bounds are multiples of [`WeightFormat::row_granularity`] or `n`.
    pub fn pack_regions(self, source: &[u8], rows: Range<usize>, n: usize, k: usize) -> Vec<Region> {
        let step = self.row_granularity(k);
        assert!(
            rows.start.is_multiple_of(step) && (rows.end.is_multiple_of(step) || rows.end == n),
            "rows {rows:?} of [{n}, {k}] cut a word of scales: use multiples of {step}"
        );
        let (quants, mut scales) = self.split(source, &rows, n, k);
        let blocks = rows.start * (k / BLOCK);
        let mut regions = vec![Region { offset: blocks * self.block_words(), words: quants }];
        if self.has_scales() {
            let end = if rows.end == n { (n * (k / BLOCK)).next_multiple_of(8) } else { rows.end * (k / BLOCK) };
            scales.resize(end - blocks, 0);
            let words = scales.chunks_exact(2).map(|pair| u32::from(pair[0]) | u32::from(pair[1]) << 16).collect();
            regions.push(Region { offset: self.scales_offset(n, k) + blocks / 2, words });
        }
        regions
    }

    /// The words of the numbers and the f16 bits of the scales of some rows.
    fn split(self, source: &[u8], rows: &Range<usize>, n: usize, k: usize) -> (Vec<u32>, Vec<u16>) {
        assert!(k.is_multiple_of(BLOCK), "a row of {k} weights is not whole blocks of {BLOCK}");
        assert!(rows.start <= rows.end && rows.end <= n, "rows {rows:?} of {n}");
        assert_eq!(
            source.len(),
            self.source_bytes(rows.len(), k),
            "bytes of {} rows of {k} {}",
            rows.len(),
            self.name()
        );
        let blocks = source.chunks_exact(self.source_block_bytes());
        let word = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => (source.chunks_exact(4).map(word).collect(), Vec::new()),
            Self::Q8_0 => (
                blocks.clone().flat_map(|block| block[2..].chunks_exact(4).map(word)).collect(),
                blocks.map(|block| u16::from_le_bytes([block[0], block[1]])).collect(),
            ),
            Self::Q4_0 => (
                blocks.clone().flat_map(|block| q4_0_words(&block[2..])).collect(),
                blocks.map(|block| u16::from_le_bytes([block[0], block[1]])).collect(),
            ),
        }
    }

    /// A file's bytes of some weights, rounded as llama.cpp's reference does.
    pub fn encode(self, weights: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => weights.iter().flat_map(|w| w.to_le_bytes()).collect(),
            Self::F16 => weights.iter().flat_map(|&w| f16::from_f32(w).to_le_bytes()).collect(),
            Self::Bf16 => weights.iter().flat_map(|&w| bf16::from_f32(w).to_le_bytes()).collect(),
            Self::Q8_0 => quantize_q8_0(weights),
            Self::Q4_0 => quantize_q4_0(weights),
        }
    }

    /// All weights of a packed `[n, k]` matrix, row-major.
    pub fn dequantize(self, packed: &[u32], n: usize, k: usize) -> Vec<f32> {
        let mut out = vec![0.0; n * k];
        for (row, out) in out.chunks_exact_mut(k).enumerate() {
            self.dequantize_row(packed, n, k, row, out);
        }
        out
    }

    /// One row of a packed `[n, k]` matrix.
    pub fn dequantize_row(self, packed: &[u32], n: usize, k: usize, row: usize, out: &mut [f32]) {
        assert!(packed.len() >= self.packed_len(n, k), "words of a packed [{n}, {k}] {} matrix", self.name());
        assert!(row < n && out.len() == k, "row {row} of [{n}, {k}] into {} places", out.len());
        let blocks = k / BLOCK;
        let words = &packed[row * blocks * self.block_words()..][..blocks * self.block_words()];
        let halves: &[u16] = bytemuck::cast_slice(words);
        match self {
            Self::F32 => out.copy_from_slice(bytemuck::cast_slice(words)),
            Self::F16 => halves.reinterpret_cast::<f16>().convert_to_f32_slice(out),
            Self::Bf16 => halves.reinterpret_cast::<bf16>().convert_to_f32_slice(out),
            Self::Q8_0 => {
                let bytes: &[i8] = bytemuck::cast_slice(words);
                let scales = self.row_scales(packed, n, k, row);
                for ((out, bytes), scale) in out.chunks_exact_mut(BLOCK).zip(bytes.chunks_exact(BLOCK)).zip(scales) {
                    for (out, &byte) in out.iter_mut().zip(bytes) {
                        *out = f32::from(byte) * scale;
                    }
                }
            }
            Self::Q4_0 => {
                let scales = self.row_scales(packed, n, k, row);
                for ((out, block), scale) in out.chunks_exact_mut(BLOCK).zip(words.chunks_exact(4)).zip(scales) {
                    for (out, &word) in out.chunks_exact_mut(8).zip(block) {
                        for (i, out) in out.iter_mut().enumerate() {
                            *out = ((word >> (4 * i) & 15) as i32 - 8) as f32 * scale;
                        }
                    }
                }
            }
        }
    }

    fn row_scales(self, packed: &[u32], n: usize, k: usize, row: usize) -> impl Iterator<Item = f32> {
        let halves: &[u16] = bytemuck::cast_slice(&packed[self.scales_offset(n, k)..]);
        let blocks = k / BLOCK;
        halves[row * blocks..][..blocks].iter().map(|&bits| f16::from_bits(bits).to_f32())
    }
}

/// The four words of a Q4_0 block from GGUF's 16 bytes, of which byte j holds element j low and element j + 16 high.
fn q4_0_words(bytes: &[u8]) -> [u32; 4] {
    let low = |from: usize| (0..8).fold(0, |word, i| word | u32::from(bytes[from + i] & 15) << (4 * i));
    let high = |from: usize| (0..8).fold(0, |word, i| word | u32::from(bytes[from + i] >> 4) << (4 * i));
    [low(0), low(8), high(0), high(8)]
}

/// Packs f32 weights.
pub fn pack_f32(weights: &[f32]) -> Vec<u32> {
    weights.iter().map(|w| w.to_bits()).collect()
}

/// Packs little-endian f16 bytes of an `[n, k]` matrix.
pub fn pack_f16(source: &[u8], n: usize, k: usize) -> Vec<u32> {
    WeightFormat::F16.pack(source, n, k)
}

/// Packs little-endian bf16 bytes of an `[n, k]` matrix.
pub fn pack_bf16(source: &[u8], n: usize, k: usize) -> Vec<u32> {
    WeightFormat::Bf16.pack(source, n, k)
}

/// Packs GGUF Q8_0 blocks (f16 scale, 32 signed bytes) of an `[n, k]` matrix.
pub fn pack_q8_0(blocks: &[u8], n: usize, k: usize) -> Vec<u32> {
    WeightFormat::Q8_0.pack(blocks, n, k)
}

/// Packs GGUF Q4_0 blocks (f16 scale, 16 bytes of nibbles) of an `[n, k]` matrix.
pub fn pack_q4_0(blocks: &[u8], n: usize, k: usize) -> Vec<u32> {
    WeightFormat::Q4_0.pack(blocks, n, k)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: usize, k: usize) -> Vec<f32> {
        (0..n * k).map(|i| ((i * 37 % 101) as f32 - 50.0) / 64.0).collect()
    }

    #[test]
    fn unpacks_a_q4_0_block_in_file_order() {
        // Scale 2; byte j: low nibble j % 16 (element j), high nibble 15 - j (element j + 16).
        let mut block = f16::from_f32(2.0).to_le_bytes().to_vec();
        block.extend((0..16).map(|j: u8| j | (15 - j) << 4));
        let packed = pack_q4_0(&block, 1, 32);
        assert_eq!(packed[..4], [0x7654_3210, 0xfedc_ba98, 0x89ab_cdef, 0x0123_4567]);
        assert_eq!(packed[4..], [0x4000, 0, 0, 0]);
        let out = WeightFormat::Q4_0.dequantize(&packed, 1, 32);
        assert_eq!((out[0], out[15], out[16], out[31]), (-16.0, 14.0, 14.0, -16.0));
    }

    #[test]
    fn unpacks_a_q8_0_block_in_file_order() {
        let mut block = f16::from_f32(0.5).to_le_bytes().to_vec();
        block.extend((0..32).map(|i| (i as i8 - 16) as u8));
        let out = WeightFormat::Q8_0.dequantize(&pack_q8_0(&block, 1, 32), 1, 32);
        assert_eq!((out[0], out[16], out[31]), (-8.0, 0.0, 7.5));
    }

    #[test]
    fn floats_survive_packing() {
        let weights = ramp(3, 64);
        for format in [WeightFormat::F32, WeightFormat::F16, WeightFormat::Bf16] {
            let packed = format.pack(&format.encode(&weights), 3, 64);
            assert_eq!(format.dequantize(&packed, 3, 64), weights, "{}", format.name());
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
                    assert!((w - o).abs() <= step + 0.001 * largest, "{}: {w} became {o}", format.name());
                }
            }
        }
    }

    #[test]
    fn a_zero_block_stays_zero() {
        for format in WeightFormat::ALL {
            let packed = format.pack(&format.encode(&[0.0; 64]), 2, 32);
            assert_eq!(format.dequantize(&packed, 2, 32), [0.0; 64], "{}", format.name());
        }
    }

    #[test]
    fn packs_piecewise_as_whole() {
        // 3 blocks a row: odd rows start in the middle of a word of scales.
        let (n, k) = (7, 96);
        for format in WeightFormat::ALL {
            let source = format.encode(&ramp(n, k));
            let whole = format.pack(&source, n, k);
            assert_eq!(whole.len(), format.packed_len(n, k));
            let bytes =
                |rows: Range<usize>| &source[format.source_bytes(rows.start, k)..format.source_bytes(rows.end, k)];
            let mut pieces = vec![0; whole.len()];
            for rows in [3..7, 0..1, 1..3] {
                format.pack_rows(bytes(rows.clone()), rows, n, k, &mut pieces);
            }
            assert_eq!(pieces, whole, "{}", format.name());
            let mut regions = vec![u32::MAX; whole.len()];
            for rows in [4..7, 0..4] {
                for region in format.pack_regions(bytes(rows.clone()), rows, n, k) {
                    regions[region.offset..][..region.words.len()].copy_from_slice(&region.words);
                }
            }
            assert_eq!(regions, whole, "{}", format.name());
        }
    }
}
