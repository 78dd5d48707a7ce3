//! A weight matrix as it lies on the device: in its file's format, repacked once, never expanded.

use burn::module::Module;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use minions_shaders::WeightFormat;

use crate::kernels;

/// A matrix `[outputs, inputs]`, applied to rows of activations from the right: `x · Wᵀ`.
#[derive(Module, Debug)]
pub struct Matrix {
    /// u32 words; `minions_shaders::weights` tells their layout.
    words: Tensor<1, Int>,
    #[module(skip)]
    format: WeightFormat,
    outputs: usize,
    inputs: usize,
}

impl Matrix {
    /// Uploads packed words of a matrix `[outputs, inputs]`.
    pub fn new(words: Vec<u32>, format: WeightFormat, outputs: usize, inputs: usize, device: &Device) -> Self {
        assert_eq!(words.len(), format.packed_len(outputs, inputs), "packed words of [{outputs}, {inputs}]");
        let data = TensorData::new(words, [format.packed_len(outputs, inputs)]);
        Self { words: Tensor::from_data(data, (device, DType::U32)), format, outputs, inputs }
    }

    /// The packed words `[packed_len]`.
    pub fn words(&self) -> Tensor<1, Int> {
        self.words.clone()
    }

    /// How the words encode the weights.
    pub fn format(&self) -> WeightFormat {
        self.format
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
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        kernels::matmul(x, self)
    }
}
