"""How llama.cpp's ``convert_hf_to_gguf.py`` would write the same model, in F16 and F32.

What is kept is the file up to its weights, and of which tensor of the Hugging Face
folder each of them is made: the weights themselves would be there twice.  Names come from the ``gguf`` package's own map; which keys a family has, that q and k of
llama's relatives alternate between the halves of a head, and that the norms of Gemma
are written whole, from the converter's sources (``conversion/*.py``).
"""

from __future__ import annotations

import math
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer

ARCHITECTURES = {"gemma3_text": "gemma3", "mistral": "llama"}
# Rotated pair by neighbouring pair (`LLAMA_ROPE_TYPE_NORM`).
PERMUTED = ("llama", "smollm3", "granite")


def permute(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of each head, or elements of a bias, alternating between its halves."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def llama3_factors(rope: dict, dim: int) -> np.ndarray:
    factors = []
    for pair in range(dim // 2):
        wavelength = 2 * math.pi * rope["rope_theta"] ** (2 * pair / dim)
        turns = rope["original_max_position_embeddings"] / wavelength
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        if turns > high:
            factors.append(1.0)
        elif turns < low:
            factors.append(rope["factor"])
        else:
            smooth = (turns - low) / (high - low)
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, np.float32)


def write_gguf(
    path: Path,
    case,
    weights: dict[str, torch.Tensor],
    tokenizer: Tokenizer,
    template: str,
    specials: list[str],
    begin: int,
    end: int,
) -> list[dict]:
    """Writes the header to ``path``; the tensors in the file's order."""
    config = case.config
    arch = ARCHITECTURES.get(config["model_type"], config["model_type"])
    layers, heads, kv_heads = (config[f"num_{key}"] for key in ("hidden_layers", "attention_heads", "key_value_heads"))
    head_dim = config.get("head_dim", config["hidden_size"] // heads)
    rope = config["rope_parameters"]
    full = rope.get("full_attention", rope)

    writer = gguf.GGUFWriter(path, arch)
    made: list[dict] = []

    def add(name: str, array: np.ndarray, source: dict) -> None:
        writer.add_tensor(name, array)
        made.append({**source, "type": "F16" if array.dtype == np.float16 else "F32"})

    writer.add_name(case.name)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(layers)
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(full["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    if arch != "gemma3":
        writer.add_rope_dimension_count(int(head_dim * rope.get("partial_rotary_factor", 1.0)))
    if full["rope_type"] in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(full["rope_type"]))
        writer.add_rope_scaling_factor(full["factor"])
    if full["rope_type"] == "yarn":
        writer.add_rope_scaling_orig_ctx_len(full["original_max_position_embeddings"])
    if full["rope_type"] == "llama3":
        add("rope_freqs.weight", llama3_factors(full, head_dim), dict(values=llama3_factors(full, head_dim).tolist()))
    if full["rope_type"] == "longrope":
        original = config["original_max_position_embeddings"]
        writer.add_rope_scaling_orig_ctx_len(original)
        stretch = config["max_position_embeddings"] / original
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(stretch) / math.log(original)))
        for kind in ("long", "short"):
            factors = np.array(full[f"{kind}_factor"], np.float32)
            add(f"rope_factors_{kind}.weight", factors, dict(values=factors.tolist()))
    if arch in ("gemma3", "phi3"):
        writer.add_sliding_window(config["sliding_window"])
    if arch == "gemma3":
        # Real files leave out that it is every sixth layer that has none.
        writer.add_sliding_window_pattern(config["layer_types"].index("full_attention") + 1)
    if arch == "granite":
        writer.add_attention_scale(config["attention_multiplier"])
        writer.add_embedding_scale(config["embedding_multiplier"])
        writer.add_residual_scale(config["residual_multiplier"])
        writer.add_logit_scale(config["logits_scaling"])

    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list([token for token, _ in vocabulary])
    kinds = [gguf.TokenType.CONTROL if token in specials else gguf.TokenType.NORMAL for token, _ in vocabulary]
    writer.add_token_types(kinds)
    writer.add_token_merges([])
    writer.add_bos_token_id(begin)
    writer.add_eos_token_id(end)
    writer.add_chat_template(template)

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[arch.upper()], layers)
    for name, tensor in weights.items():
        weight, permuted_heads, added = tensor.float().numpy(), 0, 0.0
        if arch in PERMUTED and ".q_proj." in name:
            permuted_heads = heads
        elif arch in PERMUTED and ".k_proj." in name:
            permuted_heads = kv_heads
        elif arch == "gemma3" and name.endswith("norm.weight"):
            added = 1.0
        if permuted_heads:
            weight = permute(weight, permuted_heads)
        theirs = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert theirs is not None, name
        weight = (weight + np.float32(added)).astype(np.float16 if weight.ndim == 2 else np.float32)
        add(theirs, weight, dict(tensor=name, permuted_heads=permuted_heads, added=added))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    reader = gguf.GGUFReader(path)
    offsets = [int(tensor.data_offset) for tensor in reader.tensors]
    assert offsets == sorted(offsets) and len(offsets) == len(made)
    path.write_bytes(path.read_bytes()[: offsets[0]])
    return made
