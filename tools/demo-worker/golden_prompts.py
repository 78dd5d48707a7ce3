"""The eight conversations whose logits the tests compare.

They are written out here, not generated, so that they stay the same when the corpus
changes: chat and job forms, from a handful of tokens to more than seven hundred, one
outside ASCII.
"""

from __future__ import annotations

from pathlib import Path

from corpus import chat_system, job_prompt

RECORD = Path(__file__).resolve().parents[2] / "www/samples/patient-record.txt"

LEASE = """The lease was signed by both parties in March. The landlord is Kestrel Holdings. The tenant is Mara Olden.
The monthly rent is $1,840.00. The security deposit was set to $3,680.00. The notice period is 60 days.
The keys were handed over in the morning. Nothing else was agreed."""

REPORT = """Quarterly summary
The board met twice in this quarter. The report covers the work of all offices.

Results
Total revenue: $48.2 million
Net income: $6.1 million
The gross margin was 41.5%. The tax rate was 21%. Operating expenses: $12.9 million
The number of employees is 1,250. The team thanked the staff for their work.

Outlook
The projected revenue is $51 million. Capital expenditure: $4.4 million
The dividend per share was set to $0.35. The headquarters is Port Ellery.
The auditor is Marrow Partners. The next report will follow in autumn."""

UNICODE = """Größe: 1,82 m. Zoë Müller’s fasting glucose was 5.6 mmol/L – “normal”. Température: 36,8 °C.
The dose is 50 µg. 住所: 東京. Her heart rate is 71 bpm 🙂."""


def prompts() -> list[tuple[str, list[dict]]]:
    """(label, messages) pairs in a fixed order."""
    record = RECORD.read_text(encoding="utf-8").strip()

    def chat(document: str, *turns: str) -> list[dict]:
        roles = ("user", "assistant")
        said = [dict(role=roles[i % 2], content=text) for i, text in enumerate(turns)]
        return [dict(role="system", content=chat_system(document)), *said]

    def job(document: str, task: str, advice: str = "") -> list[dict]:
        return [dict(role="user", content=job_prompt(document, task, advice))]

    return [
        ("very short", [dict(role="user", content="What is the heart rate?")]),
        ("chat, absent", chat(LEASE, "What is the late fee?")),
        ("chat, not ASCII", chat(UNICODE, "What is Zoë Müller’s heart rate?")),
        ("job, short", job(LEASE, "Extract the notice period.")),
        ("job, several sections", job(REPORT, "What is the gross margin?", "Quote the exact value.")),
        ("chat, record", chat(record, "What is the patient's blood pressure?")),
        ("job, record", job(record, "What is the patient's LDL cholesterol?")),
        (
            "chat, conversation",
            chat(
                record,
                "What is the patient's heart rate?",
                "The document says: heart rate: 78 bpm",
                "What is the patient's blood pressure? Quote the sentence.",
                "The document says: blood pressure was recorded at 160/100 mmHg.",
                "What is the patient's blood type?",
                "The document does not state the blood type.",
                "Thank you. What is the patient's respiratory rate?",
                "The document says: respiratory rate: 16 breaths per minute",
                "Please report the patient's creatinine level.",
                "The document says: creatinine level is 1.1 mg/dL.",
                "What is the daily dose? Quote the exact words.",
                "The document says: daily dose is one tablet in the morning.",
                "According to the document, what is the consultation fee?",
                "The document says: consultation fee was $185.00.",
                "What is the follow-up appointment?",
                "The document says: follow-up appointment is 17 July 2025.",
                "What is the patient's LDL cholesterol?",
            ),
        ),
    ]
