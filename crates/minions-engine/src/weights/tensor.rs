//! A tensor in a file: type, shape, place. The formats of ggml's blocks stand here and nowhere else.

use std::fmt;

use half::{bf16, f16};

/// How a tensor's weights are encoded. Rows are whole blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TensorType {
    /// 32-bit float.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of a 32-bit float.
    Bf16,
    /// Blocks of 32: an f16 scale, then 32 signed bytes; `w = scale * q`.
    Q8_0,
    /// Blocks of 32: an f16 scale, then 16 bytes; byte `i` holds `q[i]` (low nibble) and `q[i + 16]` (high nibble);
    /// `w = scale * (q - 8)`.
    Q4_0,
}

impl TensorType {
    /// Weights in a block.
    pub const fn block_len(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => 1,
            Self::Q8_0 | Self::Q4_0 => 32,
        }
    }

    /// Bytes of a block.
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Q8_0 => 34,
            Self::Q4_0 => 18,
        }
    }

    /// Bytes of a row of `columns` weights; `None` if that is not a whole number of blocks, or overflows.
    pub fn row_bytes(self, columns: usize) -> Option<u64> {
        if !columns.is_multiple_of(self.block_len()) {
            return None;
        }
        ((columns / self.block_len()) as u64).checked_mul(self.block_bytes() as u64)
    }

    /// The weights that `bytes` encode. Bytes after the last whole block are ignored.
    pub fn to_f32(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F32 => bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect(),
            Self::F16 => bytes.as_chunks().0.iter().map(|chunk| f16::from_le_bytes(*chunk).to_f32()).collect(),
            Self::Bf16 => bytes.as_chunks().0.iter().map(|chunk| bf16::from_le_bytes(*chunk).to_f32()).collect(),
            Self::Q8_0 => bytes
                .as_chunks::<34>()
                .0
                .iter()
                .flat_map(|[low, high, quants @ ..]| {
                    let scale = f16::from_le_bytes([*low, *high]).to_f32();
                    quants.iter().map(move |quant| scale * f32::from(quant.cast_signed()))
                })
                .collect(),
            Self::Q4_0 => bytes
                .as_chunks::<18>()
                .0
                .iter()
                .flat_map(|[low, high, quants @ ..]| {
                    let scale = f16::from_le_bytes([*low, *high]).to_f32();
                    let nibbles = quants.iter().map(|byte| byte & 15).chain(quants.iter().map(|byte| byte >> 4));
                    nibbles.map(move |quant| scale * (f32::from(quant) - 8.0))
                })
                .collect(),
        }
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Q8_0 => "Q8_0",
            Self::Q4_0 => "Q4_0",
        })
    }
}

/// A tensor of a model, where it is and how it is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// The file that holds it.
    pub file: String,
    /// What it is called there.
    pub name_in_file: String,
    /// Its encoding.
    pub dtype: TensorType,
    /// `[n]` or `[rows, columns]`, row-major.
    pub shape: Vec<usize>,
    /// Where it begins, in bytes from the file's start.
    pub offset: u64,
    /// Its size in the file in bytes.
    pub size_bytes: u64,
    /// Set where the file holds the rows in another order than this engine uses.
    pub row_permutation: Option<RowPermutation>,
}

impl TensorInfo {
    /// How many rows; 1 for a vector.
    pub fn rows(&self) -> usize {
        match *self.shape.as_slice() {
            [rows, _] => rows,
            _ => 1,
        }
    }

    /// Weights in a row.
    pub fn columns(&self) -> usize {
        self.shape.last().copied().unwrap_or(0)
    }

    /// Bytes of a row.
    pub fn row_bytes(&self) -> u64 {
        self.dtype.row_bytes(self.columns()).unwrap_or(0)
    }
}

/// Query and key rows in GGUF files of the family `llama`: within each head the file alternates between the first and
/// the second half, because ggml rotates neighbours where Hugging Face rotates halves.
///
/// llama.cpp, `convert_hf_to_gguf.py`: `permute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowPermutation {
    /// Rows of one head; even.
    pub head_dim: usize,
}

impl RowPermutation {
    /// The row of the file that is row `row` of the tensor.
    pub fn row_in_file(self, row: usize) -> usize {
        let (head, within) = (row / self.head_dim, row % self.head_dim);
        let half = self.head_dim / 2;
        head * self.head_dim + 2 * (within % half) + within / half
    }

    /// The smallest range of whole heads that holds `rows`.
    pub fn whole_heads(self, rows: &std::ops::Range<usize>) -> std::ops::Range<usize> {
        rows.start / self.head_dim * self.head_dim..rows.end.div_ceil(self.head_dim) * self.head_dim
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_every_type() {
        assert_eq!(TensorType::F32.to_f32(&1.5f32.to_le_bytes()), [1.5]);
        assert_eq!(TensorType::F16.to_f32(&[0x00, 0x3e]), [1.5]);
        assert_eq!(TensorType::Bf16.to_f32(&[0xc0, 0x3f]), [1.5]);

        let mut q8 = vec![0x00, 0x38]; // scale 0.5
        q8.extend([2u8, 0xff, 0x80].into_iter().chain([0; 29]));
        let weights = TensorType::Q8_0.to_f32(&q8);
        assert_eq!((weights.len(), &weights[..4]), (32, [1.0, -0.5, -64.0, 0.0].as_slice()));

        let mut q4 = vec![0x00, 0x3c]; // scale 1
        q4.extend([0xf0u8, 0x8a].into_iter().chain([0x88; 14]));
        let weights = TensorType::Q4_0.to_f32(&q4);
        assert_eq!(
            (weights.len(), &weights[..3], &weights[16..19]),
            (32, [-8.0, 2.0, 0.0].as_slice(), [7.0, 0.0, 0.0].as_slice())
        );
    }

    #[test]
    fn a_row_is_whole_blocks() {
        assert_eq!(TensorType::Q4_0.row_bytes(64), Some(36));
        assert_eq!(TensorType::Q8_0.row_bytes(33), None);
        assert_eq!(TensorType::Bf16.row_bytes(33), Some(66));
    }

    /// The permutation of llama.cpp's converter on one head of 6 rows, written out by hand.
    #[test]
    fn finds_each_row_where_the_converter_put_it() {
        let permutation = RowPermutation { head_dim: 6 };
        let in_file: Vec<usize> = (0..12).map(|row| permutation.row_in_file(row)).collect();
        assert_eq!(in_file, [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]);
        assert_eq!(permutation.whole_heads(&(5..7)), 0..12);
        assert_eq!(permutation.whole_heads(&(6..12)), 6..12);
    }
}
