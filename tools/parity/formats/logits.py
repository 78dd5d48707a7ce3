"""A random llama model in every format, and its logits: `logits.py` > `tests/fixtures/formats/{llama.gguf,logits.bin}`.

`logits.bin` holds float32 `[len(IDS), VOCABULARY]` twice, both by llama.cpp: of the same weights in a file of float32, and of
the file itself.
"""

import tempfile
from pathlib import Path

import gguf
import numpy as np

import llama_cpp

OUT = Path(__file__).parents[3] / "tests/fixtures/formats"
HIDDEN, FFN, HEADS, KV_HEADS, HEAD_DIM, LAYERS, VOCABULARY = 256, 256, 4, 2, 32, 2, 260
EPS, THETA = 1e-5, 10000.0
IDS = [(7 + 31 * i * i) % 256 for i in range(24)]

# Rows of 128 inputs (attn_output) are no whole blocks of 256. Layer 0 mixes formats in q, k, v, layer 1 in gate and up too.
FORMATS = {
    "token_embd": "Q5_0",
    "blk.0.attn_q": "Q4_K",
    "blk.0.attn_k": "Q3_K",
    "blk.0.attn_v": "Q6_K",
    "blk.0.attn_output": "Q5_1",
    "blk.0.ffn_gate": "Q5_K",
    "blk.0.ffn_up": "Q5_K",
    "blk.0.ffn_down": "Q2_K",
    "blk.1.attn_q": "Q4_1",
    "blk.1.attn_k": "BF16",
    "blk.1.attn_v": "F16",
    "blk.1.attn_output": "IQ4_NL",
    "blk.1.ffn_gate": "Q8_0",
    "blk.1.ffn_up": "Q4_0",
    "blk.1.ffn_down": "Q3_K",
    "output": "Q6_K",
}

SHAPES = {
    "token_embd": (VOCABULARY, HIDDEN),
    "attn_q": (HEADS * HEAD_DIM, HIDDEN),
    "attn_k": (KV_HEADS * HEAD_DIM, HIDDEN),
    "attn_v": (KV_HEADS * HEAD_DIM, HIDDEN),
    "attn_output": (HIDDEN, HEADS * HEAD_DIM),
    "ffn_gate": (FFN, HIDDEN),
    "ffn_up": (FFN, HIDDEN),
    "ffn_down": (HIDDEN, FFN),
    "output": (VOCABULARY, HIDDEN),
}


def encoded(lib, name: str, weights: np.ndarray) -> np.ndarray:
    kind = gguf.GGMLQuantizationType[FORMATS[name]]
    if kind in (gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.BF16):
        return gguf.quantize(weights, kind)
    block_len, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    return llama_cpp.quantize(lib, kind.value, weights, weights.shape[1] // block_len * block_bytes)


def write(lib, path: Path, expanded: bool) -> None:
    """Writes the model, or the same weights in float32."""
    rng = np.random.default_rng(4)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Every format")
    writer.add_block_count(LAYERS)
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD_DIM)
    writer.add_value_length(HEAD_DIM)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_rope_freq_base(THETA)
    writer.add_layer_norm_rms_eps(EPS)
    add_vocabulary(writer)
    for name, format in FORMATS.items():
        shape = SHAPES[name.rsplit(".", 1)[-1]]
        spread = 1.0 if name == "token_embd" else 1.5 / np.sqrt(shape[1])
        data = encoded(lib, name, rng.normal(0, spread, shape).astype(np.float32))
        kind = gguf.GGMLQuantizationType[format]
        if expanded:
            writer.add_tensor(f"{name}.weight", gguf.dequantize(data, kind).astype(np.float32).reshape(shape))
        else:
            writer.add_tensor(f"{name}.weight", data, raw_dtype=kind)
    for name in ["output_norm"] + [f"blk.{i}.{part}" for i in range(LAYERS) for part in ["attn_norm", "ffn_norm"]]:
        writer.add_tensor(f"{name}.weight", rng.normal(1, 0.1, HIDDEN).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_vocabulary(writer: gguf.GGUFWriter) -> None:
    """One token a byte, written as GPT-2 writes bytes, and what a vocabulary must have besides."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    letters = {byte: chr(byte) for byte in shown} | {byte: chr(256 + i) for i, byte in enumerate(hidden)}
    tokens = [letters[byte] for byte in range(256)] + ["ab", "<|user|>", "<|assistant|>", "<|end|>"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * 257 + [gguf.TokenType.CONTROL] * 3)
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(259)
    writer.add_chat_template("{% for message in messages %}{{ message.content }}{% endfor %}")


def main() -> None:
    lib = llama_cpp.library()
    path = OUT / "llama.gguf"
    write(lib, path, expanded=False)
    with tempfile.TemporaryDirectory() as folder:
        expanded = Path(folder) / "expanded.gguf"
        write(lib, expanded, expanded=True)
        exact = llama_cpp.logits(lib, expanded, IDS, VOCABULARY)
    theirs = llama_cpp.logits(lib, path, IDS, VOCABULARY)
    (OUT / "logits.bin").write_bytes(exact.astype("<f4").tobytes() + theirs.astype("<f4").tobytes())
    cosine = (exact * theirs).sum() / np.linalg.norm(exact) / np.linalg.norm(theirs)
    print(f"logits up to {np.abs(exact).max():.2f}; quantised they differ by {np.abs(exact - theirs).max():.4f}, cosine {cosine:.6f}")


if __name__ == "__main__":
    main()
