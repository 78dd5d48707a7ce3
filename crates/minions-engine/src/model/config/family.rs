//! The families: what their members have in common and no file says.

use minions_shaders::Activation;

use crate::error::Error;

/// What the members of a family have in common.
#[derive(Debug, PartialEq)]
pub struct Family {
    /// Its name: `model_type` of a Hugging Face `config.json`.
    pub name: &'static str,
    /// `general.architecture` of its GGUF files.
    pub gguf: &'static str,
    /// Which projections of attention have a bias.
    pub attention_bias: AttentionBias,
    /// Queries and keys are normalised head by head before they are turned.
    pub has_qk_norm: bool,
    /// What attention and feed-forward network add is normalised before it is added.
    pub has_post_norms: bool,
    /// q, k, v are one matrix in its files, and so are gate and up.
    pub has_fused_projections: bool,
    /// Its GGUF files alternate between the halves of each head of q and k.
    pub gguf_permutes_qk: bool,
    /// Its Hugging Face files hold the norms' weights less 1.
    pub norms_add_one: bool,
    /// Embeddings are multiplied by the root of the hidden size.
    pub scales_embeddings: bool,
    /// Which layers a sliding window is for.
    pub windows: Windows,
    /// The window where a Hugging Face file does not mention one.
    pub default_window: Option<u64>,
    /// Base of the frequencies in layers with a window, if they have one of their own and a file does not say.
    pub local_rope_theta: Option<f64>,
    /// Every how many layers one turns nothing, if its file does not say.
    pub nope_interval: Option<u64>,
    /// Whether the head is the embedding where a Hugging Face file does not say.
    pub ties_embeddings: bool,
    /// What the gate of the feed-forward network does where a file does not say.
    pub activation: Activation,
    /// Caps on the attention scores and on the logits, where a file does not mention them.
    pub default_softcaps: [Option<f64>; 2],
}

/// Which projections have a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionBias {
    /// None.
    Never,
    /// q, k and v.
    Qkv,
    /// All four, or as the file says.
    Stated,
}

/// Which layers a sliding window is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Windows {
    /// None.
    None,
    /// All.
    All,
    /// All but every so many.
    AllButEvery(u64),
    /// Those that a Hugging Face file names, if it says that there are any; GGUF files of the family know none.
    Stated,
}

const LLAMA: Family = Family {
    name: "llama",
    gguf: "llama",
    attention_bias: AttentionBias::Stated,
    has_qk_norm: false,
    has_post_norms: false,
    has_fused_projections: false,
    gguf_permutes_qk: true,
    norms_add_one: false,
    scales_embeddings: false,
    windows: Windows::None,
    default_window: None,
    local_rope_theta: None,
    nope_interval: None,
    ties_embeddings: false,
    activation: Activation::Silu,
    default_softcaps: [None, None],
};

const GEMMA: Family = Family {
    gguf_permutes_qk: false,
    norms_add_one: true,
    scales_embeddings: true,
    has_post_norms: true,
    default_window: Some(4096),
    ties_embeddings: true,
    activation: Activation::GeluTanh,
    ..LLAMA
};

/// All families that this engine runs.
pub static FAMILIES: [Family; 9] = [
    LLAMA,
    // Mistral's GGUF files call themselves llama.
    Family {
        name: "mistral",
        attention_bias: AttentionBias::Never,
        windows: Windows::All,
        default_window: Some(4096),
        ..LLAMA
    },
    Family {
        name: "qwen2",
        gguf: "qwen2",
        attention_bias: AttentionBias::Qkv,
        gguf_permutes_qk: false,
        windows: Windows::Stated,
        ..LLAMA
    },
    Family {
        name: "qwen3",
        gguf: "qwen3",
        has_qk_norm: true,
        gguf_permutes_qk: false,
        windows: Windows::Stated,
        ..LLAMA
    },
    Family {
        name: "smollm3",
        gguf: "smollm3",
        windows: Windows::Stated,
        nope_interval: Some(4),
        ties_embeddings: true,
        ..LLAMA
    },
    Family {
        name: "gemma2",
        gguf: "gemma2",
        windows: Windows::AllButEvery(2),
        default_softcaps: [Some(50.0), Some(30.0)],
        ..GEMMA
    },
    Family {
        name: "gemma3_text",
        gguf: "gemma3",
        has_qk_norm: true,
        windows: Windows::AllButEvery(6),
        local_rope_theta: Some(10_000.0),
        ..GEMMA
    },
    Family {
        name: "phi3",
        gguf: "phi3",
        attention_bias: AttentionBias::Never,
        has_fused_projections: true,
        gguf_permutes_qk: false,
        windows: Windows::All,
        ..LLAMA
    },
    Family { name: "granite", gguf: "granite", ..LLAMA },
];

/// For errors: what [`FAMILIES`] are called.
pub const NAMES: &str = "llama, mistral, qwen2, qwen3, smollm3, gemma2, gemma3_text (gemma3 in GGUF), phi3, granite";

impl Family {
    /// The family of this `model_type`.
    pub fn of_model_type(name: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.name == name)
    }

    /// For a tensor that none of its members has.
    pub fn unknown_tensor(&self, name: String) -> Error {
        let message = format!("it is not part of a {} model; this engine would ignore it", self.name);
        Error::invalid_tensor(name, message)
    }

    /// The family of this `general.architecture`.
    pub fn of_architecture(name: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.gguf == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_found_and_named() {
        for family in &FAMILIES {
            assert_eq!(Family::of_model_type(family.name), Some(family));
            assert!(Family::of_architecture(family.gguf).is_some());
            assert!(NAMES.split([',', ' ', '(']).any(|name| name == family.name), "{}", family.name);
        }
        assert_eq!(Family::of_architecture("llama").map(|family| family.name), Some("llama"), "not mistral");
        assert_eq!(Family::of_model_type("gpt2"), None);
    }
}
