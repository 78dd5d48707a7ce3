//! A tensor in a file: where it is, its format, its shape.

use minions_shaders::WeightFormat;

/// A tensor of a model, where it is and how it is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// The file that holds it.
    pub file: String,
    /// What it is called there.
    pub name_in_file: String,
    /// Its encoding.
    pub dtype: WeightFormat,
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
