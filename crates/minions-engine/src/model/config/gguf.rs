//! A configuration from GGUF metadata, and from what the file's tensors tell.

use super::family::{AttentionBias, Family, NAMES, Windows};
use super::{Keys, Layers, ModelConfig, RopeScaling, RotaryDim, Stated, unsupported};
use super::{longrope_attention_factor, yarn_attention_factor};
use crate::error::{Error, Result};
use crate::weights::Metadata;

/// What no metadata says and the list of tensors does.
#[derive(Clone, Debug, Default)]
pub struct GgufTensors {
    /// Rows of the embedding.
    pub vocab_size: u64,
    /// Whether there is a head of its own.
    pub has_head: bool,
    /// Whether there are biases of queries, keys and values.
    pub has_qkv_bias: bool,
    /// Whether there are biases of attention's output.
    pub has_output_bias: bool,
    /// `rope_freqs.weight`
    pub rope_freqs: Option<Vec<f32>>,
    /// `rope_factors_short.weight` and `rope_factors_long.weight`
    pub rope_factors: Option<(Vec<f32>, Vec<f32>)>,
}

/// The one size of Gemma 2 and of Gemma 3, by its layers, whose scores are scaled by the heads' share of the hidden size.
const GEMMA_27B_LAYERS: [u64; 2] = [46, 62];

impl ModelConfig {
    /// From a GGUF file's metadata and what its tensors tell.
    pub fn from_gguf(metadata: &Metadata, tensors: GgufTensors) -> Result<Self> {
        let architecture = metadata.str("general.architecture")?.unwrap_or("(none)");
        let family =
            Family::of_architecture(architecture).ok_or_else(|| unsupported("architecture", architecture, NAMES))?;
        let keys = keys(architecture);
        let key = |name: &str| format!("{architecture}.{name}");
        if let Some(experts @ 1..) = metadata.uint(&key("expert_count"))? {
            return Err(unsupported("expert_count", &experts.to_string(), "0"));
        }
        let mut eos_token_ids = Vec::new();
        for name in ["eos_token_id", "eot_token_id", "eom_token_id"] {
            eos_token_ids.extend(metadata.uint(&format!("tokenizer.ggml.{name}"))?);
        }
        let hidden_size = metadata.uint(&keys.hidden_size)?;
        let n_layers = metadata.uint(&keys.n_layers)?;
        let n_heads = metadata.uint(&keys.n_heads)?;
        let head_dim = metadata.uint(&keys.head_dim)?;
        let context_length = metadata.uint(&keys.context_length)?;
        // 0 is how Phi-4's converter says that there is none.
        let window = metadata.uint(&keys.window)?.filter(|window| *window > 0);
        let windowed = match (window, family.windows) {
            (None, _) => Layers::None,
            (Some(_), Windows::AllButEvery(interval)) => {
                Layers::AllButEvery(metadata.uint(&key("attention.sliding_window_pattern"))?.unwrap_or(interval))
            }
            // Mistral's files call themselves llama.
            (Some(_), Windows::All | Windows::None) => Layers::All,
            (Some(window), Windows::Stated) => {
                return Err(unsupported(
                    "attention.sliding_window",
                    &window.to_string(),
                    "none in this family's GGUF files",
                ));
            }
        };
        let scores_by_share =
            family.scales_embeddings && n_layers.is_some_and(|layers| GEMMA_27B_LAYERS.contains(&layers));
        let attention_scale = match (metadata.float(&keys.attention_scale)?, hidden_size, n_heads) {
            (Some(scale), ..) => Some(scale),
            (None, Some(hidden_size), Some(n_heads @ 1..)) if scores_by_share => {
                Some(((hidden_size / n_heads) as f64).powf(-0.5))
            }
            _ => None,
        };
        let embedding_scale = match metadata.float(&keys.embedding_scale)? {
            None if family.scales_embeddings => hidden_size.map(|size| (size as f64).sqrt()),
            stated => stated,
        };
        let [attention_softcap, logit_softcap] = family.default_softcaps;
        // A cap of 0 is none, as for llama.cpp.
        let cap = |key: &str| Ok::<_, Error>(metadata.float(key)?.filter(|cap| *cap != 0.0));
        let rotary_dim = metadata.uint(&keys.rotary_dim)?;
        let vocab_size = tensors.vocab_size;
        let stated = Stated {
            family,
            hidden_size,
            n_layers,
            n_heads,
            n_kv_heads: metadata.uint(&keys.n_kv_heads)?,
            head_dim,
            rotary_dim: rotary_dim.map_or(RotaryDim::Whole, RotaryDim::Stated),
            ffn_size: metadata.uint(&keys.ffn_size)?,
            vocab_size: Some(vocab_size),
            context_length,
            rms_norm_eps: metadata.float(&keys.rms_norm_eps)?,
            // The converter has added it.
            norm_offset: 0.0,
            activation: family.activation,
            has_qkv_bias: match family.attention_bias {
                AttentionBias::Never => false,
                AttentionBias::Qkv => true,
                AttentionBias::Stated => tensors.has_qkv_bias,
            },
            has_output_bias: family.attention_bias == AttentionBias::Stated && tensors.has_output_bias,
            rope_theta: metadata.float(&keys.rope_theta)?,
            rope_scaling: rope_scaling(metadata, architecture, context_length, &tensors)?,
            local_rope_theta: metadata.float(&keys.local_rope_theta)?.or(family.local_rope_theta),
            window,
            windowed,
            unturned: family.nope_interval.map_or(Layers::None, Layers::Every),
            embedding_scale,
            residual_scale: metadata.float(&keys.residual_scale)?,
            attention_scale,
            attention_softcap: cap(&keys.attention_softcap)?.or(attention_softcap),
            logit_scale: metadata.float(&keys.logit_scale)?.map(|divisor| 1.0 / divisor),
            logit_softcap: cap(&keys.logit_softcap)?.or(logit_softcap),
            tie_word_embeddings: Some(!tensors.has_head),
            bos_token_id: metadata.uint("tokenizer.ggml.bos_token_id")?,
            eos_token_ids,
        };
        let config = stated.check(metadata.file(), &keys)?;
        let mut expected =
            vec![(key("attention.value_length"), config.head_dim as u64), (key("vocab_size"), vocab_size)];
        if family.gguf_permutes_qk {
            // Alternating halves and a part of a head that is turned do not go together.
            expected.push((keys.rotary_dim, config.head_dim as u64));
        }
        for (key, expected) in expected {
            if metadata.uint(&key)?.is_some_and(|stated| stated != expected) {
                let message = format!("{key} differs from what its tensors and head size say, {expected}");
                return Err(Error::invalid_file(metadata.file(), message));
            }
        }
        Ok(config)
    }
}

/// How the file says that frequencies are stretched: by name, or by a tensor of factors.
fn rope_scaling(
    metadata: &Metadata,
    architecture: &str,
    context_length: Option<u64>,
    tensors: &GgufTensors,
) -> Result<RopeScaling> {
    let key = |name: &str| format!("{architecture}.rope.scaling.{name}");
    let number = |name: &str| metadata.float(&key(name));
    let needed = |name: &str| {
        let missing = || Error::invalid_file(metadata.file(), format!("{} is missing", key(name)));
        number(name)?.ok_or_else(missing)
    };
    let original = metadata.uint(&key("original_context_length"))?.or(context_length).unwrap_or(0);
    let kind = metadata.str(&key("type"))?.unwrap_or("none");
    if let (Some((short, long)), "none" | "longrope") = (&tensors.rope_factors, kind) {
        let stretch = context_length.unwrap_or(0) as f64 / original as f64;
        let attention_factor = number("attn_factor")?.unwrap_or(longrope_attention_factor(stretch, original as f64));
        return Ok(RopeScaling::LongRope {
            short: short.clone(),
            long: long.clone(),
            original_context_length: original as usize,
            attention_factor: attention_factor as f32,
        });
    }
    match (kind, &tensors.rope_freqs) {
        ("none", None) => Ok(RopeScaling::None),
        ("none", Some(factors)) => Ok(RopeScaling::Factors(factors.clone())),
        ("linear", None) => Ok(RopeScaling::Linear { factor: needed("factor")? as f32 }),
        ("yarn", None) => {
            let factor = needed("factor")?;
            if let Some(other) = number("yarn_ext_factor")?.filter(|part| *part != 1.0 && *part != -1.0) {
                return Err(unsupported("rope.scaling.yarn_ext_factor", &other.to_string(), "1"));
            }
            // The converter writes transformers' factor, which is all there is.
            let attention_factor = number("yarn_attn_factor")?.unwrap_or(yarn_attention_factor(factor));
            Ok(RopeScaling::Yarn {
                factor: factor as f32,
                beta_fast: number("yarn_beta_fast")?.unwrap_or(32.0) as f32,
                beta_slow: number("yarn_beta_slow")?.unwrap_or(1.0) as f32,
                is_truncated: true,
                original_context_length: original as usize,
                attention_factor: attention_factor as f32,
            })
        }
        ("longrope", _) => Err(Error::invalid_tensor("rope_factors_long.weight", "rope scaling longrope needs it")),
        (other, factors) => {
            let name = if factors.is_some() { format!("{other} with rope_freqs.weight") } else { other.to_owned() };
            Err(unsupported("rope scaling", &name, "none, linear, yarn, longrope; or none with rope_freqs.weight"))
        }
    }
}

fn keys(architecture: &str) -> Keys {
    let key = |name: &str| format!("{architecture}.{name}");
    Keys {
        hidden_size: key("embedding_length"),
        n_layers: key("block_count"),
        n_heads: key("attention.head_count"),
        n_kv_heads: key("attention.head_count_kv"),
        head_dim: key("attention.key_length"),
        rotary_dim: key("rope.dimension_count"),
        ffn_size: key("feed_forward_length"),
        vocab_size: key("vocab_size"),
        context_length: key("context_length"),
        rms_norm_eps: key("attention.layer_norm_rms_epsilon"),
        rope_theta: key("rope.freq_base"),
        local_rope_theta: key("rope.freq_base_swa"),
        window: key("attention.sliding_window"),
        embedding_scale: key("embedding_scale"),
        residual_scale: key("residual_scale"),
        attention_scale: key("attention.scale"),
        attention_softcap: key("attn_logit_softcapping"),
        logit_scale: key("logit_scale"),
        logit_softcap: key("final_logit_softcapping"),
    }
}
