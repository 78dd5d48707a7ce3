"""A GGUF version 3 writer and reader for one tied-head Llama model in Q8_0.

It follows llama.cpp's converter where engines can tell the difference: query and key
rows are permuted for rotation of neighbouring pairs, norms stay float32, embedding and
attention float16, the other matrices are Q8_0 with ties rounded away from zero.  The reader exists to check the written file.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

ALIGNMENT = 32
BLOCK = 32
F32, F16, Q8_0 = 0, 1, 8
U32, I32, FLOAT, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
NORMAL_TOKEN, CONTROL_TOKEN = 1, 3
MOSTLY_Q8_0 = 7
# In Q8_0 these would turn the logits by more than 0.001 (1 - cosine): the look-up circuits hold a few large weights
# that cost the small ones of their blocks most of their bits.
KEPT_IN_F16 = ("embed_tokens", "self_attn")


def quantize_q8_0(matrix: np.ndarray) -> bytes:
    """Blocks of 32 along each row: a float16 scale, then 32 signed bytes."""
    blocks = matrix.astype(np.float32).reshape(-1, BLOCK)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)
    with np.errstate(divide="ignore"):
        inverse = np.where(scale == 0, np.float32(0), np.float32(1) / scale)
    scaled = blocks * inverse
    magnitude = np.floor(np.abs(scaled))
    magnitude += np.floor(2 * (np.abs(scaled) - magnitude))  # half away from zero
    quants = (np.sign(scaled) * magnitude).astype(np.int8)
    packed = np.concatenate((scale.astype("<f2").view(np.uint8), quants.view(np.uint8)), axis=1)
    return packed.tobytes()


def dequantize_q8_0(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """The float32 matrix that a Q8_0 tensor stands for."""
    packed = np.frombuffer(data, np.uint8).reshape(-1, BLOCK + 2)
    scale = np.ascontiguousarray(packed[:, :2]).view("<f2").astype(np.float32)
    quants = np.ascontiguousarray(packed[:, 2:]).view(np.int8).astype(np.float32)
    return (scale * quants).reshape(shape)


def interleave_rows(weight: np.ndarray, heads: int) -> np.ndarray:
    """Reorder rows of a query or key projection from half-split to pairwise rotation."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def restore_rows(weight: np.ndarray, heads: int) -> np.ndarray:
    """The inverse of :func:`interleave_rows`."""
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def gguf_tensor_names(layers: int) -> dict[str, str]:
    """Hugging Face parameter name -> GGUF tensor name, in file order."""
    names = {"model.embed_tokens.weight": "token_embd.weight"}
    parts = {
        "input_layernorm": "attn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "post_attention_layernorm": "ffn_norm",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    for layer in range(layers):
        for theirs, ours in parts.items():
            names[f"model.layers.{layer}.{theirs}.weight"] = f"blk.{layer}.{ours}.weight"
    names["model.norm.weight"] = "output_norm.weight"
    return names


def _string(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _scalar(kind: int, value: object) -> bytes:
    if kind == STRING:
        return _string(str(value))
    return struct.pack({U32: "<I", I32: "<i", FLOAT: "<f", BOOL: "<?"}[kind], value)


def _metadata(key: str, kind: int, value: object, element: int | None = None) -> bytes:
    out = _string(key) + struct.pack("<I", kind)
    if kind != ARRAY:
        return out + _scalar(kind, value)
    out += struct.pack("<IQ", element, len(value))
    return out + b"".join(_scalar(element, item) for item in value)


def write_gguf(
    path: Path,
    weights: dict[str, np.ndarray],
    config: dict,
    tokenizer: dict,
    special_count: int,
    ids: dict[str, int],
    chat_template: str,
    name: str,
    license_name: str,
) -> None:
    """Write ``weights`` (Hugging Face names) with the tokenizer's parsed JSON."""
    vocab = sorted(tokenizer["model"]["vocab"].items(), key=lambda item: item[1])
    tokens = [token for token, _ in vocab]
    assert [index for _, index in vocab] == list(range(config["vocab_size"]))
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    kinds = [CONTROL_TOKEN if i < special_count else NORMAL_TOKEN for i in range(len(tokens))]
    head_dim = config["hidden"] // config["heads"]
    metadata = [
        ("general.architecture", STRING, "llama"),
        ("general.type", STRING, "model"),
        ("general.name", STRING, name),
        ("general.license", STRING, license_name),
        ("general.alignment", U32, ALIGNMENT),
        ("general.quantization_version", U32, 2),
        ("general.file_type", U32, MOSTLY_Q8_0),
        ("llama.vocab_size", U32, config["vocab_size"]),
        ("llama.context_length", U32, config["context"]),
        ("llama.embedding_length", U32, config["hidden"]),
        ("llama.block_count", U32, config["layers"]),
        ("llama.feed_forward_length", U32, config["ffn"]),
        ("llama.attention.head_count", U32, config["heads"]),
        ("llama.attention.head_count_kv", U32, config["kv_heads"]),
        ("llama.attention.layer_norm_rms_epsilon", FLOAT, config["rms_eps"]),
        ("llama.attention.key_length", U32, head_dim),
        ("llama.attention.value_length", U32, head_dim),
        ("llama.rope.dimension_count", U32, head_dim),
        ("llama.rope.freq_base", FLOAT, config["rope_theta"]),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "llama-bpe"),
        ("tokenizer.ggml.tokens", ARRAY, tokens, STRING),
        ("tokenizer.ggml.token_type", ARRAY, kinds, I32),
        ("tokenizer.ggml.merges", ARRAY, merges, STRING),
        ("tokenizer.ggml.bos_token_id", U32, ids["bos"]),
        ("tokenizer.ggml.eos_token_id", U32, ids["eos"]),
        ("tokenizer.ggml.padding_token_id", U32, ids["pad"]),
        # The chat template writes the first token itself.
        ("tokenizer.ggml.add_bos_token", BOOL, False),
        ("tokenizer.chat_template", STRING, chat_template),
    ]
    infos, blobs, offset = [], [], 0
    for theirs, ours in gguf_tensor_names(config["layers"]).items():
        weight = np.asarray(weights[theirs], np.float32)
        if theirs.endswith("q_proj.weight"):
            weight = interleave_rows(weight, config["heads"])
        elif theirs.endswith("k_proj.weight"):
            weight = interleave_rows(weight, config["kv_heads"])
        kind = F32 if weight.ndim == 1 else F16 if any(part in theirs for part in KEPT_IN_F16) else Q8_0
        encode = {F32: lambda w: w.astype("<f4").tobytes(), F16: lambda w: w.astype("<f2").tobytes(), Q8_0: quantize_q8_0}
        blob = encode[kind](weight)
        info = _string(ours) + struct.pack("<I", weight.ndim)
        info += b"".join(struct.pack("<Q", side) for side in reversed(weight.shape))
        infos.append(info + struct.pack("<IQ", kind, offset))
        blobs.append(blob + bytes(-len(blob) % ALIGNMENT))
        offset += len(blobs[-1])
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(metadata))
    head += b"".join(_metadata(*entry) for entry in metadata) + b"".join(infos)
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + b"".join(blobs))


def read_gguf(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Metadata and dequantised tensors of a file that :func:`write_gguf` wrote."""
    data, at = Path(path).read_bytes(), 0

    def take(form: str):
        nonlocal at
        (value,) = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return value

    def text() -> str:
        nonlocal at
        size = take("Q")
        at += size
        return data[at - size : at].decode("utf-8")

    def scalar(kind: int):
        return text() if kind == STRING else take({U32: "I", I32: "i", FLOAT: "f", BOOL: "?"}[kind])

    at = 4
    version, tensor_count, entry_count = take("I"), take("Q"), take("Q")
    assert data[:4] == b"GGUF" and version == 3
    metadata = {}
    for _ in range(entry_count):
        key, kind = text(), take("I")
        if kind == ARRAY:
            element, count = take("I"), take("Q")
            metadata[key] = [scalar(element) for _ in range(count)]
        else:
            metadata[key] = scalar(kind)
    infos = []
    for _ in range(tensor_count):
        name, sides = text(), take("I")
        shape = tuple(reversed([take("Q") for _ in range(sides)]))
        infos.append((name, shape, take("I"), take("Q")))
    base, tensors = at + -at % ALIGNMENT, {}
    for name, shape, kind, offset in infos:
        start, count = base + offset, int(np.prod(shape))
        if kind == F32:
            tensors[name] = np.frombuffer(data, "<f4", count, start).reshape(shape)
        elif kind == F16:
            tensors[name] = np.frombuffer(data, "<f2", count, start).astype(np.float32).reshape(shape)
        else:
            size = count // BLOCK * (BLOCK + 2)
            tensors[name] = dequantize_q8_0(data[start : start + size], shape)
    return metadata, tensors
