//! A weight matrix as it lies on the device: in its file's format, repacked once, never expanded.

use burn::module::Module;
use burn::tensor::{Int, Tensor};
use minions_shaders::WeightFormat;

use crate::generate::Phase;
use crate::kernels;

/// A matrix `[outputs, inputs]`, applied to rows of activations from the right: `x · Wᵀ`.
///
/// Nearly always it is one part. It is several where its rows are in different formats, or are more than an adapter can
/// bind at a time; each part then makes its own columns of the result.
#[derive(Module, Debug)]
pub struct Matrix {
    parts: Vec<MatrixPart>,
    outputs: usize,
    inputs: usize,
}

/// Some rows of a matrix: one buffer of one format.
#[derive(Module, Debug)]
pub struct MatrixPart {
    /// u32 words; `minions_shaders::weights` tells their layout.
    words: Tensor<1, Int>,
    #[module(skip)]
    format: WeightFormat,
    outputs: usize,
}

impl Matrix {
    /// A matrix of these parts, one below the other.
    pub fn new(parts: Vec<MatrixPart>, inputs: usize) -> Self {
        let outputs = parts.iter().map(|part| part.outputs).sum();
        Self { parts, outputs, inputs }
    }

    /// The parts, from the first row on.
    pub fn parts(&self) -> &[MatrixPart] {
        &self.parts
    }

    /// Rows: features out.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Columns: features in.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// `x · Wᵀ`: `[rows, inputs]` → `[rows, outputs]`.
    pub fn forward(&self, x: Tensor<2>, phase: Phase) -> Tensor<2> {
        kernels::matmul(x, self, phase)
    }
}

impl MatrixPart {
    /// Some rows as packed words of `[outputs, inputs]`.
    pub fn new(words: Tensor<1, Int>, format: WeightFormat, outputs: usize, inputs: usize) -> Self {
        assert_eq!(words.dims(), [format.packed_len(outputs, inputs)], "packed words of [{outputs}, {inputs}]");
        Self { words, format, outputs }
    }

    /// The packed words `[packed_len]`.
    pub fn words(&self) -> Tensor<1, Int> {
        self.words.clone()
    }

    /// How the words encode the weights.
    pub fn format(&self) -> WeightFormat {
        self.format
    }

    /// Rows of this part.
    pub fn outputs(&self) -> usize {
        self.outputs
    }
}
