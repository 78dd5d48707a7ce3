//! Tables of rotary position embeddings (Su et al. 2021), half-split as in Hugging Face's models.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::{ModelConfig, Rope};

/// What layers that turn alike share; a layer that turns nothing has one of a `dim` of 0.
#[derive(Module, Debug)]
pub struct RopeTable {
    /// Cosine and sine of every position's angles: `[context_length, dim / 2, 2]`, flat.
    values: Tensor<1>,
    /// Elements of a head that are turned.
    dim: usize,
    context_length: usize,
}

impl RopeTable {
    /// The table of all positions. Queries and keys grow by `rope`'s factor as they are turned.
    ///
    /// Computed in f64 on the CPU once: shaders' own `sin` and `cos` lose digits at large angles.
    pub fn new(rope: &Rope, context_length: usize, device: &Device) -> Self {
        let (inv_freq, factor) = (rope.inv_freq(context_length), f64::from(rope.attention_factor()));
        let mut values = Vec::with_capacity(context_length * inv_freq.len() * 2);
        for position in 0..context_length {
            for frequency in &inv_freq {
                let angle = position as f64 * f64::from(*frequency);
                values.push((factor * angle.cos()) as f32);
                values.push((factor * angle.sin()) as f32);
            }
        }
        Self::of(values, rope.dim, context_length, device)
    }

    /// For layers that turn nothing.
    pub fn none(context_length: usize, device: &Device) -> Self {
        // A binding is never empty.
        Self::of(vec![1.0, 0.0], 0, context_length, device)
    }

    fn of(values: Vec<f32>, dim: usize, context_length: usize, device: &Device) -> Self {
        let len = values.len();
        Self { values: Tensor::from_data(TensorData::new(values, [len]), device), dim, context_length }
    }

    /// Bytes of a model's tables: of every way to turn that it has.
    pub fn size_bytes(config: &ModelConfig, context_length: usize) -> u64 {
        let mut ropes = Vec::new();
        for rope in config.layers.iter().filter_map(|layer| layer.rope.as_ref()) {
            if !ropes.contains(&rope) {
                ropes.push(rope);
            }
        }
        let dims: usize = ropes.iter().map(|rope| rope.dim).sum();
        (context_length * dims * size_of::<f32>()) as u64
    }

    /// The values, flat.
    pub fn values(&self) -> Tensor<1> {
        self.values.clone()
    }

    /// Elements of a head that are turned.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Positions in the table.
    pub fn context_length(&self) -> usize {
        self.context_length
    }
}
