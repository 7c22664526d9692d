"""A batch of cases in one call against as many calls, for each reading of "one call", and what the parts of both cost.

The cases are typical ones of five codes, each of a charger of its own at a site of four that has vehicles of its own, with
telemetry of an hour at the interval asked for. `together` is one bundle with all of them.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, TypeVar

from charger_triage.adapters.files import read_bundle
from charger_triage.engine import Diagnosis, Triage

from .timing import machine
from .typical_case import DEVICE, typical_case

CODES = ("F-0203", "F-0301", "F-0421", "F-0512", "F-0805")
SAMPLE = 10
"""Calls that are timed where each of them costs as much as any other; their mean stands for all."""

SAMPLE_OF_DOCUMENTS = 200
"""The same of calls with a document each: enough of them that collections of everything there is, which are rare, have
their share."""

READING = "reading JSON"
FINDING = "finding incidents"
MEASURING = "measuring"
WATCHING = "early warnings"
WHOLE = "whole diagnosis"
WRITING = "writing JSON"
PARTS = (READING, FINDING, MEASURING, WATCHING, WHOLE, WRITING)

Result = TypeVar("Result")


def cases(number: int, rows: int) -> list[dict[str, Any]]:
    """Bundles of one charger with its metadata alone: peers are the other cases."""
    return [_case(place, rows) for place in range(number)]


def _case(place: int, rows: int) -> dict[str, Any]:
    text = json.dumps(typical_case(CODES[place % len(CODES)], rows=rows))
    site = f"S{place // 4}"
    renamed = text.replace(DEVICE, f"X-{place:05d}").replace('"S1"', f'"{site}"').replace('"VIN', f'"{site}-VIN')
    case: dict[str, Any] = json.loads(renamed)
    case["devices"] = case["devices"][:1]
    return case


def together(found: list[dict[str, Any]]) -> dict[str, Any]:
    """One bundle of all cases."""
    merged: dict[str, Any] = {}
    sites: set[str] = set()
    for case in found:
        for name, records in case.items():
            if not isinstance(records, list):
                merged[name] = records
                continue
            new = [r for r in records if name not in ("sites", "grid", "environment") or r["site_id"] not in sites]
            merged.setdefault(name, []).extend(new)
        sites.add(case["sites"][0]["site_id"])
    return merged


def seconds(run: Callable[[], Any], clock: Callable[[], float] = process_time) -> float:
    """How long one run takes."""
    start = clock()
    run()
    return clock() - start


class Timed:
    """Milliseconds of processor time of each part, added up over documents, and of the collections of garbage within them."""

    def __init__(self) -> None:
        self.parts = dict.fromkeys(PARTS, 0.0)
        self.collecting = dict.fromkeys(PARTS, 0.0)
        self._part: str | None = None
        self._begun = 0.0

    def note(self, part: str, function: Callable[..., Result], *arguments: Any) -> Result:
        """Time one part."""
        self._part, start = part, process_time()
        result = function(*arguments)
        self.parts[part] += (process_time() - start) * 1e3
        self._part = None
        return result

    def collection(self, phase: str, _: Any) -> None:
        """Time a collection; what `gc.callbacks` calls."""
        if phase == "start":
            self._begun = process_time()
        elif self._part is not None:
            self.collecting[self._part] += (process_time() - self._begun) * 1e3


def parts_of(triage: Triage, documents: Sequence[str]) -> Timed:
    """What each part costs of some documents read and diagnosed; finding, measuring and watching are within the whole.

    They are timed on one reading and the whole on another, since what one part lays out the next one finds.
    """
    timed = Timed()
    faults = triage.knowledge.base.faults

    def measured(incidents: Sequence[Any]) -> None:
        for case in incidents:
            list(case.measure(faults[case.code].fact_names))

    gc.collect()
    gc.callbacks.append(timed.collection)
    for document in documents:
        survey = timed.note(FINDING, triage.knowledge.survey, read_bundle(io.StringIO(document)))
        timed.note(MEASURING, measured, survey.incidents)
        timed.note(WATCHING, triage._watcher.watch, list(survey.subjects), survey.incidents, survey.as_of)
        del survey
        bundle = timed.note(READING, read_bundle, io.StringIO(document))
        diagnosis = timed.note(WHOLE, triage.diagnose, bundle)
        timed.note(WRITING, diagnosis.model_dump_json)
        del bundle, diagnosis
    gc.callbacks.remove(timed.collection)
    return timed


def print_parts(triage: Triage, texts: Sequence[str], whole: str) -> None:
    """A table of the parts, of one document with all cases and of documents with one each."""
    print(f"\n| | {' | '.join(PARTS)} | of all that, collecting garbage |\n|{' --- |' * (len(PARTS) + 2)}")
    for label, documents in (("one document", (whole,)), ("a document each", texts)):
        timed = parts_of(triage, documents)
        spent = [timed.parts[part] / len(texts) for part in PARTS]
        garbage = sum(timed.collecting[part] for part in (READING, WHOLE, WRITING)) / len(texts)
        print(f"| {label} | {' | '.join(f'{each:.2f}' for each in spent)} | {garbage:.2f} |", flush=True)


def mean_seconds(call: Callable[[int], Any], number: int, most: int) -> float:
    """The mean of calls for places that lie evenly among so many, and are so many at most."""
    sample = range(0, number, max(1, number // most))
    return sum(seconds(partial(call, place)) for place in sample) / len(sample)


def commands(texts: list[str], whole: str) -> tuple[float, float]:
    """Wall seconds of `charger-triage diagnose` for one case (the mean of a few), and for all of them in one document."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.json"

        def run() -> None:
            program = "from charger_triage.adapters.cli import main; raise SystemExit(main())"
            command = [sys.executable, "-c", program, "diagnose", str(path), "--format", "json"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        total = 0.0
        for text in texts[:SAMPLE]:
            path.write_text(text)
            total += seconds(run, perf_counter)
        path.write_text(whole)
        return total / len(texts[:SAMPLE]), seconds(run, perf_counter)


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000)
    parser.add_argument("--rows", type=int, default=60, help="telemetry records of a case")
    parser.add_argument("--no-commands", action="store_true")
    parser.add_argument("--parts", action="store_true", help="what the parts cost, instead of the calls")
    chosen = parser.parse_args(arguments)
    number = chosen.cases
    found = cases(number, chosen.rows)
    texts, whole = [json.dumps(case) for case in found], json.dumps(together(found))
    del found  # so that no collection looks through it
    triage = Triage()
    for text in texts[: len(CODES)]:
        triage.diagnose(read_bundle(io.StringIO(text)))
    print(machine("durable-rules", "pydantic", "numpy"))
    print(f"{number:,} cases of {chosen.rows} telemetry records each; milliseconds a case.\n")
    if chosen.parts:
        print_parts(triage, texts, whole)
        return
    print(
        "| reading of one call | one call | as many calls | ratio | aim |\n| --- | --- | --- | --- | --- |", flush=True
    )

    def row(label: str, batch: float, single: float) -> None:
        print(f"| {label} | {batch * 1e3:.1f} | {single * 1e3:.1f} | {batch / single:.3f} | 0.2 |", flush=True)

    def separate(place: int) -> Diagnosis:
        return triage.diagnose(read_bundle(io.StringIO(texts[place])))

    by_document = mean_seconds(separate, number, SAMPLE_OF_DOCUMENTS)
    reading = seconds(lambda: read_bundle(io.StringIO(whole))) / number
    bundle = read_bundle(io.StringIO(whole))
    batch = seconds(lambda: triage.diagnose(bundle)) / number

    def restricted(place: int) -> Diagnosis:
        return triage.diagnose(bundle, device_id=f"X-{place:05d}")

    by_device = mean_seconds(restricted, number, SAMPLE)
    row("`diagnose(bundle)` of all chargers; a call for each with `device_id=`", batch, by_device)
    row("JSON of all cases read and diagnosed; JSON of each case", reading + batch, by_document)
    if not chosen.no_commands:
        one, all_of_them = commands(texts, whole)
        row("one `charger-triage diagnose`; one for each case", all_of_them / number, one)


if __name__ == "__main__":
    main(sys.argv[1:])
