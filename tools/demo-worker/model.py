"""The demo worker: a small decoder of the Llama architecture in plain PyTorch.

The module tree carries the parameter names of the Hugging Face implementation, so a
checkpoint becomes a loadable folder by prefixing ``model.`` and nothing else.  The
rotary embedding therefore uses the half-split layout; the GGUF exporter permutes the
query and key rows for engines that rotate neighbouring pairs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


# Strengths of the initial circuits, found by trying them on repeated random tokens.
EMBEDDING_NORM = 0.7
PREVIOUS_SHARPNESS = 30.0
PREVIOUS_GAIN = 0.1
MATCH_SCALE = 2.5
COPY_GAIN = 0.8
LOOKUP_GAIN = 0.5
RECENCY = 10.0
BOUNDARY = 10.0
AWAY = 6.0
SLICE = 32


@dataclass(frozen=True)
class WorkerConfig:
    """Hyperparameters.  Every matrix side is a multiple of 32, the quantisation block."""

    vocab_size: int = 4096
    hidden: int = 256
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    ffn: int = 384
    rope_theta: float = 500000.0
    rms_eps: float = 1e-5
    context: int = 2048

    @property
    def head_dim(self) -> int:
        return self.hidden // self.heads

    def to_dict(self) -> dict:
        return asdict(self)


class RMSNorm(nn.Module):
    """Root-mean-square norm with a learnt gain."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.size(-1),), self.weight.to(x.dtype), self.eps)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the two halves of the last axis against each other."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def blockwise_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, block: int = 128) -> Tensor:
    """Causal attention in blocks of queries, each against the keys up to its end.

    On CPUs with bfloat16 instructions, plain matrix products over such blocks take half
    the time of the fused kernel, forward and backward together.
    """
    length, out = q.size(2), []
    k = k.transpose(-1, -2) * q.size(-1) ** -0.5
    for start in range(0, length, block):
        end = min(start + block, length)
        hidden = torch.ones(end - start, end, dtype=torch.bool, device=q.device).triu(start + 1)
        if mask is not None:
            hidden = hidden | ~mask[:, :, start:end, :end]
        scores = (q[:, :, start:end] @ k[..., :end]).masked_fill(hidden, -30000.0)
        out.append(torch.softmax(scores, dim=-1) @ v[:, :, :end])
    return torch.cat(out, dim=2)


class Attention(nn.Module):
    """Grouped-query attention with an optional key/value cache for decoding."""

    def __init__(self, config: WorkerConfig) -> None:
        super().__init__()
        self.config = config
        kv_width = config.kv_heads * config.head_dim
        self.q_proj = nn.Linear(config.hidden, config.hidden, bias=False)
        self.k_proj = nn.Linear(config.hidden, kv_width, bias=False)
        self.v_proj = nn.Linear(config.hidden, kv_width, bias=False)
        self.o_proj = nn.Linear(config.hidden, config.hidden, bias=False)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None, cache: list[Tensor] | None
    ) -> Tensor:
        c, (batch, length, _) = self.config, x.shape

        def split(t: Tensor, heads: int) -> Tensor:
            return t.view(batch, length, heads, c.head_dim).transpose(1, 2)

        q = rotate(split(self.q_proj(x), c.heads), cos, sin)
        k = rotate(split(self.k_proj(x), c.kv_heads), cos, sin)
        v = split(self.v_proj(x), c.kv_heads)
        fresh = True
        if cache is not None:
            if cache:
                fresh = False
                k, v = torch.cat((cache[0], k), 2), torch.cat((cache[1], v), 2)
            cache[:] = [k, v]
        group = c.heads // c.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        if self.training and x.device.type == "cpu":
            with torch.autocast("cpu", enabled=False):
                mixed = blockwise_attention(q, k, v, mask)
        else:
            # A cached step attends to everything before it; it is fed one token at a time.
            causal = mask is None and fresh and length > 1
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, length, c.hidden))


class FeedForward(nn.Module):
    """SiLU-gated feed-forward."""

    def __init__(self, config: WorkerConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden, config.ffn, bias=False)
        self.up_proj = nn.Linear(config.hidden, config.ffn, bias=False)
        self.down_proj = nn.Linear(config.ffn, config.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """Pre-norm attention and feed-forward with residual connections."""

    def __init__(self, config: WorkerConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden, config.rms_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden, config.rms_eps)
        self.mlp = FeedForward(config)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None, cache: list[Tensor] | None
    ) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class Worker(nn.Module):
    """The decoder; the output head is the embedding itself."""

    def __init__(self, config: WorkerConfig, boundaries: list[int] | None = None) -> None:
        """``boundaries`` are ids after which a sentence begins; a fresh model to be trained
        is told them for its initial circuits."""
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.hidden, config.rms_eps)
        exponents = torch.arange(0, config.head_dim, 2).float() / config.head_dim
        self.register_buffer("inv_freq", config.rope_theta**-exponents, persistent=False)
        self._initialise(boundaries or [])

    @torch.no_grad()
    def _initialise(self, boundaries: list[int]) -> None:
        """Random weights with rough circuits for copying and for look-up (see Circuit)."""
        c = self.config
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                into_stream = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(parameter, std=0.02 * ((2 * c.layers) ** -0.5 if into_stream else 1.0))
        # A component common to all tokens lets attention depend on position alone; as it
        # adds the same amount to every logit it does not disturb the tied head.
        common = torch.randn(c.hidden)
        common /= common.norm()
        table = torch.randn(c.vocab_size, c.hidden)
        table -= (table @ common)[:, None] * common
        table = table / table.norm(dim=1, keepdim=True)
        self.embed_tokens.weight.copy_(EMBEDDING_NORM * (table + 0.5 * common))
        # The laid circuits speak loudly; half as loud they are easier to correct.
        self.norm.weight.fill_(0.5)
        circuit = Circuit(self, common)
        circuit.lay_predecessors()
        circuit.lay_sentence_starts(self.embed_tokens.weight, boundaries)
        circuit.lay_lookup()
        circuit.lay_copying()

    def hidden_states(
        self,
        ids: Tensor,
        positions: Tensor | None = None,
        mask: Tensor | None = None,
        cache: list[list[Tensor]] | None = None,
    ) -> Tensor:
        """Final hidden states.

        ``positions`` (batch, length) default to 0, 1, 2, ...; ``mask`` (batch, 1, length,
        length) is True where attention is allowed and defaults to causal; ``cache`` holds
        one list per layer and is filled in place.
        """
        if positions is None:
            start = cache[0][0].size(2) if cache and cache[0] else 0
            positions = torch.arange(start, start + ids.size(1), device=ids.device)[None]
        angles = (positions[..., None].float() * self.inv_freq)[:, None]
        x = self.embed_tokens(ids)
        if torch.is_autocast_enabled(ids.device.type):
            # Without this the float32 embedding would keep the whole residual stream,
            # and with it every element-wise operation, in float32.
            x = x.to(torch.get_autocast_dtype(ids.device.type))
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        for index, layer in enumerate(self.layers):
            x = layer(x, cos, sin, mask, cache[index] if cache is not None else None)
        return self.norm(x)

    def forward(self, ids: Tensor, **kwargs) -> Tensor:
        return F.linear(self.hidden_states(ids, **kwargs), self.embed_tokens.weight)

    @torch.no_grad()
    def greedy(self, ids: list[int], stop: int, limit: int, guess: list[int] | None = None) -> list[int]:
        """Ids of the greedy continuation, without the stop token.

        ``guess`` changes the cost, never the result: as far as it is what greedy decoding
        produces, one pass confirms it instead of a pass for every token.
        """
        cache: list[list[Tensor]] = [[] for _ in self.layers]
        out: list[int] = []
        guess = [*guess, stop][:limit] if guess is not None else []
        states = self.hidden_states(torch.tensor([[*ids, *guess]]), cache=cache)[0, len(ids) - 1 :]
        best = F.linear(states, self.embed_tokens.weight).argmax(-1).tolist()
        for token, guessed in zip(best, [*guess, None]):
            if token == stop or len(out) == limit:
                return out
            out.append(token)
            if token != guessed:
                break
        for entry in cache:
            entry[:] = [t[:, :, : len(ids) + len(out) - 1] for t in entry]
        while len(out) < limit:
            last = self.hidden_states(torch.tensor([[out[-1]]]), cache=cache)[:, -1]
            token = int(F.linear(last, self.embed_tokens.weight).argmax())
            if token == stop:
                break
            out.append(token)
        return out


class Circuit:
    """Lays rough attention circuits into a fresh model.

    What the worker does takes several attention layers that are useless without each
    other: copying needs one that tells each token what came before it and one that finds
    an earlier place with the same predecessors; look-up needs one that brings the
    attribute to the end of the question and one that finds the attribute in the document.
    Met by chance these cost a small run most of its time, so training starts from rough
    versions and is free to change every weight.  Heads that share keys do related work.
    """

    def __init__(self, model: Worker, common: Tensor) -> None:
        c = self.config = model.config
        self.common, self.inv_freq = common, model.inv_freq
        self.attention = [layer.self_attn for layer in model.layers]
        self.width, self.group = c.head_dim, c.heads // c.kv_heads
        # Slices of the residual stream: what a token says of itself, where it keeps the
        # tokens one, two, ... places back, and what it writes for the head of the model.
        basis = torch.linalg.qr(torch.randn(c.hidden, c.hidden))[0]
        self.read, *self.places = (basis[i * SLICE : (i + 1) * SLICE] for i in range(2 + c.heads))
        self.written = basis[-self.width :]
        self.middling = ((self.inv_freq > 0.03) & (self.inv_freq < 0.1)).float()
        # Content is compared on the slow frequencies, which hardly turn with distance.
        half = self.width // 2
        slow = [i for i in range(half) if self.inv_freq[i] < 4e-3]
        self.rows = [*slow, *(half + i for i in slow)]
        self.mixes = [torch.linalg.qr(torch.randn(len(self.rows), SLICE))[0] for _ in range(2)]

    def look_back(self, layer: int, kv_head: int, distances: list[int]) -> None:
        """Let the query heads of a group attend the given numbers of tokens back."""
        attention, half = self.attention[layer], self.width // 2
        fast = (self.inv_freq > 0.2).float()  # a few fast frequencies single out one distance
        scale = (PREVIOUS_SHARPNESS * self.width**0.5 / fast.sum()) ** 0.5 * fast / 6.0
        keys = attention.k_proj.weight[kv_head * self.width :][: self.width]
        keys.zero_()
        keys[:half] = scale[:, None] * self.common
        for head, distance in enumerate(distances, start=kv_head * self.group):
            angle = -self.inv_freq * distance  # turned back by the distance, the query peaks there
            queries = attention.q_proj.weight[head * self.width :][: self.width]
            queries[:half] = (scale * angle.cos())[:, None] * self.common
            queries[half:] = (scale * angle.sin())[:, None] * self.common

    def carry(self, layer: int, head: int, source: Tensor, target: Tensor, gain: float) -> None:
        """Let a head move what it finds along ``source`` to ``target`` (rows of directions)."""
        attention, width = self.attention[layer], self.width
        kv_head = head // self.group
        size = len(source)
        attention.v_proj.weight[kv_head * width : kv_head * width + size] = source
        attention.o_proj.weight[:, head * width : head * width + size] = gain * target.T

    def match(self, layer: int, kv_head: int, keys: list[Tensor], queries: list[list[Tensor]], scale: list[float]) -> None:
        """Let the heads of a group seek keys that agree with their query, part by part."""
        attention, width = self.attention[layer], self.width
        block = attention.k_proj.weight[kv_head * width : (kv_head + 1) * width]
        block.zero_()
        for mix, part in zip(self.mixes, keys):
            block[self.rows] += MATCH_SCALE * mix @ part
        for head, parts in enumerate(queries, start=kv_head * self.group):
            block = attention.q_proj.weight[head * width : (head + 1) * width]
            block.zero_()
            for mix, part, strength in zip(self.mixes, parts, scale):
                block[self.rows] += MATCH_SCALE * strength * mix @ part

    def lay_predecessors(self) -> None:
        """Layer 0: every token learns the tokens one to four places back."""
        for kv_head in range(self.config.kv_heads):
            first = kv_head * self.group
            self.look_back(0, kv_head, list(range(first + 1, first + self.group + 1)))
            for head in range(first, first + self.group):
                self.carry(0, head, self.read, self.places[head], PREVIOUS_GAIN)

    def lay_sentence_starts(self, table: Tensor, boundaries: list[int]) -> None:
        """Layer 1, first group: every token learns the first token of its sentence.

        The heads attend to the last token whose predecessor is a boundary.  For that the
        boundaries' embeddings share a direction, and a few middling frequencies make a
        near boundary count more than a far one.
        """
        direction = self.read[0]
        inside = table[boundaries] @ self.read.T
        marked = table[boundaries] + 1.5 * EMBEDDING_NORM * SLICE**0.5 / 16 * direction - 0.7 * inside @ self.read
        # Looking back relies on embeddings of one length.
        table[boundaries] = marked * (table[boundaries].norm(dim=1) / marked.norm(dim=1))[:, None]
        table[boundaries] += (table[0] @ self.common - table[boundaries] @ self.common)[:, None] * self.common
        attention, half = self.attention[1], self.width // 2
        recency = (RECENCY * self.width**0.5 / self.middling.sum()) ** 0.5 * self.middling / 5.0
        constant = torch.zeros(half)
        constant[self.rows[-SLICE // 2 :][0] - half :] = 1.0  # the slowest frequencies
        constant *= (BOUNDARY * self.width**0.5 / constant.sum()) ** 0.5 / 5.0
        keys = attention.k_proj.weight[: self.width]
        keys.zero_()
        keys[:half] = recency[:, None] * self.common + constant[:, None] * self.places[0][0]
        for head in range(self.group):
            queries = attention.q_proj.weight[head * self.width : (head + 1) * self.width]
            queries.zero_()
            queries[:half] = (recency + constant)[:, None] * self.common
            self.carry(1, head, self.read, self.places[-1], PREVIOUS_GAIN / self.group**0.5)

    def lay_lookup(self) -> None:
        """Layer 2, first group: how does the sentence with the words of the question begin?

        A question ends with the attribute, a mark, and two special tokens, so from where
        the reply starts the attribute's last words lie three and four tokens back.
        """
        before, _, third, fourth, start = self.places
        self.match(2, 0, [self.read, before], [[third, fourth], [third, fourth]], [1.5, 0.8])
        # Not the question itself: what is near counts less.
        away = (AWAY * self.width**0.5 / self.middling.sum()) ** 0.5 * self.middling / 5.0
        half = self.width // 2
        self.attention[2].k_proj.weight[:half] += away[:, None] * self.common
        for head in range(self.group):
            rows = self.attention[2].q_proj.weight[head * self.width : head * self.width + half]
            rows -= away[:, None] * self.common
        for head in range(self.group):
            self.carry(2, head, start, self.read, LOOKUP_GAIN)

    def lay_copying(self) -> None:
        """Layer 2, second group: what followed when these tokens stood here before?"""
        before, second = self.places[:2]
        self.match(2, 1, [before, second], [[self.read, before], [self.read, before]], [1.5, 0.8])
        for head in range(self.group):
            self.carry(2, self.group + head, self.written, self.written, COPY_GAIN)


def load_checkpoint(path: str) -> tuple[Worker, dict]:
    """A float32 model in evaluation mode and the checkpoint's own dictionary."""
    saved = torch.load(path, map_location="cpu", weights_only=False)
    model = Worker(WorkerConfig(**saved["config"]))
    model.load_state_dict(saved["model"])
    return model.float().eval(), saved
