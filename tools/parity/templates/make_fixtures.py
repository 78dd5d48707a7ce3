"""Renders the conversations of `tests/fixtures/templates` with every template there, as transformers does."""

import datetime
import json
from pathlib import Path

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

FIXTURES = Path(__file__).resolve().parents[3] / "tests" / "fixtures" / "templates"


class FixedDate(datetime.datetime):
    """The day that the fixtures were first made on."""

    @classmethod
    def now(cls, tz=None):
        return cls(2026, 3, 5, tzinfo=tz)


def folded(conversation):
    """A system message before the next user message, for templates that know none."""
    out, system = [], []
    for message in conversation:
        if message["role"] == "system":
            system.append(message["content"])
        elif message["role"] == "user":
            out.append({"role": "user", "content": "\n\n".join([*system, message["content"]])})
            system = []
        else:
            out.append(message)
    return out + [{"role": "user", "content": "\n\n".join(system)}] * bool(system)


def render(tokenizer, conversation):
    """The text, or what the template says against the conversation."""
    try:
        return {
            "text": tokenizer.apply_chat_template(
                conversation, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        }
    except Exception as error:
        return {"error": str(error)}


def main():
    chat_template_utils.datetime = FixedDate
    conversations = json.loads((FIXTURES / "conversations.json").read_text(encoding="utf-8"))
    golden = {}
    for path in sorted(FIXTURES.glob("*.jinja")):
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer(models.BPE()), bos_token="<s>", eos_token="</s>", unk_token="<unk>"
        )
        tokenizer.chat_template = path.read_text(encoding="utf-8")
        probe = [{"role": "system", "content": "Answer in one word."}, {"role": "user", "content": "Is it so?"}]
        folds = "Answer in one word." not in render(tokenizer, probe).get("text", "")
        golden[path.stem] = [
            render(tokenizer, folded(conversation) if folds else conversation) for conversation in conversations
        ]
    text = json.dumps(golden, indent=1, ensure_ascii=False) + "\n"
    (FIXTURES / "golden.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
