//! A configuration from a Hugging Face `config.json`.

use minions_shaders::Activation;
use serde::de::{Deserialize, Deserializer};
use serde_json::Value;

use super::family::{AttentionBias, Family, NAMES, Windows};
use super::{Keys, Layers, ModelConfig, RopeScaling, RotaryDim, Stated, unsupported};
use super::{longrope_attention_factor, yarn_attention_factor};
use crate::error::{Error, Result};

const FILE: &str = "config.json";

/// Of the families that name layers with a window, those up to this one have none if a file does not say (transformers).
const DEFAULT_MAX_WINDOW_LAYERS: u64 = 28;

impl ModelConfig {
    /// From the bytes of `config.json`, and of `generation_config.json` if there is one.
    pub fn from_hugging_face(config: &[u8], generation_config: Option<&[u8]>) -> Result<Self> {
        let read: Config = parse(FILE, config)?;
        let model_type = read.model_type.as_deref().unwrap_or("(none)");
        let family = Family::of_model_type(model_type).ok_or_else(|| unsupported("architecture", model_type, NAMES))?;
        read.refuse(family)?;
        let generation: GenerationConfig = match generation_config {
            Some(bytes) => parse("generation_config.json", bytes)?,
            None => GenerationConfig::default(),
        };
        let mut eos_token_ids = read.eos_token_id.to_vec();
        eos_token_ids.extend(generation.eos_token_id.to_vec());
        let [rope, local_rope] = read.ropes()?;
        let has_stated_bias = family.attention_bias == AttentionBias::Stated && read.attention_bias == Some(true);
        let (windowed, unturned) = read.layers(family)?;
        let [attention_softcap, logit_softcap] = family.default_softcaps;
        let head_dim = read.head_dim;
        let stated = Stated {
            family,
            hidden_size: read.hidden_size,
            n_layers: read.num_hidden_layers,
            n_heads: read.num_attention_heads,
            n_kv_heads: read.num_key_value_heads,
            head_dim,
            rotary_dim: match rope.partial_rotary_factor.or(read.partial_rotary_factor) {
                None => RotaryDim::Whole,
                Some(part) => RotaryDim::Fraction(part),
            },
            ffn_size: read.intermediate_size,
            vocab_size: read.vocab_size,
            context_length: read.max_position_embeddings,
            rms_norm_eps: read.rms_norm_eps,
            norm_offset: if family.norms_add_one { 1.0 } else { 0.0 },
            activation: read.activation(family)?,
            has_qkv_bias: has_stated_bias || family.attention_bias == AttentionBias::Qkv,
            has_output_bias: has_stated_bias,
            rope_theta: rope.rope_theta.or(read.rope_theta),
            rope_scaling: read.rope_scaling(&rope, family)?,
            local_rope_theta: match family.local_rope_theta {
                None => None,
                default => local_rope.rope_theta.or(read.rope_local_base_freq).or(default),
            },
            window: read.window(family),
            windowed,
            unturned,
            // In f32. In a lower precision transformers rounds this root to that precision first.
            embedding_scale: match (family.scales_embeddings, read.hidden_size) {
                (true, Some(size)) => Some((size as f64).sqrt()),
                _ => read.embedding_multiplier,
            },
            residual_scale: read.residual_multiplier,
            attention_scale: match read.query_pre_attn_scalar {
                Some(scalar) if family.scales_embeddings => Some(scalar.powf(-0.5)),
                _ => read.attention_multiplier,
            },
            attention_softcap: read.attn_logit_softcapping.unwrap_or(attention_softcap),
            logit_scale: read.logits_scaling.map(|divisor| 1.0 / divisor),
            logit_softcap: read.final_logit_softcapping.unwrap_or(logit_softcap),
            tie_word_embeddings: read.tie_word_embeddings.or(family.ties_embeddings.then_some(true)),
            bos_token_id: read.bos_token_id,
            eos_token_ids,
        };
        stated.check(FILE, &keys())
    }
}

fn parse<T: serde::de::DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::invalid_file(file, format!("it does not parse: {error}")))
}

/// `config.json`, the part that matters. Unknown keys are many and harmless.
#[derive(serde::Deserialize)]
struct Config {
    model_type: Option<String>,
    hidden_size: Option<u64>,
    num_hidden_layers: Option<u64>,
    num_attention_heads: Option<u64>,
    num_key_value_heads: Option<u64>,
    head_dim: Option<u64>,
    intermediate_size: Option<u64>,
    vocab_size: Option<u64>,
    max_position_embeddings: Option<u64>,
    original_max_position_embeddings: Option<u64>,
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
    rope_local_base_freq: Option<f64>,
    partial_rotary_factor: Option<f64>,
    rope_scaling: Option<Value>,
    rope_parameters: Option<Value>,
    hidden_act: Option<String>,
    hidden_activation: Option<String>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    tie_word_embeddings: Option<bool>,
    #[serde(default, deserialize_with = "mentioned")]
    sliding_window: Option<Option<u64>>,
    use_sliding_window: Option<bool>,
    max_window_layers: Option<u64>,
    sliding_window_pattern: Option<u64>,
    layer_types: Option<Vec<String>>,
    no_rope_layers: Option<Vec<u64>>,
    no_rope_layer_interval: Option<u64>,
    use_bidirectional_attention: Option<bool>,
    query_pre_attn_scalar: Option<f64>,
    #[serde(default, deserialize_with = "mentioned")]
    attn_logit_softcapping: Option<Option<f64>>,
    #[serde(default, deserialize_with = "mentioned")]
    final_logit_softcapping: Option<Option<f64>>,
    embedding_multiplier: Option<f64>,
    residual_multiplier: Option<f64>,
    attention_multiplier: Option<f64>,
    logits_scaling: Option<f64>,
    bos_token_id: Option<u64>,
    #[serde(default)]
    eos_token_id: TokenIds,
}

/// Tells `null` from a key that is not there: the latter stands for the family's own default.
fn mentioned<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    value: D,
) -> std::result::Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl Config {
    /// Names what this engine would have to leave out.
    fn refuse(&self, family: &Family) -> Result<()> {
        let has_bias = self.attention_bias == Some(true);
        if has_bias && family.attention_bias == AttentionBias::Never {
            return Err(unsupported("attention_bias", &format!("true of {}", family.name), "false"));
        }
        for (key, is_set) in
            [("mlp_bias", self.mlp_bias), ("use_bidirectional_attention", self.use_bidirectional_attention)]
        {
            if is_set == Some(true) {
                return Err(unsupported(key, "true", "false"));
            }
        }
        Ok(())
    }

    fn activation(&self, family: &Family) -> Result<Activation> {
        // Gemma's files name both, and the first of them counts.
        let stated = self.hidden_activation.as_deref().filter(|_| family.scales_embeddings);
        match stated.or(self.hidden_act.as_deref()) {
            None => Ok(family.activation),
            Some("silu" | "swish") => Ok(Activation::Silu),
            Some("gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
            Some(other) => Err(unsupported("hidden_act", other, "silu, gelu_pytorch_tanh")),
        }
    }

    fn window(&self, family: &Family) -> Option<u64> {
        match family.windows {
            Windows::None => None,
            Windows::Stated if self.use_sliding_window != Some(true) => None,
            _ => self.sliding_window.unwrap_or(family.default_window),
        }
    }

    /// Which layers have a window, and which turn nothing.
    fn layers(&self, family: &Family) -> Result<(Layers, Layers)> {
        let unturned = match (family.nope_interval, &self.no_rope_layers) {
            (None, _) => Layers::None,
            // The list says which turn.
            (_, Some(list)) => Layers::Listed("no_rope_layers", list.iter().map(|turns| *turns == 0).collect()),
            (default, None) => self.no_rope_layer_interval.or(default).map_or(Layers::None, Layers::Every),
        };
        let windowed = match (family.windows, &self.layer_types) {
            (Windows::None, _) => Layers::None,
            (Windows::All, _) => Layers::All,
            (_, Some(types)) => {
                let is_windowed = |name: &String| match name.as_str() {
                    "full_attention" => Ok(false),
                    "sliding_attention" => Ok(true),
                    other => Err(unsupported("layer type", other, "full_attention, sliding_attention")),
                };
                Layers::Listed("layer_types", types.iter().map(is_windowed).collect::<Result<_>>()?)
            }
            (Windows::AllButEvery(interval), None) => {
                Layers::AllButEvery(self.sliding_window_pattern.unwrap_or(interval))
            }
            (Windows::Stated, None) => match &unturned {
                // SmolLM3 gives its window to the layers that turn nothing.
                Layers::Every(interval) => Layers::Every(*interval),
                Layers::Listed(key, list) => Layers::Listed(key, list.clone()),
                _ => Layers::From(self.max_window_layers.unwrap_or(DEFAULT_MAX_WINDOW_LAYERS)),
            },
        };
        Ok((windowed, unturned))
    }

    /// What is said about turning in layers without a window, or in all, and in those with one.
    fn ropes(&self) -> Result<[RopeParameters; 2]> {
        // Newer files keep everything about rope in `rope_parameters`, some of them by type of layer.
        let stated = self.rope_parameters.as_ref().or(self.rope_scaling.as_ref()).unwrap_or(&Value::Null);
        let by_type = |name: &str| stated.get(name).filter(|value| value.is_object());
        let read = |value: &Value| {
            let parameters = Option::<RopeParameters>::deserialize(value);
            let invalid = |error| Error::invalid_file(FILE, format!("its rope parameters do not parse: {error}"));
            Ok(parameters.map_err(invalid)?.unwrap_or_default())
        };
        let (full, sliding) = (by_type("full_attention"), by_type("sliding_attention"));
        if full.is_none() && sliding.is_none() {
            return Ok([read(stated)?, RopeParameters::default()]);
        }
        let local = read(sliding.unwrap_or(&Value::Null))?;
        if let Some(other) = local.kind().filter(|kind| *kind != "default") {
            return Err(unsupported("rope scaling of layers with a window", other, "default"));
        }
        Ok([read(full.unwrap_or(&Value::Null))?, local])
    }

    fn rope_scaling(&self, rope: &RopeParameters, family: &Family) -> Result<RopeScaling> {
        let needed = |key: &str, value: Option<f64>| {
            value.ok_or_else(|| Error::invalid_file(FILE, format!("the rope scaling needs {key}")))
        };
        let context = self.max_position_embeddings;
        let original = self.original_max_position_embeddings.or(rope.original_max_position_embeddings).or(context);
        let original = original.unwrap_or(0);
        let stretch = rope.factor.unwrap_or(context.unwrap_or(0) as f64 / original as f64);
        let kind = match rope.kind() {
            // What the first Phi-3 called LongRoPE.
            Some("su" | "yarn") if family.has_fused_projections => "longrope",
            kind => kind.unwrap_or("default"),
        };
        if rope.partial_rotary_factor.or(self.partial_rotary_factor).is_some_and(|part| part != 1.0)
            && !family.has_fused_projections
        {
            return Err(unsupported("partial_rotary_factor", family.name, "phi3, or 1"));
        }
        match kind {
            "default" => Ok(RopeScaling::None),
            "linear" => Ok(RopeScaling::Linear { factor: needed("factor", rope.factor)? as f32 }),
            "llama3" => Ok(RopeScaling::Llama3 {
                factor: needed("factor", rope.factor)? as f32,
                low_freq_factor: needed("low_freq_factor", rope.low_freq_factor)? as f32,
                high_freq_factor: needed("high_freq_factor", rope.high_freq_factor)? as f32,
                original_context_length: original as usize,
            }),
            "yarn" => {
                let attention_factor = match (rope.attention_factor, rope.mscale, rope.mscale_all_dim) {
                    (Some(factor), ..) => factor,
                    (None, Some(mscale), Some(all)) if mscale != 0.0 && all != 0.0 && stretch > 1.0 => {
                        (0.1 * mscale * stretch.ln() + 1.0) / (0.1 * all * stretch.ln() + 1.0)
                    }
                    _ => yarn_attention_factor(stretch),
                };
                Ok(RopeScaling::Yarn {
                    factor: stretch as f32,
                    beta_fast: rope.beta_fast.unwrap_or(32.0) as f32,
                    beta_slow: rope.beta_slow.unwrap_or(1.0) as f32,
                    is_truncated: rope.truncate.unwrap_or(true),
                    original_context_length: original as usize,
                    attention_factor: attention_factor as f32,
                })
            }
            "longrope" => {
                let attention_factor =
                    rope.attention_factor.unwrap_or(longrope_attention_factor(stretch, original as f64));
                Ok(RopeScaling::LongRope {
                    short: rope.short_factor.clone().unwrap_or_default(),
                    long: rope.long_factor.clone().unwrap_or_default(),
                    original_context_length: original as usize,
                    attention_factor: attention_factor as f32,
                })
            }
            other => Err(unsupported("rope scaling", other, "default, linear, llama3, yarn, longrope")),
        }
    }
}

#[derive(Default, serde::Deserialize)]
struct GenerationConfig {
    #[serde(default)]
    eos_token_id: TokenIds,
}

/// One id, several, or null.
#[derive(Default, serde::Deserialize)]
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

#[derive(Default, serde::Deserialize)]
struct RopeParameters {
    rope_type: Option<String>,
    /// What older files call `rope_type`.
    #[serde(rename = "type")]
    old_type: Option<String>,
    rope_theta: Option<f64>,
    partial_rotary_factor: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    beta_fast: Option<f64>,
    beta_slow: Option<f64>,
    mscale: Option<f64>,
    mscale_all_dim: Option<f64>,
    truncate: Option<bool>,
    attention_factor: Option<f64>,
    short_factor: Option<Vec<f32>>,
    long_factor: Option<Vec<f32>>,
    original_max_position_embeddings: Option<u64>,
}

impl RopeParameters {
    fn kind(&self) -> Option<&str> {
        self.rope_type.as_deref().or(self.old_type.as_deref())
    }
}

fn keys() -> Keys {
    Keys {
        hidden_size: "hidden_size".to_owned(),
        n_layers: "num_hidden_layers".to_owned(),
        n_heads: "num_attention_heads".to_owned(),
        n_kv_heads: "num_key_value_heads".to_owned(),
        head_dim: "head_dim".to_owned(),
        rotary_dim: "partial_rotary_factor".to_owned(),
        ffn_size: "intermediate_size".to_owned(),
        vocab_size: "vocab_size".to_owned(),
        context_length: "max_position_embeddings".to_owned(),
        rms_norm_eps: "rms_norm_eps".to_owned(),
        rope_theta: "rope_theta".to_owned(),
        local_rope_theta: "rope_local_base_freq".to_owned(),
        window: "sliding_window".to_owned(),
        embedding_scale: "embedding_multiplier".to_owned(),
        residual_scale: "residual_multiplier".to_owned(),
        attention_scale: "attention_multiplier or query_pre_attn_scalar".to_owned(),
        attention_softcap: "attn_logit_softcapping".to_owned(),
        logit_scale: "logits_scaling".to_owned(),
        logit_softcap: "final_logit_softcapping".to_owned(),
    }
}
