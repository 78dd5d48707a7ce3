//! What a model is made of, read from GGUF metadata or a Hugging Face `config.json` and checked.
//!
//! A [`ModelConfig`] that exists has possible numbers: everything the kernels rely on is checked here, once.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::weights::Metadata;

/// The only family so far.
const ARCHITECTURE: &str = "llama";

/// No dimension of a model that could run here is larger; products of two stay far below 2^53.
const MAX_DIMENSION: u64 = 1 << 20;

/// No model that could run here has more layers.
const MAX_LAYERS: u64 = 1 << 10;

/// The kernels read rows of weights in blocks of this many.
const BLOCK_LEN: usize = 32;

/// The shape of a decoder of the llama family.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// Width of the residual stream; a multiple of 32.
    pub hidden_size: usize,
    /// How many layers.
    pub n_layers: usize,
    /// Query heads of a layer; a multiple of `n_kv_heads`.
    pub n_heads: usize,
    /// Key and value heads of a layer.
    pub n_kv_heads: usize,
    /// Width of a head; even.
    pub head_dim: usize,
    /// Width of the feed-forward network; a multiple of 32.
    pub ffn_size: usize,
    /// Rows of the embedding. The tokenizer may use fewer.
    pub vocab_size: usize,
    /// The most tokens that the model was trained on in one sequence.
    pub context_length: usize,
    /// What is added to the mean square before the root.
    pub rms_norm_eps: f32,
    /// Position embedding.
    pub rope: Rope,
    /// Whether the head is the embedding.
    pub tie_word_embeddings: bool,
    /// The token before everything, if the model has one. The chat template writes it.
    pub bos_token_id: Option<u32>,
    /// The tokens that end a reply.
    pub eos_token_ids: Vec<u32>,
}

/// Rotary position embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f32,
    /// How the frequencies are stretched for contexts longer than those of pre-training.
    pub scaling: RopeScaling,
}

/// How rotary frequencies are stretched.
#[derive(Clone, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// As in Llama 3.1: long wavelengths by `factor`, short ones not, those between in proportion.
    Llama3 {
        /// By how much long wavelengths are stretched.
        factor: f32,
        /// Wavelengths above `original_context_length / low_freq_factor` are long.
        low_freq_factor: f32,
        /// Wavelengths below `original_context_length / high_freq_factor` are short.
        high_freq_factor: f32,
        /// The context of pre-training in tokens.
        original_context_length: usize,
    },
    /// Each frequency is divided by its own factor (`rope_freqs.weight` of a GGUF file): `[head_dim / 2]`.
    Factors(Vec<f32>),
}

/// What a file calls the numbers, for errors.
struct Keys {
    hidden_size: &'static str,
    n_layers: &'static str,
    n_heads: &'static str,
    n_kv_heads: &'static str,
    head_dim: &'static str,
    ffn_size: &'static str,
    vocab_size: &'static str,
    context_length: &'static str,
    rms_norm_eps: &'static str,
    rope_theta: &'static str,
}

const GGUF: Keys = Keys {
    hidden_size: "llama.embedding_length",
    n_layers: "llama.block_count",
    n_heads: "llama.attention.head_count",
    n_kv_heads: "llama.attention.head_count_kv",
    head_dim: "llama.attention.key_length",
    ffn_size: "llama.feed_forward_length",
    vocab_size: "llama.vocab_size",
    context_length: "llama.context_length",
    rms_norm_eps: "llama.attention.layer_norm_rms_epsilon",
    rope_theta: "llama.rope.freq_base",
};

const HUGGING_FACE: Keys = Keys {
    hidden_size: "hidden_size",
    n_layers: "num_hidden_layers",
    n_heads: "num_attention_heads",
    n_kv_heads: "num_key_value_heads",
    head_dim: "head_dim",
    ffn_size: "intermediate_size",
    vocab_size: "vocab_size",
    context_length: "max_position_embeddings",
    rms_norm_eps: "rms_norm_eps",
    rope_theta: "rope_theta",
};

/// What a file says, unchecked.
struct Stated {
    hidden_size: Option<u64>,
    n_layers: Option<u64>,
    n_heads: Option<u64>,
    n_kv_heads: Option<u64>,
    head_dim: Option<u64>,
    ffn_size: Option<u64>,
    vocab_size: Option<u64>,
    context_length: Option<u64>,
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
    rope_scaling: RopeScaling,
    tie_word_embeddings: bool,
    bos_token_id: Option<u64>,
    eos_token_ids: Vec<u64>,
}

impl ModelConfig {
    /// From a GGUF file's metadata and what its tensors tell: the rows of its embedding, whether it lacks a head, and
    /// the frequency factors of `rope_freqs.weight`.
    pub fn from_gguf(metadata: &Metadata, vocab_size: u64, is_tied: bool, factors: Option<Vec<f32>>) -> Result<Self> {
        match metadata.str("general.architecture")? {
            Some(ARCHITECTURE) => {}
            other => return Err(unsupported("architecture", other.unwrap_or("(none)"), ARCHITECTURE)),
        }
        match metadata.str("llama.rope.scaling.type")? {
            None | Some("none") => {}
            Some(other) => return Err(unsupported("rope scaling", other, "none, llama3")),
        }
        if let Some(experts @ 1..) = metadata.uint("llama.expert_count")? {
            return Err(unsupported("llama.expert_count", &experts.to_string(), "0"));
        }
        let head_dim = metadata.uint(GGUF.head_dim)?;
        let eos_keys = ["eos_token_id", "eot_token_id", "eom_token_id"];
        let mut eos_token_ids = Vec::new();
        for key in eos_keys {
            eos_token_ids.extend(metadata.uint(&format!("tokenizer.ggml.{key}"))?);
        }
        let stated = Stated {
            hidden_size: metadata.uint(GGUF.hidden_size)?,
            n_layers: metadata.uint(GGUF.n_layers)?,
            n_heads: metadata.uint(GGUF.n_heads)?,
            n_kv_heads: metadata.uint(GGUF.n_kv_heads)?,
            head_dim,
            ffn_size: metadata.uint(GGUF.ffn_size)?,
            vocab_size: Some(vocab_size),
            context_length: metadata.uint(GGUF.context_length)?,
            rms_norm_eps: metadata.float(GGUF.rms_norm_eps)?,
            rope_theta: metadata.float(GGUF.rope_theta)?,
            rope_scaling: factors.map_or(RopeScaling::None, RopeScaling::Factors),
            tie_word_embeddings: is_tied,
            bos_token_id: metadata.uint("tokenizer.ggml.bos_token_id")?,
            eos_token_ids,
        };
        let config = stated.check(metadata.file(), &GGUF)?;
        let head_dim = config.head_dim as u64;
        for (key, expected) in [
            ("llama.attention.value_length", head_dim),
            ("llama.rope.dimension_count", head_dim),
            ("llama.vocab_size", vocab_size),
        ] {
            if metadata.uint(key)?.is_some_and(|stated| stated != expected) {
                let message = format!("{key} differs from what its tensors and head size say, {expected}");
                return Err(Error::invalid_file(metadata.file(), message));
            }
        }
        Ok(config)
    }

    /// From the bytes of `config.json`, and of `generation_config.json` if there is one.
    pub fn from_hugging_face(config: &[u8], generation_config: Option<&[u8]>) -> Result<Self> {
        let file = "config.json";
        let read: HuggingFaceConfig = serde_json::from_slice(config)
            .map_err(|error| Error::invalid_file(file, format!("it does not parse: {error}")))?;
        match read.model_type.as_deref() {
            Some(ARCHITECTURE) => {}
            other => return Err(unsupported("architecture", other.unwrap_or("(none)"), ARCHITECTURE)),
        }
        if let Some(other) = read.hidden_act.as_deref().filter(|name| *name != "silu") {
            return Err(unsupported("hidden_act", other, "silu"));
        }
        for (key, is_set) in [("attention_bias", read.attention_bias), ("mlp_bias", read.mlp_bias)] {
            if is_set {
                return Err(unsupported(key, "true", "false"));
            }
        }
        let generation: GenerationConfig = match generation_config {
            Some(bytes) => serde_json::from_slice(bytes).map_err(|error| {
                Error::invalid_file("generation_config.json", format!("it does not parse: {error}"))
            })?,
            None => GenerationConfig::default(),
        };
        let mut eos_token_ids = read.eos_token_id.to_vec();
        eos_token_ids.extend(generation.eos_token_id.to_vec());
        // Newer files keep everything about rope in `rope_parameters`.
        let rope = read.rope_parameters.or(read.rope_scaling).unwrap_or_default();
        let stated = Stated {
            hidden_size: read.hidden_size,
            n_layers: read.num_hidden_layers,
            n_heads: read.num_attention_heads,
            n_kv_heads: read.num_key_value_heads,
            head_dim: read.head_dim,
            ffn_size: read.intermediate_size,
            vocab_size: read.vocab_size,
            context_length: read.max_position_embeddings,
            rms_norm_eps: read.rms_norm_eps,
            rope_theta: read.rope_theta.or(rope.rope_theta),
            rope_scaling: rope.scaling(file)?,
            tie_word_embeddings: read.tie_word_embeddings,
            bos_token_id: read.bos_token_id,
            eos_token_ids,
        };
        stated.check(file, &HUGGING_FACE)
    }

    /// Angles per position of each pair of a head: `[head_dim / 2]`, in radians per token.
    ///
    /// `theta ^ (-2 i / head_dim)`, stretched as [`RopeScaling`] says (transformers, `_compute_llama3_parameters`).
    pub fn inv_freq(&self) -> Vec<f32> {
        let theta = f64::from(self.rope.theta);
        let plain = (0..self.head_dim / 2).map(|pair| theta.powf(-2.0 * pair as f64 / self.head_dim as f64));
        match &self.rope.scaling {
            RopeScaling::None => plain.map(|frequency| frequency as f32).collect(),
            RopeScaling::Factors(factors) => {
                plain.zip(factors).map(|(frequency, factor)| (frequency / f64::from(*factor)) as f32).collect()
            }
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context_length } => {
                let [factor, low, high] = [factor, low_freq_factor, high_freq_factor].map(|value| f64::from(*value));
                let original = *original_context_length as f64;
                let stretch = |frequency: f64| {
                    let turns = original * frequency / std::f64::consts::TAU;
                    let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    ((1.0 - kept) * frequency / factor + kept * frequency) as f32
                };
                plain.map(stretch).collect()
            }
        }
    }
}

impl Stated {
    fn check(self, file: &str, keys: &Keys) -> Result<ModelConfig> {
        let wrong = |message: String| Error::invalid_file(file, message);
        let dimension = |key: &str, value: Option<u64>| {
            let value = value.ok_or_else(|| wrong(format!("{key} is missing")))?;
            if !(1..=MAX_DIMENSION).contains(&value) {
                return Err(wrong(format!("{key} is {value}; 1 to {MAX_DIMENSION} is possible")));
            }
            Ok(value as usize)
        };
        let hidden_size = dimension(keys.hidden_size, self.hidden_size)?;
        let n_layers = dimension(keys.n_layers, self.n_layers.filter(|layers| *layers <= MAX_LAYERS))?;
        let n_heads = dimension(keys.n_heads, self.n_heads)?;
        let n_kv_heads = dimension(keys.n_kv_heads, self.n_kv_heads.or(self.n_heads))?;
        let head_dim = match self.head_dim {
            None if hidden_size.is_multiple_of(n_heads) => hidden_size / n_heads,
            stated => dimension(keys.head_dim, stated)?,
        };
        let ffn_size = dimension(keys.ffn_size, self.ffn_size)?;
        let vocab_size = dimension(keys.vocab_size, self.vocab_size)?;
        // A context may be longer than any other number; 2^31 tokens will do.
        let context_length = self.context_length.ok_or_else(|| wrong(format!("{} is missing", keys.context_length)))?;
        if !(1..1 << 31).contains(&context_length) {
            return Err(wrong(format!("{} is {context_length}", keys.context_length)));
        }

        if !n_heads.is_multiple_of(n_kv_heads) {
            let message = format!("{} is {n_heads}, not a multiple of {}, {n_kv_heads}", keys.n_heads, keys.n_kv_heads);
            return Err(wrong(message));
        }
        if !head_dim.is_multiple_of(2) {
            return Err(wrong(format!("{} is {head_dim}: rotary embedding needs pairs", keys.head_dim)));
        }
        let heads_size = (n_heads as u64) * (head_dim as u64);
        if heads_size > MAX_DIMENSION {
            return Err(wrong(format!("{} times {} is {heads_size}", keys.n_heads, keys.head_dim)));
        }
        for (key, value) in
            [(keys.hidden_size, hidden_size), (keys.n_heads, n_heads * head_dim), (keys.ffn_size, ffn_size)]
        {
            if !value.is_multiple_of(BLOCK_LEN) {
                let name =
                    if key == keys.n_heads { format!("{n_heads} of {head_dim} each") } else { value.to_string() };
                return Err(unsupported(key, &name, "matrices whose rows are multiples of 32 weights"));
            }
        }

        let number = |key: &str, value: f64, is_possible: fn(f64) -> bool| {
            if value.is_finite() && is_possible(value) {
                Ok(value as f32)
            } else {
                Err(wrong(format!("{key} is {value}")))
            }
        };
        let eps = self.rms_norm_eps.ok_or_else(|| wrong(format!("{} is missing", keys.rms_norm_eps)))?;
        let rms_norm_eps = number(keys.rms_norm_eps, eps, |eps| eps > 0.0 && eps < 1.0)?;
        let theta = number(keys.rope_theta, self.rope_theta.unwrap_or(10_000.0), |theta| theta >= 1.0)?;
        if let RopeScaling::Factors(factors) = &self.rope_scaling
            && (factors.len() != head_dim / 2 || !factors.iter().all(|factor| factor.is_finite() && *factor > 0.0))
        {
            let message = format!("it must be {} positive numbers, half of {}", head_dim / 2, keys.head_dim);
            return Err(Error::invalid_tensor("rope_freqs.weight", message));
        }

        let token = |what: &str, id: u64| match u32::try_from(id) {
            Ok(small) if id < vocab_size as u64 => Ok(small),
            _ => Err(wrong(format!("{what} {id} is not one of its {vocab_size} tokens"))),
        };
        let mut eos_token_ids = Vec::new();
        for id in self.eos_token_ids {
            let id = token("the end token", id)?;
            if !eos_token_ids.contains(&id) {
                eos_token_ids.push(id);
            }
        }
        Ok(ModelConfig {
            hidden_size,
            n_layers,
            n_heads,
            n_kv_heads,
            head_dim,
            ffn_size,
            vocab_size,
            context_length: context_length as usize,
            rms_norm_eps,
            rope: Rope { theta, scaling: self.rope_scaling },
            tie_word_embeddings: self.tie_word_embeddings,
            bos_token_id: self.bos_token_id.map(|id| token("the begin token", id)).transpose()?,
            eos_token_ids,
        })
    }
}

fn unsupported(what: &'static str, name: &str, supported: &'static str) -> Error {
    Error::Unsupported { what, name: name.to_owned(), supported }
}

/// `config.json`, the part that matters. Unknown keys are many and harmless.
#[derive(Deserialize)]
struct HuggingFaceConfig {
    model_type: Option<String>,
    hidden_size: Option<u64>,
    num_hidden_layers: Option<u64>,
    num_attention_heads: Option<u64>,
    num_key_value_heads: Option<u64>,
    head_dim: Option<u64>,
    intermediate_size: Option<u64>,
    vocab_size: Option<u64>,
    max_position_embeddings: Option<u64>,
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
    rope_scaling: Option<HuggingFaceRope>,
    rope_parameters: Option<HuggingFaceRope>,
    hidden_act: Option<String>,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default)]
    tie_word_embeddings: bool,
    bos_token_id: Option<u64>,
    #[serde(default)]
    eos_token_id: TokenIds,
}

#[derive(Default, Deserialize)]
struct GenerationConfig {
    #[serde(default)]
    eos_token_id: TokenIds,
}

/// One id, several, or null.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum TokenIds {
    One(u64),
    Many(Vec<u64>),
    #[default]
    None,
}

impl TokenIds {
    fn to_vec(&self) -> Vec<u64> {
        match self {
            Self::One(id) => vec![*id],
            Self::Many(ids) => ids.clone(),
            Self::None => Vec::new(),
        }
    }
}

#[derive(Default, Deserialize)]
struct HuggingFaceRope {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f32>,
    low_freq_factor: Option<f32>,
    high_freq_factor: Option<f32>,
    original_max_position_embeddings: Option<usize>,
}

impl HuggingFaceRope {
    fn scaling(&self, file: &str) -> Result<RopeScaling> {
        match self.rope_type.as_deref() {
            None | Some("default") => Ok(RopeScaling::None),
            Some("llama3") => {
                let parts =
                    (self.factor, self.low_freq_factor, self.high_freq_factor, self.original_max_position_embeddings);
                match parts {
                    (Some(factor), Some(low_freq_factor), Some(high_freq_factor), Some(original_context_length))
                        if factor >= 1.0 && low_freq_factor > 0.0 && high_freq_factor > low_freq_factor =>
                    {
                        Ok(RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context_length })
                    }
                    _ => Err(Error::invalid_file(
                        file,
                        "rope_scaling of type llama3 needs factor, low_freq_factor below high_freq_factor, and \
                         original_max_position_embeddings",
                    )),
                }
            }
            Some(other) => Err(unsupported("rope scaling", other, "default, llama3")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn llama_3_2() -> Value {
        json!({
            "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128256,
            "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "hidden_act": "silu",
            "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                "original_max_position_embeddings": 8192, "rope_type": "llama3"},
            "tie_word_embeddings": true, "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009]
        })
    }

    fn read(config: &Value) -> Result<ModelConfig> {
        ModelConfig::from_hugging_face(config.to_string().as_bytes(), None)
    }

    /// `changes` applied to Llama 3.2's configuration; `null` takes a key away.
    fn changed(changes: &Value) -> Result<ModelConfig> {
        let mut config = llama_3_2();
        for (key, value) in changes.as_object().expect("changes are an object") {
            config[key] = value.clone();
        }
        read(&config)
    }

    #[test]
    fn reads_a_configuration() {
        let config = read(&llama_3_2()).expect("it is right");
        assert_eq!((config.hidden_size, config.n_layers, config.n_heads, config.n_kv_heads), (2048, 16, 32, 8));
        assert_eq!((config.head_dim, config.ffn_size, config.vocab_size), (64, 8192, 128_256));
        assert_eq!((config.context_length, config.rms_norm_eps), (131_072, 1e-5));
        assert!(config.tie_word_embeddings);
        assert_eq!(
            (config.bos_token_id, &*config.eos_token_ids),
            (Some(128_000), [128_001, 128_008, 128_009].as_slice())
        );
    }

    #[test]
    fn gathers_end_tokens_from_both_files() {
        let mut config = llama_3_2();
        config["eos_token_id"] = json!(7);
        let both = |generation: Value| {
            ModelConfig::from_hugging_face(config.to_string().as_bytes(), Some(generation.to_string().as_bytes()))
        };
        assert_eq!(both(json!({"eos_token_id": [9, 7]})).expect("it is right").eos_token_ids, [7, 9]);
        assert_eq!(both(json!({"eos_token_id": null})).expect("it is right").eos_token_ids, [7]);
    }

    #[test]
    fn reads_rope_where_newer_files_keep_it() {
        let parameters = json!({"rope_type": "default", "rope_theta": 1234.0});
        let config = changed(&json!({"rope_theta": null, "rope_scaling": null, "rope_parameters": parameters}));
        assert_eq!(config.expect("it is right").rope, Rope { theta: 1234.0, scaling: RopeScaling::None });
    }

    #[test]
    fn derives_what_old_files_leave_out() {
        let config =
            changed(&json!({"head_dim": null, "num_key_value_heads": null, "rope_theta": null, "rope_scaling": null}));
        let config = config.expect("it is right");
        assert_eq!((config.head_dim, config.n_kv_heads, config.rope.theta), (64, 32, 10_000.0));
    }

    /// Errors say which key is wrong.
    #[test]
    fn names_what_it_cannot_run() {
        for (changes, named) in [
            (json!({"model_type": "qwen2"}), "architecture \"qwen2\""),
            (json!({"model_type": null}), "architecture \"(none)\""),
            (json!({"hidden_act": "gelu"}), "hidden_act \"gelu\""),
            (json!({"attention_bias": true}), "attention_bias"),
            (json!({"mlp_bias": true}), "mlp_bias"),
            (json!({"hidden_size": null}), "hidden_size is missing"),
            (json!({"hidden_size": 2040}), "hidden_size \"2040\""),
            (json!({"hidden_size": u64::MAX}), "hidden_size is 18446744073709551615"),
            (json!({"intermediate_size": 8190}), "intermediate_size \"8190\""),
            (json!({"intermediate_size": 0}), "intermediate_size is 0"),
            (json!({"num_hidden_layers": 100_000}), "num_hidden_layers"),
            (json!({"num_key_value_heads": 5}), "not a multiple of num_key_value_heads, 5"),
            (json!({"head_dim": 63}), "head_dim is 63"),
            (
                json!({"num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 48}),
                "num_attention_heads \"1 of 48 each\"",
            ),
            (json!({"head_dim": null, "num_attention_heads": 3, "num_key_value_heads": 3}), "head_dim is missing"),
            (json!({"max_position_embeddings": 0}), "max_position_embeddings is 0"),
            (json!({"rms_norm_eps": 0.0}), "rms_norm_eps is 0"),
            (json!({"rope_theta": -1.0}), "rope_theta is -1"),
            (json!({"rope_scaling": {"type": "yarn", "factor": 4.0}}), "rope scaling \"yarn\""),
            (json!({"rope_scaling": {"rope_type": "llama3", "factor": 4.0}}), "low_freq_factor"),
            (json!({"eos_token_id": 128_256}), "the end token 128256"),
            (json!({"eos_token_id": u64::MAX}), "the end token 18446744073709551615"),
            (json!({"bos_token_id": 200_000}), "the begin token 200000"),
        ] {
            let message = changed(&changes).expect_err(&changes.to_string()).to_string();
            assert!(message.contains(named), "{changes}: {message}");
        }
        assert!(ModelConfig::from_hugging_face(b"{", None).is_err());
    }

    #[track_caller]
    fn assert_close(found: f32, expected: f64) {
        assert!((f64::from(found) / expected - 1.0).abs() < 1e-6, "{found} is not {expected}");
    }

    /// Expected values from `_compute_llama3_parameters` of transformers, worked through in 64-bit Python: pair 14 turns
    /// more than four times within 8192 tokens and is kept, 18 turns less than once, 15 to 17 lie between.
    #[test]
    fn stretches_long_wavelengths_as_llama_3_does() {
        let inv_freq = read(&llama_3_2()).expect("it is right").inv_freq();
        assert_eq!(inv_freq.len(), 32);
        for (pair, expected) in [
            (0, 1.0),
            (1, 0.663_601_237_696_088_5),
            (14, 0.003_211_445_994_752_591),
            (15, 0.001_290_547_928_209_264),
            (16, 0.000_429_556_796_569_368_15),
            (17, 9.708_287_802_627_67e-5),
            (18, 1.946_163_818_483_112_5e-5),
            (31, 9.418_306_725_434_909e-8),
        ] {
            assert_close(inv_freq[pair], expected);
        }
    }

    /// llama.cpp's converter writes Llama 3's stretching as one factor per pair.
    #[test]
    fn divides_by_the_factors_of_a_gguf_file() {
        let mut config = read(&llama_3_2()).expect("it is right");
        config.rope.scaling = RopeScaling::None;
        let plain = config.inv_freq();
        config.rope.scaling = RopeScaling::Factors((1..=32u8).map(f32::from).collect());
        let divided = config.inv_freq();
        assert_close(plain[31], 3.013_858_152_139_171e-6);
        assert_close(divided[31], 3.013_858_152_139_171e-6 / 32.0);
        assert_eq!(plain[0], divided[0]);
    }
}
