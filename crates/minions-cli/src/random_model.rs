//! A Llama of random weights, for measuring: its numbers mean nothing, its shapes are a real model's.

use std::fmt::Write as _;

/// The shape of a model.
pub struct Shape {
    /// What rows of the benchmark call it.
    pub name: &'static str,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub ffn: usize,
    pub vocab: usize,
    pub context: usize,
}

/// The shape of SmolLM2-135M.
pub const LLAMA_135M: Shape =
    Shape { name: "135m", hidden: 576, layers: 30, heads: 9, kv_heads: 3, ffn: 1536, vocab: 49152, context: 2048 };

/// A Llama that is small enough for many jobs on a software adapter.
pub const LLAMA_15M: Shape =
    Shape { name: "15m", hidden: 288, layers: 6, heads: 6, kv_heads: 6, ffn: 768, vocab: 32000, context: 2048 };

/// A Q4_0 GGUF file (version 3) of this shape. The vocabulary is the 256 bytes, then fillers.
pub fn gguf(shape: &Shape) -> Vec<u8> {
    let mut file = Gguf::default();
    file.string("general.architecture", "llama");
    file.string("general.name", &format!("random-{}", shape.name));
    for (key, value) in [
        ("block_count", shape.layers),
        ("context_length", shape.context),
        ("embedding_length", shape.hidden),
        ("feed_forward_length", shape.ffn),
        ("attention.head_count", shape.heads),
        ("attention.head_count_kv", shape.kv_heads),
        ("rope.dimension_count", shape.hidden / shape.heads),
        ("vocab_size", shape.vocab),
    ] {
        file.u32(&format!("llama.{key}"), value as u32);
    }
    file.f32("llama.attention.layer_norm_rms_epsilon", 1e-5);
    file.f32("llama.rope.freq_base", 10_000.0);
    file.string("tokenizer.ggml.model", "gpt2");
    file.string("tokenizer.ggml.pre", "smollm");
    file.strings("tokenizer.ggml.tokens", &vocabulary(shape.vocab));
    file.strings("tokenizer.ggml.merges", &[]);
    file.u32("tokenizer.ggml.eos_token_id", shape.vocab as u32 - 1);
    file.string("tokenizer.chat_template", "{% for m in messages %}{{ m['content'] }}{% endfor %}");

    let (hidden, kv) = (shape.hidden, shape.hidden / shape.heads * shape.kv_heads);
    file.q4_0("token_embd.weight", shape.vocab, hidden);
    file.ones("output_norm.weight", hidden);
    for layer in 0..shape.layers {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        file.ones(&name("attn_norm"), hidden);
        file.q4_0(&name("attn_q"), hidden, hidden);
        file.q4_0(&name("attn_k"), kv, hidden);
        file.q4_0(&name("attn_v"), kv, hidden);
        file.q4_0(&name("attn_output"), hidden, hidden);
        file.ones(&name("ffn_norm"), hidden);
        file.q4_0(&name("ffn_gate"), shape.ffn, hidden);
        file.q4_0(&name("ffn_up"), shape.ffn, hidden);
        file.q4_0(&name("ffn_down"), hidden, shape.ffn);
    }
    file.finish()
}

/// Byte-level BPE's 256 letters (GPT-2's table), then fillers that no text contains.
fn vocabulary(size: usize) -> Vec<String> {
    let printable = |byte: u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let mut shifted = 0x100;
    let mut tokens: Vec<String> = (0..256)
        .map(|byte| {
            let letter = if printable(byte) {
                byte
            } else {
                shifted += 1;
                shifted - 1
            };
            char::from_u32(letter).map(String::from).unwrap_or_default()
        })
        .collect();
    for filler in tokens.len()..size {
        let mut token = String::new();
        let _ = write!(token, "<{filler}>");
        tokens.push(token);
    }
    tokens
}

/// A GGUF file as it grows.
#[derive(Default)]
struct Gguf {
    keys: u64,
    metadata: Vec<u8>,
    tensors: u64,
    infos: Vec<u8>,
    data: Vec<u8>,
    random: Random,
}

const TYPE_U32: u32 = 4;
const TYPE_F32: u32 = 6;
const TYPE_STRING: u32 = 8;
const TYPE_ARRAY: u32 = 9;
const GGML_F32: u32 = 0;
const GGML_Q4_0: u32 = 2;
const ALIGNMENT: usize = 32;
/// 32 weights: an f16 scale and 16 bytes of nibbles.
const BLOCK: usize = 32;
/// 0.01 as f16: random weights of ±0.08 keep activations finite through 30 layers.
const SCALE: [u8; 2] = 0x211f_u16.to_le_bytes();

impl Gguf {
    fn key(&mut self, name: &str, kind: u32) {
        self.keys += 1;
        put_string(&mut self.metadata, name);
        self.metadata.extend(kind.to_le_bytes());
    }

    fn u32(&mut self, name: &str, value: u32) {
        self.key(name, TYPE_U32);
        self.metadata.extend(value.to_le_bytes());
    }

    fn f32(&mut self, name: &str, value: f32) {
        self.key(name, TYPE_F32);
        self.metadata.extend(value.to_le_bytes());
    }

    fn string(&mut self, name: &str, value: &str) {
        self.key(name, TYPE_STRING);
        put_string(&mut self.metadata, value);
    }

    fn strings(&mut self, name: &str, values: &[String]) {
        self.key(name, TYPE_ARRAY);
        self.metadata.extend(TYPE_STRING.to_le_bytes());
        self.metadata.extend((values.len() as u64).to_le_bytes());
        for value in values {
            put_string(&mut self.metadata, value);
        }
    }

    /// Dimensions stand innermost first.
    fn info(&mut self, name: &str, dims: &[usize], kind: u32) {
        self.tensors += 1;
        pad(&mut self.data);
        put_string(&mut self.infos, name);
        self.infos.extend((dims.len() as u32).to_le_bytes());
        for dim in dims {
            self.infos.extend((*dim as u64).to_le_bytes());
        }
        self.infos.extend(kind.to_le_bytes());
        self.infos.extend((self.data.len() as u64).to_le_bytes());
    }

    fn q4_0(&mut self, name: &str, rows: usize, columns: usize) {
        self.info(name, &[columns, rows], GGML_Q4_0);
        for _ in 0..rows * columns / BLOCK {
            self.data.extend(SCALE);
            self.data.extend(self.random.next().to_le_bytes());
            self.data.extend(self.random.next().to_le_bytes());
        }
    }

    fn ones(&mut self, name: &str, len: usize) {
        self.info(name, &[len], GGML_F32);
        self.data.extend(1.0_f32.to_le_bytes().repeat(len));
    }

    fn finish(self) -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3_u32.to_le_bytes());
        file.extend(self.tensors.to_le_bytes());
        file.extend(self.keys.to_le_bytes());
        file.extend(self.metadata);
        file.extend(self.infos);
        pad(&mut file);
        file.extend(self.data);
        file
    }
}

fn put_string(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
}

/// Xorshift (Marsaglia 2003): fast, and the same on every run.
struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
