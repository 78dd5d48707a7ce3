//! From a model file to modules on the device: one matrix at a time, repacked once.
//!
//! What is in wasm memory at any moment is a piece of a matrix, as read and as packed: that memory never shrinks. The file
//! itself stays with its source.

use std::ops::Range;
use std::str::FromStr;

use burn::tensor::{Device, Tensor, TensorData};
use minions_shaders::WeightFormat;
use minions_shaders::weights::PIECE_ROWS;

use super::attention::Attention;
use super::config::{LayerConfig, Rope};
use super::feed_forward::FeedForward;
use super::matrix::{Matrix, MatrixPart};
use super::rms_norm::RmsNorm;
use super::rope::RopeTable;
use super::transformer::{Layer, Transformer};
use crate::device::Compute;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::kernels::{Heads, LogitScale, QkvVectors, Scores, Upload, settle};
use crate::weights::{ModelFile, ModelSource, TensorInfo};

/// Formats of less than this part of the weights, norms for one, do not describe a model.
const WORTH_NAMING: u64 = 20;

/// Bytes of a piece, as read and as packed.
const PIECE_BYTES: usize = 4 << 20;

/// Bytes that may be on their way to the device at a time.
const MAX_BYTES_UNDER_WAY: usize = 32 << 20;

/// No part of a matrix is larger: wasm counts its bytes in 32 bits, and a driver rather finds room for two of a gigabyte than for
/// one of two.
const MAX_PART_BYTES: u64 = 1 << 30;

/// A matrix is cut into parts at multiples of so many rows: whole tiles of every kernel.
const PART_ROWS: usize = 64;

/// The matrices with a row for each token of the vocabulary.
const EMBEDDING: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

/// What weights in floats become while they are loaded. Weights that a file holds in fewer bits stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantization {
    /// 8 bits, and a scale for every 32 weights.
    Q8_0,
    /// 4 bits, and a scale for every 32 weights; the embedding and the head get 8. Every token's scores come out of the
    /// head, and an embedding is all that the model sees of a token: they lose the most by 4 bits and are read the least.
    Q4_0,
}

impl Quantization {
    fn format(self, tensor: &str) -> WeightFormat {
        match self {
            Self::Q4_0 if ![EMBEDDING, HEAD].contains(&tensor) => WeightFormat::Q4_0,
            _ => WeightFormat::Q8_0,
        }
    }
}

impl FromStr for Quantization {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "q8_0" => Ok(Self::Q8_0),
            "q4_0" => Ok(Self::Q4_0),
            _ => Err(Error::InvalidRequest(format!("quantize is {name:?}; it must be q8_0 or q4_0"))),
        }
    }
}

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

/// Bytes that the weights of `file` take on the device.
pub fn size_on_device<S: ModelSource>(file: &ModelFile<S>, quantize: Option<Quantization>) -> Result<u64> {
    let mut words = 0;
    for (name, tensor) in file.tensors() {
        words += match *tensor.shape {
            [rows, columns] => {
                let piece = format_on_device(file, name, quantize)?.packed_len(PIECE_ROWS, columns);
                piece as u64 * rows.div_ceil(PIECE_ROWS) as u64
            }
            _ => tensor.columns() as u64,
        };
    }
    Ok(words * size_of::<u32>() as u64)
}

/// What a matrix is on the device: what it is in its file, or what was asked for instead of floats. Gate and up, which one
/// kernel reads, become f16 where they would differ.
fn format_on_device<S: ModelSource>(
    file: &ModelFile<S>,
    name: &str,
    quantize: Option<Quantization>,
) -> Result<WeightFormat> {
    let format = |name: &str| {
        let dtype = file.tensor(name)?.dtype;
        let quantize = quantize.filter(|_| dtype.block_len() == 1);
        Ok(quantize.map_or(dtype, |quantize| quantize.format(name)))
    };
    let own = format(name)?;
    let other = match name {
        _ if name.ends_with(".gate_proj.weight") => format(&name.replace("gate_proj", "up_proj"))?,
        _ if name.ends_with(".up_proj.weight") => format(&name.replace("up_proj", "gate_proj"))?,
        _ => own,
    };
    Ok(if own == other { own } else { WeightFormat::F16 })
}

/// Reads every tensor of `file` onto the device.
pub async fn load<S: ModelSource>(
    file: &ModelFile<S>,
    context_length: usize,
    quantize: Option<Quantization>,
    compute: &Compute,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<LoadedModel> {
    let mut loader = Loader::new(file, quantize, compute, on_progress);
    let config = file.config();
    let embedding = loader.matrix(&[EMBEDDING]).await?;
    let mut layers = Vec::with_capacity(config.layers.len());
    let mut ropes = RopeTables { context_length, tables: Vec::new() };
    for (index, layer) in config.layers.iter().enumerate() {
        let rope = ropes.table(layer.rope.as_ref(), &compute.device);
        layers.push(loader.layer(index, layer, rope).await?);
    }
    let norm = loader.norm("model.norm.weight").await?;
    let is_tied = config.tie_word_embeddings == Some(true);
    let head = if is_tied { None } else { Some(loader.matrix(&[HEAD]).await?) };
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
        formats: loader.formats,
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
    quantize: Option<Quantization>,
    compute: &'a Compute,
    max_binding_bytes: u64,
    on_progress: &'a mut dyn FnMut(Progress),
    read_bytes: u64,
    total_bytes: u64,
    /// What was written since the device last had it all.
    bytes_under_way: usize,
    device_bytes: u64,
    parameters: u64,
    /// Weights in each format.
    by_format: Vec<(WeightFormat, u64)>,
    /// Formats of the matrices.
    formats: Vec<WeightFormat>,
}

impl<'a, S: ModelSource> Loader<'a, S> {
    fn new(
        file: &'a ModelFile<S>,
        quantize: Option<Quantization>,
        compute: &'a Compute,
        on_progress: &'a mut dyn FnMut(Progress),
    ) -> Self {
        Self {
            file,
            quantize,
            compute,
            max_binding_bytes: compute.adapter().max_binding_bytes.min(compute.adapter().max_buffer_bytes),
            on_progress,
            read_bytes: 0,
            bytes_under_way: 0,
            total_bytes: file.tensors().map(|(_, tensor)| tensor.size_bytes).sum(),
            device_bytes: 0,
            parameters: 0,
            by_format: Vec::new(),
            formats: Vec::new(),
        }
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
                qkv: self.qkv(&name("self_attn")).await?,
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
                gate_up: self.gate_up(&name("mlp")).await?,
                down: self.matrix(&[&name("mlp.down_proj.weight")]).await?,
                activation: config.activation,
            },
            feed_forward_post_norm: match has_post_norms {
                true => Some(self.norm(&name("post_feedforward_layernorm.weight")).await?),
                false => None,
            },
        })
    }

    /// Queries, keys and values as one matrix, as which some families' files have them.
    async fn qkv(&mut self, module: &str) -> Result<Matrix> {
        let is_fused = self.file.config().family.has_fused_projections;
        let parts: &[&str] = if is_fused { &["qkv_proj"] } else { &["q_proj", "k_proj", "v_proj"] };
        let names: Vec<_> = parts.iter().map(|part| format!("{module}.{part}.weight")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        self.matrix(&names).await
    }

    /// Gate and up as one matrix, likewise.
    async fn gate_up(&mut self, module: &str) -> Result<Matrix> {
        let ffn_size = self.file.config().ffn_size;
        if self.file.config().family.has_fused_projections {
            let fused = format!("{module}.gate_up_proj.weight");
            return self.gated_matrix((&fused, 0), (&fused, ffn_size), ffn_size).await;
        }
        let [gate, up] = ["gate_proj", "up_proj"].map(|part| format!("{module}.{part}.weight"));
        self.gated_matrix((&gate, 0), (&up, 0), ffn_size).await
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
        Ok(QkvVectors::new(bias, norms, config.rms_norm_eps, &self.compute.device))
    }

    /// The matrices `names` stacked into one, so that one kernel reads them together: in parts where their formats differ,
    /// so that nothing is expanded, and where they are too large to be bound at once.
    async fn matrix(&mut self, names: &[&str]) -> Result<Matrix> {
        let inputs = self.file.tensor(names[0])?.columns();
        let mut parts: Vec<Slices> = Vec::new();
        for name in names {
            let (rows, format) = (self.file.tensor(name)?.rows(), format_on_device(self.file, name, self.quantize)?);
            let most = self.rows_at_once(name, format, inputs)?;
            let mut start = 0;
            while start < rows {
                let room = match parts.last() {
                    Some(part) if part.format == format => most.saturating_sub(part.rows()),
                    _ => 0,
                };
                if room == 0 {
                    parts.push(Slices { format, slices: Vec::new() });
                    continue;
                }
                let end = rows.min(start + room);
                parts.last_mut().expect("there is room in it").slices.push((*name, start..end));
                start = end;
            }
        }
        self.upload_parts(parts, inputs).await
    }

    /// Two halves stacked into one, likewise: `rows` rows of each, from a row of a tensor on. Each part holds the same rows of
    /// both.
    async fn gated_matrix(&mut self, gate: (&str, usize), up: (&str, usize), rows: usize) -> Result<Matrix> {
        let inputs = self.file.tensor(gate.0)?.columns();
        let format = format_on_device(self.file, gate.0, self.quantize)?;
        let most = self.rows_at_once(gate.0, format, inputs)? / 2;
        let cut = |start: usize| {
            let end = rows.min(start + most);
            let slice = |(name, first)| (name, first + start..first + end);
            Slices { format, slices: vec![slice(gate), slice(up)] }
        };
        self.upload_parts((0..rows).step_by(most).map(cut).collect(), inputs).await
    }

    /// How many rows one part can have.
    fn rows_at_once(&self, name: &str, format: WeightFormat, inputs: usize) -> Result<usize> {
        let step_bytes = format.packed_len(PART_ROWS, inputs) as u64 * 4;
        match self.max_binding_bytes.min(MAX_PART_BYTES) / step_bytes {
            0 => Err(Error::OutOfMemory(format!(
                "{PART_ROWS} rows of tensor {name} take {step_bytes} bytes and the adapter binds at most {}",
                self.max_binding_bytes
            ))),
            steps => Ok(usize::try_from(steps).unwrap_or(usize::MAX).saturating_mul(PART_ROWS)),
        }
    }

    async fn upload_parts(&mut self, parts: Vec<Slices<'_>>, inputs: usize) -> Result<Matrix> {
        let mut uploaded = Vec::with_capacity(parts.len());
        for part in parts {
            uploaded.push(self.part(part, inputs).await?);
        }
        Ok(Matrix::new(uploaded, inputs))
    }

    async fn part(&mut self, part: Slices<'_>, inputs: usize) -> Result<MatrixPart> {
        let (format, outputs) = (part.format, part.rows());
        if !self.formats.contains(&format) {
            self.formats.push(format);
        }
        let mut upload = Upload::new(format.packed_len(outputs, inputs), self.compute)?;
        for rows in self.pieces(&part, inputs)? {
            let mut words = vec![0; format.packed_len(rows.len(), inputs)];
            let mut packed = 0;
            for (name, rows_of_slice) in part.within(&rows) {
                let source = self.read_rows(name, &rows_of_slice, format).await?;
                let place = packed..packed + rows_of_slice.len();
                format.pack_rows(&source, place.clone(), rows.len(), inputs, &mut words);
                packed = place.end;
            }
            for (at, of_piece) in format.places(rows, outputs, inputs) {
                upload.write(at, &words[of_piece]);
            }
            self.note_written(size_of_val(&words[..])).await?;
        }
        Ok(MatrixPart::new(upload.finish(), format, outputs, inputs))
    }

    /// The rows of a part in pieces: as many as make [`PIECE_BYTES`] as read or as packed, whichever are more bytes.
    fn pieces(&self, part: &Slices<'_>, inputs: usize) -> Result<impl Iterator<Item = Range<usize>> + use<S>> {
        let mut row_bytes = size_of::<u32>() * part.format.packed_len(PIECE_ROWS, inputs) / PIECE_ROWS;
        for (name, _) in &part.slices {
            row_bytes = row_bytes.max(self.file.tensor(name)?.row_bytes() as usize);
        }
        let (rows, at_a_time) = (part.rows(), (PIECE_BYTES / row_bytes / PIECE_ROWS).max(1) * PIECE_ROWS);
        Ok((0..rows).step_by(at_a_time).map(move |start| start..rows.min(start + at_a_time)))
    }

    /// Some rows of a tensor as a file in `format` would hold them.
    async fn read_rows(&mut self, name: &str, rows: &Range<usize>, format: WeightFormat) -> Result<Vec<u8>> {
        let tensor = self.file.tensor(name)?;
        let source = self.file.read_rows(name, rows.clone()).await?;
        self.note_read(format, source.len() as u64, (rows.len() * tensor.columns()) as u64);
        check_numbers(tensor, &source)?;
        Ok(if tensor.dtype == format { source } else { format.encode(&tensor.dtype.to_f32(&source)) })
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
        Tensor::from_data(TensorData::new(values, [len]), &self.compute.device)
    }

    /// The elements of a vector.
    async fn values(&mut self, name: &str) -> Result<Vec<f32>> {
        let part = self.file.tensor(name)?;
        let dtype = part.dtype;
        let source = self.file.read_rows(name, 0..1).await?;
        check_numbers(part, &source)?;
        let values = dtype.to_f32(&source);
        self.note_read(dtype, source.len() as u64, values.len() as u64);
        self.device_bytes += size_of_val(values.as_slice()) as u64;
        Ok(match part.row_permutation {
            Some(permutation) => (0..values.len()).map(|index| values[permutation.row_in_file(index)]).collect(),
            None => values,
        })
    }

    fn note_read(&mut self, format: WeightFormat, bytes: u64, weights: u64) {
        self.read_bytes += bytes;
        self.parameters += weights;
        match self.by_format.iter_mut().find(|(known, _)| *known == format) {
            Some((_, sum)) => *sum += weights,
            None => self.by_format.push((format, weights)),
        }
        (self.on_progress)(Progress::Upload { loaded: self.read_bytes, total: self.total_bytes });
    }

    async fn note_written(&mut self, bytes: usize) -> Result<()> {
        self.device_bytes += bytes as u64;
        self.bytes_under_way += bytes;
        if self.bytes_under_way >= MAX_BYTES_UNDER_WAY {
            settle(self.compute).await?;
            self.bytes_under_way = 0;
        }
        Ok(())
    }

    fn quantization(&self) -> String {
        let mut by_format = self.by_format.clone();
        by_format.sort_by_key(|(_, weights)| std::cmp::Reverse(*weights));
        by_format.retain(|(_, weights)| *weights * WORTH_NAMING >= self.parameters);
        by_format.iter().map(|(format, _)| format.to_string()).collect::<Vec<_>>().join(" + ")
    }
}

/// The rows that one part of a matrix is made of: some of each of these tensors, one below the other.
struct Slices<'a> {
    format: WeightFormat,
    slices: Vec<(&'a str, Range<usize>)>,
}

impl<'a> Slices<'a> {
    fn rows(&self) -> usize {
        self.slices.iter().map(|(_, rows)| rows.len()).sum()
    }

    /// What `rows` of the part are made of: of each tensor that has some of them, those rows of its own.
    fn within(&self, rows: &Range<usize>) -> Vec<(&'a str, Range<usize>)> {
        let mut first = 0;
        let mut within = Vec::new();
        for (name, slice) in &self.slices {
            let (start, end) = (rows.start.max(first), rows.end.min(first + slice.len()));
            if start < end {
                within.push((*name, slice.start + start - first..slice.start + end - first));
            }
            first += slice.len();
        }
        within
    }
}

/// Refuses weights that would make every result a NaN.
fn check_numbers(tensor: &TensorInfo, source: &[u8]) -> Result<()> {
    if tensor.dtype.is_finite(source) {
        return Ok(());
    }
    let message = "it holds values that are not finite numbers: the file is damaged, get it again";
    Err(Error::invalid_tensor(&tensor.name_in_file, message))
}
