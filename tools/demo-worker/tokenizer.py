"""Train the worker's tokenizer: byte-level BPE over generated text.

    python tokenizer.py OUTPUT.json [--vocab 4096] [--documents 20000]

The pre-tokenizer is the one GGUF files call ``llama-bpe``, so engines that know that
name need no code of their own for this model.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL_TOKENS = ["<|pad|>", "<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
PAD, BOS, END, SYSTEM, USER, ASSISTANT = range(6)
ROLE_IDS = {"system": SYSTEM, "user": USER, "assistant": ASSISTANT}

LLAMA_BPE_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def new_tokenizer() -> Tokenizer:
    """An untrained tokenizer with the pre-tokenizer and decoder in place."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA_BPE_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def encode_messages(tokenizer: Tokenizer, messages: list[dict]) -> list[int]:
    """Ids of a rendered conversation that ends by opening the assistant's turn.

    Special tokens are placed by id, so text that merely looks like one stays text.
    """
    ids = [BOS]
    for message in messages:
        text = tokenizer.encode(message["content"], add_special_tokens=False).ids
        ids += [ROLE_IDS[message["role"]], *text, END]
    return [*ids, ASSISTANT]


def training_text(documents: int, seed: int) -> Iterator[str]:
    """Documents, questions and replies in the proportions the worker will see."""
    import corpus

    rng = random.Random(seed)
    for _ in range(documents):
        sample = corpus.make_sample(rng, corpus.TOKENIZER_LEVEL)
        yield from (message["content"] for message in sample.chat_messages())
        if rng.random() < 0.3:
            job = rng.choice(sample.turns)
            yield corpus.job_prompt(sample.document, job.question, job.advice)
            yield job.job_reply()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output")
    parser.add_argument("--vocab", type=int, default=4096)
    parser.add_argument("--documents", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    tokenizer = new_tokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=args.vocab,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_text(args.documents, args.seed), trainer)
    # Engines differ in whether a word that is itself an entry skips the merges
    # (llama-bpe does).  Refuse a vocabulary for which that would make a difference.
    for token, index in tokenizer.get_vocab().items():
        if index >= len(SPECIAL_TOKENS):
            merged = [piece.id for piece in tokenizer.model.tokenize(token)]
            assert merged == [index], (token, merged)
    tokenizer.save(args.output)
    print(f"{tokenizer.get_vocab_size()} entries -> {args.output}")


if __name__ == "__main__":
    main()
