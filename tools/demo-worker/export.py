"""Write everything the product and its tests use from one checkpoint.

    python export.py CHECKPOINT --tokenizer tokenizer.json --scores scores.json [--repo ROOT]

Output: a Hugging Face folder with reference numbers and scores under
``tests/fixtures/demo-worker/``, and the Q8_0 GGUF file with its model card under
``www/public/models/``.  All files are staged first and moved into place together, so a
reader never meets half of an old model and half of a new one for longer than a moment.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path

import numpy as np
import tokenizers
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

import golden_prompts
from gguf_writer import gguf_tensor_names, read_gguf, restore_rows, write_gguf
from model import load_checkpoint
from tokenizer import ASSISTANT, BOS, CHAT_TEMPLATE, END, PAD, SPECIAL_TOKENS, encode_messages

NAME = "Minions demo worker"
# The weights carry the licence of the repository they are part of.
LICENSE = "apache-2.0"
TOP = 32
LAST_LOGIT_ROWS = 4
MAX_NEW_TOKENS = 96
COMMAND = "python export.py CHECKPOINT --tokenizer tokenizer.json --scores scores.json"


def write_json(path: Path, value: object, indent: int | None = 1) -> None:
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")


def write_hf_folder(folder: Path, state: dict, config: dict, tokenizer: Tokenizer) -> None:
    """The folder that ``transformers`` and the product's safetensors loader read."""
    weights = {f"model.{name}": t.to(torch.float16).contiguous() for name, t in state.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    special = dict(bos_token_id=BOS, eos_token_id=END, pad_token_id=PAD)
    write_json(
        folder / "config.json",
        dict(
            architectures=["LlamaForCausalLM"],
            model_type="llama",
            hidden_size=config["hidden"],
            intermediate_size=config["ffn"],
            num_hidden_layers=config["layers"],
            num_attention_heads=config["heads"],
            num_key_value_heads=config["kv_heads"],
            head_dim=config["hidden"] // config["heads"],
            vocab_size=config["vocab_size"],
            max_position_embeddings=config["context"],
            rms_norm_eps=config["rms_eps"],
            rope_theta=config["rope_theta"],
            rope_scaling=None,
            hidden_act="silu",
            attention_bias=False,
            mlp_bias=False,
            tie_word_embeddings=True,
            torch_dtype="float16",
            **special,
        ),
    )
    write_json(folder / "generation_config.json", dict(do_sample=False, **special))
    write_json(
        folder / "tokenizer_config.json",
        dict(
            tokenizer_class="PreTrainedTokenizerFast",
            bos_token=SPECIAL_TOKENS[BOS],
            eos_token=SPECIAL_TOKENS[END],
            pad_token=SPECIAL_TOKENS[PAD],
            model_max_length=config["context"],
            clean_up_tokenization_spaces=False,
            chat_template=CHAT_TEMPLATE,
        ),
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def write_model_gguf(path: Path, folder: Path, config: dict) -> float:
    """Quantise the folder's float16 weights; returns the largest relative error read back."""
    weights = {name: t.numpy() for name, t in load_file(folder / "model.safetensors").items()}
    write_gguf(
        path,
        weights,
        config,
        json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")),
        len(SPECIAL_TOKENS),
        dict(bos=BOS, eos=END, pad=PAD),
        CHAT_TEMPLATE,
        NAME,
        LICENSE,
    )
    worst, (_, tensors) = 0.0, read_gguf(path)
    for theirs, ours in gguf_tensor_names(config["layers"]).items():
        restored, weight = tensors[ours], weights[theirs].astype(np.float32)
        if theirs.endswith(("q_proj.weight", "k_proj.weight")):
            heads = config["heads" if "q_proj" in theirs else "kv_heads"]
            restored = restore_rows(restored, heads)
        worst = max(worst, float(np.abs(restored - weight).max() / np.abs(weight).max()))
    assert worst < 1 / 127, f"the GGUF file does not match the weights: {worst}"
    return worst


def write_golden(folder: Path, seen_tokens: int | None) -> None:
    """Reference numbers from ``transformers``: float32 arithmetic on the float16 weights."""
    model = transformers.LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    wrapper = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    prompts, binary = [], b""
    for label, messages in golden_prompts.prompts():
        text = wrapper.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = encode_messages(tokenizer, messages)
        assert ids == tokenizer.encode(text, add_special_tokens=False).ids, label
        assert ids[-1] == ASSISTANT and len(ids) + MAX_NEW_TOKENS <= model.config.max_position_embeddings
        batch = torch.tensor([ids])
        with torch.no_grad():
            logits = model(batch).logits[0].float()
            generated = model.generate(
                batch,
                attention_mask=torch.ones_like(batch),
                max_new_tokens=MAX_NEW_TOKENS,
                do_sample=False,
            )[0, len(ids) :].tolist()
        if generated and generated[-1] == END:
            generated.pop()
        top = logits[-1].topk(TOP)
        rows = logits[-LAST_LOGIT_ROWS:].contiguous()
        prompts.append(
            dict(
                label=label,
                messages=messages,
                text=text,
                ids=ids,
                argmax=logits.argmax(-1).tolist(),
                logsumexp=[round(x, 5) for x in logits.logsumexp(-1).tolist()],
                last_top=[[i, round(x, 5)] for i, x in zip(top.indices.tolist(), top.values.tolist())],
                greedy=tokenizer.decode(generated),
                greedy_ids=generated,
                logits=dict(
                    offset=len(binary),
                    rows=rows.size(0),
                    columns=rows.size(1),
                    first_position=len(ids) - rows.size(0),
                ),
            )
        )
        binary += rows.numpy().astype("<f4").tobytes()
    (folder / "golden-logits.bin").write_bytes(binary)
    header = dict(
        made_with="transformers LlamaForCausalLM, float32 arithmetic on the float16 weights, CPU",
        command=COMMAND,
        python=platform.python_version(),
        torch=torch.__version__.split("+")[0],
        transformers=transformers.__version__,
        tokenizers=tokenizers.__version__,
        max_new_tokens=MAX_NEW_TOKENS,
        logits_file="golden-logits.bin",
        logits_format="little-endian float32, row-major; offset in bytes",
        training_tokens=seen_tokens,
    )
    # One prompt a line keeps differences between two versions readable.
    lines = ",\n".join(json.dumps(prompt, ensure_ascii=False) for prompt in prompts)
    head = json.dumps(header, indent=1, ensure_ascii=False)[:-2]
    (folder / "golden.json").write_text(f'{head},\n "prompts": [\n{lines}\n ]\n}}\n', encoding="utf-8")


def model_card(config: dict, parameters: int, saved: dict, scores: dict, size: int) -> str:
    """The card beside the GGUF file, with the scores as they are."""
    rows = []
    for name, entry in scores.get("generated", {}).items():
        cells = [f"{entry[key]:.2f}" if key in entry else "-" for key in SCORE_COLUMNS]
        rows.append(f"| {name} | {entry.get('documents', '-')} | " + " | ".join(cells) + " |")
    record = scores.get("record")
    record_line = (
        f"Sample record (`www/samples/patient-record.txt`): {record['right']} of {record['asked']} "
        "scripted questions answered with the expected value, alone and within conversations."
        if record
        else "Sample record: not scored for this version."
    )
    tokens, minutes = saved.get("tokens"), saved.get("minutes")
    spent = (
        f"{tokens / 1e6:.1f} million tokens in {minutes:.0f} minutes on {saved.get('hardware', 'two CPU cores')}"
        if tokens
        else "about 20 million tokens (first version)"
    )
    return CARD.format(
        parameters=f"{parameters / 1e6:.1f}",
        spent=spent,
        rows="\n".join(rows) or "| no scores | | | | | | | |",
        record=record_line,
        megabytes=f"{size / 1e6:.1f}",
        columns=" | ".join(SCORE_COLUMNS.values()),
        rule="|".join("---" for _ in SCORE_COLUMNS),
        **config,
    )


SCORE_COLUMNS = {
    "job_answer_exact": "job: answer exact",
    "job_citation_exact": "job: citation exact",
    "job_valid_json": "job: valid JSON",
    "job_abstains": "job: abstains when absent",
    "chat_quotation_exact": "chat: quotation exact",
    "chat_value_contained": "chat: value in reply",
    "chat_abstains": "chat: abstains when absent",
}

CARD = """# Minions demo worker

A language model of {parameters} million parameters that looks up stated facts in a short
document. It exists so that the demonstration runs offline, on any machine, with a real
trained model. It is not a general assistant: for other work choose a model of three
billion parameters or more.

| | |
|---|---|
| file | `demo-worker.gguf`, GGUF version 3, Q8_0 (embedding and attention float16), {megabytes} MB |
| architecture | Llama: hidden {hidden}, {layers} layers, {heads} heads, {kv_heads} key/value heads, feed-forward {ffn}, tied head |
| vocabulary | {vocab_size} byte-level BPE entries, pre-tokenizer `llama-bpe` |
| context | {context} tokens |
| licence | that of this repository |

## Data and training

Trained from random initialisation on text generated by `tools/demo-worker/corpus.py` and
on nothing else: documents of invented facts and filler sentences, questions about them,
and the replies. No downloaded text and no other model's output was used. Training took
{spent}. `tools/demo-worker/README.md` says how to repeat it.

## What it does

- Chat: with a document in the system message it replies `The document says: ` and the
  document's words from the attribute's name on, to the end of the sentence or line; or
  `The document does not state the ...`.
- Job: with rules, excerpt and task in one message it replies with a JSON object of
  explanation, citation (again from the attribute's name on) and answer, the last two null
  when the excerpt does not say.

The exact wording of both prompts is in `corpus.py`; other wordings are untested.

## Scores

Held-out generated documents, greedy decoding, no constrained decoding.

| documents | n | {columns} |
|---|---|{rule}|
{rows}

{record}

## Limits

- It matches words. A question must name the attribute in the document's own words, and
  attributes or sentence forms unlike the generated ones may not be found.
- Words it has not met in training, such as unusual names, may be copied wrongly. The names
  in the sample record are from its word lists for this reason.
- The job form is weaker than the chat (see the scores): one answer in four is not exact.
- It does not reason, calculate, summarise or combine sentences.
- The scores are for generated text of the same kind as the training text. On other
  documents expect worse, up to confident wrong sentences.
- English only. Never use it for medical, legal or financial decisions.
"""


def move_into_place(staged: Path, target: Path) -> None:
    """Replace the target's files by the staged ones, each atomically."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(staged.iterdir()):
        path.chmod(0o644)
        os.replace(path, target / path.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("--tokenizer", default="tokenizer.json")
    parser.add_argument("--scores", help="JSON written by evaluate.py")
    parser.add_argument("--repo", default=str(Path(__file__).resolve().parents[2]))
    args = parser.parse_args()
    torch.manual_seed(0)
    model, saved = load_checkpoint(args.checkpoint)
    config, tokenizer = saved["config"], Tokenizer.from_file(args.tokenizer)
    scores = json.loads(Path(args.scores).read_text()) if args.scores else {}
    fixtures = Path(args.repo) / "tests/fixtures/demo-worker"
    models = Path(args.repo) / "www/public/models"
    for folder in (fixtures, models):
        folder.mkdir(parents=True, exist_ok=True)
    # Staging beside the target keeps the final renames on one file system.
    with tempfile.TemporaryDirectory(dir=fixtures.parent, prefix=".staging-") as staging:
        hf, web = Path(staging) / "hf", Path(staging) / "web"
        hf.mkdir(), web.mkdir()
        write_hf_folder(hf, model.state_dict(), config, tokenizer)
        write_golden(hf, saved.get("tokens"))
        write_json(hf / "scores.json", scores)
        error = write_model_gguf(web / "demo-worker.gguf", hf, config)
        size = (web / "demo-worker.gguf").stat().st_size
        parameters = sum(p.numel() for p in model.parameters())
        card = model_card(config, parameters, saved, scores, size)
        (web / "demo-worker.md").write_text(card, encoding="utf-8")
        move_into_place(hf, fixtures)
        move_into_place(web, models)
    print(f"{parameters} parameters, GGUF {size} bytes, largest relative quantisation error {error:.5f}")


if __name__ == "__main__":
    main()
