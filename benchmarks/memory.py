"""Resident memory of one process over many incidents: it must not grow.

Two ways: the engine alone, whose incidents have a handful of facts each (fast enough for a hundred thousand), and whole
diagnoses from JSON to JSON. No two incidents are alike: names, numbers and texts are new every time.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from charger_triage.adapters.files import read_bundle
from charger_triage.engine import Triage
from tests.support.given_incidents import GivenFacts, given_incidents, resident_mb

from .timing import machine
from .typical_case import typical_case

Row = tuple[str, float]


def engine_alone(triage: Triage, incidents: int) -> Iterator[Callable[[], Any]]:
    """Diagnoses of given facts, one to a call."""
    given = Triage(GivenFacts(triage.knowledge))
    for incident in islice(given_incidents(triage.knowledge.base), incidents):
        yield lambda incident=incident: given.diagnose(incident).model_dump_json()  # type: ignore[misc]


def json_to_json(triage: Triage, incidents: int) -> Iterator[Callable[[], Any]]:
    """Whole diagnoses of small bundles, one to a call."""
    codes = sorted(triage.knowledge.base.faults)
    texts = {code: json.dumps(typical_case(code, rows=24)) for code in codes}
    for number in range(1, incidents + 1):
        text = texts[codes[number % len(codes)]].replace("TLS-0001", f"X-{number}")
        yield lambda text=text: triage.diagnose(read_bundle(io.StringIO(text))).model_dump_json()  # type: ignore[misc]


def marks(diagnoses: Iterable[Callable[[], Any]], total: int) -> list[Row]:
    """Resident memory after each tenth of the diagnoses."""
    tenth = max(1, total // 10)
    found: list[Row] = []
    for number, diagnose in enumerate(diagnoses, 1):
        diagnose()
        if number % tenth == 0:
            gc.collect()
            found.append((f"{number:,}", resident_mb()))
    return found


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--incidents", type=int, default=100_000, help="of the engine alone")
    parser.add_argument("--diagnoses", type=int, default=10_000, help="from JSON to JSON")
    chosen = parser.parse_args(arguments)
    triage = Triage()
    print(machine("durable-rules", "pydantic"))
    for title, total, diagnoses in (
        ("engine alone", chosen.incidents, engine_alone(triage, chosen.incidents)),
        ("JSON to JSON", chosen.diagnoses, json_to_json(triage, chosen.diagnoses)),
    ):
        found = marks(diagnoses, total)
        print(f"\n| incidents, {title} | resident MB |\n| --- | --- |")
        for label, size in found:
            print(f"| {label} | {size:.1f} |")
        if found:
            print(f"| growth from the first tenth to the last | {found[-1][1] - found[0][1]:+.1f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
