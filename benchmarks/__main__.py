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
from charger_triage.engine.facts import Fact, admit
from charger_triage.engine.inference import infer
from charger_triage.engine.knowledge_base import IncidentCase
from charger_triage.engine.matching import FactsByName, RuleVerdict, VerdictMatcher, by_name, verdict_of

from .typical_case import typical_case

INFERENCES = 8
"""Inferences of each contender in one repeat, taking turns: they are short, and the first one finds cold caches."""

Row = tuple[str, float]


_kept: list[Any] = []  # CLIPS environments: they print a remark when they go, which is to come after the table
CLOCKS = {"wall": perf_counter, "cpu": process_time}


def split(triage: Triage, code: str, repeats: int, clock: Callable[[], float]) -> list[Row]:
    """Medians in milliseconds of each part of one diagnosis; every repeat reads the bundle anew, so no column is warm."""
    text = json.dumps(typical_case(code))
    knowledge = triage.knowledge
    compiled = knowledge.base.faults[code]
    matchers: dict[str, Any] = {"inferring by verdicts": VerdictMatcher(compiled.rules)}
    if available():
        matchers = {"inferring by durable-rules": DurableMatcher(compiled.rules), **matchers}
    peers = _peers(triage, code)
    _kept.append(peers)
    times: dict[str, list[float]] = {}

    def note(part: str, function: Callable[..., Any], *arguments: Any) -> Any:
        start = clock()
        result = function(*arguments)
        times.setdefault(part, []).append((clock() - start) * 1e3)
        return result

    def measure(case: IncidentCase) -> list[Fact]:
        return admit(case.measure(compiled.fact_names), knowledge.base.catalogue)[0]

    def judge(facts: FactsByName) -> list[RuleVerdict]:
        return [verdict_of(rule, facts) for rule in compiled.rules]

    for _ in range(repeats + 1):
        bundle = note("reading and validating JSON", read_bundle, io.StringIO(text))
        survey = note("finding incidents", knowledge.survey, bundle)
        facts = note("measuring", measure, next(incident for incident in survey.incidents if incident.code == code))
        gc.collect()  # so that no contender pays for what reading and measuring left behind
        for _ in range(INFERENCES):
            for part, matcher in matchers.items():
                inference = note(part, infer, facts, compiled.rules, matcher)
            for part, peer in peers.items():
                note(part, peer.run, facts)
        beliefs = note("beliefs", believe, compiled.priors_db, inference.firings)
        note("next checks", prospects, compiled, inference.facts, inference.firings, beliefs)
        note("verdicts", judge, by_name(inference.facts))
        diagnosis = note("whole diagnosis after reading", triage.diagnose, read_bundle(io.StringIO(text)))
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
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="cpu where other programs keep the machine busy"
    )
    parser.add_argument("--diagnoses", type=int, default=10_000, help="for memory; 0 leaves it out")
    chosen = parser.parse_args(arguments)
    start = perf_counter()
    triage = Triage()
    load = (perf_counter() - start) * 1e3
    rules = sum(len(compiled.rules) for compiled in triage.knowledge.base.faults.values())
    versions = [
        f"{name} {_version(name)}" for name in ("charger-triage", "durable-rules", "clipspy", "pydantic", "numpy")
    ]
    print(
        f"{platform.machine()}, {_processor()}, {platform.system()}; Python {platform.python_version()}; {', '.join(versions)}"
    )
    print(
        f"Knowledge of {rules} rules loaded in {load:.0f} ms. Typical case of {chosen.code}, medians of {chosen.repeats} runs, {chosen.clock} time.\n"
    )
    rows = split(triage, chosen.code, chosen.repeats, CLOCKS[chosen.clock])
    by_part = dict(rows)
    reading = by_part["reading and validating JSON"]
    inferring = by_part.get("inferring by durable-rules", by_part["inferring by verdicts"])
    print(f"| part | ms | of reading |\n|{' --- |' * 3}")
    for part, took in rows:
        print(f"| {part} | {took:.3f} | {took / reading:.3f} |")
    print("\n| ratio | value | aim |\n| --- | --- | --- |")
    print(
        f"| everything after reading / reading | {by_part['whole diagnosis after reading'] / reading:.2f} | at most 1 |"
    )
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
