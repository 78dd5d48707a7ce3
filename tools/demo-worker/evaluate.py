"""Score a checkpoint (or an exported GGUF file) on held-out documents and the sample record.

    python evaluate.py MODEL --tokenizer tokenizer.json [--documents 80] [--out scores.json]

Greedy, free decoding: no grammar, no retries.  Job questions are asked one at a time;
chat questions form one conversation per document in which the worker's own replies, right
or wrong, stay in the history.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from pathlib import Path

import torch
from tokenizers import Tokenizer

import corpus
from gguf_writer import gguf_tensor_names, read_gguf, restore_rows
from model import Worker, WorkerConfig, load_checkpoint
from tokenizer import END, encode_messages

SETS = {"short": ("eval-short", 101), "medium": ("eval-medium", 102), "long": ("eval-long", 103)}
LIMIT = 160
SAMPLES = Path(__file__).resolve().parents[2] / "www/samples"

# The two questions the demonstration hinges on, in the wordings a supervisor may choose.
PRESSURE = [
    "What is the patient's blood pressure?",
    "What was the patient's blood pressure?",
    "What is the blood pressure?",
    "What is the patient's blood pressure reading?",
    "Please report the patient's blood pressure.",
    "What is the patient's blood pressure? Quote the sentence.",
    "Quote the sentence that states the blood pressure.",
    "I need to know the patient's blood pressure. What is the blood pressure?",
    "According to the document, what is the patient's blood pressure?",
    "What blood pressure was recorded?",
]
CHOLESTEROL = [
    "What is the patient's LDL cholesterol?",
    "What was the LDL cholesterol level?",
    "What is the patient's LDL cholesterol level?",
    "Please report the patient's LDL cholesterol value.",
    "What is the LDL cholesterol?",
    "What is the patient's LDL cholesterol? Quote the sentence.",
    "Quote the sentence that states the LDL cholesterol.",
    "Thank you. What is the patient's LDL cholesterol level?",
    "According to the document, what is the patient's LDL cholesterol?",
    "Can you tell me the patient's LDL cholesterol?",
]
UNRELATED = [
    "What is the patient's heart rate?",
    "What is the follow-up appointment?",
    "What is the patient's blood type?",
    "What is the prescribed medication?",
]


def load_gguf(path: str) -> Worker:
    """The model with the weights an engine sees after dequantisation."""
    metadata, tensors = read_gguf(Path(path))
    key = "llama."
    config = WorkerConfig(
        vocab_size=metadata[key + "vocab_size"],
        hidden=metadata[key + "embedding_length"],
        layers=metadata[key + "block_count"],
        heads=metadata[key + "attention.head_count"],
        kv_heads=metadata[key + "attention.head_count_kv"],
        ffn=metadata[key + "feed_forward_length"],
        rope_theta=metadata[key + "rope.freq_base"],
        rms_eps=metadata[key + "attention.layer_norm_rms_epsilon"],
        context=metadata[key + "context_length"],
    )
    state = {}
    for theirs, ours in gguf_tensor_names(config.layers).items():
        weight = tensors[ours]
        if theirs.endswith("q_proj.weight"):
            weight = restore_rows(weight, config.heads)
        elif theirs.endswith("k_proj.weight"):
            weight = restore_rows(weight, config.kv_heads)
        state[theirs.removeprefix("model.")] = torch.tensor(weight)
    model = Worker(config)
    model.load_state_dict(state)
    return model.eval()


class Asker:
    """Renders, decodes, and returns text."""

    def __init__(self, model: Worker, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer = model, tokenizer

    def reply(self, messages: list[dict], wanted: str = "") -> str:
        """Greedy reply; the wanted text only saves time where the reply begins with it."""
        ids = encode_messages(self.tokenizer, messages)
        guess = self.tokenizer.encode(wanted, add_special_tokens=False).ids
        return self.tokenizer.decode(self.model.greedy(ids, END, LIMIT, guess))

    def conversation(self, document: str, questions: list[str], wanted: list[str] | None = None) -> list[str]:
        messages = [dict(role="system", content=corpus.chat_system(document))]
        replies = []
        for index, question in enumerate(questions):
            messages.append(dict(role="user", content=question))
            replies.append(self.reply(messages, wanted[index] if wanted else ""))
            messages.append(dict(role="assistant", content=replies[-1]))
        return replies

    def job(self, document: str, turn: corpus.Turn) -> dict | None:
        prompt = corpus.job_prompt(document, turn.question, turn.advice)
        text = self.reply([dict(role="user", content=prompt)], turn.job_reply())
        try:
            parsed = json.loads(text)
        except json.JSONDecodeError:
            return None
        return parsed if isinstance(parsed, dict) else None


def score_generated(asker: Asker, level: str, seed: int, documents: int, examples: list[dict]) -> dict:
    """Rates over one set of generated documents."""
    rng, hits = random.Random(seed), defaultdict(list)
    for _ in range(documents):
        sample = corpus.make_sample(rng, corpus.LEVELS[level])
        questions, wanted = zip(*((turn.question, turn.chat_reply()) for turn in sample.turns))
        replies = asker.conversation(sample.document, list(questions), list(wanted))
        for turn, reply in zip(sample.turns, replies):
            _, citation, answer = turn.parts[0]
            exact = reply == turn.chat_reply()
            if citation is None:
                hits["chat_abstains"].append(exact)
            else:
                hits["chat_quotation_exact"].append(exact)
                hits["chat_value_contained"].append(answer in reply)
            if not exact:
                examples.append(dict(form="chat", question=turn.question, want=turn.chat_reply(), got=reply))
        for turn in (t for t in sample.turns if t.job):
            _, citation, answer = turn.parts[0]
            got = asker.job(sample.document, turn)
            hits["job_valid_json"].append(got is not None)
            got = got or {}
            if citation is None:
                right = "answer" in got and got["answer"] is None and got.get("citation") is None
                hits["job_abstains"].append(right)
            else:
                right = got.get("answer") == answer
                hits["job_answer_exact"].append(right)
                hits["job_citation_exact"].append(got.get("citation") == citation)
            if not right:
                examples.append(dict(form="job", question=turn.question, want=turn.job_reply(), got=got))
    rates = {name: round(sum(values) / len(values), 4) for name, values in sorted(hits.items())}
    return dict(documents=documents, seed=seed, questions=len(hits["job_valid_json"]), **rates)


def score_record(asker: Asker) -> dict:
    """The sample record: every scripted question alone, then within conversations."""
    document = (SAMPLES / "patient-record.txt").read_text(encoding="utf-8").strip()
    script = json.loads((SAMPLES / "patient-record.questions.json").read_text(encoding="utf-8"))
    talks = [[(entry["question"], entry["expect"])] for entry in script]
    key = [(question, "160/100") for question in PRESSURE], [(question, "170") for question in CHOLESTEROL]
    for first, second in zip(*key):
        talks += [[first, second], [second, first]]
    for index, question in enumerate(UNRELATED):
        talks.append([(question, None), key[0][index], key[1][index]])
        talks.append([(question, None), key[1][0], key[0][0]])
    asked = right = key_asked = key_right = 0
    failures = []
    for talk in talks:
        replies = asker.conversation(document, [question for question, _ in talk])
        for (question, expected), reply in zip(talk, replies):
            if expected is None:
                continue
            good, is_key = expected in reply, expected in ("160/100", "170")
            asked, right = asked + 1, right + good
            key_asked, key_right = key_asked + is_key, key_right + (good and is_key)
            if not good:
                failures.append(dict(turns=[q for q, _ in talk], question=question, expected=expected, reply=reply))
    return dict(asked=asked, right=right, key_asked=key_asked, key_right=key_right, failures=failures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="checkpoint or .gguf file")
    parser.add_argument("--tokenizer", default="tokenizer.json")
    parser.add_argument("--documents", type=int, default=80)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--show", type=int, default=0, help="print this many wrong replies per set")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = load_gguf(args.model) if args.model.endswith(".gguf") else load_checkpoint(args.model)[0]
    asker = Asker(model, Tokenizer.from_file(args.tokenizer))
    scores: dict = dict(decoding="greedy, free", weights="GGUF Q8_0" if args.model.endswith(".gguf") else "checkpoint")
    scores["record"] = score_record(asker)
    print("record", json.dumps(scores["record"], ensure_ascii=False), flush=True)
    scores["generated"] = {}
    for name in args.sets:
        level, seed = SETS[name]
        examples: list[dict] = []
        scores["generated"][name] = score_generated(asker, level, seed, args.documents, examples)
        print(name, json.dumps(scores["generated"][name]), flush=True)
        for example in examples[: args.show]:
            print("   ", json.dumps(example, ensure_ascii=False), flush=True)
    if args.out:
        Path(args.out).write_text(json.dumps(scores, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
