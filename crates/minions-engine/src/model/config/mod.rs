//! What a model is made of, read from GGUF metadata or a Hugging Face `config.json` and checked.
//!
//! A [`ModelConfig`] that exists has possible numbers: everything the kernels rely on is checked here, once. What no file
//! says, a [`Family`] does.

mod family;
mod gguf;
mod hugging_face;
mod rope;
#[cfg(test)]
mod tests;

use minions_shaders::{Activation, MAX_HEAD_DIM, MAX_WORKGROUPS};

pub use family::Family;
pub use gguf::GgufTensors;
pub use rope::{Rope, RopeScaling};

use crate::error::{Error, Result};

/// No dimension of a model that could run here is larger; products of two stay far below 2^53.
const MAX_DIMENSION: u64 = 1 << 20;

/// No model that could run here has more layers.
const MAX_LAYERS: u64 = 1 << 10;

/// The kernels read rows of weights in blocks of this many.
const BLOCK_LEN: usize = 32;

/// The attention kernels read heads in steps of this many elements.
const HEAD_STEP: usize = 8;

/// The shape of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// The family, for what all its members share.
    pub family: &'static Family,
    /// Width of the residual stream; a multiple of 32.
    pub hidden_size: usize,
    /// Query heads of a layer; a multiple of `n_kv_heads`.
    pub n_heads: usize,
    /// Key and value heads of a layer.
    pub n_kv_heads: usize,
    /// Width of a head; a multiple of 8.
    pub head_dim: usize,
    /// Width of the feed-forward network; a multiple of 32.
    pub ffn_size: usize,
    /// Rows of the embedding. The tokenizer may use fewer.
    pub vocab_size: usize,
    /// The most tokens that the model was trained on in one sequence.
    pub context_length: usize,
    /// How each layer attends, first to last.
    pub layers: Vec<LayerConfig>,
    /// What is added to the mean square before the root.
    pub rms_norm_eps: f32,
    /// What the weights of norms lack in the file.
    pub norm_offset: f32,
    /// What the gate of the feed-forward network does.
    pub activation: Activation,
    /// Whether q, k and v have a bias.
    pub has_qkv_bias: bool,
    /// Whether the output of attention has one.
    pub has_output_bias: bool,
    /// Factor on embeddings.
    pub embedding_scale: f32,
    /// Factor on what attention and feed-forward network add to the residual stream.
    pub residual_scale: f32,
    /// Factor on the products of queries and keys.
    pub attention_scale: f32,
    /// Attention scores stay within this.
    pub attention_softcap: Option<f32>,
    /// Factor on logits.
    pub logit_scale: f32,
    /// Logits stay within this.
    pub logit_softcap: Option<f32>,
    /// Whether the head is the embedding; `None` where only the list of tensors tells.
    pub tie_word_embeddings: Option<bool>,
    /// The token before everything, if the model has one. The chat template writes it.
    pub bos_token_id: Option<u32>,
    /// The tokens that end a reply.
    pub eos_token_ids: Vec<u32>,
}

/// How a layer attends.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerConfig {
    /// How many positions a row sees, its own included; `None` for all.
    pub window: Option<usize>,
    /// How queries and keys are turned; `None` where they are not.
    pub rope: Option<Rope>,
}

/// What a file calls the numbers, for errors.
struct Keys {
    hidden_size: String,
    n_layers: String,
    n_heads: String,
    n_kv_heads: String,
    head_dim: String,
    rotary_dim: String,
    ffn_size: String,
    vocab_size: String,
    context_length: String,
    rms_norm_eps: String,
    rope_theta: String,
    local_rope_theta: String,
    window: String,
    embedding_scale: String,
    residual_scale: String,
    attention_scale: String,
    attention_softcap: String,
    logit_scale: String,
    logit_softcap: String,
}

/// What a file says, unchecked.
struct Stated {
    family: &'static Family,
    hidden_size: Option<u64>,
    n_layers: Option<u64>,
    n_heads: Option<u64>,
    n_kv_heads: Option<u64>,
    head_dim: Option<u64>,
    rotary_dim: RotaryDim,
    ffn_size: Option<u64>,
    vocab_size: Option<u64>,
    context_length: Option<u64>,
    rms_norm_eps: Option<f64>,
    norm_offset: f32,
    activation: Activation,
    has_qkv_bias: bool,
    has_output_bias: bool,
    rope_theta: Option<f64>,
    rope_scaling: RopeScaling,
    /// Set where layers with a window turn their queries and keys in a way of their own.
    local_rope_theta: Option<f64>,
    window: Option<u64>,
    windowed: Layers,
    unturned: Layers,
    embedding_scale: Option<f64>,
    residual_scale: Option<f64>,
    attention_scale: Option<f64>,
    attention_softcap: Option<f64>,
    logit_scale: Option<f64>,
    logit_softcap: Option<f64>,
    tie_word_embeddings: Option<bool>,
    bos_token_id: Option<u64>,
    eos_token_ids: Vec<u64>,
}

/// How much of a head is turned.
enum RotaryDim {
    /// All.
    Whole,
    /// So many elements.
    Stated(u64),
    /// This part.
    Fraction(f64),
}

/// Some of the layers.
enum Layers {
    None,
    All,
    /// Every so many.
    Every(u64),
    /// All but every so many.
    AllButEvery(u64),
    /// From this one on.
    From(u64),
    /// Those that are `true`, of which there must be as many as layers.
    Listed(&'static str, Vec<bool>),
}

impl Layers {
    fn contain(&self, index: usize) -> bool {
        let every = |interval: u64| interval > 0 && (index as u64 + 1).is_multiple_of(interval);
        match self {
            Self::None => false,
            Self::All => true,
            Self::Every(interval) => every(*interval),
            Self::AllButEvery(interval) => !every(*interval),
            Self::From(first) => index as u64 >= *first,
            Self::Listed(_, list) => list.get(index).copied().unwrap_or(false),
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
        let number = |key: &str, value: f64, is_possible: fn(f64) -> bool| {
            if value.is_finite() && is_possible(value) {
                Ok(value as f32)
            } else {
                Err(wrong(format!("{key} is {value}")))
            }
        };
        let factor = |key: &str, value: Option<f64>, default: f64| {
            number(key, value.unwrap_or(default), |factor| factor > 0.0 && factor <= 1e9)
        };
        let cap = |key: &str, value: Option<f64>| value.map(|cap| number(key, cap, |cap| cap >= 1e-3)).transpose();

        let hidden_size = dimension(&keys.hidden_size, self.hidden_size)?;
        let n_layers = match self.n_layers {
            Some(layers) if layers > MAX_LAYERS => {
                return Err(wrong(format!("{} is {layers}; 1 to {MAX_LAYERS} is possible", keys.n_layers)));
            }
            layers => dimension(&keys.n_layers, layers)?,
        };
        let n_heads = dimension(&keys.n_heads, self.n_heads)?;
        let n_kv_heads = dimension(&keys.n_kv_heads, self.n_kv_heads.or(self.n_heads))?;
        let head_dim = match self.head_dim {
            None if hidden_size.is_multiple_of(n_heads) => hidden_size / n_heads,
            stated => dimension(&keys.head_dim, stated)?,
        };
        let ffn_size = dimension(&keys.ffn_size, self.ffn_size)?;
        let vocab_size = dimension(&keys.vocab_size, self.vocab_size)?;
        // A context may be longer than any other number; 2^31 tokens will do.
        let context_length = self.context_length.ok_or_else(|| wrong(format!("{} is missing", keys.context_length)))?;
        if !(1..1 << 31).contains(&context_length) {
            return Err(wrong(format!("{} is {context_length}", keys.context_length)));
        }

        if !n_heads.is_multiple_of(n_kv_heads) {
            let message = format!("{} is {n_heads}, not a multiple of {}, {n_kv_heads}", keys.n_heads, keys.n_kv_heads);
            return Err(wrong(message));
        }
        if !head_dim.is_multiple_of(HEAD_STEP) || head_dim > MAX_HEAD_DIM {
            let name = format!("{} of {head_dim}", keys.head_dim);
            return Err(unsupported("size", &name, "heads of a multiple of 8 elements, 256 at most"));
        }
        if n_heads + 2 * n_kv_heads > MAX_WORKGROUPS as usize {
            return Err(wrong(format!(
                "{} is {n_heads}; queries, keys and values may have 65535 in all",
                keys.n_heads
            )));
        }
        let heads_size = (n_heads as u64) * (head_dim as u64);
        if heads_size > MAX_DIMENSION {
            return Err(wrong(format!("{} times {} is {heads_size}", keys.n_heads, keys.head_dim)));
        }
        for (name, value) in [
            (format!("{} of {hidden_size}", keys.hidden_size), hidden_size),
            (format!("{} of {n_heads}, {head_dim} each", keys.n_heads), n_heads * head_dim),
            (format!("{} of {ffn_size}", keys.ffn_size), ffn_size),
        ] {
            if !value.is_multiple_of(BLOCK_LEN) {
                return Err(unsupported("size", &name, "matrices whose rows are multiples of 32 weights"));
            }
        }

        let eps = self.rms_norm_eps.ok_or_else(|| wrong(format!("{} is missing", keys.rms_norm_eps)))?;
        let rms_norm_eps = number(&keys.rms_norm_eps, eps, |eps| eps > 0.0 && eps < 1.0)?;
        let theta = |key: &str, value: f64| number(key, value, |theta| theta > 1.0);
        let rotary_dim = match self.rotary_dim {
            RotaryDim::Whole => head_dim,
            RotaryDim::Stated(dim) => dimension(&keys.rotary_dim, Some(dim))?,
            // Rounded down, as in transformers.
            RotaryDim::Fraction(part) => {
                number(&keys.rotary_dim, part, |part| part > 0.0 && part <= 1.0)?;
                // Rounded down, as in transformers.
                (head_dim as f64 * part) as usize
            }
        };
        if rotary_dim > head_dim || rotary_dim == 0 || !rotary_dim.is_multiple_of(2) {
            let message = format!("{} turns {rotary_dim} of the {head_dim} elements of a head", keys.rotary_dim);
            return Err(wrong(message));
        }
        let rope = Rope {
            theta: theta(&keys.rope_theta, self.rope_theta.unwrap_or(10_000.0))?,
            dim: rotary_dim,
            scaling: self.rope_scaling,
        };
        check_scaling(&rope, file)?;
        let local_rope = match self.local_rope_theta {
            None => rope.clone(),
            Some(local) => {
                Rope { theta: theta(&keys.local_rope_theta, local)?, dim: rotary_dim, scaling: RopeScaling::None }
            }
        };
        let window = match self.window {
            Some(0) => {
                return Err(wrong(format!("{} is 0: null is how a file says that there is none", keys.window)));
            }
            // A window longer than the context is as good as one of its length.
            window => window.map(|window| window.min(context_length) as usize),
        };
        for layers in [&self.windowed, &self.unturned] {
            if let Layers::Listed(key, list) = layers
                && list.len() != n_layers
            {
                return Err(wrong(format!("{key} has {} entries for {n_layers} layers", list.len())));
            }
        }
        let layer = |index| {
            let is_windowed = self.windowed.contain(index);
            LayerConfig {
                window: window.filter(|_| is_windowed),
                rope: (!self.unturned.contain(index))
                    .then(|| if is_windowed { local_rope.clone() } else { rope.clone() }),
            }
        };

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
            family: self.family,
            hidden_size,
            n_heads,
            n_kv_heads,
            head_dim,
            ffn_size,
            vocab_size,
            context_length: context_length as usize,
            layers: (0..n_layers).map(layer).collect(),
            rms_norm_eps,
            norm_offset: self.norm_offset,
            activation: self.activation,
            has_qkv_bias: self.has_qkv_bias,
            has_output_bias: self.has_output_bias,
            embedding_scale: factor(&keys.embedding_scale, self.embedding_scale, 1.0)?,
            residual_scale: factor(&keys.residual_scale, self.residual_scale, 1.0)?,
            attention_scale: factor(&keys.attention_scale, self.attention_scale, (head_dim as f64).powf(-0.5))?,
            attention_softcap: cap(&keys.attention_softcap, self.attention_softcap)?,
            logit_scale: factor(&keys.logit_scale, self.logit_scale, 1.0)?,
            logit_softcap: cap(&keys.logit_softcap, self.logit_softcap)?,
            tie_word_embeddings: self.tie_word_embeddings,
            bos_token_id: self.bos_token_id.map(|id| token("the begin token", id)).transpose()?,
            eos_token_ids,
        })
    }
}

/// Refuses numbers of a scaling that would not give angles.
fn check_scaling(rope: &Rope, file: &str) -> Result<()> {
    let is_factor = |factor: &f32| factor.is_finite() && *factor > 0.0;
    let check = |is_right: bool, what: &str| {
        let message = || format!("the rope scaling's {what}");
        if is_right { Ok(()) } else { Err(Error::invalid_file(file, message())) }
    };
    match &rope.scaling {
        RopeScaling::None => Ok(()),
        RopeScaling::Linear { factor } => check(is_factor(factor), "factor must be a positive number"),
        RopeScaling::Factors(factors) => {
            if factors.len() == rope.dim / 2 && factors.iter().all(is_factor) {
                return Ok(());
            }
            let message = format!("it must be {} positive numbers, one for each pair that is turned", rope.dim / 2);
            Err(Error::invalid_tensor("rope_freqs.weight", message))
        }
        RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context_length } => check(
            *factor >= 1.0
                && is_factor(factor)
                && is_factor(low_freq_factor)
                && high_freq_factor.is_finite()
                && high_freq_factor > low_freq_factor
                && *original_context_length > 0,
            "factor must be at least 1, low_freq_factor positive and below high_freq_factor, and \
             original_max_position_embeddings positive",
        ),
        RopeScaling::Yarn { factor, beta_fast, beta_slow, original_context_length, attention_factor, .. } => check(
            [factor, beta_fast, beta_slow, attention_factor].into_iter().all(is_factor)
                && beta_fast > beta_slow
                && *original_context_length > 0,
            "factor, beta_slow below beta_fast, attention factor and original context must be positive numbers",
        ),
        RopeScaling::LongRope { short, long, original_context_length, attention_factor } => {
            for (name, factors) in [("short", short), ("long", long)] {
                check(
                    factors.len() == rope.dim / 2 && factors.iter().all(is_factor),
                    &format!("{name} factors must be {} positive numbers", rope.dim / 2),
                )?;
            }
            check(
                is_factor(attention_factor) && *original_context_length > 0,
                "attention factor and original context must be positive numbers",
            )
        }
    }
}

/// LongRoPE's factor on queries and keys for a context `stretch` times the original one.
fn longrope_attention_factor(stretch: f64, original_context_length: f64) -> f64 {
    if stretch <= 1.0 { 1.0 } else { (1.0 + stretch.ln() / original_context_length.ln()).sqrt() }
}

/// YaRN's factor on queries and keys.
fn yarn_attention_factor(factor: f64) -> f64 {
    if factor <= 1.0 { 1.0 } else { 0.1 * factor.ln() + 1.0 }
}

fn unsupported(what: &'static str, name: &str, supported: &'static str) -> Error {
    Error::Unsupported { what, name: name.to_owned(), supported }
}
