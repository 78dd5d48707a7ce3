//! A worker whose weights are noise: what holds for its replies holds for those of any model.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use minions_chat::{ChatError, ChatModel, ChatRequest, ChatResponse, Message};
use minions_engine::{Compute, Engine, LoadOptions, MemorySource};
use serde_json::{Map, Value, json};

use crate::workspace;

const HIDDEN: usize = 32;
const FEED_FORWARD: usize = 64;
const HEADS: usize = 2;
const VOCABULARY: usize = 4096;

/// Context of the worker in tokens.
pub const RANDOM_WORKER_CONTEXT: usize = 1024;

/// The worker, loaded, and how many steps it has taken.
pub struct RandomWorker {
    /// What answers.
    pub engine: Engine,
    /// Counted where the engine lets others at the thread: after each step.
    pub steps: Rc<Cell<usize>>,
}

impl RandomWorker {
    /// On the CPU.
    pub async fn on_cpu(seed: u64) -> Self {
        Self::load(Compute::cpu("this is the CPU's test"), seed).await
    }

    /// On this device.
    pub async fn load(compute: Compute, seed: u64) -> Self {
        Self::with_cache(compute, seed, None).await
    }

    /// On this device, with a cache of so many tokens.
    pub async fn with_cache(compute: Compute, seed: u64, cache_tokens: Option<usize>) -> Self {
        Self::with_options(compute, seed, LoadOptions { cache_tokens, ..LoadOptions::default() }).await
    }

    /// On this device. Its steps are counted by `between_steps`.
    pub async fn with_options(compute: Compute, seed: u64, options: LoadOptions) -> Self {
        let steps = Rc::new(Cell::new(0));
        let counted = Rc::clone(&steps);
        let options = LoadOptions {
            between_steps: Some(Box::new(move || {
                counted.set(counted.get() + 1);
                Box::pin(std::future::ready(()))
            })),
            ..options
        };
        let engine = Engine::load(compute, random_worker(seed), "config.json", options, &mut |_| {}).await;
        Self { engine: engine.expect("the model loads"), steps }
    }

    /// Its reply, or why there is none. The pieces it came in are the whole of it.
    pub async fn reply(&self, request: &ChatRequest) -> Result<ChatResponse, ChatError> {
        let mut streamed = String::new();
        let reply = self.engine.chat(request, &mut |delta| streamed.push_str(delta)).await?;
        assert_eq!(streamed, reply.content, "the pieces add up to the reply");
        Ok(reply)
    }

    /// Its reply, which there must be.
    pub async fn say(&self, request: &ChatRequest) -> ChatResponse {
        self.reply(request).await.expect("a reply")
    }

    /// The scores of the token after these.
    pub async fn next_logits(&self, ids: &[u32]) -> Vec<f32> {
        let logits = self.engine.logits(ids).await.expect("they fit");
        logits[logits.len() - logits.len() / ids.len()..].to_vec()
    }

    /// A bias towards the tokens that end a string.
    pub fn quotes(&self, bias: f32) -> BTreeMap<u32, f32> {
        let ids = |text: &str| {
            let plain = ChatRequest::new(vec![Message::user(text)]);
            self.engine.tokenize(&plain).expect("it has tokens")
        };
        // The quotation mark is what the two conversations do not have in common.
        let (with, without) = (ids("x \" y"), ids("x y"));
        with.into_iter().filter(|id| !without.contains(id)).map(|id| (id, bias)).collect()
    }
}

/// A folder in Hugging Face's layout: one layer of random weights behind the vocabulary of the included worker. The next
/// token is nearly anything.
fn random_worker(seed: u64) -> MemorySource {
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
