"""Generated documents of stated facts, questions about them, and the replies to learn.

A document is a list of facts (attribute, value, the sentence or record line that states
it) among filler.  One document carries many questions: a conversation asks for most of
its facts and for some that are absent.  A small model learns to look up far sooner from
ten look-ups in one document than from one look-up in each of ten.

Quoted is always what stands in the document from the attribute's name on, to the end of
its sentence or line.  To continue a phrase is what small models learn first; to find how
the sentence around it begins is what they learn last.

Nothing here is taken from real text; names are combined at random from the lists below.

    python corpus.py [--level NAME] [--seed N] [--count N]     print some samples
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass, field

import vocabulary as vocab
from vocabulary import KIND_CLASS, Attribute

CHAT_RULES = (
    "You answer questions about the document below. Use only the document and quote the words that "
    "answer. If the document does not say, say so."
)
JOB_RULES = (
    "Answer the task from the excerpt alone. Reply with one JSON object with the keys explanation, "
    "citation and answer. Copy the citation word for word. If the excerpt does not say, use null for "
    "citation and answer."
)


def chat_system(document: str) -> str:
    """System message of the chat form."""
    return f"{CHAT_RULES}\n\n## Document\n{document}"


def job_prompt(document: str, task: str, advice: str = "") -> str:
    """User message of the job form."""
    prompt = f"{JOB_RULES}\n\n## Excerpt\n{document}\n\n## Task\n{task}"
    return f"{prompt}\n\n## Advice\n{advice}" if advice else prompt


@dataclass(frozen=True)
class Level:
    """How hard a document and its questions are; ranges are inclusive."""

    facts: tuple[int, int]
    fillers: tuple[int, int]
    turns: tuple[int, int]
    absent: float = 0.25  # share of turns that ask for something not stated
    near: float = 0.3  # share of attributes that resemble another of the document
    composed: float = 0.2  # share of attributes put together from an adjective and a noun
    plain_forms: float = 0.0  # share of documents that use only the plainest sentences
    plain_questions: float = 0.0  # share of conversations with only the plainest questions
    compound: float = 0.06  # share of sentences that state two facts
    styles: tuple[float, float, float] = (0.5, 0.35, 0.15)  # prose, record, list


LEVELS = {
    "tiny": Level((1, 3), (0, 0), (2, 4), 0.15, 0.1, 0.1, 0.9, 0.9, 0.0),
    "small": Level((2, 6), (0, 3), (4, 8), 0.2, 0.2, 0.15, 0.5, 0.5, 0.02),
    "medium": Level((4, 10), (0, 7), (6, 12), 0.25, 0.3, 0.2, 0.15, 0.2, 0.05),
    "large": Level((7, 18), (3, 16), (8, 16), 0.25, 0.3, 0.2, 0.05, 0.1, 0.06),
    "record": Level((14, 26), (4, 14), (10, 18), 0.25, 0.3, 0.1, 0.05, 0.1, 0.04, (0.0, 1.0, 0.0)),
    # Held-out scoring: the sizes the first version of this model was scored on.
    "eval-short": Level((1, 4), (0, 4), (3, 3)),
    "eval-medium": Level((2, 7), (1, 7), (3, 3)),
    "eval-long": Level((3, 12), (2, 14), (3, 3)),
}
TOKENIZER_LEVEL = LEVELS["medium"]


@dataclass
class Fact:
    attribute: Attribute
    value: str
    citation: str = ""


@dataclass
class Turn:
    """One question; ``parts`` holds one (attribute, citation, answer)."""

    question: str
    parts: list[tuple[str, str | None, str | None]]
    advice: str = ""
    job: bool = True  # fit for the job form: asks for one attribute, stands alone

    def chat_reply(self) -> str:
        name, citation, _ = self.parts[0]
        if citation is None:
            return f"The document does not state the {name}."
        # The name as it was asked, which at the start of a line differs in its capital.
        return f"The document says: {name}{citation[len(name) :]}"

    def job_reply(self) -> str:
        name, citation, answer = self.parts[0]
        verb = "states" if citation else "does not state"
        reply = dict(explanation=f"The excerpt {verb} the {name}.", citation=citation, answer=answer)
        return json.dumps(reply, ensure_ascii=False)


@dataclass
class Sample:
    document: str
    turns: list[Turn]
    facts: list[Fact] = field(default_factory=list)

    def chat_messages(self) -> list[dict]:
        out = [dict(role="system", content=chat_system(self.document))]
        for turn in self.turns:
            out.append(dict(role="user", content=turn.question))
            out.append(dict(role="assistant", content=turn.chat_reply()))
        return out


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def article(text: str) -> str:
    return "an" if text[0].lower() in "aeiou" or text.startswith(("LDL", "HDL")) else "a"


def weighted(rng: random.Random, choices: list[tuple[float, str]]) -> str:
    weights, items = zip(*choices)
    return rng.choices(items, weights)[0]


# --- the subject of a document -------------------------------------------------------


@dataclass
class Subject:
    """Who or what the document is about, and how sentences and questions refer to it."""

    domain: str
    name: str
    role: str
    possessive: str
    pronoun: str

    def owner(self, rng: random.Random) -> str:
        """Subject form for sentences, as in "His", "The patient's"."""
        return rng.choice([self.possessive, self.possessive, f"the {self.role}'s", f"{self.name}'s"])

    def asked_owner(self, rng: random.Random) -> str:
        return rng.choice([f"the {self.role}'s", f"the {self.role}'s", f"{self.name}'s", self.possessive])


def make_subject(rng: random.Random) -> Subject:
    domain = rng.choices(list(vocab.DOMAINS), [spec["weight"] for spec in vocab.DOMAINS.values()])[0]
    role = rng.choice(vocab.DOMAINS[domain]["roles"])
    if role in vocab.PEOPLE_ROLES:
        possessive, pronoun = rng.choice([("his", "he"), ("her", "she")])
        return Subject(domain, vocab.person(rng), role, possessive, pronoun)
    return Subject(domain, vocab.company(rng), role, "its", "it")


# --- attributes ----------------------------------------------------------------------


def composed_attribute(rng: random.Random) -> Attribute:
    name = f"{rng.choice(vocab.ADJECTIVES)} {rng.choice(vocab.NOUNS)}"
    return Attribute(name, rng.choice(vocab.ANY_KINDS))


def near_attribute(rng: random.Random, other: Attribute, domain: str) -> Attribute:
    """An attribute that shares a word with ``other``."""
    words = set(other.name.split())
    known = [a for a in vocab.DOMAINS[domain]["attributes"] if a.name != other.name and words & set(a.name.split())]
    if known and rng.random() < 0.7:
        return rng.choice(known)
    head, tail = other.name.split()[0], other.name.split()[-1]
    if rng.random() < 0.7:
        return Attribute(f"{rng.choice(vocab.ADJECTIVES)} {tail}", other.kind)
    return Attribute(f"{head} {rng.choice(vocab.NOUNS)}", rng.choice(vocab.ANY_KINDS))


def clashes(name: str, taken: list[str]) -> bool:
    """True if one name contains another, which would make a question ambiguous."""
    return any(name in other or other in name for other in taken)


def pick_attributes(rng: random.Random, level: Level, domain: str, count: int) -> list[Attribute]:
    chosen: list[Attribute] = []
    while len(chosen) < count:
        draw = rng.random()
        if chosen and draw < level.near:
            new = near_attribute(rng, rng.choice(chosen), domain)
        elif draw < level.near + level.composed:
            new = composed_attribute(rng)
        else:
            new = rng.choice(vocab.DOMAINS[domain]["attributes"])
        if not clashes(new.name, [a.name for a in chosen]):
            chosen.append(new)
    return chosen


# --- sentences -----------------------------------------------------------------------

PLAIN_VERBS = ["is", "is", "was"]
VERBS = {
    "measure": [
        "is", "is", "was", "was", "was measured at", "was recorded at", "is elevated at", "remains at",
        "came to", "stands at", "reached", "was found to be", "was reported as", "level is", "value is",
        "level was", "reading was", "is listed as", "was noted as", "is currently",
    ],
    "money": [
        "is", "is", "was", "was", "came to", "amounts to", "was set to", "reached", "was reported as", "totaled",
        "stands at", "was agreed at", "is listed as", "is estimated at",
    ],
    "date": ["is", "is", "was", "was", "was set for", "is planned for", "falls on", "is listed as", "was moved to"],
    "name": ["is", "is", "is", "was", "was", "is listed as", "is given as", "was named as", "is recorded as"],
}  # fmt: skip
TAILS = {
    "measure": [
        ", above the normal range", ", below the normal range", ", which is normal", " and will be checked again",
        " at the last visit", " this morning", ", while the rest is unremarkable", " after a short rest",
        ", slightly higher than before", ", as expected", " in this period", ", according to the report",
    ],
    "money": [
        " in this period", ", higher than last year", ", lower than last year", ", as expected", " before tax",
        ", according to the report", " and will be reviewed again", ", as agreed", " for the year",
    ],
    "date": [", as agreed", ", according to the schedule", ", unless changed in writing", " in the morning"],
    "name": [", as agreed", ", according to the report", " for the time being", " until further notice"],
}  # fmt: skip
OPENERS = [
    "At the last visit, ", "In this period, ", "After the change, ", "According to {o}, ", "As noted by {o}, ",
    "In {m}, ", "For {s}, ", "At that time, ", "As of today, ", "The notes say that ", "Records show that ",
    "{o} wrote that ", "It was confirmed that ",
]  # fmt: skip
OTHER_FORMS = [
    "{s} has {an} {a} of {v}{t}.",
    "{s} reported {an} {a} of {v}{t}.",
    "The {r} has {an} {a} of {v}{t}.",
    "There is {an} {a} of {v}{t}.",
    "They agreed on {an} {a} of {v}{t}.",
    "The {a} of {s} is {v}{t}.",
    "The {a} of the {r} was {v}{t}.",
    "The {a} for {s} is {v}{t}.",
]


def state_fact(rng: random.Random, fact: Fact, subject: Subject, plain: bool) -> str:
    """A sentence that states the fact."""
    name, kind = fact.attribute.name, KIND_CLASS[fact.attribute.kind]
    owner = "the" if rng.random() < 0.5 else subject.owner(rng)
    if plain:
        return capital(f"{owner} {name} {rng.choice(PLAIN_VERBS)} {fact.value}.")
    tail = rng.choice(TAILS[kind]) if rng.random() < 0.2 else ""
    draw = rng.random()
    if draw < 0.07:
        return f"{capital(name)}: {fact.value}."
    slots = dict(o=vocab.person(rng), s=subject.name, m=rng.choice(vocab.MONTHS), r=subject.role)
    if draw < 0.2:
        form = rng.choice(OTHER_FORMS)
        text = form.format(a=name, an=article(name), v=fact.value, t=tail, **slots)
    else:
        text = f"{owner} {name} {rng.choice(VERBS[kind])} {fact.value}{tail}."
        if draw < 0.32:
            text = rng.choice(OPENERS).format(**slots) + text
    return capital(text)


def state_two_facts(rng: random.Random, one: Fact, two: Fact, subject: Subject) -> str:
    owner = "the" if rng.random() < 0.4 else subject.owner(rng)
    first = f"{owner} {one.attribute.name} {rng.choice(VERBS[KIND_CLASS[one.attribute.kind]])} {one.value}"
    second = f"{two.attribute.name} {rng.choice(['is', 'was', 'remains at', 'came to'])} {two.value}"
    joint = rng.choice([" and the ", ", while the ", ", and the ", f" and {subject.possessive} ", f", while {subject.possessive} "])
    return capital(f"{first}{joint}{second}.")


def filler(rng: random.Random, subject: Subject) -> str:
    form = rng.choice(vocab.FILLERS if rng.random() < 0.5 else vocab.DOMAINS[subject.domain]["fillers"])
    return capital(
        form.format(
            s=subject.name,
            r=subject.role,
            he=subject.pronoun,
            his=subject.possessive,
            o=vocab.person(rng),
            c=vocab.city(rng),
            m=rng.choice(vocab.MONTHS),
            n=rng.choice(vocab.FILLER_NOUNS),
            k=rng.choice(vocab.FILLER_NOUNS),
        )
    )


# --- documents -----------------------------------------------------------------------


def build_sentences(rng: random.Random, level: Level, facts: list[Fact], subject: Subject, plain: bool) -> list[str]:
    """State all facts in sentences, a few of them two at a time."""
    out, left = [], list(facts)
    while left:
        fact = left.pop()
        if left and not plain and rng.random() < 2 * level.compound:
            other = left.pop()
            fact.citation = other.citation = state_two_facts(rng, fact, other, subject)
        else:
            fact.citation = state_fact(rng, fact, subject, plain)
        out.append(fact.citation)
    return out


def record_line(rng: random.Random, fact: Fact, separator: str) -> str:
    fact.citation = f"{capital(fact.attribute.name)}{separator}{fact.value}"
    return fact.citation


def prose(rng: random.Random, level: Level, facts: list[Fact], subject: Subject, plain: bool) -> str:
    pieces = build_sentences(rng, level, facts, subject, plain)
    pieces += [filler(rng, subject) for _ in range(rng.randint(*level.fillers))]
    rng.shuffle(pieces)
    joints = [" "] * 6 + ["\n", "\n\n"]
    return "".join(p + rng.choice(joints) for p in pieces).rstrip()


def plain_list(rng: random.Random, level: Level, facts: list[Fact], subject: Subject, plain: bool) -> str:
    bullet, separator = rng.choice(["", "", "- "]), rng.choice([": ", ": ", ": ", " = "])
    lines = [bullet + record_line(rng, fact, separator) for fact in facts]
    lines += [filler(rng, subject) for _ in range(rng.randint(*level.fillers) // 2)]
    rng.shuffle(lines)
    head = [rng.choice(vocab.DOMAINS[subject.domain]["titles"])] if rng.random() < 0.4 else []
    return "\n".join(head + lines)


def record(rng: random.Random, level: Level, facts: list[Fact], subject: Subject, plain: bool) -> str:
    """Sections with headings, each a run of record lines, a paragraph, or both."""
    spec = vocab.DOMAINS[subject.domain]
    fillers = [filler(rng, subject) for _ in range(rng.randint(*level.fillers))]
    left, sections = list(facts), []
    while left:
        here = [left.pop() for _ in range(min(len(left), rng.randint(1, 7)))]
        in_lines = [f for f in here if rng.random() < 0.5] if rng.random() < 0.7 else []
        in_text = [f for f in here if f not in in_lines]
        lines = [record_line(rng, f, ": ") for f in in_lines]
        text = build_sentences(rng, level, in_text, subject, plain)
        text += [fillers.pop() for _ in range(min(len(fillers), rng.randint(0, 3)))]
        if rng.random() < 0.7:
            rng.shuffle(text)
        paragraph = [" ".join(text)] if text else []
        sections.append("\n".join(lines + paragraph if rng.random() < 0.7 else paragraph + lines))
    headings = rng.sample(spec["headings"], min(len(sections), len(spec["headings"])))
    mark = rng.choice(["", "", "", "## "])
    out = []
    if rng.random() < 0.6:
        out.append("\n".join(rng.sample(spec["titles"], 1) + ([filler(rng, subject)] if rng.random() < 0.3 else [])))
    pages = rng.randint(2, 4) if len(sections) > 2 and rng.random() < 0.5 else 0
    page = 0
    for index, section in enumerate(sections):
        if pages and page < pages and index * pages >= page * len(sections):
            page += 1
            out.append(f"Page {page} of {pages}")
        heading = mark + headings[index] + "\n" if index < len(headings) and rng.random() < 0.9 else ""
        out.append(heading + section)
    return "\n\n".join(out)


# --- questions -----------------------------------------------------------------------

PLAIN_ASK = ["What is the {a}?", "What was the {a}?", "What is {p} {a}?", "What is {p} {a}?"]
# The flag says whether the question stands alone, without a conversation before it.
ASK = [
    ("What is the {a}?", True),
    ("What is {p} {a}?", True),
    ("What is {p} {a}?", True),
    ("What was the {a}?", True),
    ("What was {p} {a}?", True),
    ("What was the {a} {unit}?", True),
    ("What is {p} {a} {unit}?", True),
    ("What is the {unit} of the {a}?", True),
    ("What {a} is reported?", True),
    ("What {a} does the document state?", True),
    ("Which {a} is mentioned in the document?", True),
    ("What does the document say about the {a}?", True),
    ("What does it say about {p} {a}?", True),
    ("According to the document, what is the {a}?", True),
    ("Report the {a}.", True),
    ("Please report {p} {a}.", True),
    ("Please report {p} {a} {unit}.", True),
    ("Report {p} {a} as recorded in the document.", True),
    ("State the {a}.", True),
    ("Find the {a} in the text.", True),
    ("Extract the {a}.", True),
    ("Extract {p} {a} from the document.", True),
    ("Give the {a}.", True),
    ("Give {p} {a}, with its unit.", True),
    ("Look up the {a}.", True),
    ("Identify {p} {a}.", True),
    ("Tell me the {a}.", True),
    ("Can you tell me {p} {a}?", True),
    ("Could you please provide the {a}?", True),
    ("I need to know {p} {a}.", True),
    ("Does the document state the {a}?", True),
    ("Is {p} {a} stated in the document?", True),
    ("How is {p} {a} described?", True),
    ("Quote the sentence that states the {a}.", True),
    ("Quote the line that states {p} {a}.", True),
    ("Quote the words that give the {a}.", True),
    ("Which sentence states {p} {a}?", True),
    ("Copy the sentence about the {a}.", True),
    ("{A}?", True),
    ("And the {a}?", False),
    ("And {p} {a}?", False),
    ("And what is the {a}?", False),
    ("Now the {a}, please.", False),
    ("What about {p} {a}?", False),
    ("How about the {a}?", False),
]
PREFIXES = [
    "Please answer: ", "Question: ", "From the document: ", "I am reviewing this case. ", "I am reading this file. ",
    "To finish my review I need one fact. ", "I need to check one thing. ", "I want to decide on the next step. ",
    "Let us begin. ", "Next question. ", "Thank you. ", "Thanks. ", "Hello. ", "Based on the document, please answer this. ",
]  # fmt: skip
SUFFIXES = [
    " Quote the sentence.", " Please quote the sentence.", " Quote the exact words.", " Please quote the exact sentence.",
    " If it is not stated, say so.", " Answer from the document only.", " Include the unit.", " Report the exact value.",
    " Please be brief.", " Quote the words that say so.", " Give the exact value as it is written.",
]  # fmt: skip
KIND_ASK = {
    "measure": ["How high is the {a}?", "How high was {p} {a}?", "What number is given for the {a}?"],
    "money": ["How much is the {a}?", "How much was {p} {a}?", "What amount is given for the {a}?"],
    "date": ["When is the {a}?", "When was {p} {a}?", "When is {p} {a}?", "Which date is given for the {a}?"],
    "name": ["Who or what is the {a}?", "What is given as the {a}?", "What is listed as {p} {a}?"],
    "person": ["Who is the {a}?", "Who is {p} {a}?", "Who was the {a}?", "Who is named as the {a}?"],
}
UNITS = {"measure": ["level", "value", "reading", "measurement", "result"], "money": ["amount", "value"], "date": ["date"], "name": ["entry"]}
ADVICE = [
    "Look for the words {a}.", "Quote the exact value.", "Report the number with its unit.", "Read every line.",
    "Copy the sentence that states the {a}.", "Use null if the excerpt does not state the {a}.", "The {a} may be in a list.",
]  # fmt: skip


def ask(rng: random.Random, attribute: Attribute, subject: Subject, plain: bool, first: bool) -> tuple[str, bool]:
    """A question for the attribute, and whether it can stand alone."""
    name = attribute.name
    slots = dict(a=name, A=capital(name), p=subject.asked_owner(rng), unit=rng.choice(UNITS[KIND_CLASS[attribute.kind]]))
    if plain:
        return rng.choice(PLAIN_ASK).format(**slots), True
    form, alone = rng.choice(ASK if not first else ASK[:-6])
    if rng.random() < 0.12:
        group = "person" if attribute.kind in ("person", "doctor") else KIND_CLASS[attribute.kind]
        form, alone = rng.choice(KIND_ASK[group]), True
    text = capital(form.format(**slots))
    if rng.random() < 0.12:
        text = rng.choice(PREFIXES) + text
    if rng.random() < 0.18:
        text += rng.choice(SUFFIXES)
    return text, alone


def make_turns(rng: random.Random, level: Level, facts: list[Fact], subject: Subject) -> list[Turn]:
    plain = rng.random() < level.plain_questions
    turns, names = [], [f.attribute.name for f in facts]
    fresh: list[Fact] = []
    for _ in range(rng.randint(*level.turns)):
        draw = rng.random()
        if draw < level.absent:
            while True:
                near = near_attribute(rng, rng.choice(facts).attribute, subject.domain)
                other = near if rng.random() < 0.5 else pick_attributes(rng, level, subject.domain, 1)[0]
                if not clashes(other.name, names):
                    break
            question, alone = ask(rng, other, subject, plain, not turns)
            turns.append(Turn(question, [(other.name, None, None)], job=alone))
        else:
            fresh = fresh or rng.sample(facts, len(facts))
            fact = fresh.pop()
            part = (fact.attribute.name, fact.citation, fact.value)
            question, alone = ask(rng, fact.attribute, subject, plain, not turns)
            turns.append(Turn(question, [part], job=alone))
    for turn in turns:
        if rng.random() < 0.3:
            turn.advice = rng.choice(ADVICE).format(a=turn.parts[0][0])
    return turns


def make_sample(rng: random.Random, level: Level) -> Sample:
    """One document with its conversation."""
    subject = make_subject(rng)
    attributes = pick_attributes(rng, level, subject.domain, rng.randint(*level.facts))
    facts = [Fact(a, vocab.value(rng, a.kind)) for a in attributes]
    plain = rng.random() < level.plain_forms
    build = rng.choices([prose, record, plain_list], level.styles)[0]
    document = build(rng, level, facts, subject, plain)
    for fact in facts:
        start = fact.citation.lower().index(fact.attribute.name.lower())
        fact.citation = fact.citation[start:]
    return Sample(document, make_turns(rng, level, facts, subject), facts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--level", default="medium", choices=list(LEVELS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    for _ in range(args.count):
        sample = make_sample(rng, LEVELS[args.level])
        for message in sample.chat_messages():
            print(f"[{message['role']}] {message['content']}")
        print("[job]", sample.turns[0].job_reply(), "\n" + "-" * 80)


if __name__ == "__main__":
    main()
