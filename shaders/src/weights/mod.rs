//! Weight matrices as the kernels read them: one `array<vec4<u32>>` buffer per matrix.
//!
//! A matrix is `[n, k]`, `n` output features (rows) of `k` inputs, `k` a multiple of 32 and of the format's blocks. A file
//! (GGUF or safetensors) holds it block after block; here each part of all blocks stands in a plane of its own, so that a
//! kernel's loads are aligned and adjacent lanes read adjacent words. That is done once, at load time, and loses nothing:
//! what is read back is, bit for bit, what ggml's own dequantisation gives. Nothing here knows a GPU.

mod blocks;
mod quantize;

use std::fmt;
use std::ops::Range;

use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use half::{bf16, f16};

pub use quantize::{quantize_q4_0, quantize_q8_0};

/// What `k` must be a multiple of, whatever the format.
pub const BLOCK: usize = 32;

/// Rows whose share of each plane is whole vec4s, whatever the format and the width: a matrix can be packed in pieces of
/// multiples of so many.
pub const PIECE_ROWS: usize = 8;

/// How the numbers of a weight matrix are stored, in a file and on the device.
///
/// The quantised ones are ggml's: `d` and `m` are f16, `q` a number of so many bits; formats in K have blocks of 256 with
/// a scale `s` (and a minimum `l`) for every 16 or 32 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(non_camel_case_types, reason = "ggml's names")]
pub enum WeightFormat {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// The upper halves of 32-bit floats.
    Bf16,
    /// Blocks of 32 bytes: `d * q`.
    Q8_0,
    /// Blocks of 32 of 4 bits: `d * (q - 8)`.
    Q4_0,
    /// Blocks of 32 of 4 bits: `d * q + m`.
    Q4_1,
    /// Blocks of 32 of 5 bits: `d * (q - 16)`.
    Q5_0,
    /// Blocks of 32 of 5 bits: `d * q + m`.
    Q5_1,
    /// Blocks of 32 of 4 bits: `d * CODES[q]`.
    Iq4_Nl,
    /// 2 bits: `d * s * q - m * l`, `s` and `l` of 4 bits for each 16.
    Q2_K,
    /// 3 bits: `d * s * (q - 4)`, `s` of 6 bits for each 16.
    Q3_K,
    /// 4 bits: `d * s * q - m * l`, `s` and `l` of 6 bits for each 32.
    Q4_K,
    /// 5 bits: `d * s * q - m * l`, `s` and `l` of 6 bits for each 32.
    Q5_K,
    /// 6 bits: `d * s * (q - 32)`, `s` of 8 bits for each 16.
    Q6_K,
}

/// The values of [`WeightFormat::Iq4_Nl`]'s numbers: denser around zero, where most weights are.
const CODES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// The measures of a format: of a block in a file, and of its part of each plane, in bytes. A plane that a format does not
/// have takes none.
struct Layout {
    block_len: usize,
    block_bytes: usize,
    /// Where the f16 factors begin in a file's block.
    factors_at: usize,
    /// The numbers, or their low 2 or 4 bits, in order, lowest bits first.
    quants: usize,
    /// The numbers' further 1 or 2 bits, likewise.
    high: usize,
    /// A byte for each scale within the block, or two with the minimum.
    scales: usize,
    /// `d`, and `m` if there is one.
    factors: usize,
}

impl WeightFormat {
    /// Every format.
    pub const ALL: [Self; 14] = [
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::Q8_0,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Iq4_Nl,
        Self::Q2_K,
        Self::Q3_K,
        Self::Q4_K,
        Self::Q5_K,
        Self::Q6_K,
    ];

    /// Stable lower-case name, as in `shared/weights_<name>.wgsl` and in pipeline names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
            Self::Q4_1 => "q4_1",
            Self::Q5_0 => "q5_0",
            Self::Q5_1 => "q5_1",
            Self::Iq4_Nl => "iq4_nl",
            Self::Q2_K => "q2_k",
            Self::Q3_K => "q3_k",
            Self::Q4_K => "q4_k",
            Self::Q5_K => "q5_k",
            Self::Q6_K => "q6_k",
        }
    }

    const fn layout(self) -> Layout {
        let (block_len, block_bytes, factors_at, [quants, high, scales, factors]) = match self {
            Self::F32 => (1, 4, 0, [4, 0, 0, 0]),
            Self::F16 | Self::Bf16 => (1, 2, 0, [2, 0, 0, 0]),
            Self::Q8_0 => (32, 34, 0, [32, 0, 0, 2]),
            Self::Q4_0 | Self::Iq4_Nl => (32, 18, 0, [16, 0, 0, 2]),
            Self::Q4_1 => (32, 20, 0, [16, 0, 0, 4]),
            Self::Q5_0 => (32, 22, 0, [16, 4, 0, 2]),
            Self::Q5_1 => (32, 24, 0, [16, 4, 0, 4]),
            Self::Q2_K => (256, 84, 80, [64, 0, 16, 4]),
            Self::Q3_K => (256, 110, 108, [64, 32, 16, 2]),
            Self::Q4_K => (256, 144, 0, [128, 0, 16, 4]),
            Self::Q5_K => (256, 176, 0, [128, 32, 16, 4]),
            Self::Q6_K => (256, 210, 208, [128, 64, 16, 2]),
        };
        Layout { block_len, block_bytes, factors_at, quants, high, scales, factors }
    }

    /// Weights of a block, the least that a file encodes: rows are whole blocks.
    pub const fn block_len(self) -> usize {
        self.layout().block_len
    }

    /// Bytes of a block in a file.
    pub const fn block_bytes(self) -> usize {
        self.layout().block_bytes
    }

    /// Bytes that a row of `k` weights takes in a file; `None` if that is not a whole number of blocks, or overflows.
    pub fn row_bytes(self, k: usize) -> Option<u64> {
        if !k.is_multiple_of(self.block_len()) {
            return None;
        }
        ((k / self.block_len()) as u64).checked_mul(self.block_bytes() as u64)
    }

    /// Words of a packed `[n, k]` matrix: a whole number of vec4s, as each plane is.
    pub const fn packed_len(self, n: usize, k: usize) -> usize {
        self.planes(n, k)[4] / 4
    }

    /// Where each plane of a packed `[n, k]` matrix begins, and where the last ends, in bytes.
    const fn planes(self, n: usize, k: usize) -> [usize; 5] {
        let Layout { block_len, quants, high, scales, factors, .. } = self.layout();
        let blocks = n * (k / block_len);
        let a = (blocks * quants).next_multiple_of(16);
        let b = a + (blocks * high).next_multiple_of(16);
        let c = b + (blocks * scales).next_multiple_of(16);
        [0, a, b, c, c + (blocks * factors).next_multiple_of(16)]
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
        let Layout { block_len, block_bytes, quants, high, scales, factors, .. } = self.layout();
        assert!(k.is_multiple_of(block_len.max(BLOCK)), "a row of {k} weights is not whole blocks of {self}");
        assert!(rows.start <= rows.end && rows.end <= n, "rows {rows:?} of {n}");
        assert_eq!(packed.len(), self.packed_len(n, k), "words of a packed [{n}, {k}] {self} matrix");
        let blocks = rows.start * (k / block_len)..rows.end * (k / block_len);
        assert_eq!(source.len(), blocks.len() * block_bytes, "bytes of {} rows of {k} {self}", rows.len());
        let [_, h, s, f, _] = self.planes(n, k);
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(packed);
        if block_len == 1 {
            bytes[blocks.start * quants..blocks.end * quants].copy_from_slice(source);
            return;
        }
        let (plane_q, rest) = bytes.split_at_mut(h);
        let (plane_h, rest) = rest.split_at_mut(s - h);
        let (plane_s, plane_f) = rest.split_at_mut(f - s);
        let part = |i: usize, len: usize| i * len..(i + 1) * len;
        for (i, block) in blocks.zip(source.chunks_exact(block_bytes)) {
            let planes = blocks::Planes {
                quants: &mut plane_q[part(i, quants)],
                high: &mut plane_h[part(i, high)],
                scales: &mut plane_s[part(i, scales)],
                factors: &mut plane_f[part(i, factors)],
            };
            blocks::split(self, block, planes);
        }
    }

    /// Where some rows that were packed by themselves belong in a packed `[n, k]` matrix: for each plane the word where they
    /// begin there, and their words in the piece. `rows` are multiples of [`PIECE_ROWS`], or end with the matrix.
    pub fn places(self, rows: Range<usize>, n: usize, k: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
        let starts_whole = rows.start.is_multiple_of(PIECE_ROWS);
        assert!(
            starts_whole && (rows.end.is_multiple_of(PIECE_ROWS) || rows.end == n),
            "rows {rows:?} of {n}: a piece"
        );
        let (before, piece, whole) = (self.planes(rows.start, k), self.planes(rows.len(), k), self.planes(n, k));
        (0..4).filter(move |plane| piece[plane + 1] > piece[*plane]).map(move |plane| {
            let at = whole[plane] + before[plane + 1] - before[plane];
            (at / 4, piece[plane] / 4..piece[plane + 1] / 4)
        })
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
        assert!(packed.len() >= self.packed_len(n, k), "words of a packed [{n}, {k}] {self} matrix");
        assert!(row < n && out.len() == k, "row {row} of [{n}, {k}] into {} places", out.len());
        let Layout { block_len, quants, high, scales, factors, .. } = self.layout();
        let bytes: &[u8] = bytemuck::cast_slice(packed);
        let blocks = k / block_len;
        let starts = self.planes(n, k);
        let plane = |plane: usize, bytes_per_block: usize| {
            &bytes[starts[plane] + row * blocks * bytes_per_block..][..blocks * bytes_per_block]
        };
        let q = plane(0, quants);
        match self {
            Self::F32 => out.copy_from_slice(bytemuck::cast_slice(q)),
            Self::F16 => {
                let halves: &[u16] = bytemuck::cast_slice(q);
                halves.reinterpret_cast::<f16>().convert_to_f32_slice(out);
            }
            Self::Bf16 => {
                let halves: &[u16] = bytemuck::cast_slice(q);
                halves.reinterpret_cast::<bf16>().convert_to_f32_slice(out);
            }
            _ => {
                let (h, s, f) = (plane(1, high), plane(2, scales), plane(3, factors));
                for (i, out) in out.chunks_exact_mut(block_len).enumerate() {
                    let part = |len: usize| i * len..(i + 1) * len;
                    let block = blocks::Block {
                        quants: &q[part(quants)],
                        high: &h[part(high)],
                        scales: &s[part(scales)],
                        factors: &f[part(factors)],
                    };
                    blocks::decode(self, block, out);
                }
            }
        }
    }

    /// The weights that a file's bytes encode. Bytes after the last whole block are ignored.
    pub fn to_f32(self, bytes: &[u8]) -> Vec<f32> {
        let Layout { block_len, block_bytes, .. } = self.layout();
        match self {
            Self::F32 => bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect(),
            Self::F16 => bytes.as_chunks().0.iter().map(|chunk| f16::from_le_bytes(*chunk).to_f32()).collect(),
            Self::Bf16 => bytes.as_chunks().0.iter().map(|chunk| bf16::from_le_bytes(*chunk).to_f32()).collect(),
            _ => {
                let blocks = bytes.len() / block_bytes;
                let packed = self.pack(&bytes[..blocks * block_bytes], blocks, block_len);
                self.dequantize(&packed, blocks, block_len)
            }
        }
    }

    /// Whether all weights that a file's bytes encode are numbers. For a quantised format that depends on its factors.
    pub fn is_finite(self, bytes: &[u8]) -> bool {
        let Layout { block_bytes, factors_at, factors, .. } = self.layout();
        let is_f16_finite = |half: &[u8; 2]| f16::from_le_bytes(*half).is_finite();
        match self {
            Self::F32 => bytes.as_chunks().0.iter().all(|chunk| f32::from_le_bytes(*chunk).is_finite()),
            Self::F16 => bytes.as_chunks().0.iter().all(is_f16_finite),
            Self::Bf16 => bytes.as_chunks().0.iter().all(|chunk| bf16::from_le_bytes(*chunk).is_finite()),
            _ => bytes.chunks_exact(block_bytes).all(|block| {
                let factors = &block[factors_at..factors_at + factors];
                factors.as_chunks().0.iter().all(is_f16_finite)
            }),
        }
    }

    /// A file's bytes of some weights, rounded as llama.cpp's reference does.
    ///
    /// # Panics
    /// On a format that is only ever read.
    pub fn encode(self, weights: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => weights.iter().flat_map(|w| w.to_le_bytes()).collect(),
            Self::F16 => weights.iter().flat_map(|&w| f16::from_f32(w).to_le_bytes()).collect(),
            Self::Bf16 => weights.iter().flat_map(|&w| bf16::from_f32(w).to_le_bytes()).collect(),
            Self::Q8_0 => quantize_q8_0(weights),
            Self::Q4_0 => quantize_q4_0(weights),
            _ => panic!("{self} is read, never written"),
        }
    }

    /// Blocks of any bits at all but for their factors, which are `factor`: the bytes of `len` weights in a file. For
    /// tests of what reads them.
    pub fn blocks_of_noise(self, len: usize, factor: f32, mut bits: impl FnMut() -> u32) -> Vec<u8> {
        let Layout { block_len, block_bytes, factors_at, factors, .. } = self.layout();
        assert!(block_len > 1, "{self} has no blocks");
        let mut bytes: Vec<u8> = (0..len / block_len * block_bytes).map(|_| bits() as u8).collect();
        for block in bytes.chunks_exact_mut(block_bytes) {
            for half in block[factors_at..factors_at + factors].chunks_exact_mut(2) {
                half.copy_from_slice(&f16::from_f32(factor).to_le_bytes());
            }
        }
        bytes
    }
}

impl fmt::Display for WeightFormat {
    /// As files and users write it: `Q4_K`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().to_uppercase())
    }
}

/// Packs f32 weights.
pub fn pack_f32(weights: &[f32]) -> Vec<u32> {
    weights.iter().map(|w| w.to_bits()).collect()
}

#[cfg(test)]
mod tests;
