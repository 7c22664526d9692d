"""What one diagnosis of the typical case costs, part by part, and against reading its JSON: under each code."""

from __future__ import annotations

import argparse
import gc
import io
import json
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

from charger_triage.adapters.files import read_bundle
from charger_triage.engine import Triage
from tests.support.given_incidents import GivenFacts, GivenIncident

from .timing import CLOCKS, machine
from .typical_case import typical_case

READING = "reading and validating JSON"
FINDING = "finding incidents"
MEASURING = "measuring"
REASONING = "facts to incident"
WATCHING = "early warnings"
WHOLE = "whole diagnosis"
WRITING = "writing JSON"
AFTER = "everything after reading / reading"
PARTS = (READING, FINDING, MEASURING, REASONING, WATCHING, WHOLE, WRITING)


def parts(triage: Triage, code: str, repeats: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Milliseconds of each part in each repeat, which reads the bundle anew, so that no column is warm.

    The parts are timed on one bundle and the whole on another, since what one part lays out the next one finds.
    """
    text = json.dumps(typical_case(code))
    knowledge = triage.knowledge
    names = knowledge.base.faults[code].fact_names
    given = Triage(GivenFacts(knowledge))
    taken: dict[str, list[float]] = {part: [] for part in PARTS}

    def note(part: str, function: Callable[..., Any], *arguments: Any) -> Any:
        start = clock()
        result = function(*arguments)
        taken[part].append((clock() - start) * 1e3)
        return result

    for _ in range(repeats):
        gc.collect()
        survey = note(FINDING, knowledge.survey, note(READING, read_bundle, io.StringIO(text)))
        case = next(incident for incident in survey.incidents if incident.code == code)
        facts = note(MEASURING, lambda case=case: list(case.measure(names)))
        incident = GivenIncident(case.device_id, code, facts, case.connector_id, firmware_version=case.firmware_version)
        note(REASONING, given.diagnose, incident)
        watching = note(WATCHING, triage._watcher.watch, list(survey.subjects), survey.incidents, survey.as_of)
        del watching
        gc.collect()
        diagnosis = note(WHOLE, triage.diagnose, read_bundle(io.StringIO(text)))
        note(WRITING, diagnosis.model_dump_json)
    return taken


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--code", action="append", help="fault code of the typical case; all where none is given")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--clock", choices=CLOCKS, default="cpu", help="cpu where other programs keep the machine busy")
    chosen = parser.parse_args(arguments)
    start = perf_counter()
    triage = Triage()
    built = (perf_counter() - start) * 1e3
    faults = triage.knowledge.base.faults
    rules = sum(len(compiled.rules) for compiled in faults.values())
    print(machine("durable-rules", "pydantic", "numpy"))
    print(
        f"Triage() in {built:.0f} ms; {rules:,} rules. Least of {chosen.repeats} runs, {chosen.clock} time, milliseconds.\n"
    )
    print(f"| code | {' | '.join(PARTS)} | {AFTER} | {AFTER}, medians |\n|{' --- |' * (len(PARTS) + 3)}")
    for code in chosen.code or faults:
        taken = parts(triage, code, chosen.repeats, CLOCKS[chosen.clock])
        best, usual = ({part: of(taken[part]) for part in PARTS} for of in (min, median))
        ratios = [(each[WHOLE] + each[WRITING]) / each[READING] for each in (best, usual)]
        print(
            f"| {code} | {' | '.join(f'{best[part]:.2f}' for part in PARTS)} | {' | '.join(f'{r:.2f}' for r in ratios)} |",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
