//! The table of rotary position embeddings (Su et al. 2021), half-split as in Hugging Face's models.

use burn::tensor::{Device, Tensor, TensorData};

use super::ModelConfig;

/// Cosine and sine of every position's angles: `[context_length, head_dim / 2, 2]`, flat.
///
/// Computed in f64 on the CPU once: shaders' own `sin` and `cos` lose digits at large angles.
pub fn table(config: &ModelConfig, context_length: usize, device: &Device) -> Tensor<1> {
    let inv_freq = config.inv_freq();
    let mut values = Vec::with_capacity(context_length * inv_freq.len() * 2);
    for position in 0..context_length {
        for frequency in &inv_freq {
            let angle = position as f64 * f64::from(*frequency);
            values.push(angle.cos() as f32);
            values.push(angle.sin() as f32);
        }
    }
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), device)
}
