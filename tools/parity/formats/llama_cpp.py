"""llama.cpp's C functions, from the library inside the package `xllamacpp`."""

import ctypes
from importlib.util import find_spec
from pathlib import Path

import numpy as np

GGML_TYPE_F32 = 0
# Places in `llama_context_params` of the pinned version, in words.
N_CTX, FLASH_ATTENTION, TYPE_K, TYPE_V = 0, 13, 26, 27


class Params(ctypes.Structure):
    """`llama_model_params` or `llama_context_params`: larger than either, which passing by value allows."""

    _fields_ = [("words", ctypes.c_uint32 * 128)]


class Batch(ctypes.Structure):
    """`llama_batch`"""

    _fields_ = [
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.POINTER(ctypes.c_float)),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


def library() -> ctypes.CDLL:
    folder = Path(find_spec("xllamacpp").origin).parent
    lib = ctypes.CDLL(str(next(folder.glob("xllamacpp*.so"))))
    for name in ["llama_model_default_params", "llama_context_default_params"]:
        getattr(lib, name).restype = Params
    lib.llama_model_load_from_file.restype = ctypes.c_void_p
    lib.llama_model_load_from_file.argtypes = [ctypes.c_char_p, Params]
    lib.llama_init_from_model.restype = ctypes.c_void_p
    lib.llama_init_from_model.argtypes = [ctypes.c_void_p, Params]
    lib.llama_batch_init.restype = Batch
    lib.llama_batch_init.argtypes = [ctypes.c_int32] * 3
    lib.llama_decode.argtypes = [ctypes.c_void_p, Batch]
    lib.llama_get_logits.restype = ctypes.POINTER(ctypes.c_float)
    lib.llama_get_logits.argtypes = [ctypes.c_void_p]
    lib.ggml_quantize_chunk.restype = ctypes.c_size_t
    lib.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
    return lib


def dequantize(lib: ctypes.CDLL, function: str, blocks: np.ndarray, weights: int) -> np.ndarray:
    """`dequantize_row_*` of the blocks."""
    out = np.zeros(weights, np.float32)
    row = getattr(lib, function)
    row.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    row(blocks.ctypes.data, out.ctypes.data, weights)
    return out


def quantize(lib: ctypes.CDLL, type_id: int, weights: np.ndarray, row_bytes: int) -> np.ndarray:
    """The rows of a matrix as llama.cpp quantises them."""
    weights = np.ascontiguousarray(weights, np.float32)
    rows, columns = weights.shape
    out = np.zeros((rows, row_bytes), np.uint8)
    written = lib.ggml_quantize_chunk(type_id, weights.ctypes.data, out.ctypes.data, 0, rows, columns, None)
    assert written == out.size
    return out


def logits(lib: ctypes.CDLL, path: Path, ids: list[int], vocabulary: int) -> np.ndarray:
    """Scores after each of `ids`, with a cache in float32 and plain attention, on the CPU."""
    lib.llama_backend_init()
    model = lib.llama_model_load_from_file(str(path).encode(), lib.llama_model_default_params())
    params = lib.llama_context_default_params()
    params.words[N_CTX] = 128
    params.words[FLASH_ATTENTION] = 0
    params.words[TYPE_K] = params.words[TYPE_V] = GGML_TYPE_F32
    context = lib.llama_init_from_model(model, params)
    batch = lib.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for at, token in enumerate(ids):
        batch.token[at] = token
        batch.pos[at] = at
        batch.n_seq_id[at] = 1
        batch.seq_id[at][0] = 0
        batch.logits[at] = 1
    assert lib.llama_decode(context, batch) == 0
    scores = lib.llama_get_logits(context)
    return np.ctypeslib.as_array(scores, (len(ids), vocabulary)).copy()
