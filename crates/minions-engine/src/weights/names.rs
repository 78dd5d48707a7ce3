//! The tensors of a llama model: one table of both namings, with shapes.

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
    /// How a GGUF file orders its rows.
    pub gguf_permutation: Option<RowPermutation>,
}

/// Everything a model of this configuration needs, in the order of a forward pass.
pub fn needed_tensors(config: &ModelConfig) -> Vec<NeededTensor> {
    let (hidden, ffn, vocab) = (config.hidden_size, config.ffn_size, config.vocab_size);
    let (q_rows, kv_rows) = (config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim);
    let layer_parts: [(&str, &str, Vec<usize>); 9] = [
        ("input_layernorm", "attn_norm", vec![hidden]),
        ("self_attn.q_proj", "attn_q", vec![q_rows, hidden]),
        ("self_attn.k_proj", "attn_k", vec![kv_rows, hidden]),
        ("self_attn.v_proj", "attn_v", vec![kv_rows, hidden]),
        ("self_attn.o_proj", "attn_output", vec![hidden, q_rows]),
        ("post_attention_layernorm", "ffn_norm", vec![hidden]),
        ("mlp.gate_proj", "ffn_gate", vec![ffn, hidden]),
        ("mlp.up_proj", "ffn_up", vec![ffn, hidden]),
        ("mlp.down_proj", "ffn_down", vec![hidden, ffn]),
    ];
    let mut needed = vec![tensor("model.embed_tokens", "token_embd", vec![vocab, hidden])];
    for index in 0..config.n_layers {
        for (part, gguf_part, shape) in &layer_parts {
            let name = format!("model.layers.{index}.{part}");
            let mut tensor = tensor(&name, &format!("blk.{index}.{gguf_part}"), shape.clone());
            if matches!(*gguf_part, "attn_q" | "attn_k") {
                tensor.gguf_permutation = Some(RowPermutation { head_dim: config.head_dim });
            }
            needed.push(tensor);
        }
    }
    needed.push(tensor("model.norm", "output_norm", vec![hidden]));
    if !config.tie_word_embeddings {
        needed.push(tensor("lm_head", "output", vec![vocab, hidden]));
    }
    needed
}

fn tensor(name: &str, gguf_name: &str, shape: Vec<usize>) -> NeededTensor {
    NeededTensor {
        name: format!("{name}.weight"),
        gguf_name: format!("{gguf_name}.weight"),
        shape,
        gguf_permutation: None,
    }
}

/// Tensors that files carry and nothing needs: tables that this engine computes itself, and a head that is tied.
pub fn is_ignored(name_in_file: &str) -> bool {
    matches!(name_in_file, "rope_freqs.weight" | "lm_head.weight" | "output.weight")
        || name_in_file.ends_with(".rotary_emb.inv_freq")
        || name_in_file.ends_with(".attn_rot_embd.weight")
}
