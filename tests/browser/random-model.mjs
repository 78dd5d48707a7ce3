// A Llama of 135M random weights in Q4_0, as a GGUF file: the shape of a real small model, for speed and counts only.
//   node random-model.mjs FILE
import { closeSync, openSync, writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { write } from "./gguf.mjs";

export const SHAPE = { hidden: 576, layers: 30, heads: 9, kvHeads: 3, headSize: 64, feedForward: 1536, vocabulary: 49152, context: 2048 };

/** Small enough for many jobs on a software adapter. */
export const SHAPE_15M = { hidden: 288, layers: 6, heads: 6, kvHeads: 6, headSize: 48, feedForward: 768, vocabulary: 32000, context: 2048 };

const F32 = 0;
/** GGUF's number of a type, and the bytes of 32 weights: a float16 scale and the numbers. */
const FORMATS = { Q4_0: { type: 2, blockBytes: 18 }, Q8_0: { type: 8, blockBytes: 34 } };
const [BOS, EOS] = ["<|begin|>", "<|end|>"];
/** Token types of GGUF. */
const [NORMAL, CONTROL] = [1, 3];

/** Half a gigabyte in Q8_0, in few layers: for what loading takes. */
export const SHAPE_500MB = { hidden: 2048, layers: 8, heads: 16, kvHeads: 4, headSize: 128, feedForward: 8192, vocabulary: 4096, context: 512 };

/** Writes the file; the same seed gives the same file. */
export function writeRandomModel(path, shape = SHAPE, format = "Q4_0", seed = 1) {
  const file = openSync(path, "w");
  try {
    for (const piece of write(metadata(shape), tensors(shape, format, random(seed)))) writeSync(file, piece);
  } finally {
    closeSync(file);
  }
}

export function metadata({ hidden, layers, heads, kvHeads, headSize, feedForward, vocabulary, context }) {
  const tokens = vocabularyOf(vocabulary);
  return [
    ["general.architecture", ["string", "llama"]],
    ["general.name", ["string", "random-135m"]],
    ["general.alignment", ["u32", 32]],
    ["general.file_type", ["u32", 2]],
    ["llama.block_count", ["u32", layers]],
    ["llama.context_length", ["u32", context]],
    ["llama.embedding_length", ["u32", hidden]],
    ["llama.feed_forward_length", ["u32", feedForward]],
    ["llama.attention.head_count", ["u32", heads]],
    ["llama.attention.head_count_kv", ["u32", kvHeads]],
    ["llama.attention.layer_norm_rms_epsilon", ["f32", 1e-5]],
    ["llama.rope.freq_base", ["f32", 10000]],
    ["llama.rope.dimension_count", ["u32", headSize]],
    ["llama.vocab_size", ["u32", vocabulary]],
    ["tokenizer.ggml.model", ["string", "gpt2"]],
    ["tokenizer.ggml.pre", ["string", "llama-bpe"]],
    ["tokenizer.ggml.tokens", ["string[]", tokens]],
    ["tokenizer.ggml.token_type", ["i32[]", tokens.map((_, id) => (id < 2 ? CONTROL : NORMAL))]],
    ["tokenizer.ggml.merges", ["string[]", []]],
    ["tokenizer.ggml.bos_token_id", ["u32", 0]],
    ["tokenizer.ggml.eos_token_id", ["u32", 1]],
    ["tokenizer.ggml.add_bos_token", ["bool", false]],
    // Exactly one token for each ASCII character of the messages, and nothing else: prompts of any wanted length.
    ["tokenizer.chat_template", ["string", "{% for message in messages %}{{ message['content'] }}{% endfor %}"]],
  ];
}

/** Two special tokens, the 256 bytes as gpt2 writes them, and words that no text is made of. */
function vocabularyOf(size) {
  const printable = (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
  let next = 256;
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
  const fillers = Array.from({ length: size - 2 - 256 }, (_, index) => `w${index.toString(36)}q`);
  return [BOS, EOS, ...bytes, ...fillers];
}

/** What `write` takes, with matrices in `format`, their bits from `next`. */
export function tensors({ hidden, layers, heads, kvHeads, headSize, feedForward, vocabulary }, format, next) {
  const { type, blockBytes } = FORMATS[format];
  const ones = (name, size) => ({
    name,
    shape: [size],
    type: F32,
    bytes: 4 * size,
    data: () => Buffer.from(new Float32Array(size).fill(1).buffer),
  });
  const matrix = (name, columns, rows) => ({
    name,
    shape: [columns, rows],
    type,
    bytes: ((columns * rows) / 32) * blockBytes,
    data: () => blocks((columns * rows) / 32, blockBytes, next),
  });
  const layer = (index) => {
    const name = (part) => `blk.${index}.${part}.weight`;
    return [
      ones(name("attn_norm"), hidden),
      matrix(name("attn_q"), hidden, heads * headSize),
      matrix(name("attn_k"), hidden, kvHeads * headSize),
      matrix(name("attn_v"), hidden, kvHeads * headSize),
      matrix(name("attn_output"), heads * headSize, hidden),
      ones(name("ffn_norm"), hidden),
      matrix(name("ffn_gate"), hidden, feedForward),
      matrix(name("ffn_up"), hidden, feedForward),
      matrix(name("ffn_down"), feedForward, hidden),
    ];
  };
  return [
    // The head is tied to it.
    matrix("token_embd.weight", hidden, vocabulary),
    ...Array.from({ length: layers }, (_, index) => layer(index)).flat(),
    ones("output_norm.weight", hidden),
  ];
}

/** Blocks of 32 weights. The scale makes the deviation of nibbles about 0.02, that of bytes about 0.3. */
function blocks(count, blockBytes, next) {
  const SCALE = 0x1c66; // 0.0043 as a float16
  const data = Buffer.alloc(count * blockBytes);
  for (let at = 0; at < data.length; at += blockBytes) {
    data.writeUInt16LE(SCALE, at);
    for (let word = 2; word < blockBytes; word += 4) data.writeUInt32LE(next(), at + word);
  }
  return data;
}

/** xorshift32. */
function random(seed) {
  let state = seed || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>>= 0);
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = process.argv[2];
  if (!path) throw new Error("usage: node random-model.mjs FILE");
  writeRandomModel(path);
}
