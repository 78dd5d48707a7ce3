"""Trains small tokenizers of every kind and pattern and writes what Hugging Face and SentencePiece make of the corpus."""

import argparse
import io
import json
import tempfile

import gguf
import numpy as np
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers.tokenization_utils_base import generate_merges

from corpus import FIXTURES, documents, hashes

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
REST_SLASH = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
LEAD = r"[^\r\n\p{L}\p{N}]?"

# By llama.cpp's name: patterns, whether a whole word is taken, whether text is composed.
PATTERNS = {
    "llama-bpe": ([CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + REST], True, False),
    "qwen2": ([CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + REST], False, True),
    "qwen35": (
        [
            CONTRACTIONS
            + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        ],
        False,
        True,
    ),
    "tekken": ([f"{LEAD}{UPPER}*{LOWER}+|{LEAD}{UPPER}+{LOWER}*|\\p{{N}}" + REST_SLASH], True, False),
    "gpt-4o": (
        [
            f"{LEAD}{UPPER}*{LOWER}+{CONTRACTIONS}?|{LEAD}{UPPER}+{LOWER}*{CONTRACTIONS}?|\\p{{N}}{{1,3}}" + REST_SLASH
        ],
        False,
        False,
    ),
    "refact": ("digits", False, False),
    "gpt-2": ("byte-level", False, False),
    "deepseek-v3": (
        [
            r"\p{N}{1,3}",
            "[一-龥\u3040-ゟ゠-ヿ]+",
            r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""",
        ],
        False,
        False,
    ),
    "deepseek-coder": ([r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\ud7ff]+", r"\p{N}"], False, False),
    "default": ([r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"], False, False),
}

CONTROL = ["<|begin|>", "<|end|>"]
USER_DEFINED = ["<tool>", "<tool></tool>"]


def added():
    control = [AddedToken(text, special=True, normalized=False) for text in CONTROL]
    return control + [AddedToken(text, special=False, normalized=False) for text in USER_DEFINED]


def byte_level(name):
    patterns, ignores_merges, composes = PATTERNS[name]
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignores_merges))
    if composes:
        tokenizer.normalizer = normalizers.NFC()
    if patterns == "byte-level":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    elif patterns == "digits":
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
    else:
        splits = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*splits, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=900, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, min_frequency=2
    )
    tokenizer.train_from_iterator(TRAINING, trainer)
    tokenizer.add_tokens(added())
    return tokenizer


# What characters become: none, one, several, and several that become one.
RULES = [("200B", ""), ("A0", "20"), ("3000", "20"), ("FF01", "21"), ("BD", "31 2F 32"), ("FB01", "66 69")]
RULES += [("65 301", "E9"), ("6E 303", "F1"), ("2026", "2E 2E 2E"), ("2462", "33")]


def sentencepiece_model(kind, prefix, normalizes):
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        rules.writelines(f"{source}\t{target}\n" for source, target in RULES)
        rules.flush()
        normalization = {"normalization_rule_tsv": rules.name} if normalizes else {"normalization_rule_name": "identity"}
        train(model, kind, prefix, remove_extra_whitespaces=normalizes, **normalization)
    return model.getvalue()


def train(model, kind, prefix, **options):
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for text in TRAINING for line in text.split("\n") if line),
        model_writer=model,
        model_type=kind,
        vocab_size=1000,
        byte_fallback=True,
        character_coverage=0.98,
        add_dummy_prefix=prefix,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        control_symbols=CONTROL,
        user_defined_symbols=[] if prefix else ["\n\n", "<b>"],
        max_sentence_length=100_000,
        num_threads=1,
        minloglevel=2,
        **options,
    )


def tokenizer_json(proto, kind, prefix):
    """As transformers' converters write such models: Llama 2's way with a prefix, Gemma's without."""
    pieces = [(piece.piece, piece.score) for piece in proto.pieces]
    has_bytes = any(piece.type == 6 for piece in proto.pieces)
    if kind == "bpe":
        vocab = {piece: index for index, (piece, _) in enumerate(pieces)}
        model = models.BPE(
            vocab=vocab,
            merges=generate_merges(vocab, dict(pieces)),
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=has_bytes,
        )
    else:
        model = models.Unigram(vocab=pieces, unk_id=0, byte_fallback=has_bytes)
    tokenizer = Tokenizer(model)
    steps = []
    if proto.normalizer_spec.precompiled_charsmap:
        steps.append(normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap))
    if proto.normalizer_spec.remove_extra_whitespaces:
        steps += [normalizers.Replace(Regex(r"\A +| +\z"), ""), normalizers.Replace(Regex(" {2,}"), " ")]
    if prefix:
        steps.append(normalizers.Prepend("▁"))
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", "▁")])
    strip = [decoders.Strip(" ", 1, 0)] if prefix else []
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    tokenizer.add_special_tokens(
        [AddedToken(piece.piece, normalized=False, special=True) for piece in proto.pieces if piece.type in (2, 3)]
    )
    tokenizer.add_tokens(
        [AddedToken(piece.piece, normalized=False, special=False) for piece in proto.pieces if piece.type == 4]
    )
    return tokenizer


def write_gguf(path, proto, kind, prefix):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("llama" if kind == "bpe" else "t5")
    writer.add_token_list([piece.piece.encode("utf-8") for piece in proto.pieces])
    writer.add_token_scores([float(np.float32(piece.score)) for piece in proto.pieces])
    writer.add_token_types([piece.type for piece in proto.pieces])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_space_prefix(prefix)
    writer.add_remove_extra_whitespaces(proto.normalizer_spec.remove_extra_whitespaces)
    if proto.normalizer_spec.precompiled_charsmap:
        writer.add_precompiled_charsmap(proto.normalizer_spec.precompiled_charsmap)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    golden = {"documents": len(CORPUS)}
    golden["text"] = hashes(list(text.encode("utf-8")) for text in CORPUS)
    for name in PATTERNS:
        tokenizer = byte_level(name)
        save(tokenizer, name)
        golden[name] = golden_of(tokenizer)
    for name, kind, prefix, normalizes in [
        ("llama", "bpe", True, False),
        ("gemma", "bpe", False, False),
        ("unigram", "unigram", True, False),
        ("normalizing", "unigram", True, True),
    ]:
        model = sentencepiece_model(kind, prefix, normalizes)
        proto = sentencepiece_model_pb2.ModelProto.FromString(model)
        tokenizer = tokenizer_json(proto, kind, prefix)
        save(tokenizer, name)
        write_gguf(FIXTURES / f"{name}.gguf", proto, kind, prefix)
        golden[name] = golden_of(tokenizer)
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        golden[name]["sentencepiece"] = sentencepiece_golden(processor, tokenizer)
    (FIXTURES / "golden.json").write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


def save(tokenizer, name):
    text = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))
    (FIXTURES / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def golden_of(tokenizer):
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in CORPUS]
    return {"tokens": sum(map(len, ids)), "ids": hashes(ids)}


def sentencepiece_golden(processor, tokenizer):
    """SentencePiece knows no control tokens in text, so only documents without them are compared."""
    ids, different = [], []
    for index, text in enumerate(CORPUS):
        if any(control in text for control in CONTROL + ["<s>", "</s>", "<unk>", "<b>", "\n\n"]) or "▁" in text:
            ids.append([])
            continue
        ids.append(processor.encode(text))
        if ids[-1] != tokenizer.encode(text, add_special_tokens=False).ids:
            different.append(index)
    compared = sum(map(bool, ids))
    print(f"SentencePiece and Hugging Face differ in {len(different)} of {compared} documents")
    ids = [[] if index in different else one for index, one in enumerate(ids)]
    return {"compared": compared, "different": different, "ids": hashes(ids)}


CORPUS = list(documents())
TRAINING = list(documents(seed=5, size_bytes=400_000))

if __name__ == "__main__":
    main()
