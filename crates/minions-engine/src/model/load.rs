//! From a model file to modules on the device: one matrix at a time, repacked once.
//!
//! What is in wasm memory at any moment is one matrix as packed, and the piece of its rows that is being packed. The file
//! itself stays with its source.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use minions_shaders::WeightFormat;

use super::attention::Attention;
use super::feed_forward::FeedForward;
use super::matrix::Matrix;
use super::rms_norm::RmsNorm;
use super::rope;
use super::transformer::{Layer, Transformer};
use crate::device::Compute;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::kernels::Heads;
use crate::weights::{ModelFile, ModelSource, TensorType};

/// Formats of less than this part of the weights, norms for one, do not describe a model.
const WORTH_NAMING: u64 = 20;

/// Bytes of a file read at a time.
const PIECE_BYTES: u64 = 2 << 20;

/// A model on the device, and what was found on the way.
pub struct LoadedModel {
    /// The modules.
    pub transformer: Transformer,
    /// The formats of the weights, the most used first, as users name them: `Q8_0`, `F16 + Q8_0`…
    pub quantization: String,
    /// Weights on the device in bytes.
    pub size_bytes: u64,
    /// How many weights there are.
    pub parameters: u64,
    /// What the kernels meet.
    pub formats: Vec<WeightFormat>,
}

/// Reads every tensor of `file` onto the device.
pub async fn load<S: ModelSource>(
    file: &ModelFile<S>,
    context_length: usize,
    compute: &Compute,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<LoadedModel> {
    let mut loader = Loader::new(file, compute, on_progress);
    loader.check_memory(context_length)?;
    let config = file.config();
    let heads = Heads { q: config.n_heads, kv: config.n_kv_heads, dim: config.head_dim };
    let embedding = loader.matrix(&["model.embed_tokens.weight"]).await?;
    let mut layers = Vec::with_capacity(config.n_layers);
    for index in 0..config.n_layers {
        let name = |part: &str| format!("model.layers.{index}.{part}.weight");
        layers.push(Layer {
            attention_norm: loader.norm(&name("input_layernorm")).await?,
            attention: Attention::new(
                loader
                    .matrix(&[&name("self_attn.q_proj"), &name("self_attn.k_proj"), &name("self_attn.v_proj")])
                    .await?,
                loader.matrix(&[&name("self_attn.o_proj")]).await?,
                heads,
            ),
            feed_forward_norm: loader.norm(&name("post_attention_layernorm")).await?,
            feed_forward: FeedForward::new(
                loader.matrix(&[&name("mlp.gate_proj"), &name("mlp.up_proj")]).await?,
                loader.matrix(&[&name("mlp.down_proj")]).await?,
            ),
        });
    }
    let norm = loader.norm("model.norm.weight").await?;
    let head = if config.tie_word_embeddings { None } else { Some(loader.matrix(&["lm_head.weight"]).await?) };
    let rope = rope::table(config, context_length, &compute.device);
    Ok(LoadedModel {
        transformer: Transformer { embedding, layers, norm, head, rope },
        quantization: loader.quantization(),
        size_bytes: loader.device_bytes,
        parameters: loader.parameters,
        formats: loader.formats,
    })
}

struct Loader<'a, S> {
    file: &'a ModelFile<S>,
    device: &'a Device,
    max_binding_bytes: u64,
    on_progress: &'a mut dyn FnMut(Progress),
    read_bytes: u64,
    total_bytes: u64,
    device_bytes: u64,
    parameters: u64,
    /// Weights in each format.
    by_type: Vec<(TensorType, u64)>,
    /// Formats of the matrices.
    formats: Vec<WeightFormat>,
}

impl<'a, S: ModelSource> Loader<'a, S> {
    fn new(file: &'a ModelFile<S>, compute: &'a Compute, on_progress: &'a mut dyn FnMut(Progress)) -> Self {
        Self {
            file,
            device: &compute.device,
            max_binding_bytes: compute.adapter().max_binding_bytes.min(compute.adapter().max_buffer_bytes),
            on_progress,
            read_bytes: 0,
            total_bytes: file.tensors().map(|(_, tensor)| tensor.size_bytes).sum(),
            device_bytes: 0,
            parameters: 0,
            by_type: Vec::new(),
            formats: Vec::new(),
        }
    }

    /// Refuses, before anything is uploaded, what the adapter could not bind.
    fn check_memory(&self, context_length: usize) -> Result<()> {
        let config = self.file.config();
        let cache = (context_length * config.n_kv_heads * config.head_dim * size_of::<f32>()) as u64;
        if cache > self.max_binding_bytes {
            return Err(Error::OutOfMemory(format!(
                "a layer's cache for {context_length} tokens takes {cache} bytes and the adapter binds at most {}: \
                 load with a shorter context_length",
                self.max_binding_bytes
            )));
        }
        Ok(())
    }

    /// The matrices `names` stacked into one, so that one kernel reads them together.
    async fn matrix(&mut self, names: &[&str]) -> Result<Matrix> {
        let mut parts = Vec::with_capacity(names.len());
        for name in names {
            parts.push(self.file.tensor(name)?);
        }
        let inputs = parts[0].columns();
        let outputs = parts.iter().map(|part| part.rows()).sum();
        let format = common_format(parts.iter().map(|part| part.dtype));
        if !self.formats.contains(&format) {
            self.formats.push(format);
        }
        let bytes = format.packed_len(outputs, inputs) as u64 * 4;
        if bytes > self.max_binding_bytes {
            return Err(Error::OutOfMemory(format!(
                "tensor {} takes {bytes} bytes and the adapter binds at most {}: choose a model with a smaller \
                 vocabulary or stronger quantization",
                names[0], self.max_binding_bytes
            )));
        }
        let mut words = vec![0; format.packed_len(outputs, inputs)];
        let mut first_row = 0;
        for (name, part) in names.iter().zip(&parts) {
            let (rows, dtype) = (part.rows(), part.dtype);
            let piece = (PIECE_BYTES / part.row_bytes().max(1)).max(1) as usize;
            for start in (0..rows).step_by(piece) {
                let end = rows.min(start + piece);
                let source = self.file.read_rows(name, start..end).await?;
                let place = Placement { rows: first_row + start..first_row + end, outputs, inputs };
                pack(&source, dtype, format, place, &mut words);
                self.note(dtype, source.len() as u64, ((end - start) * inputs) as u64);
            }
            first_row += rows;
        }
        self.device_bytes += bytes;
        let matrix = Matrix::new(words, format, outputs, inputs, self.device);
        // cubecl queues a write with its bytes: unless each is carried out, the whole model piles up in wasm memory.
        self.device.flush().map_err(|error| Error::Gpu(error.to_string()))?;
        Ok(matrix)
    }

    async fn norm(&mut self, name: &str) -> Result<RmsNorm> {
        let part = self.file.tensor(name)?;
        let (dtype, len) = (part.dtype, part.columns());
        let source = self.file.read_rows(name, 0..1).await?;
        let weight = dtype.to_f32(&source);
        self.note(dtype, source.len() as u64, len as u64);
        self.device_bytes += (len * size_of::<f32>()) as u64;
        let weight = Tensor::from_data(TensorData::new(weight, [len]), self.device);
        Ok(RmsNorm::new(weight, f64::from(self.file.config().rms_norm_eps)))
    }

    fn note(&mut self, dtype: TensorType, bytes: u64, weights: u64) {
        self.read_bytes += bytes;
        self.parameters += weights;
        match self.by_type.iter_mut().find(|(known, _)| *known == dtype) {
            Some((_, sum)) => *sum += weights,
            None => self.by_type.push((dtype, weights)),
        }
        (self.on_progress)(Progress::Upload { loaded: self.read_bytes, total: self.total_bytes });
    }

    fn quantization(&self) -> String {
        let mut by_type = self.by_type.clone();
        by_type.sort_by_key(|(_, weights)| std::cmp::Reverse(*weights));
        by_type.retain(|(_, weights)| *weights * WORTH_NAMING >= self.parameters);
        by_type.iter().map(|(dtype, _)| dtype.to_string()).collect::<Vec<_>>().join(" + ")
    }
}

/// The one format that a stacked matrix is kept in: that of its parts, or f16 where a file mixes formats.
fn common_format(mut dtypes: impl Iterator<Item = TensorType>) -> WeightFormat {
    let first = dtypes.next().unwrap_or(TensorType::F16);
    if dtypes.all(|dtype| dtype == first) { weight_format(first) } else { WeightFormat::F16 }
}

fn weight_format(dtype: TensorType) -> WeightFormat {
    match dtype {
        TensorType::F32 => WeightFormat::F32,
        TensorType::F16 => WeightFormat::F16,
        TensorType::Bf16 => WeightFormat::Bf16,
        TensorType::Q8_0 => WeightFormat::Q8_0,
        TensorType::Q4_0 => WeightFormat::Q4_0,
    }
}

/// Puts a part's bytes into its rows of the stacked matrix `[outputs, inputs]`.
fn pack(source: &[u8], dtype: TensorType, format: WeightFormat, place: Placement, words: &mut [u32]) {
    let Placement { rows, outputs, inputs } = place;
    if weight_format(dtype) == format {
        format.pack_rows(source, rows, outputs, inputs, words);
    } else {
        format.pack_rows(&format.encode(&dtype.to_f32(source)), rows, outputs, inputs, words);
    }
}

/// Which rows of a stacked matrix `[outputs, inputs]`.
struct Placement {
    rows: Range<usize>,
    outputs: usize,
    inputs: usize,
}
