"""One table: a typical diagnosis split into its parts, the same rules and facts under CLIPS, and memory over thousands."""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import io
import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

from charger_triage.adapters.files import read_bundle
from charger_triage.engine import Triage
from charger_triage.engine.beliefs import believe
from charger_triage.engine.checks import prospects
from charger_triage.engine.durable_matcher import DurableMatcher, available
from charger_triage.engine.facts import admit
from charger_triage.engine.inference import infer
from charger_triage.engine.matching import VerdictMatcher, by_name, verdict_of

from .typical_case import typical_case

Row = tuple[str, float]


CLOCKS = {"wall": perf_counter, "cpu": process_time}


def _timed(function: Callable[[], Any], clock: Callable[[], float] = perf_counter) -> tuple[float, Any]:
    start = clock()
    result = function()
    return (clock() - start) * 1e3, result


def split(triage: Triage, code: str, repeats: int, clock: Callable[[], float]) -> list[Row]:
    """Medians in milliseconds of each part of one diagnosis; every repeat reads the bundle anew, so no column is warm."""
    text = json.dumps(typical_case(code))
    knowledge = triage.knowledge
    compiled = knowledge.base.faults[code]
    matchers: dict[str, Any] = {"inferring by verdicts": VerdictMatcher(compiled.rules)}
    if available():
        matchers = {"inferring by durable-rules": DurableMatcher(compiled.rules), **matchers}
    peers = _peers(triage, code)
    times: dict[str, list[float]] = {}

    def note(part: str, function: Callable[[], Any]) -> Any:
        took, result = _timed(function, clock)
        times.setdefault(part, []).append(took)
        return result

    for _ in range(repeats + 1):
        bundle = note("reading and validating JSON", lambda: read_bundle(io.StringIO(text)))
        survey = note("finding incidents", lambda: knowledge.survey(bundle))
        case = next(incident for incident in survey.incidents if incident.code == code)
        facts = note("measuring", lambda: admit(case.measure(compiled.fact_names), knowledge.base.catalogue)[0])
        for part, matcher in matchers.items():
            inference = note(part, lambda: infer(facts, compiled.rules, matcher))
        for part, peer in peers.items():
            note(part, lambda: peer.run(facts))
        beliefs = note("beliefs", lambda: believe(compiled.priors_db, inference.firings))
        note("next checks", lambda: prospects(compiled, inference.facts, inference.firings, beliefs))
        grouped = by_name(inference.facts)
        note("verdicts", lambda: [verdict_of(rule, grouped) for rule in compiled.rules])
        again = read_bundle(io.StringIO(text))
        diagnosis = note("whole diagnosis after reading", lambda: triage.diagnose(again))
        note("writing JSON", diagnosis.model_dump_json)
    return [(part, median(found[1:])) for part, found in times.items()]


def _peers(triage: Triage, code: str) -> dict[str, Any]:
    """CLIPS with the rules of the code, and with the rules of all codes; nothing where clipspy is not installed."""
    try:
        from .clips_peer import ClipsPeer
    except ImportError:
        return {}
    faults = triage.knowledge.base.faults
    every = [(f"{name}.{rule.rule.id}", rule) for name, compiled in faults.items() for rule in compiled.rules]
    return {
        "inferring by CLIPS, rules of this code": ClipsPeer((rule.rule.id, rule) for rule in faults[code].rules),
        "inferring by CLIPS, rules of all codes": ClipsPeer(every),
    }


def resident_mb() -> float:
    """Resident memory of this process; its peak where the system does not tell the present."""
    status = Path("/proc/self/statm")
    if status.exists():
        import resource

        return int(status.read_text().split()[1]) * resource.getpagesize() / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def memory(triage: Triage, diagnoses: int) -> list[Row]:
    """Resident memory while small bundles of every code are read and diagnosed, no two of them alike."""
    codes = sorted(triage.knowledge.base.faults)
    texts = {code: json.dumps(typical_case(code, rows=24)) for code in codes}
    marks: list[Row] = []
    tenth = max(1, diagnoses // 10)
    for number in range(1, diagnoses + 1):
        code = codes[number % len(codes)]
        triage.diagnose(read_bundle(io.StringIO(texts[code].replace("TLS-0001", f"X-{number}")))).model_dump_json()
        if number % tenth == 0:
            gc.collect()
            marks.append((f"after {number:,} diagnoses", resident_mb()))
    return marks


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--code", default="F-0203", help="fault code of the typical case")
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu where other programs keep the machine busy")
    parser.add_argument("--diagnoses", type=int, default=10_000, help="for memory; 0 leaves it out")
    chosen = parser.parse_args(arguments)
    load, triage = _timed(lambda: Triage())
    rules = sum(len(compiled.rules) for compiled in triage.knowledge.base.faults.values())
    versions = [f"{name} {_version(name)}" for name in ("charger-triage", "durable-rules", "clipspy", "pydantic", "numpy")]
    print(f"{platform.machine()}, {_processor()}, {platform.system()}; Python {platform.python_version()}; {', '.join(versions)}")
    print(f"Knowledge of {rules} rules loaded in {load:.0f} ms. Typical case of {chosen.code}, medians of {chosen.repeats} runs, {chosen.clock} time.\n")
    rows = split(triage, chosen.code, chosen.repeats, CLOCKS[chosen.clock])
    by_part = dict(rows)
    reading = by_part["reading and validating JSON"]
    inferring = by_part.get("inferring by durable-rules", by_part["inferring by verdicts"])
    print(f"| part | ms | of reading |\n|{' --- |' * 3}")
    for part, took in rows:
        print(f"| {part} | {took:.3f} | {took / reading:.3f} |")
    print("\n| ratio | value | aim |\n| --- | --- | --- |")
    print(f"| everything after reading / reading | {by_part['whole diagnosis after reading'] / reading:.2f} | at most 1 |")
    for part, took in rows:
        if "CLIPS" in part:
            print(f"| inferring / {part.removeprefix('inferring by ')} | {inferring / took:.2f} | less than 0.33 |")
    if chosen.diagnoses:
        marks = memory(triage, chosen.diagnoses)
        print(f"\n| memory | MB |\n|{' --- |' * 2}")
        for label, size in marks:
            print(f"| {label} | {size:.1f} |")
        print(f"| growth from the first to the last tenth | {marks[-1][1] - marks[0][1]:+.1f} |")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main(sys.argv[1:])
