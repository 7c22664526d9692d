"""Inference alone against CLIPS and experta: the same rules and facts, at several sizes of the rule set.

All contenders keep their compiled rules between runs and fire the same rules, which is checked. `all` means one engine
with every rule, to which every fact is given; `split` means an engine for each code, to which only the facts that its
rules read are given, as we do it.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from charger_triage.adapters.files import read_bundle
from charger_triage.engine import Triage
from charger_triage.engine.durable_matcher import make_matcher
from charger_triage.engine.facts import Fact, admit
from charger_triage.engine.inference import infer
from charger_triage.engine.rules import CompiledRule

from .synthetic_rules import TYPICALLY_KNOWN, rule_set
from .timing import CLOCKS, fastest, machine
from .typical_case import typical_case

SIZES = (48, 200, 1_000)

AIMS = {"CLIPS, all": 0.1, "CLIPS, split": 0.7, "experta, all": 0.01, "experta, split": 0.01}
"""At most so much of each peer's time (issue 5)."""

EXPERTA_RUNS = 1
"""Runs of experta in a round: one takes up to a second."""

_kept: list[Any] = []  # CLIPS environments print a remark when they go, which is to come after the tables


@dataclass(frozen=True)
class Incident:
    """One code's rules, the facts that these read, and the rules and facts of all codes."""

    label: str
    code: str
    rules: dict[str, Sequence[CompiledRule]]
    own_facts: Sequence[Fact]
    all_facts: Sequence[Fact]

    @property
    def own_rules(self) -> Sequence[CompiledRule]:
        """The rules of the code."""
        return self.rules[self.code]

    @property
    def every_rule(self) -> list[tuple[str, CompiledRule]]:
        """The rules of all codes by their full names."""
        return [(f"{code}.{rule.rule.id}", rule) for code, rules in self.rules.items() for rule in rules]


def synthetic(total: int, known: float) -> Incident:
    """An incident of the first code of a made rule set, a share of all facts being known."""
    made = rule_set(total, known)
    code = next(iter(made.rules))
    return Incident(f"{total:,} made, {known:.0%} known", code, dict(made.rules), made.facts_of(code), made.facts)


def shipped() -> list[Incident]:
    """The typical case under each shipped code, with the facts that the rules of all codes read."""
    base = (triage := Triage()).knowledge.base
    rules = {code: compiled.rules for code, compiled in base.faults.items()}
    every = frozenset().union(*(compiled.fact_names for compiled in base.faults.values()))
    incidents = []
    for code, compiled in base.faults.items():
        bundle = read_bundle(io.StringIO(json.dumps(typical_case(code))))
        case = next(case for case in triage.knowledge.survey(bundle).incidents if case.code == code)
        own, everything = (admit(case.measure(names), base.catalogue)[0] for names in (compiled.fact_names, every))
        incidents.append(Incident(code, code, dict(rules), own, everything))
    return incidents


def contenders(incident: Incident, *, with_experta: bool) -> dict[str, Callable[[], Any]]:
    """What is timed on one incident, by name; each gives the names of the rules that fired."""
    matcher = make_matcher(incident.own_rules)
    own = [(rule.rule.id, rule) for rule in incident.own_rules]

    def ours(facts: Sequence[Fact]) -> set[str]:
        return {firing.rule.rule.id for firing in infer(facts, incident.own_rules, matcher).firings}

    found: dict[str, Callable[[], Any]] = {
        "ours": partial(ours, incident.own_facts),
        "ours, all facts given": partial(ours, incident.all_facts),
    }
    peers: list[tuple[str, Callable[[Iterable[tuple[str, CompiledRule]]], Any]]] = []
    try:
        from .clips_peer import ClipsPeer

        peers.append(("CLIPS", ClipsPeer))
    except ImportError:
        pass
    if with_experta:
        try:
            from .experta_peer import ExpertaPeer

            peers.append(("experta", ExpertaPeer))
        except ImportError:
            pass
    for name, peer in peers:
        split, whole = peer(own), peer(incident.every_rule)
        _kept.append((split, whole))
        found[f"{name}, split"] = partial(split.run, incident.own_facts)
        found[f"{name}, all"] = partial(whole.run, incident.all_facts)
    fired = found["ours"]()
    for name, run in found.items():
        said = {
            rule.removeprefix(f"{incident.code}.")
            for rule in run()
            if "." not in rule or rule.startswith(incident.code)
        }
        assert said & {name for name, _ in own} == fired, f"{name} fires other rules on {incident.label}"
    return found


def measured(incident: Incident, rounds: int, runs: int, clock: str, *, with_experta: bool) -> dict[str, float]:
    """The least seconds of each contender. CLIPS gets slower the longer its engine is kept, so its first runs count."""
    found = contenders(incident, with_experta=with_experta)
    slow = {name: run for name, run in found.items() if name.startswith("experta")}
    quick = {name: run for name, run in found.items() if name not in slow}
    times = fastest(quick, rounds=rounds, runs=runs, clock=CLOCKS[clock])
    return times | fastest(slow, rounds=1, runs=EXPERTA_RUNS, clock=CLOCKS[clock])


def independence(sizes: Sequence[int], rounds: int, runs: int, clock: str) -> list[tuple[int, float, float]]:
    """For so many rules of other codes: seconds for an incident of one code of 48 rules, given its own facts and all."""
    own = rule_set(48 * 12).rules["c0"]
    facts = rule_set(48 * 12).facts_of("c0")
    found = []
    for size in sizes:
        others = rule_set(size, seed=2)
        matchers = {code: make_matcher(rules) for code, rules in others.rules.items()}  # there, and not asked
        matcher = make_matcher(own)
        strangers = [Fact(f"other_{f.name}", f.value, f.unit, f.at, f.connector) for f in others.facts]
        runners = {
            "own": partial(infer, facts, own, matcher),
            "all": partial(infer, [*facts, *strangers], own, matcher),
        }
        times = fastest(runners, rounds=rounds, runs=runs, clock=CLOCKS[clock])
        found.append((sum(map(len, others.rules.values())), times["own"], times["all"]))
        del matchers
    return found


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--clock", choices=CLOCKS, default="cpu")
    parser.add_argument("--no-experta", action="store_true")
    chosen = parser.parse_args(arguments)
    print(machine("durable-rules", "clipspy", "experta"))
    print(
        f"Least of {chosen.rounds} rounds of {chosen.runs} runs, {chosen.clock} time, microseconds for one incident.\n"
    )
    print(
        "| rules | own rules | own facts | all facts | ours | CLIPS, split | CLIPS, all | experta, split | experta, all |"
    )
    print(f"|{' --- |' * 9}")
    rows = []
    made = (synthetic(size, known) for known in (1.0, TYPICALLY_KNOWN) for size in SIZES)
    for incident in (*made, *shipped()):
        with_experta = not chosen.no_experta and incident.label not in list(incident.rules)[1:]
        times = measured(incident, chosen.rounds, chosen.runs, chosen.clock, with_experta=with_experta)
        rows.append((incident, times))
        cells = [
            f"{times[name] * 1e6:,.0f}" if name in times else ""
            for name in ("ours", "CLIPS, split", "CLIPS, all", "experta, split", "experta, all")
        ]
        counts = (len(incident.own_rules), len(incident.own_facts), len(incident.all_facts))
        print(f"| {incident.label} | {' | '.join([*map(str, counts), *cells])} |", flush=True)
    print("\n| rules | of CLIPS, split | of CLIPS, all | of experta, split | of experta, all |")
    print(f"|{' --- |' * 5}")
    for incident, times in rows:
        cells = [_ratio(times, name) for name in ("CLIPS, split", "CLIPS, all", "experta, split", "experta, all")]
        print(f"| {incident.label} | {' | '.join(cells)} |")
    print(
        f"| aim | {' | '.join(f'{AIMS[name]:g}' for name in ('CLIPS, split', 'CLIPS, all', 'experta, split', 'experta, all'))} |"
    )
    print("\n| rules of other codes | own facts given, µs | all facts given, µs |\n| --- | --- | --- |")
    for rules, own, everything in independence((48, 200, 1_000, 2_000), chosen.rounds, chosen.runs, chosen.clock):
        print(f"| {rules:,} | {own * 1e6:.0f} | {everything * 1e6:.0f} |")


def _ratio(times: dict[str, float], peer: str) -> str:
    """Ours against a peer, each given the same facts."""
    if peer not in times:
        return ""
    ours = times["ours"] if peer.endswith("split") else times["ours, all facts given"]
    return f"{ours / times[peer]:.4f}" if peer.startswith("experta") else f"{ours / times[peer]:.2f}"


if __name__ == "__main__":
    main(sys.argv[1:])
