"""Train the demo worker on generated text, by stages.

    python train.py --tokenizer tokenizer.json --out RUN_DIR [--resume] [--stages FILE.json]

Runs on CPU or CUDA in bfloat16.  Every sample is new, so the exact-match rates printed
from the training batches are held-out rates: a reply counts when every one of its tokens
is the most probable one, which is what greedy decoding would then produce.

A run is resumed exactly: the checkpoint holds the weights, both optimizers, all random
states and the place within the current chunk of data.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn import functional as F

import corpus
from model import Worker, WorkerConfig
from tokenizer import ASSISTANT, BOS, END, PAD, SPECIAL_TOKENS, SYSTEM, USER

CHUNK_TOKENS = 60_000
# The first tokens of a reply decide which sentence is copied; the rest is copying.
OPENING_TOKENS, OPENING_WEIGHT = 3, 4.0
DOCUMENT_WEIGHT = 0.1
DOCUMENT_SHARE = 0.15
MUON_LR, ADAM_LR = 0.005, 8e-4
WARMUP_STEPS = 20
CHECKPOINT_SECONDS = 120
LOG_STEPS = 10


@dataclass
class Stage:
    """A stretch of training.

    ``mix`` maps "repeat", "bare:LEVEL", "chat:LEVEL" and "job:LEVEL" to shares of rows.  The stage ends
    after ``tokens`` tokens, or sooner once the exact rate over replies that are present in
    the document reaches ``advance``.  ``rate`` scales the learning rates, linearly from its
    first to its second number; ``gaps`` is the share of rows with stretched positions.
    """

    name: str
    tokens: float
    mix: dict[str, float]
    rate: tuple[float, float] = (1.0, 1.0)
    advance: float = 1.1
    batch_tokens: int = 6144
    gaps: float = 0.0
    minutes: float = 0.0


STAGES = [
    Stage("tiny", 0.6e6, {"bare:tiny": 0.6, "bare:small": 0.3, "chat:tiny": 0.1}, batch_tokens=1536),
    Stage("small", 0.78e6, {"bare:small": 0.5, "chat:small": 0.5}, batch_tokens=2048),
    Stage("late", 2.45e6, {"bare:small": 0.2, "chat:small": 0.25, "chat:medium": 0.3, "chat:record": 0.25}, rate=(1.1, 0.25), batch_tokens=2560),
    Stage("final", 1.18e6, {"chat:small": 0.12, "chat:medium": 0.2, "chat:record": 0.25, "job:small": 0.28, "job:medium": 0.15}, rate=(0.8, 0.02), batch_tokens=2560),
    Stage("more", 4.0e6, {"chat:small": 0.12, "chat:medium": 0.25, "chat:large": 0.08, "chat:record": 0.25, "job:small": 0.12, "job:medium": 0.18}, rate=(1.0, 0.02), batch_tokens=2560, gaps=0.05),
    Stage("jobs", 7.5e6, {"chat:small": 0.08, "chat:medium": 0.17, "chat:large": 0.04, "chat:record": 0.16, "job:small": 0.2, "job:medium": 0.25, "job:large": 0.1}, rate=(1.0, 0.02), batch_tokens=2560, gaps=0.05),
]  # fmt: skip


@dataclass
class Row:
    """One training sequence.

    ``replies`` are (start, end, tag) spans of supervised tokens.  ``branch`` numbers the
    alternative continuations of a shared prefix, which is branch 0: a token sees the
    prefix and its own branch only.
    """

    ids: list[int]
    replies: list[tuple[int, int, str]]
    positions: list[int]
    branch: list[int] | None = None
    document: tuple[int, int] = (0, 0)


class Encoder:
    """Turns samples into rows."""

    def __init__(self, tokenizer: Tokenizer, context: int) -> None:
        self.tokenizer = tokenizer
        self.context = context
        self.vocab = tokenizer.get_vocab_size()
        # Positions may jump after these tokens: ends of sentences, lines and messages.
        ends = {i for t, i in tokenizer.get_vocab().items() if t[-1] in ".Ċ" and not t[0].isdigit()}
        self.breaks = ends | {END}

    def text(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def repeat(self, rng: random.Random) -> Row:
        """Random tokens said twice: teaches copying before there is anything to read."""

        def noise(low: int, high: int) -> list[int]:
            return [rng.randrange(len(SPECIAL_TOKENS), self.vocab) for _ in range(rng.randint(low, high))]

        sequence = noise(6, 40)
        ids, replies = [BOS, *noise(0, 20), *sequence], []
        for _ in range(rng.randint(1, 3)):
            ids += noise(0, 20)
            start = len(ids) + 1  # the first repeated token cannot be known
            ids += sequence
            replies.append((start, len(ids), "repeat"))
        return Row(ids, replies, list(range(len(ids))))

    def chat(self, sample: corpus.Sample, bare: bool = False) -> Row:
        """A whole conversation; a bare one leaves the fixed rules out, which costs fewer
        tokens for each look-up while the look-up itself is still to be learnt."""
        system = sample.document if bare else corpus.chat_system(sample.document)
        ids = [BOS, SYSTEM, *self.text(system), END]
        replies, document = [], (2, len(ids) - 1)
        for turn in sample.turns:
            ids += [USER, *self.text(turn.question), END, ASSISTANT]
            start = len(ids)
            ids += [*self.text(turn.chat_reply()), END]
            replies.append((start, len(ids), "chat present" if turn.parts[0][1] else "chat absent"))
        return Row(ids, replies, list(range(len(ids))), document=document)

    def job(self, sample: corpus.Sample) -> Row:
        """One excerpt with several tasks, each of which sees only the excerpt and itself."""
        head = corpus.job_prompt(sample.document, "")
        ids = [BOS, USER, *self.text(head)]
        prefix, replies = len(ids), []
        positions, branch = list(range(prefix)), [0] * prefix
        for number, turn in enumerate((t for t in sample.turns if t.job), start=1):
            # Cutting after "## Task\n" is a cut between words, so the ids are those of the
            # whole prompt.
            task = corpus.job_prompt(sample.document, turn.question, turn.advice)[len(head) :]
            ids += [*self.text(task), END, ASSISTANT]
            start = len(ids)
            ids += [*self.text(turn.job_reply()), END]
            replies.append((start, len(ids), "job present" if turn.parts[0][1] else "job absent"))
            added = len(ids) - len(positions)
            positions += range(prefix, prefix + added)
            branch += [number] * added
        return Row(ids, replies, positions, branch, (2, prefix))

    def stretch(self, rng: random.Random, row: Row) -> None:
        """Let positions jump between sentences, so that distances beyond the length of
        the training documents are met too."""
        prefix_end = row.document[1] or len(row.ids)
        room = self.context - 500 - max(row.positions)
        places = [i + 1 for i in range(prefix_end - 1) if row.ids[i] in self.breaks]
        if room <= 0 or not places:
            return
        jumps: dict[int, int] = defaultdict(int)
        for _ in range(rng.randint(1, 3)):
            jumps[rng.choice([*places, prefix_end])] += int(room / 3 * rng.random() ** 2)
        shift, shifted = 0, []
        for index, position in enumerate(row.positions):
            shift += jumps.get(index, 0)
            shifted.append(position + shift)
        row.positions = shifted

    def row(self, rng: random.Random, stage: Stage) -> Row:
        kind = rng.choices(list(stage.mix), list(stage.mix.values()))[0]
        if kind == "repeat":
            return self.repeat(rng)
        form, level = kind.split(":")
        while True:
            sample = corpus.make_sample(rng, corpus.LEVELS[level])
            row = self.job(sample) if form == "job" else self.chat(sample, bare=form == "bare")
            if row.replies and len(row.ids) <= stage.batch_tokens // 2:
                break
        if rng.random() < stage.gaps:
            self.stretch(rng, row)
        return row


def make_batches(rng: random.Random, encoder: Encoder, stage: Stage) -> list[list[Row]]:
    """A shuffled chunk of batches, each of rows of similar length and one kind of mask."""
    rows, total = [], 0
    while total < max(CHUNK_TOKENS, 8 * stage.batch_tokens):
        rows.append(encoder.row(rng, stage))
        total += len(rows[-1].ids)
    rows.sort(key=lambda row: (row.branch is not None, len(row.ids)))
    batches: list[list[Row]] = []
    for row in rows:
        last = batches[-1] if batches else None
        if (
            last is None
            or (len(last) + 1) * len(row.ids) > stage.batch_tokens
            or (last[0].branch is None) != (row.branch is None)
        ):
            batches.append([])
        batches[-1].append(row)
    rng.shuffle(batches)
    return batches


@dataclass
class Progress:
    """Everything about a run that is not a tensor."""

    step: int = 0
    tokens: int = 0
    replies: int = 0
    stage: int = 0
    stage_tokens: int = 0
    stage_seconds: float = 0.0  # the clock when the stage began
    seconds: float = 0.0
    in_chunk: int = 0
    rates: dict[str, float] = field(default_factory=dict)
    stage_log: list[dict] = field(default_factory=list)

    def update_rate(self, tag: str, value: float) -> None:
        self.rates[tag] = 0.98 * self.rates.get(tag, 0.0) + 0.02 * value


class Trainer:
    """Owns the model, the optimizers, the data stream and the checkpoint."""

    def __init__(self, args: argparse.Namespace, stages: list[Stage]) -> None:
        self.out, self.stages = Path(args.out), stages
        self.out.mkdir(parents=True, exist_ok=True)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.manual_seed(args.seed)
        tokenizer = Tokenizer.from_file(args.tokenizer)
        self.config = WorkerConfig(
            vocab_size=tokenizer.get_vocab_size(), hidden=args.hidden, layers=args.layers,
            heads=args.heads, kv_heads=args.kv_heads, ffn=args.ffn,
        )  # fmt: skip
        self.encoder = Encoder(tokenizer, self.config.context)
        starts = sorted(self.encoder.breaks - {END}) + [SYSTEM, USER]
        self.model = Worker(self.config, starts).to(self.device).train()
        named = list(self.model.named_parameters())
        matrices = [p for n, p in named if p.dim() == 2 and "embed" not in n]
        others = [p for n, p in named if p.dim() != 2 or "embed" in n]
        self.muon = torch.optim.Muon(matrices, lr=MUON_LR, weight_decay=0.02, momentum=0.95)
        self.adam = torch.optim.AdamW(others, lr=ADAM_LR, betas=(0.9, 0.95), weight_decay=0.0)
        self.rng = random.Random(args.seed)
        self.progress = Progress()
        self.stopping = False
        signal.signal(signal.SIGTERM, self.stop)
        self.chunk_start = self.rng.getstate()
        self.batches: list[list[Row]] = []
        if args.resume:
            self.load(self.out / "checkpoint.pt")

    def stop(self, *_: object) -> None:
        """Finish the step, save, and end: a run can be interrupted at no cost."""
        self.stopping = True

    # --- checkpoints ---

    def save(self, name: str = "checkpoint.pt") -> None:
        state = dict(
            config=self.config.to_dict(),
            model=self.model.state_dict(),
            muon=self.muon.state_dict(),
            adam=self.adam.state_dict(),
            progress=asdict(self.progress),
            chunk_start=self.chunk_start,
            torch_rng=torch.get_rng_state(),
            stages=[asdict(stage) for stage in self.stages],
            tokens=self.progress.tokens,
            minutes=self.progress.seconds / 60,
        )
        temporary = self.out / (name + ".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.out / name)

    def load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        self.progress = Progress(**state["progress"])
        torch.set_rng_state(state["torch_rng"].cpu())
        self.chunk_start = state["chunk_start"]
        self.rng.setstate(self.chunk_start)
        if self.progress.stage < len(self.stages):
            self.batches = make_batches(self.rng, self.encoder, self.stages[self.progress.stage])
            del self.batches[: self.progress.in_chunk]

    # --- data ---

    def next_batch(self, stage: Stage) -> list[Row]:
        if not self.batches:
            self.chunk_start, self.progress.in_chunk = self.rng.getstate(), 0
            self.batches = make_batches(self.rng, self.encoder, stage)
        self.progress.in_chunk += 1
        return self.batches.pop(0)

    def tensors(self, rows: list[Row]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """ids, positions, loss weights of the next tokens, attention mask."""
        length = max(len(row.ids) for row in rows)
        ids = torch.full((len(rows), length), PAD)
        positions = torch.zeros((len(rows), length), dtype=torch.long)
        weights = torch.zeros((len(rows), length))
        branch = torch.zeros((len(rows), length), dtype=torch.long)
        for i, row in enumerate(rows):
            size = len(row.ids)
            ids[i, :size] = torch.tensor(row.ids)
            positions[i, :size] = torch.tensor(row.positions)
            start, end = row.document
            picked = torch.rand(max(0, end - start)) < DOCUMENT_SHARE
            weights[i, start:end] = picked.float() * DOCUMENT_WEIGHT
            for start, end, _ in row.replies:
                weights[i, start:end] = 1.0
                weights[i, start : start + OPENING_TOKENS] = OPENING_WEIGHT
            if row.branch is not None:
                branch[i, :size] = torch.tensor(row.branch)
        mask = None
        if rows[0].branch is not None:
            same = branch[:, :, None] == branch[:, None, :]
            causal = torch.ones(length, length, dtype=torch.bool).tril()
            mask = ((same | (branch == 0)[:, None, :]) & causal)[:, None].to(self.device)
        return ids.to(self.device), positions.to(self.device), weights.to(self.device), mask

    # --- steps ---

    def step(self, rows: list[Row], rate: float) -> float:
        ids, positions, weights, mask = self.tensors(rows)
        target_weights = weights[:, 1:]
        kept = target_weights > 0
        for group in self.muon.param_groups:
            group["lr"] = MUON_LR * rate
        for group in self.adam.param_groups:
            group["lr"] = ADAM_LR * rate
        with torch.autocast(self.device, torch.bfloat16):
            hidden = self.model.hidden_states(ids, positions=positions, mask=mask)[:, :-1][kept]
            logits = F.linear(hidden, self.model.embed_tokens.weight).float()
        targets = ids[:, 1:][kept]
        losses = F.cross_entropy(logits, targets, reduction="none")
        kept_weights = target_weights[kept]
        loss = (losses * kept_weights).sum() / kept_weights.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in (self.muon, self.adam):
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.measure(rows, kept, logits.detach().argmax(-1) == targets)
        self.progress.step += 1
        self.progress.tokens += sum(len(row.ids) for row in rows)
        self.progress.stage_tokens += sum(len(row.ids) for row in rows)
        return float(losses.detach()[kept_weights >= 1].mean())

    def measure(self, rows: list[Row], kept: torch.Tensor, right: torch.Tensor) -> None:
        """Moving exact-match rates, one per tag."""
        grid = torch.zeros(kept.shape, dtype=torch.bool, device=kept.device)
        grid[kept] = right
        grid = grid.cpu()
        found: dict[str, list[float]] = defaultdict(list)
        for i, row in enumerate(rows):
            for start, end, tag in row.replies:
                found[tag].append(float(grid[i, start - 1 : end - 1].all()))
            self.progress.replies += len(row.replies)
        for tag, values in found.items():
            self.progress.update_rate(tag, sum(values) / len(values))

    def stage_share(self, stage: Stage) -> float:
        """How much of the stage is over."""
        share = self.progress.stage_tokens / stage.tokens
        if stage.minutes:
            share = max(share, (self.progress.seconds - self.progress.stage_seconds) / 60 / stage.minutes)
        return min(1.0, share)

    def stage_done(self, stage: Stage) -> bool:
        progress = self.progress
        if self.stage_share(stage) >= 1.0:
            return True
        return progress.stage_tokens > 3e5 and progress.rates.get("chat present", 0.0) >= stage.advance

    def run(self) -> None:
        progress, loss_average = self.progress, None
        started = last_log = last_save = time.time()
        earlier, log_tokens = progress.seconds, progress.tokens
        while progress.stage < len(self.stages):
            stage = self.stages[progress.stage]
            start, end = stage.rate
            rate = start + (end - start) * self.stage_share(stage)
            rate *= min(1.0, (progress.step + 1) / WARMUP_STEPS)
            loss = self.step(self.next_batch(stage), rate)
            loss_average = loss if loss_average is None else 0.95 * loss_average + 0.05 * loss
            now = time.time()
            progress.seconds = earlier + now - started
            if progress.step % LOG_STEPS == 0:
                speed = (progress.tokens - log_tokens) / (now - last_log)
                rates = " ".join(f"{tag} {value:.3f}" for tag, value in sorted(progress.rates.items()))
                print(
                    f"{time.strftime('%H:%M:%S')} {stage.name} step {progress.step} "
                    f"tokens {progress.tokens / 1e6:.2f}M loss {loss_average:.4f} {rates} {speed:.0f} tok/s",
                    flush=True,
                )
                last_log, log_tokens = now, progress.tokens
            if self.stage_done(stage):
                progress.stage_log.append(
                    dict(stage=stage.name, tokens=progress.stage_tokens, seconds=round(progress.seconds), rates=dict(progress.rates))
                )
                progress.stage += 1
                progress.stage_tokens, progress.stage_seconds = 0, progress.seconds
                self.batches = []
                self.chunk_start, progress.in_chunk = self.rng.getstate(), 0
                self.save(f"after-{stage.name}.pt")
            if self.stopping:
                break
            if now - last_save > CHECKPOINT_SECONDS:
                self.save()
                last_save = time.time()
        self.save()


def load_stages(path: str | None) -> list[Stage]:
    """The built-in stages, or those of a JSON file with the same fields."""
    if path is None:
        return STAGES
    return [Stage(**entry) for entry in json.loads(Path(path).read_text(encoding="utf-8"))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", default="tokenizer.json")
    parser.add_argument("--out", required=True)
    parser.add_argument("--stages")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--threads", type=int, default=2)
    defaults = WorkerConfig()
    for name in ("hidden", "layers", "heads", "kv_heads", "ffn"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(defaults, name))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    trainer = Trainer(args, load_stages(args.stages))
    count = sum(p.numel() for p in trainer.model.parameters())
    print(f"{count} parameters on {trainer.device}", flush=True)
    trainer.run()


if __name__ == "__main__":
    main()
