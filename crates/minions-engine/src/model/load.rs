//! From a model file to modules on the device: one matrix at a time, repacked once.
//!
//! What is in wasm memory at any moment is one matrix as packed, and the piece of its rows that is being packed. The file
//! itself stays with its source.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use minions_shaders::WeightFormat;

use super::attention::Attention;
use super::config::{LayerConfig, Rope};
use super::feed_forward::FeedForward;
use super::finite::all_finite;
use super::matrix::Matrix;
use super::rms_norm::RmsNorm;
use super::rope::RopeTable;
use super::transformer::{Layer, Transformer};
use crate::device::Compute;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::kernels::{Heads, LogitScale, QkvVectors, Scores};
use crate::weights::{ModelFile, ModelSource, TensorInfo, TensorType};

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
    let embedding = loader.matrix(&["model.embed_tokens.weight"]).await?;
    let mut layers = Vec::with_capacity(config.layers.len());
    let mut ropes = RopeTables { context_length, tables: Vec::new() };
    for (index, layer) in config.layers.iter().enumerate() {
        let rope = ropes.table(layer.rope.as_ref(), &compute.device);
        layers.push(loader.layer(index, layer, rope).await?);
    }
    let norm = loader.norm("model.norm.weight").await?;
    let is_tied = config.tie_word_embeddings == Some(true);
    let head = if is_tied { None } else { Some(loader.matrix(&["lm_head.weight"]).await?) };
    let logit_scale = LogitScale { scale: config.logit_scale, softcap: config.logit_softcap };
    Ok(LoadedModel {
        transformer: Transformer {
            embedding,
            embedding_scale: config.embedding_scale,
            layers,
            norm,
            head,
            logit_scale: Some(logit_scale).filter(|scale| *scale != LogitScale::NONE),
        },
        quantization: loader.quantization(),
        size_bytes: loader.device_bytes,
        parameters: loader.parameters,
    })
}

/// The tables of the ways to turn that a model has: one or two, which its layers share.
struct RopeTables {
    context_length: usize,
    tables: Vec<(Option<Rope>, RopeTable)>,
}

impl RopeTables {
    fn table(&mut self, rope: Option<&Rope>, device: &Device) -> RopeTable {
        if let Some((_, table)) = self.tables.iter().find(|(known, _)| known.as_ref() == rope) {
            return table.clone();
        }
        let table = match rope {
            Some(rope) => RopeTable::new(rope, self.context_length, device),
            None => RopeTable::none(self.context_length, device),
        };
        self.tables.push((rope.cloned(), table.clone()));
        table
    }
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

    async fn layer(&mut self, index: usize, layer: &LayerConfig, rope: RopeTable) -> Result<Layer> {
        let config = self.file.config();
        let name = |part: &str| format!("model.layers.{index}.{part}");
        // Families with post-norms call the norm after attention what others call the one before the feed-forward network.
        let has_post_norms = config.family.has_post_norms;
        let feed_forward_norm = if has_post_norms { "pre_feedforward_layernorm" } else { "post_attention_layernorm" };
        Ok(Layer {
            attention_norm: self.norm(&name("input_layernorm.weight")).await?,
            attention: Attention {
                qkv: self.stacked(&name("self_attn"), &["q_proj", "k_proj", "v_proj"], "qkv_proj").await?,
                vectors: self.qkv_vectors(&name("self_attn")).await?,
                rope,
                output: self.matrix(&[&name("self_attn.o_proj.weight")]).await?,
                output_bias: match config.has_output_bias {
                    true => Some(self.values(&name("self_attn.o_proj.bias")).await.map(|bias| self.upload(bias))?),
                    false => None,
                },
                heads: Heads { q: config.n_heads, kv: config.n_kv_heads, dim: config.head_dim },
                scores: Scores {
                    scale: config.attention_scale,
                    softcap: config.attention_softcap,
                    window: layer.window,
                },
            },
            attention_post_norm: match has_post_norms {
                true => Some(self.norm(&name("post_attention_layernorm.weight")).await?),
                false => None,
            },
            feed_forward_norm: self.norm(&name(&format!("{feed_forward_norm}.weight"))).await?,
            feed_forward: FeedForward {
                gate_up: self.stacked(&name("mlp"), &["gate_proj", "up_proj"], "gate_up_proj").await?,
                down: self.matrix(&[&name("mlp.down_proj.weight")]).await?,
                activation: config.activation,
            },
            feed_forward_post_norm: match has_post_norms {
                true => Some(self.norm(&name("post_feedforward_layernorm.weight")).await?),
                false => None,
            },
        })
    }

    /// Projections of one input as one matrix, as which some families' files have them.
    async fn stacked(&mut self, module: &str, parts: &[&str], fused: &str) -> Result<Matrix> {
        let parts = if self.file.config().family.has_fused_projections { &[fused] } else { parts };
        let names: Vec<_> = parts.iter().map(|part| format!("{module}.{part}.weight")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        self.matrix(&names).await
    }

    async fn qkv_vectors(&mut self, module: &str) -> Result<QkvVectors> {
        let config = self.file.config();
        let mut bias = None;
        if config.has_qkv_bias {
            let all = bias.insert(Vec::new());
            for part in ["q_proj", "k_proj", "v_proj"] {
                all.extend(self.values(&format!("{module}.{part}.bias")).await?);
            }
        }
        let mut norms = None;
        if config.family.has_qk_norm {
            let both = norms.insert(Vec::new());
            for part in ["q_norm", "k_norm"] {
                both.extend(self.norm_weight(&format!("{module}.{part}.weight")).await?);
            }
        }
        Ok(QkvVectors::new(bias, norms, config.rms_norm_eps, self.device))
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
                if !all_finite(dtype, &source) {
                    return Err(not_numbers(part));
                }
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
        let config = self.file.config();
        let (eps, delta_scale) = (config.rms_norm_eps, config.residual_scale);
        let weight = self.norm_weight(name).await?;
        Ok(RmsNorm::new(self.upload(weight), eps, delta_scale))
    }

    /// A norm's weights, whole.
    async fn norm_weight(&mut self, name: &str) -> Result<Vec<f32>> {
        let offset = self.file.config().norm_offset;
        Ok(self.values(name).await?.into_iter().map(|weight| weight + offset).collect())
    }

    fn upload(&self, values: Vec<f32>) -> Tensor<1> {
        let len = values.len();
        Tensor::from_data(TensorData::new(values, [len]), self.device)
    }

    /// The elements of a vector.
    async fn values(&mut self, name: &str) -> Result<Vec<f32>> {
        let part = self.file.tensor(name)?;
        let dtype = part.dtype;
        let source = self.file.read_rows(name, 0..1).await?;
        if !all_finite(dtype, &source) {
            return Err(not_numbers(part));
        }
        let values = dtype.to_f32(&source);
        self.note(dtype, source.len() as u64, values.len() as u64);
        self.device_bytes += size_of_val(values.as_slice()) as u64;
        Ok(match part.row_permutation {
            Some(permutation) => (0..values.len()).map(|index| values[permutation.row_in_file(index)]).collect(),
            None => values,
        })
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

fn not_numbers(tensor: &TensorInfo) -> Error {
    Error::invalid_tensor(&tensor.name_in_file, "some of its weights are not numbers: the file is damaged")
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
