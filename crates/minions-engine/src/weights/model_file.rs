//! An opened model: configuration, tokenizer, template and every tensor's place, all checked against one another.

use std::collections::BTreeMap;
use std::ops::Range;

use minions_shaders::WeightFormat;

use super::gguf::{self, GgufTensor, Header, Metadata};
use super::hugging_face;
use super::names::{is_ignored, needed_tensors};
use super::source::{ModelSource, read_exact};
use super::split;
use super::tensor::TensorInfo;
use crate::error::{Error, Result};
use crate::model::{GgufTensors, ModelConfig};

/// Frequency factors that a file may have at most: half of the widest head.
const MAX_FREQ_FACTORS: u64 = 1 << 16;

/// A model whose files are known to be complete and consistent. Weights are read on demand.
#[derive(Debug)]
pub struct ModelFile<S> {
    source: S,
    opened: Opened,
}

/// What reading the headers yields, whatever the format.
#[derive(Debug)]
pub struct Opened {
    pub name: String,
    pub config: ModelConfig,
    pub tokenizer: TokenizerSource,
    pub chat_template: Option<String>,
    /// By Hugging Face name.
    pub tensors: BTreeMap<String, TensorInfo>,
}

/// What a tokenizer is made from.
#[derive(Clone, Debug, Default)]
pub struct TokenizerSource {
    /// The vocabulary in its file's form.
    pub vocabulary: Vocabulary,
    /// The texts of the tokens that templates know by name: `bos_token`, `eos_token`…
    pub special_tokens: BTreeMap<String, String>,
    /// How many token ids the model knows.
    pub model_vocab_size: usize,
}

/// A vocabulary in its file's form.
#[derive(Clone, Debug)]
pub enum Vocabulary {
    /// The bytes of a `tokenizer.json`.
    TokenizerJson(Vec<u8>),
    /// What a GGUF file says.
    Gguf(GgufVocabulary),
}

/// The vocabulary of a GGUF file.
#[derive(Clone, Debug, Default)]
pub struct GgufVocabulary {
    /// `tokenizer.ggml.model`: the kind of tokenizer.
    pub model: String,
    /// `tokenizer.ggml.pre`: how text is split before merging.
    pub pre: String,
    /// The tokens by id. Ordinary ones of `gpt2` are written with one character per byte.
    pub tokens: Vec<String>,
    /// What each token is; as long as `tokens`.
    pub kinds: Vec<TokenKind>,
    /// Pairs of tokens to merge, separated by a space, most urgent first. SentencePiece has none.
    pub merges: Vec<String>,
    /// SentencePiece's score of each token.
    pub scores: Vec<f32>,
    /// The token of unknown characters, if it is named.
    pub unknown: Option<usize>,
    /// Whether SentencePiece puts a space before a text.
    pub adds_prefix_space: bool,
    /// Whether SentencePiece makes spaces one and drops those around a text.
    pub removes_extra_spaces: bool,
    /// SentencePiece's map of characters, if it has one of its own.
    pub charsmap: Vec<u8>,
    /// Whether white space after a control token belongs to it. Files do not say so; Phi-3's tokens do it.
    pub strips_after_control: bool,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Text.
    Normal,
    /// What cannot be written with other tokens.
    Unknown,
    /// Structure: never produced from a user's text, never shown.
    Control,
    /// Text that is always this token.
    UserDefined,
    /// One byte, `<0xXX>`, of characters without a token.
    Byte,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self::Gguf(GgufVocabulary::default())
    }
}

impl<S: ModelSource> ModelFile<S> {
    /// Opens the model `main`: a `.gguf` file, or a Hugging Face folder named by its `config.json`, by a path that
    /// ends with a slash, or by nothing if its files have no folder.
    pub async fn open(source: S, main: &str) -> Result<Self> {
        let opened = if main.ends_with(".gguf") {
            open_gguf(&source, main).await?
        } else if main.is_empty() || main.ends_with('/') || main.ends_with("config.json") {
            hugging_face::open(&source, main).await?
        } else {
            let supported = "a .gguf file, or config.json of a Hugging Face folder";
            return Err(Error::Unsupported { what: "model file", name: main.to_owned(), supported });
        };
        Ok(Self { source, opened })
    }

    /// The model's own name, or its file's.
    pub fn name(&self) -> &str {
        &self.opened.name
    }

    /// The family.
    pub fn architecture(&self) -> &'static str {
        self.opened.config.family.name
    }

    /// The shape of the model.
    pub fn config(&self) -> &ModelConfig {
        &self.opened.config
    }

    /// What its tokenizer is made from. Once that is done, nobody needs all those texts any more.
    pub fn take_tokenizer(&mut self) -> TokenizerSource {
        std::mem::take(&mut self.opened.tokenizer)
    }

    /// Its chat template in Jinja, if it has one.
    pub fn chat_template(&self) -> Option<&str> {
        self.opened.chat_template.as_deref()
    }

    /// Every tensor the model needs, by Hugging Face name; no head if it is tied.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &TensorInfo)> {
        self.opened.tensors.iter().map(|(name, info)| (name.as_str(), info))
    }

    /// The tensor with this Hugging Face name.
    pub fn tensor(&self, name: &str) -> Result<&TensorInfo> {
        self.opened.tensors.get(name).ok_or_else(|| Error::invalid_tensor(name, "the model has no such tensor"))
    }

    /// The bytes of some rows of a tensor in its file's encoding, row after row, in Hugging Face's order of rows.
    /// A vector is one row.
    pub async fn read_rows(&self, name: &str, rows: Range<usize>) -> Result<Vec<u8>> {
        let info = self.tensor(name)?;
        if rows.start > rows.end || rows.end > info.rows() {
            let message = format!("it has {} rows, not {rows:?}", info.rows());
            return Err(Error::invalid_tensor(&info.name_in_file, message));
        }
        let row_bytes = info.row_bytes();
        // The elements of a vector are put in order once they are decoded.
        let row_permutation = info.row_permutation.filter(|_| info.shape.len() > 1);
        let in_file = row_permutation.map_or(rows.clone(), |permutation| permutation.whole_heads(&rows));
        let start = info.offset + in_file.start as u64 * row_bytes;
        let end = info.offset + in_file.end as u64 * row_bytes;
        let bytes = read_exact(&self.source, &info.file, start..end).await?;
        let Some(permutation) = row_permutation else { return Ok(bytes) };
        let row_bytes = row_bytes as usize;
        let mut ordered = Vec::with_capacity(rows.len() * row_bytes);
        for row in rows {
            let at = (permutation.row_in_file(row) - in_file.start) * row_bytes;
            ordered.extend_from_slice(&bytes[at..at + row_bytes]);
        }
        Ok(ordered)
    }
}

async fn open_gguf(source: &impl ModelSource, file: &str) -> Result<Opened> {
    let Header { mut metadata, tensors } = split::read_headers(source, file).await?;
    let mut listed: BTreeMap<String, GgufTensor> =
        tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();

    let mut factors = Vec::new();
    for name in ["rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"] {
        factors.push(match listed.remove(name) {
            Some(tensor) => Some(read_factors(source, &tensor).await?),
            None => None,
        });
    }
    let [rope_freqs, short, long] = factors.try_into().unwrap_or_default();
    for (factors, other) in [(&short, "rope_factors_long.weight"), (&long, "rope_factors_short.weight")] {
        if factors.is_some() && short.is_some() != long.is_some() {
            return Err(Error::invalid_tensor(other, format!("it is missing in {file}")));
        }
    }
    let told = GgufTensors {
        vocab_size: listed.get("token_embd.weight").and_then(|tensor| tensor.shape.first().copied()).unwrap_or(0),
        has_head: listed.contains_key("output.weight"),
        has_qkv_bias: listed.contains_key("blk.0.attn_q.bias"),
        has_output_bias: listed.contains_key("blk.0.attn_output.bias"),
        rope_freqs,
        rope_factors: short.zip(long),
    };
    // A family that is not known is named before anything that it lacks.
    let config = ModelConfig::from_gguf(&metadata, told)?;

    let mut tensors = BTreeMap::new();
    for needed in needed_tensors(&config) {
        let name = &needed.gguf_name;
        let found = listed.remove(name);
        let found = found.ok_or_else(|| Error::invalid_tensor(name, format!("it is missing in {file}")))?;
        let dtype = gguf::tensor_format(found.type_id, name)?;
        let mut info = place(&found.file, found.file_size, name, dtype, &found.shape, found.offset, &needed.shape)?;
        info.row_permutation = needed.gguf_permutation;
        tensors.insert(needed.name, info);
    }
    if let Some(name) = listed.into_keys().find(|name| !is_ignored(name)) {
        return Err(config.family.unknown_tensor(name));
    }

    let name = metadata.str("general.name")?.unwrap_or(file).to_owned();
    let chat_template = match metadata.str("tokenizer.chat_template")? {
        // Where a file has several templates, others are for tools or documents.
        None => metadata.str("tokenizer.chat_template.default")?,
        template => template,
    };
    let chat_template = chat_template.map(str::to_owned);
    Ok(Opened { name, tokenizer: vocabulary(&mut metadata, config.vocab_size)?, config, chat_template, tensors })
}

async fn read_factors(source: &impl ModelSource, tensor: &GgufTensor) -> Result<Vec<f32>> {
    let len = tensor.shape.iter().product::<u64>();
    if tensor.shape.len() != 1 || len > MAX_FREQ_FACTORS {
        return Err(Error::invalid_tensor(&tensor.name, format!("it has the shape {:?}", tensor.shape)));
    }
    let dtype = gguf::tensor_format(tensor.type_id, &tensor.name)?;
    let (file, name) = (&tensor.file, &tensor.name);
    let info = place(file, tensor.file_size, name, dtype, &tensor.shape, tensor.offset, &[len as usize])?;
    let bytes = read_exact(source, file, info.offset..info.offset + info.size_bytes).await?;
    Ok(dtype.to_f32(&bytes))
}

/// A tensor found in a file, checked against what the model needs and against the file's end.
pub fn place(
    file: &str,
    file_size: u64,
    name: &str,
    dtype: WeightFormat,
    shape: &[u64],
    offset: u64,
    needed_shape: &[usize],
) -> Result<TensorInfo> {
    let wrong = |message: String| Err(Error::invalid_tensor(name, message));
    if !shape.iter().copied().eq(needed_shape.iter().map(|len| *len as u64)) {
        return wrong(format!("its shape in {file} is {shape:?}; the model's settings say {needed_shape:?}"));
    }
    let (rows, columns) = match *needed_shape {
        [rows, columns] => (rows, columns),
        [columns] => (1, columns),
        _ => return wrong(format!("it has {} dimensions", needed_shape.len())),
    };
    let size_bytes = dtype.row_bytes(columns).and_then(|bytes| bytes.checked_mul(rows as u64));
    let Some(size_bytes) = size_bytes else {
        return wrong(format!("its rows of {columns} weights are not whole blocks of {dtype}"));
    };
    if offset.checked_add(size_bytes).is_none_or(|end| end > file_size) {
        return wrong(format!(
            "its {size_bytes} bytes at {offset} end after {file}, which has {file_size}: is it cut off?"
        ));
    }
    Ok(TensorInfo {
        file: file.to_owned(),
        name_in_file: name.to_owned(),
        dtype,
        shape: needed_shape.to_vec(),
        offset,
        size_bytes,
        row_permutation: None,
    })
}

/// The vocabulary of a model that knows `vocab_size` ids.
pub fn vocabulary(metadata: &mut Metadata, vocab_size: usize) -> Result<TokenizerSource> {
    let Some(tokens) = metadata.take_strings("tokenizer.ggml.tokens")? else {
        let message = format!("{} has no tokenizer.ggml.tokens: convert the model with its tokenizer", metadata.file());
        return Err(Error::Tokenizer(message));
    };
    if tokens.len() > vocab_size {
        let message = format!("{} tokens for an embedding of {} rows", tokens.len(), vocab_size);
        return Err(Error::invalid_file(metadata.file(), message));
    }
    let kinds: Vec<TokenKind> = match metadata.take_integers("tokenizer.ggml.token_type")? {
        None => vec![TokenKind::Normal; tokens.len()],
        // llama.h, `enum llama_token_type`: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
        Some(types) => types
            .iter()
            .map(|number| match number {
                2 => TokenKind::Unknown,
                3 => TokenKind::Control,
                4 => TokenKind::UserDefined,
                6 => TokenKind::Byte,
                _ => TokenKind::Normal,
            })
            .collect(),
    };
    if kinds.len() != tokens.len() {
        let message = format!("tokenizer.ggml.token_type has {} entries for {} tokens", kinds.len(), tokens.len());
        return Err(Error::invalid_file(metadata.file(), message));
    }
    let mut special_tokens = BTreeMap::new();
    let mut unknown = None;
    for (key, name) in [("bos", "bos"), ("eos", "eos"), ("padding", "pad"), ("unknown", "unk")] {
        let key = format!("tokenizer.ggml.{key}_token_id");
        let Some(id) = metadata.uint(&key)?.and_then(|id| usize::try_from(id).ok()) else { continue };
        match tokens.get(id) {
            Some(text) => special_tokens.insert(format!("{name}_token"), text.clone()),
            // Some converters write an id that no token has for "none".
            None if matches!(name, "pad" | "unk") => continue,
            None => {
                let message = format!("{key} is {id}, of {} tokens", tokens.len());
                return Err(Error::invalid_file(metadata.file(), message));
            }
        };
        if name == "unk" {
            unknown = Some(id);
        }
    }
    let model = metadata.str("tokenizer.ggml.model")?.unwrap_or_default().to_owned();
    let is_sentencepiece_bpe = model == "llama";
    let vocabulary = GgufVocabulary {
        pre: metadata.str("tokenizer.ggml.pre")?.unwrap_or("default").to_owned(),
        merges: metadata.take_strings("tokenizer.ggml.merges")?.unwrap_or_default(),
        scores: metadata.take_floats("tokenizer.ggml.scores")?.unwrap_or_default(),
        unknown,
        adds_prefix_space: metadata.bool("tokenizer.ggml.add_space_prefix")?.unwrap_or(is_sentencepiece_bpe),
        removes_extra_spaces: metadata.bool("tokenizer.ggml.remove_extra_whitespaces")?.unwrap_or(false),
        charsmap: metadata.take_bytes("tokenizer.ggml.precompiled_charsmap")?.unwrap_or_default(),
        strips_after_control: is_sentencepiece_bpe && metadata.str("general.architecture")? == Some("phi3"),
        model,
        tokens,
        kinds,
    };
    Ok(TokenizerSource { vocabulary: Vocabulary::Gguf(vocabulary), special_tokens, model_vocab_size: vocab_size })
}
