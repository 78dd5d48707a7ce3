"""Embeddings of the included worker as `transformers` has them: the goldens of tests/embeddings.rs.

    python tools/parity/embeddings/export.py

Runs the model of tests/fixtures/demo-worker on the CPU in float32 and writes, for each text, its token ids and the mean and
the last of its final hidden states, each scaled to length 1, to tests/fixtures/embeddings/demo-worker.json.
"""

import json
from pathlib import Path

import torch
from transformers import AutoModel, PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parents[3]
MODEL = ROOT / "tests/fixtures/demo-worker"
OUT = ROOT / "tests/fixtures/embeddings/demo-worker.json"

# One token; a sentence; one that begins with a control token; one longer than a step of the engine, which ends within one.
TEXTS = [
    "a",
    "The patient's blood pressure was 128/82 mmHg at the last visit.",
    "<|bos|>Which medicine does the record name?",
    "The record lists every visit, each with its date, the reason for it and what was prescribed. " * 16,
]


def main() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(MODEL / "tokenizer.json"))
    model = AutoModel.from_pretrained(MODEL, dtype=torch.float32).eval()
    goldens = []
    for text in TEXTS:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            hidden = model(torch.tensor([ids])).last_hidden_state[0].double()
        unit = lambda vector: [round(x, 7) for x in (vector / vector.norm()).tolist()]
        goldens.append({"text": text, "ids": ids, "mean": unit(hidden.mean(0)), "last": unit(hidden[-1])})
        print(len(ids), "tokens:", text[:40])
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(goldens, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
