//! A worker whose weights are noise: what holds for its replies holds for those of any model.

use minions_engine::MemorySource;
use serde_json::{Map, Value, json};

use crate::workspace;

const HIDDEN: usize = 32;
const FEED_FORWARD: usize = 64;
const HEADS: usize = 2;
const VOCABULARY: usize = 4096;

/// Context of the worker in tokens.
pub const RANDOM_WORKER_CONTEXT: usize = 1024;

/// A folder in Hugging Face's layout: one layer of random weights behind the vocabulary of the included worker. The next
/// token is nearly anything.
pub fn random_worker(seed: u64) -> MemorySource {
    let fixture = |name: &str| {
        let path = workspace().join("tests/fixtures/demo-worker").join(name);
        std::fs::read(path).expect("the included worker's vocabulary")
    };
    let config = json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": FEED_FORWARD,
        "num_hidden_layers": 1,
        "num_attention_heads": HEADS,
        "num_key_value_heads": 1,
        "head_dim": HIDDEN / HEADS,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": RANDOM_WORKER_CONTEXT,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10_000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": true,
        "torch_dtype": "float32",
        "bos_token_id": 1,
        "eos_token_id": 2,
    });
    MemorySource::new()
        .with("config.json", config.to_string())
        .with("tokenizer.json", fixture("tokenizer.json"))
        .with("tokenizer_config.json", fixture("tokenizer_config.json"))
        .with("model.safetensors", weights(seed))
}

fn weights(seed: u64) -> Vec<u8> {
    let half = HIDDEN / HEADS;
    let shapes: [(&str, &[usize]); 11] = [
        ("embed_tokens", &[VOCABULARY, HIDDEN]),
        ("layers.0.input_layernorm", &[HIDDEN]),
        ("layers.0.self_attn.q_proj", &[HIDDEN, HIDDEN]),
        ("layers.0.self_attn.k_proj", &[half, HIDDEN]),
        ("layers.0.self_attn.v_proj", &[half, HIDDEN]),
        ("layers.0.self_attn.o_proj", &[HIDDEN, HIDDEN]),
        ("layers.0.post_attention_layernorm", &[HIDDEN]),
        ("layers.0.mlp.gate_proj", &[FEED_FORWARD, HIDDEN]),
        ("layers.0.mlp.up_proj", &[FEED_FORWARD, HIDDEN]),
        ("layers.0.mlp.down_proj", &[HIDDEN, FEED_FORWARD]),
        ("norm", &[HIDDEN]),
    ];
    let mut random = seed;
    let (mut header, mut data) = (Map::new(), Vec::new());
    for (name, shape) in shapes {
        let start = data.len();
        for _ in 0..shape.iter().product() {
            // Steele et al. 2014, SplitMix64.
            random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut bits = (random ^ (random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let uniform = (bits >> 40) as f32 / (1 << 24) as f32;
            data.extend((uniform * 2.0 - 1.0).to_le_bytes());
        }
        let tensor = json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]});
        header.insert(format!("model.{name}.weight"), tensor);
    }
    let header = Value::Object(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file
}
