"""Golden files: what each shipped example's report says, word for word, as text, Markdown and JSON.

`UPDATE_GOLDEN=1 pytest tests/test_golden.py` writes them anew; what changed is then reviewed and said in the commit.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from charger_triage.adapters.files import read_bundle
from charger_triage.adapters.report import diagnosis_markdown, diagnosis_text
from charger_triage.engine import Diagnosis, Triage

ROOT = Path(__file__).parent
EXAMPLES = ROOT.parent / "examples"
GOLDEN = ROOT / "golden"

ONE_OF_MANY = {
    "f0301-site-outage": "AC22-01",
    "f0421-firmware-cluster": "TP-001",
    "f0701-grid-excursion.json": "V2G-1",
}
"""Examples with many alike incidents are kept for one charger; the others still count as its neighbours."""

CASES = sorted(
    path.name
    for path in EXAMPLES.iterdir()
    if path.suffix in (".json", ".zip") or (path.is_dir() and path.name != "__pycache__")
)


def settled(report: str) -> str:
    """A report without what differs by Python (the matcher), by release, and by any edit of the knowledge (digests)."""
    report = re.sub(r"sha256:[0-9a-f]{12,64}", "sha256:…", report)
    report = re.sub(r'"matcher": "[a-z-]+"', '"matcher": "…"', report)
    report = re.sub(r'"version": "\d+\.\d+\.\d+"', '"version": "…"', report)
    return re.sub(
        r"charger-triage\s+\d+\.\d+\.\d+,\s+matched\s+by\s+[a-z-]+;\s+facts", "charger-triage …; facts", report
    )


def report_of(diagnosis: Diagnosis, style: str) -> str:
    """The report in one of the styles, a line end at its end."""
    if style == "json":
        return diagnosis.model_dump_json(indent=1) + "\n"
    return diagnosis_markdown(diagnosis) if style == "md" else diagnosis_text(diagnosis, width=100)


@pytest.mark.parametrize("style", ["txt", "md", "json"])
@pytest.mark.parametrize("name", CASES)
def test_an_example_s_report_is_word_for_word_what_was_reviewed(triage: Triage, name: str, style: str) -> None:
    """A change of wording, ranking or trace shows up as a change of a golden file."""
    diagnosis = triage.diagnose(read_bundle(EXAMPLES / name), device_id=ONE_OF_MANY.get(name))
    report = settled(report_of(diagnosis, style))
    path = GOLDEN / f"{name.split('.')[0]}.{style}"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(report, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == report


def test_every_golden_file_belongs_to_an_example() -> None:
    """A golden file whose example is gone would never be compared again."""
    assert {path.stem for path in GOLDEN.iterdir()} == {name.split(".")[0] for name in CASES}
