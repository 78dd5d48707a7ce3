//! The tensors of a model: one table of both namings, with shapes.

use super::tensor::RowPermutation;
use crate::model::ModelConfig;

/// A tensor that a model must have.
#[derive(Debug, PartialEq, Eq)]
pub struct NeededTensor {
    /// Its Hugging Face name, which is what this engine calls it.
    pub name: String,
    /// Its name in a GGUF file.
    pub gguf_name: String,
    /// `[n]` or `[rows, columns]`.
    pub shape: Vec<usize>,
    /// How a GGUF file orders its rows, or the elements of a vector.
    pub gguf_permutation: Option<RowPermutation>,
}

/// A tensor of every layer.
struct LayerPart {
    name: &'static str,
    gguf_name: &'static str,
    shape: Vec<usize>,
}

/// Everything a model of this configuration needs, in the order of a forward pass.
pub fn needed_tensors(config: &ModelConfig) -> Vec<NeededTensor> {
    let (hidden, vocab) = (config.hidden_size, config.vocab_size);
    let parts = layer_parts(config);
    let mut needed = vec![tensor("model.embed_tokens.weight", "token_embd.weight", vec![vocab, hidden])];
    for index in 0..config.layers.len() {
        for LayerPart { name, gguf_name, shape } in &parts {
            let mut tensor =
                tensor(&format!("model.layers.{index}.{name}"), &format!("blk.{index}.{gguf_name}"), shape.clone());
            let is_turned = gguf_name.starts_with("attn_q.") || gguf_name.starts_with("attn_k.");
            if is_turned && config.family.gguf_permutes_qk {
                tensor.gguf_permutation = Some(RowPermutation { head_dim: config.head_dim });
            }
            needed.push(tensor);
        }
    }
    needed.push(tensor("model.norm.weight", "output_norm.weight", vec![hidden]));
    if config.tie_word_embeddings != Some(true) {
        needed.push(tensor("lm_head.weight", "output.weight", vec![vocab, hidden]));
    }
    needed
}

fn layer_parts(config: &ModelConfig) -> Vec<LayerPart> {
    let (hidden, ffn, head_dim) = (config.hidden_size, config.ffn_size, config.head_dim);
    let (q_rows, kv_rows) = (config.n_heads * head_dim, config.n_kv_heads * head_dim);
    let mut parts = Vec::new();
    let mut add = |name, gguf_name, shape: &[usize]| parts.push(LayerPart { name, gguf_name, shape: shape.to_vec() });
    add("input_layernorm.weight", "attn_norm.weight", &[hidden]);
    if config.family.has_fused_projections {
        add("self_attn.qkv_proj.weight", "attn_qkv.weight", &[q_rows + 2 * kv_rows, hidden]);
    } else {
        add("self_attn.q_proj.weight", "attn_q.weight", &[q_rows, hidden]);
        add("self_attn.k_proj.weight", "attn_k.weight", &[kv_rows, hidden]);
        add("self_attn.v_proj.weight", "attn_v.weight", &[kv_rows, hidden]);
    }
    if config.has_qkv_bias {
        add("self_attn.q_proj.bias", "attn_q.bias", &[q_rows]);
        add("self_attn.k_proj.bias", "attn_k.bias", &[kv_rows]);
        add("self_attn.v_proj.bias", "attn_v.bias", &[kv_rows]);
    }
    if config.family.has_qk_norm {
        add("self_attn.q_norm.weight", "attn_q_norm.weight", &[head_dim]);
        add("self_attn.k_norm.weight", "attn_k_norm.weight", &[head_dim]);
    }
    add("self_attn.o_proj.weight", "attn_output.weight", &[hidden, q_rows]);
    if config.has_output_bias {
        add("self_attn.o_proj.bias", "attn_output.bias", &[hidden]);
    }
    if config.family.has_post_norms {
        add("post_attention_layernorm.weight", "post_attention_norm.weight", &[hidden]);
        add("pre_feedforward_layernorm.weight", "ffn_norm.weight", &[hidden]);
    } else {
        add("post_attention_layernorm.weight", "ffn_norm.weight", &[hidden]);
    }
    if config.family.has_fused_projections {
        // GGUF has no name of its own for the two in one.
        add("mlp.gate_up_proj.weight", "ffn_up.weight", &[2 * ffn, hidden]);
    } else {
        add("mlp.gate_proj.weight", "ffn_gate.weight", &[ffn, hidden]);
        add("mlp.up_proj.weight", "ffn_up.weight", &[ffn, hidden]);
    }
    add("mlp.down_proj.weight", "ffn_down.weight", &[hidden, ffn]);
    if config.family.has_post_norms {
        add("post_feedforward_layernorm.weight", "post_ffw_norm.weight", &[hidden]);
    }
    parts
}

fn tensor(name: &str, gguf_name: &str, shape: Vec<usize>) -> NeededTensor {
    NeededTensor { name: name.to_owned(), gguf_name: gguf_name.to_owned(), shape, gguf_permutation: None }
}

/// Tensors that files carry and nothing needs: tables that this engine computes itself, and a head that is tied.
pub fn is_ignored(name_in_file: &str) -> bool {
    matches!(name_in_file, "rope_freqs.weight" | "lm_head.weight" | "output.weight")
        || name_in_file.ends_with(".rotary_emb.inv_freq")
        || name_in_file.ends_with(".attn_rot_embd.weight")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Both names and the shape of every tensor that only some families have.
    #[test]
    fn families_have_tensors_of_their_own() {
        for (family, special, expected) in [
            ("llama", json!({}), vec![]),
            ("qwen2", json!({}), vec!["attn_q.bias [64]", "attn_k.bias [32]", "attn_v.bias [32]"]),
            ("qwen3", json!({}), vec!["attn_q_norm.weight [16]", "attn_k_norm.weight [16]"]),
            (
                "llama",
                json!({"attention_bias": true}),
                vec!["attn_q.bias [64]", "attn_k.bias [32]", "attn_v.bias [32]", "attn_output.bias [64]"],
            ),
            ("gemma2", json!({}), vec!["post_attention_norm.weight [64]", "post_ffw_norm.weight [64]"]),
            (
                "gemma3_text",
                json!({}),
                vec![
                    "attn_q_norm.weight [16]",
                    "attn_k_norm.weight [16]",
                    "post_attention_norm.weight [64]",
                    "post_ffw_norm.weight [64]",
                ],
            ),
            ("phi3", json!({}), vec!["attn_qkv.weight [128, 64]", "ffn_up.weight [192, 64]"]),
        ] {
            let mut config = json!({
                "model_type": family, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 1,
                "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 64,
                "rms_norm_eps": 1e-6
            });
            config.as_object_mut().expect("an object").extend(special.as_object().expect("an object").clone());
            let config = ModelConfig::from_hugging_face(config.to_string().as_bytes(), None).expect("it is right");
            let common = [
                "attn_norm.weight [64]",
                "attn_q.weight [64, 64]",
                "attn_k.weight [32, 64]",
                "attn_v.weight [32, 64]",
                "attn_output.weight [64, 64]",
                "ffn_norm.weight [64]",
                "ffn_gate.weight [96, 64]",
                "ffn_up.weight [96, 64]",
                "ffn_down.weight [64, 96]",
            ];
            let needed = needed_tensors(&config);
            let own: Vec<_> = needed
                .iter()
                .filter_map(|tensor| Some(format!("{} {:?}", tensor.gguf_name.strip_prefix("blk.0.")?, tensor.shape)))
                .filter(|tensor| !common.contains(&tensor.as_str()))
                .collect();
            assert_eq!(own, expected, "{family}");
            for tensor in needed {
                let is_permuted = config.family.gguf_permutes_qk
                    && ["q_proj", "k_proj"].iter().any(|part| tensor.name.contains(part));
                assert_eq!(tensor.gguf_permutation.is_some(), is_permuted, "{family}: {}", tensor.name);
            }
        }
    }
}
