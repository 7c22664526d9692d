"""A batch of cases in one call against as many calls, for each reading of "one call".

The cases are typical ones of five codes, each of a charger of its own at a site of four, with telemetry of an hour at the
interval asked for. `together` is one bundle with all of them.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from charger_triage.adapters.files import read_bundle
from charger_triage.engine import Diagnosis, Triage

from .timing import machine
from .typical_case import DEVICE, typical_case

CODES = ("F-0203", "F-0301", "F-0421", "F-0512", "F-0805")
SAMPLE = 10
"""Calls that are timed where each of them costs as much as any other; their mean stands for all."""


def cases(number: int, rows: int) -> list[dict[str, Any]]:
    """Bundles of one charger with its metadata alone: peers are the other cases."""
    return [_case(place, rows) for place in range(number)]


def _case(place: int, rows: int) -> dict[str, Any]:
    text = json.dumps(typical_case(CODES[place % len(CODES)], rows=rows))
    case: dict[str, Any] = json.loads(text.replace(DEVICE, f"X-{place:05d}").replace('"S1"', f'"S{place // 4}"'))
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
    chosen = parser.parse_args(arguments)
    number = chosen.cases
    found = cases(number, chosen.rows)
    texts, whole = [json.dumps(case) for case in found], json.dumps(together(found))
    triage = Triage()
    for text in texts[: len(CODES)]:
        triage.diagnose(read_bundle(io.StringIO(text)))
    print(machine("durable-rules", "pydantic", "numpy"))
    print(f"{number:,} cases of {chosen.rows} telemetry records each; milliseconds a case.\n")
    print(
        "| reading of one call | one call | as many calls | ratio | aim |\n| --- | --- | --- | --- | --- |", flush=True
    )

    def row(label: str, batch: float, single: float) -> None:
        print(f"| {label} | {batch * 1e3:.1f} | {single * 1e3:.1f} | {batch / single:.3f} | 0.2 |", flush=True)

    bundle = read_bundle(io.StringIO(whole))
    reading = seconds(lambda: read_bundle(io.StringIO(whole))) / number
    batch = seconds(lambda: triage.diagnose(bundle)) / number
    sample = range(0, number, max(1, number // SAMPLE))

    def restricted(place: int) -> Diagnosis:
        return triage.diagnose(bundle, device_id=f"X-{place:05d}")

    def separate(place: int) -> Diagnosis:
        return triage.diagnose(read_bundle(io.StringIO(texts[place])))

    by_device, by_document = (
        sum(seconds(partial(call, place)) for place in sample) / len(sample) for call in (restricted, separate)
    )
    row("`diagnose(bundle)` of all chargers; a call for each with `device_id=`", batch, by_device)
    row("JSON of all cases read and diagnosed; JSON of each case", reading + batch, by_document)
    if not chosen.no_commands:
        one, all_of_them = commands(texts, whole)
        row("one `charger-triage diagnose`; one for each case", all_of_them / number, one)


if __name__ == "__main__":
    main(sys.argv[1:])
