"""Blocks of every quantised format, and what ggml reads from them: `blocks.py` > `tests/fixtures/formats/*.bin`.

A file holds the blocks, then their weights as float32. `quantized.bin` is the other way round: weights, then the blocks that
ggml makes of them in Q8_0, then in Q4_0.
"""

from pathlib import Path

import gguf
import numpy as np

import llama_cpp

OUT = Path(__file__).parents[3] / "tests/fixtures/formats"

# The format, and where a block's f16 factors stand.
FACTORS = {
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "IQ4_NL": [0],
    "Q2_K": [80, 82],
    "Q3_K": [108],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
}

# Bits of f16: ordinary ones of both signs, the largest, the smallest, subnormal ones, zeros.
EXTREMES = [0x3C00, 0xB800, 0x7BFF, 0xFBFF, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0400, 0x8400, 0x0000, 0x8000]


def some_blocks(name: str, rng: np.random.Generator) -> np.ndarray:
    """Blocks of any bits: one for each extreme factor, then as many with ordinary ones; two of them of equal bits."""
    _, block_bytes = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    count = 2 * len(EXTREMES)
    blocks = rng.integers(0, 256, (count, block_bytes), dtype=np.uint8)
    blocks[-1], blocks[-2] = 0x00, 0xFF
    factors = rng.normal(0, 0.01, (count, 2)).astype(np.float16).view(np.uint16)
    for place in range(2):
        factors[: len(EXTREMES), place] = np.roll(EXTREMES, 5 * place)
    for place, at in enumerate(FACTORS[name]):
        blocks[:, at : at + 2] = factors[:, place : place + 1].copy().view(np.uint8)
    return blocks


def some_weights(rng: np.random.Generator) -> np.ndarray:
    """Rows of 32 weights: of many sizes, then zeros, halves that round either way, and one weight among zeros."""
    rows = rng.normal(0, 1, (48, 32)) * 10.0 ** rng.integers(-6, 4, (48, 1))
    rows[-1] = 0
    rows[-2] = np.arange(-16, 16) / 2
    rows[-3, 0], rows[-3, 1:] = -127, np.arange(31) + 0.5
    rows[-4, 1:] = 0
    return rows.astype(np.float32)


def main() -> None:
    lib = llama_cpp.library()
    OUT.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20)
    for name in FACTORS:
        kind = gguf.GGMLQuantizationType[name]
        blocks = some_blocks(name, rng)
        weights = gguf.dequantize(blocks, kind).astype(np.float32).reshape(-1)
        assert np.isfinite(weights).all()
        function = "dequantize_row_" + (name.lower() if "_K" not in name else name.lower().replace("_k", "_K"))
        in_c = llama_cpp.dequantize(lib, function, blocks, weights.size)
        assert (in_c.view(np.uint32) == weights.view(np.uint32)).all(), f"{name}: gguf and llama.cpp differ"
        path = OUT / f"{name.lower()}.bin"
        path.write_bytes(blocks.tobytes() + weights.astype("<f4").tobytes())
        print(f"{path.name}: {len(blocks)} blocks, {path.stat().st_size} bytes")
    weights = some_weights(rng)
    made = weights.astype("<f4").tobytes()
    for kind in [gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q4_0]:
        blocks = llama_cpp.quantize(lib, kind.value, weights, gguf.GGML_QUANT_SIZES[kind][1])
        assert (blocks == gguf.quantize(weights, kind)).all(), f"{kind.name}: gguf and llama.cpp differ"
        made += blocks.tobytes()
    (OUT / "quantized.bin").write_bytes(made)


if __name__ == "__main__":
    main()
