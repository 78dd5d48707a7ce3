"""The corpus that tokenizers are compared on: 1 MB of documents, the same here and in Rust (`text/tests/corpus.rs`)."""

import json
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[3] / "tests" / "fixtures" / "tokenizers"
SIZE_BYTES = 1_000_000
GROUPS = 32
MASK = (1 << 64) - 1


class Random:
    """A linear congruential generator (Knuth's MMIX), of which the upper bits are used."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.state >> 33) % limit


def documents(seed=4, size_bytes=SIZE_BYTES):
    """Fragments in any order; sometimes any character, sometimes a run of one fragment."""
    fragments = json.loads((FIXTURES / "fragments.json").read_text(encoding="utf-8"))
    random = Random(seed)
    size = 0
    while size < size_bytes:
        parts = []
        for _ in range(1 + random.below(120)):
            choice = random.below(100)
            fragment = fragments[random.below(len(fragments))]
            if choice < 4:
                code = random.below(0x3_0000)
                parts.append("�" if 0xD800 <= code < 0xE000 else chr(code))
            elif choice < 8:
                parts.append(fragment * (2 + random.below(7)))
            elif choice < 50:
                parts.append(" " + fragment)
            else:
                parts.append(fragment)
        text = "".join(parts)
        size += len(text.encode("utf-8"))
        yield text


def hashes(ids_by_document):
    """FNV-1a over the ids of every document and a separator, in groups."""
    groups = [0xCBF29CE484222325] * GROUPS
    for index, ids in enumerate(ids_by_document):
        value = groups[index % GROUPS]
        for token in [*ids, 0xFFFFFFFF]:
            value = ((value ^ token) * 0x100000001B3) & MASK
        groups[index % GROUPS] = value
    return [f"{value:016x}" for value in groups]
