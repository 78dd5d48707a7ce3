"""Write the tiny models of ``tests/fixtures/families`` and what ``transformers`` computes with them.

    python make_fixtures.py [--out tests/fixtures/families] [CASE ...]

A case is a family with everything on that is its own: random weights that float16 holds
exactly, a vocabulary of printable characters, a prompt longer than the window.  Beside
each Hugging Face folder stand the logits at every position and 32 tokens of greedy
decoding, both by ``transformers`` on the CPU in float32; for some cases also how
llama.cpp's converter would write the model.  Each feature is switched off once, and a case
whose logits do not notice is refused: a golden that proves nothing is worse than none.
"""

from __future__ import annotations

import argparse
import copy
import json
import shutil
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers.convert_slow_tokenizer import bytes_to_unicode as bytes_char
from transformers import AutoConfig, AutoModelForCausalLM

from cases import CASES, Case
from gguf_file import write_gguf

ROOT = Path(__file__).resolve().parents[3]
NEW_TOKENS = 32
# Logits are kept as whole multiples of this; half of it is the most that a golden may be off.
LOGIT_STEP = 2.0**-12
# A feature that is switched off must move some logit by this much; greedy tokens must lead by this much.
MIN_EFFECT = 0.05
MIN_LEAD = 0.02
SPECIALS = ["<|begin|>", "<|end|>"]
PRINTABLE = [chr(code) for code in range(0x21, 0x7F)] + ["Ġ"]
# The columns of the logits that are kept. The rest of the vocabulary has weights so small that it is never said.
SPOKEN = len(SPECIALS) + len(PRINTABLE)
SILENCE = 0.002
BEGIN, END = 0, 1
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
PROMPT = "The window of a layer ends before this sentence does, so that what is left out shows; 16, 32, 64."


def tokenizer() -> Tokenizer:
    """One token a byte, the printable ones first: as long as those are said, text and ids say the same."""
    others = sorted(set(bytes_char().values()) - set(PRINTABLE))
    vocabulary = {token: index for index, token in enumerate(SPECIALS + PRINTABLE + others)}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(SPECIALS)
    return made


def build(config: dict) -> torch.nn.Module:
    """The model of a configuration, its weights not yet set."""
    config = copy.deepcopy(config)
    made = AutoConfig.for_model(config.pop("model_type"), **config)
    model = AutoModelForCausalLM.from_config(made, attn_implementation="eager").float().eval()
    return model


def randomise(model: torch.nn.Module, seed: int, gemma: bool) -> None:
    """Weights of such sizes that every part of the model matters, each a float16."""
    random = torch.Generator().manual_seed(seed)

    def normal(shape: torch.Size, scale: float) -> torch.Tensor:
        return (torch.randn(shape, generator=random) * scale).half().float()

    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            if name.endswith("norm.weight"):
                weight.copy_(normal(weight.shape, 0.3) + (0.0 if gemma else 1.0))
                weight.copy_(weight.half().float())
            elif name.endswith("bias"):
                weight.copy_(normal(weight.shape, 0.5))
            elif "embed_tokens" in name:
                weight.copy_(normal(weight.shape, 0.22))
            else:
                weight.copy_(normal(weight.shape, 1.5 / weight.shape[1] ** 0.5))
            if "embed_tokens" in name or "lm_head" in name:
                weight[SPOKEN:] = normal(weight[SPOKEN:].shape, SILENCE)


def logits_of(model: torch.nn.Module, ids: list[int]) -> np.ndarray:
    with torch.no_grad():
        return model(torch.tensor([ids]), use_cache=False).logits[0].float().numpy()[:, :SPOKEN]


def greedy(model: torch.nn.Module, ids: list[int]) -> tuple[list[int], float]:
    """Tokens, and by how much the least certain one led; read whole each time, so no cache has a say."""
    said, lead = [], float("inf")
    for _ in range(NEW_TOKENS):
        top = np.sort(logits_of(model, ids + said)[-1])[-2:]
        lead = min(lead, float(top[1] - top[0]))
        said.append(int(logits_of(model, ids + said)[-1].argmax()))
    return said, lead


def transplant(model: torch.nn.Module, config: dict) -> torch.nn.Module:
    """A model of another configuration with as many of the same weights as it has places for."""
    other = build(config)
    own = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in other.named_parameters():
            if name in own and own[name].shape == weight.shape:
                weight.copy_(own[name])
            elif name.endswith("norm.weight"):
                weight.fill_(0.0 if "gemma" in config["model_type"] else 1.0)
            else:
                raise ValueError(f"{name} has no counterpart")
    return other


def check_features(case: Case, model: torch.nn.Module, ids: list[int], exact: np.ndarray) -> dict[str, float]:
    """By how much each feature moves the logits."""
    effects = {}
    for name, change in case.without.items():
        config = {**copy.deepcopy(case.config), **change}
        effects[name] = float(np.abs(logits_of(transplant(model, config), ids) - exact).max())
    for name in case.zeroed:
        other = copy.deepcopy(model)
        with torch.no_grad():
            for key, weight in other.named_parameters():
                if name in key:
                    weight.zero_()
        effects[f"{name} set to 0"] = float(np.abs(logits_of(other, ids) - exact).max())
    for name, effect in effects.items():
        if effect < MIN_EFFECT:
            raise ValueError(f"{case.name}: without {name} the logits move by {effect} only")
    return effects


def find_runs(case: Case, encoder: Tokenizer) -> tuple[torch.nn.Module, list[dict], np.ndarray, dict]:
    """A seed whose logits fit the file, whose replies are certain and hold no special token; and what it gives."""
    model = build(case.config)
    for seed in range(1, 200):
        randomise(model, seed, "gemma" in case.config["model_type"])
        runs, rows, effects = [], [], {}
        for run in case.runs:
            prompt = PROMPT[: run.prompt_length]
            ids = encoder.encode(prompt).ids
            assert len(ids) == run.prompt_length, (len(ids), run)
            exact = logits_of(model, ids)
            said, lead = greedy(model, ids)
            if lead < MIN_LEAD or min(said) < len(SPECIALS) or np.abs(exact).max() >= LOGIT_STEP * 2**15 - 1:
                break
            if run is case.runs[-1]:
                effects = check_features(case, model, ids, exact)
            runs.append(
                dict(
                    context_length=run.context_length,
                    prompt=prompt,
                    ids=ids,
                    greedy_ids=said,
                    greedy=encoder.decode(said),
                    first_row=sum(len(row) for row in rows),
                )
            )
            rows.append(exact)
        else:
            return model, runs, np.concatenate(rows), dict(seed=seed, effects=effects)
    raise ValueError(f"{case.name}: no seed gives a certain reply")


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_case(case: Case, out: Path) -> None:
    folder = out / case.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    encoder = tokenizer()
    model, runs, logits, found = find_runs(case, encoder)

    tied = model.config.tie_word_embeddings
    weights = {
        name: weight.detach().half().contiguous()
        for name, weight in model.named_parameters()
        if not (tied and name == "lm_head.weight")
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = {**case.config, "bos_token_id": BEGIN, "eos_token_id": END, "torch_dtype": "float16"}
    write_json(folder / "config.json", config)
    # The folder as it stands must be the model that the goldens are of.
    again = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    for run in runs:
        rows = logits[run["first_row"] : run["first_row"] + len(run["ids"])]
        assert np.array_equal(logits_of(again, run["ids"]), rows), f"{case.name}: the folder is another model"

    encoder.save(str(folder / "tokenizer.json"), pretty=False)
    write_json(
        folder / "tokenizer_config.json",
        dict(bos_token=SPECIALS[BEGIN], eos_token=SPECIALS[END], chat_template=TEMPLATE),
    )
    (folder / "golden-logits.bin").write_bytes(np.round(logits / LOGIT_STEP).astype("<i2").tobytes())
    write_json(
        folder / "golden.json",
        dict(
            made_with=f"tools/parity/families/make_fixtures.py, transformers {transformers.__version__}, "
            f"torch {torch.__version__.split('+')[0]}, float32 on the CPU",
            seed=found["seed"],
            effects={name: round(effect, 3) for name, effect in found["effects"].items()},
            vocab_size=case.config["vocab_size"],
            columns=logits.shape[1],
            logit_step=LOGIT_STEP,
            logits="golden-logits.bin: little-endian int16, times logit_step; the first columns of each position, each "
            "run's positions from its first_row on",
            runs=runs,
            gguf=write_gguf(folder / "gguf-header.bin", case, weights, encoder, TEMPLATE, SPECIALS, BEGIN, END)
            if case.gguf
            else None,
        ),
    )
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{case.name}: seed {found['seed']}, {size} bytes, largest logit {np.abs(logits).max():.2f}, {found['effects']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="names of cases; all by default")
    parser.add_argument("--out", type=Path, default=ROOT / "tests/fixtures/families")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for case in CASES:
        if not arguments.cases or case.name in arguments.cases:
            write_case(case, arguments.out)


if __name__ == "__main__":
    main()
