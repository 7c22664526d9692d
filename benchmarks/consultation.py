"""Minutes and checks until the true cause leads with 90 %: the consultation against the dictionary's order and others.

    python -m benchmarks.consultation                      # all tables: a quarter of a minute
    python -m benchmarks.consultation --draws 200 --code F-0203

Causes are drawn from the priors of their code, answers from P(result | cause) as the knowledge implies it (base rate times
likelihood ratio, normalised, with nothing known but the starting facts; `engine/result_rates.py` says how often each result
comes out whatever the cause); 5 % of the answers are another result. All
policies meet the same draws. A policy goes on until the true cause leads with 90 %, or all checks are asked: then the
minutes spent are counted and the draw counts as not reached.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, sqrt
from pathlib import Path
from statistics import mean, stdev

from charger_triage.adapters.files import read_bundle
from charger_triage.engine import Triage
from charger_triage.engine.beliefs import UNDOCUMENTED_DECIBANS, Beliefs, believe
from charger_triage.engine.checks import prospects
from charger_triage.engine.facts import Fact, admit
from charger_triage.engine.inference import Inference, infer
from charger_triage.engine.knowledge_base import Check, CompiledFault
from charger_triage.engine.matching import VerdictMatcher
from charger_triage.engine.rule_index import Standing
from charger_triage.engine.strategy import ANSWER_ERROR, SETTLED, WAY_MINUTES, Search, Strategy

SEED = 20_260_510

DICTIONARY_ORDER: Mapping[str, tuple[str, ...]] = {
    "F-0101": ("isolation-test", "contactor-visual"),
    "F-0203": ("connector-pins", "ambient-temperature", "fan-operation", "vents", "connector-swap"),
    "F-0204": ("ambient-temperature", "vents", "fan-operation", "ir-thermometer"),
    "F-0301": ("site-network", "local-ping"),
    "F-0302": ("site-network", "cellular-signal", "nat-timeout"),
    "F-0411": ("module-soft-reset", "can-bus-inspection"),
    "F-0421": ("coil-voltage", "aux-contact-resistance", "close-click"),
    "F-0512": ("service-log",),
    "F-0601": ("fan-blades", "fan-bench-test"),
    "F-0701": ("grid-records", "inverter-health", "iso15118-log", "bidirectional-contactor"),
    "F-0702": ("vehicle-eligibility", "vehicle-soc"),
    "F-0805": ("stop-details", "lock-inspection"),
}
"""The checks that each code's diagnostic steps name, in their order (reference/fault-dictionary.txt, revision
260420.0107). Steps that only read the records are left out; checks that no step names follow in the order of
contract/checks.csv."""

Known = tuple[tuple[str, int], ...]
"""Checks and the places of their results, in the order of the checks' ids."""


class Case:
    """One incident to consult about: a code and the facts at the start. Works out each state of knowledge once."""

    def __init__(self, name: str, compiled: CompiledFault, facts: Sequence[Fact], undocumented_db: float) -> None:
        self.name = name
        self.compiled = compiled
        self.undocumented_db = undocumented_db
        self._matcher = VerdictMatcher(compiled.rules)
        self._facts = list(facts)
        self._inferences: dict[Known, Inference] = {}
        self._beliefs: dict[Known, Beliefs] = {}
        self._strategies: dict[Known, Strategy] = {}
        self._worth: dict[tuple[Known, bool], bool] = {}
        done = {fact.name for fact in self._facts}
        self.checks = {check.id: check for check in compiled.checks if check.fact_name not in done}
        self.remembered: dict[tuple[str, Known, bool], str | None] = {}

    def inference(self, known: Known) -> Inference:
        """What follows once some checks are answered."""
        found = self._inferences.get(known)
        if found is None:
            answered = [self._fact(self.checks[check], place) for check, place in known]
            found = self._inferences[known] = infer([*self._facts, *answered], self.compiled.rules, self._matcher)
        return found

    @staticmethod
    def _fact(check: Check, place: int) -> Fact:
        return Fact(check.fact_name, check.results[place].value, check.unit)

    def beliefs(self, known: Known) -> Beliefs:
        """What a diagnosis shows then."""
        found = self._beliefs.get(known)
        if found is None:
            firings = self.inference(known).firings
            found = self._beliefs[known] = believe(self.compiled.priors_db, firings, self.undocumented_db)
        return found

    def strategy(self, known: Known) -> Strategy:
        """The plans from there."""
        found = self._strategies.get(known)
        if found is None:
            found = self._strategies[known] = Strategy(self.compiled, self.inference(known), self.undocumented_db)
        return found

    def is_worth_asking(self, known: Known, on_site: bool) -> bool:
        """Whether the consultation asks on."""
        found = self._worth.get((known, on_site))
        if found is None:
            found = self._worth[known, on_site] = self.strategy(known).worth(on_site=on_site).asking
        return found

    @cached_property
    def likelihoods(self) -> dict[str, list[dict[str, float]]]:
        """For each check P(result | cause) at the start, without wrong answers."""
        now = self.beliefs(())
        causes = now.by_cause
        given = {}
        for check in self.checks.values():
            after = [self.beliefs(((check.id, place),)).by_cause for place in range(len(check.results))]
            ratios = [{c: 10 ** ((one[c].score_db - causes[c].score_db) / 10) for c in causes} for one in after]
            shares = self.compiled.shares_of[check.id]
            weights = [{c: share * row[c] for c in causes} for share, row in zip(shares, ratios, strict=True)]
            totals = {cause: sum(weight[cause] for weight in weights) for cause in causes}
            given[check.id] = [{cause: weight[cause] / totals[cause] for cause in causes} for weight in weights]
        return given

    def fewest_minutes(self, way_minutes: float) -> float:
        """What the best of all orders is expected to need until the true cause leads, or all checks are asked."""
        strategy = self.strategy(())
        places = range(len(strategy.checks))
        priors = [belief.probability for belief in self.beliefs(()).by_cause.values()]
        start = strategy.remaining((), (*(prior / sum(priors) for prior in priors), 0.0))
        search = Search(strategy, places, len(places), way_minutes, inf)
        return min((cost for cost, _, _ in search.options((), start, False)), default=0.0) if sum(start) else 0.0

    def draw(self, chance: random.Random) -> tuple[str, dict[str, int]]:
        """A true cause, and what each check would be answered."""
        causes = self.beliefs(()).by_cause
        true = chance.choices(list(causes), [belief.probability for belief in causes.values()])[0]
        answers = {}
        for check, given in self.likelihoods.items():
            places = range(len(given))
            place = chance.choices(places, [result[true] for result in given])[0]
            if chance.random() < ANSWER_ERROR:
                place = chance.choice([other for other in places if other != place])
            answers[check] = place
        return true, answers


Policy = Callable[[Case, Known, bool, random.Random], str | None]
"""The check to ask next, with what is known and whether somebody is at the site; None where all are asked."""


def _left(case: Case, known: Known) -> list[str]:
    asked = {check for check, _ in known}
    return [check for check in case.checks if check not in asked]


def consult(case: Case, known: Known, on_site: bool, _: random.Random) -> str | None:
    """What the consultation asks: looking ahead, the way to the site counted once."""
    return _planned(case, known, on_site, WAY_MINUTES)


def consult_at_the_charger(case: Case, known: Known, _on_site: bool, _: random.Random) -> str | None:
    """The same for somebody who is at the charger already (`--on-site`): no way is counted."""
    return _planned(case, known, True, 0.0)


def _planned(case: Case, known: Known, on_site: bool, way_minutes: float) -> str | None:
    check = case.strategy(known).best(on_site=on_site, way_minutes=way_minutes)
    return check.id if check is not None else next(iter(_left(case, known)), None)


def bits_per_minute(case: Case, known: Known, _on_site: bool, _: random.Random) -> str | None:
    """The first of `next_checks`: expected bits per minute, one check ahead."""
    standing = Standing.after(case.compiled.index, case.inference(known))
    ahead = prospects(case.compiled, standing, case.beliefs(known))
    return ahead[0].check.id if ahead else next(iter(_left(case, known)), None)


def dictionary(case: Case, known: Known, _on_site: bool, _: random.Random) -> str | None:
    """The dictionary's order."""
    left = _left(case, known)
    steps = DICTIONARY_ORDER[case.compiled.fault.code]
    return next((check for check in [*steps, *left] if check in left), None)


def at_random(case: Case, known: Known, _on_site: bool, chance: random.Random) -> str | None:
    """Any check that is left."""
    left = _left(case, known)
    return chance.choice(left) if left else None


POLICIES: Mapping[str, Policy] = {
    "consult": consult,
    "consult, at the charger": consult_at_the_charger,
    "bits per minute": bits_per_minute,
    "dictionary's order": dictionary,
    "random order": at_random,
}


@dataclass
class Spent:
    """What the draws of one policy cost: minutes, minutes with the way to the site counted once, checks, reached."""

    minutes: list[float] = field(default_factory=list)
    with_way: list[float] = field(default_factory=list)
    checks: list[int] = field(default_factory=list)
    reached: list[bool] = field(default_factory=list)

    def add(self, minutes: float, went: bool, checks: int, reached: bool) -> None:
        """One draw."""
        self.minutes.append(minutes)
        self.with_way.append(minutes + (WAY_MINUTES if went else 0.0))
        self.checks.append(checks)
        self.reached.append(reached)

    def extend(self, other: Spent) -> None:
        """The draws of another case as well."""
        self.minutes += other.minutes
        self.with_way += other.with_way
        self.checks += other.checks
        self.reached += other.reached


def asked_by(policy: str, case: Case, known: Known, went: bool, chance: random.Random) -> str | None:
    """The check a policy asks for; what is not left to chance is worked out once."""
    if policy == "random order":
        return POLICIES[policy](case, known, went, chance)
    key = (policy, known, went)
    if key not in case.remembered:
        case.remembered[key] = POLICIES[policy](case, known, went, chance)
    return case.remembered[key]


def follow(case: Case, policy: str, true: str, answers: Mapping[str, int], chance: random.Random, spent: Spent) -> None:
    """One draw under one policy, until the true cause leads with 90 % or nothing is left to ask."""
    known: Known = ()
    minutes, went = 0.0, False
    while not (reached := case.beliefs(known).by_cause[true].probability >= SETTLED):
        check = asked_by(policy, case, known, went, chance)
        if check is None:
            break
        minutes += case.checks[check].minutes
        went = went or case.checks[check].where == "onsite"
        known = tuple(sorted((*known, (check, answers[check]))))
    spent.add(minutes, went, len(known), reached)


@dataclass
class Ended:
    """How consultations end by themselves, at 90 % for any cause or where no check is worth its time."""

    minutes: list[float] = field(default_factory=list)
    with_way: list[float] = field(default_factory=list)
    checks: list[int] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)


def consulted(case: Case, policy: str, true: str, answers: Mapping[str, int], ended: Ended) -> None:
    """One draw with the end that a person sees: 90 % for any cause, or nothing left to ask; the consultation also ends
    where no check is worth its time."""
    known: Known = ()
    minutes, went = 0.0, False
    while True:
        beliefs = case.beliefs(known)
        shown = {cause: belief.probability for cause, belief in beliefs.by_cause.items()}
        leader = max(shown, key=lambda cause: shown[cause])
        if max(shown[leader], beliefs.undocumented_probability) >= SETTLED:
            outcome = "right" if shown[leader] >= SETTLED and leader == true else "wrong"
            break
        check = asked_by(policy, case, known, went, _UNUSED)
        if check is None or (policy == "consult" and not case.is_worth_asking(known, went)):
            outcome = "open, true cause first" if leader == true else "open, another first"
            break
        minutes += case.checks[check].minutes
        went = went or case.checks[check].where == "onsite"
        known = tuple(sorted((*known, (check, answers[check]))))
    ended.minutes.append(minutes)
    ended.with_way.append(minutes + (WAY_MINUTES if went else 0.0))
    ended.checks.append(len(known))
    ended.outcomes.append(outcome)


_UNUSED = random.Random(SEED)


def bare_cases(triage: Triage) -> list[Case]:
    """Each code with nothing known but the fault itself."""
    return [
        Case(code, compiled, _facts_of(triage, code), UNDOCUMENTED_DECIBANS)
        for code, compiled in sorted(triage.knowledge.base.faults.items())
    ]


def _facts_of(triage: Triage, code: str) -> list[Fact]:
    """The facts of a bundle that holds one fault event and nothing else."""
    from io import StringIO
    from json import dumps

    event = {
        "timestamp": "2026-05-10T12:00:00Z", "device_id": "A", "connector_id": 1, "event_type": "fault",
        "data": {"fault_code": code},
    }  # fmt: skip
    bundle = read_bundle(StringIO(dumps({"events": [event]})))
    (incident,) = (found for found in triage.knowledge.survey(bundle).incidents if found.code == code)
    compiled = triage.knowledge.base.faults[code]
    return admit(incident.measure(compiled.fact_names), triage.knowledge.base.catalogue)[0]


def example_cases(triage: Triage, folder: Path) -> list[Case]:
    """The incidents of the examples, one of each code and example, with all that their records tell."""
    cases: dict[tuple[str, str], Case] = {}
    for path in sorted(folder.iterdir()):
        if not (path.is_dir() or path.suffix in (".json", ".zip")):
            continue
        for found in triage.knowledge.survey(read_bundle(path)).incidents:
            compiled = triage.knowledge.base.faults.get(found.code)
            if compiled is not None and (path.name, found.code) not in cases:
                facts = admit(found.measure(compiled.fact_names), triage.knowledge.base.catalogue)[0]
                name = f"{path.name.split('.')[0]} {found.code}"
                cases[path.name, found.code] = Case(name, compiled, facts, UNDOCUMENTED_DECIBANS)
    return list(cases.values())


def measured(
    case: Case, draws: int, policies: Sequence[str], ended: Mapping[str, Ended] | None = None
) -> dict[str, Spent]:
    """The same draws under each policy; how consultations end by themselves is added to `ended`."""
    spent = {policy: Spent() for policy in policies}
    chance = random.Random(f"{SEED} {case.name}")
    whims = random.Random(f"{SEED} {case.name} random order")
    for _ in range(draws):
        true, answers = case.draw(chance)
        for policy in policies:
            follow(case, policy, true, answers, whims, spent[policy])
        for policy, ends in (ended or {}).items():
            consulted(case, policy, true, answers, ends)
    return spent


def _with_error(values: Sequence[float], digits: int = 1) -> str:
    error = stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{mean(values):.{digits}f} ± {error:.{digits}f}"


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Ratio of means over the same draws, with its standard error by the delta method."""
    ratio = mean(ours) / mean(theirs) if any(theirs) else 1.0
    residuals = [mine - ratio * other for mine, other in zip(ours, theirs, strict=True)]
    error = stdev(residuals) / sqrt(len(residuals)) / mean(theirs) if any(theirs) and len(residuals) > 1 else 0.0
    return f"{ratio:.2f} ± {error:.2f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print()


def _summary(title: str, spent: Mapping[str, Spent]) -> None:
    base = spent["dictionary's order"]
    both = [mine and theirs for mine, theirs in zip(spent["consult"].reached, base.reached, strict=True)]
    print(f"{title}\n")
    _table(
        ["policy", "minutes", "with the way", "checks", "reached", "minutes / dictionary", "where both reach it"],
        [
            [
                policy,
                _with_error(found.minutes),
                _with_error(found.with_way),
                _with_error(found.checks, 2),
                f"{mean(found.reached):.1%}",
                _ratio(found.minutes, base.minutes),
                _ratio(_where(found.minutes, both), _where(base.minutes, both)),
            ]
            for policy, found in spent.items()
        ],
    )


def _where(values: Sequence[float], chosen: Sequence[bool]) -> list[float]:
    return [value for value, kept in zip(values, chosen, strict=True) if kept]


def _per_code(found: Mapping[str, Mapping[str, Spent]]) -> None:
    rows = []
    for name, spent in found.items():
        ours, theirs = spent["consult"], spent["dictionary's order"]
        both = [a and b for a, b in zip(ours.reached, theirs.reached, strict=True)]
        reached_both = (
            _ratio(_where(ours.minutes, both), _where(theirs.minutes, both)) if sum(both) > 1 else "never reached"
        )
        rows.append(
            [
                name,
                _with_error(ours.minutes),
                _with_error(theirs.minutes),
                _ratio(ours.minutes, theirs.minutes),
                _ratio(ours.with_way, theirs.with_way),
                f"{mean(ours.checks):.2f} / {mean(theirs.checks):.2f}",
                f"{mean(ours.reached):.0%} / {mean(theirs.reached):.0%}",
                reached_both,
            ]
        )
    _table(
        ["code", "consult, min", "dictionary, min", "ratio", "ratio with the way", "checks", "reached", "ratio where both reach it"],
        rows,
    )  # fmt: skip


def _ends(ended: Mapping[str, Ended]) -> None:
    print("With the end that a person sees (90 % for any cause, nothing left, or no check worth its time):\n")
    kinds = ["right", "wrong", "open, true cause first", "open, another first"]
    theirs = ended["dictionary's order"]
    _table(
        ["policy", "minutes", "with the way", "checks", *kinds, "minutes / dictionary"],
        [
            [
                policy,
                _with_error(found.minutes),
                _with_error(found.with_way),
                _with_error(found.checks, 2),
                *(f"{mean(outcome == kind for outcome in found.outcomes):.1%}" for kind in kinds),
                _ratio(found.minutes, theirs.minutes),
            ]
            for policy, found in ended.items()
        ],
    )


def _bound(cases: Sequence[Case], found: Mapping[str, Mapping[str, Spent]]) -> None:
    print("What no order whatever can go below, by these chances (expected, the true cause being a documented one):\n")
    rows = []
    for case in cases:
        theirs = found[case.name]["dictionary's order"]
        best, best_with_way = case.fewest_minutes(0.0), case.fewest_minutes(WAY_MINUTES)
        rows.append(
            (case.name, best, best / mean(theirs.minutes), best_with_way, best_with_way / mean(theirs.with_way))
        )
    theirs_all = mean(value for spent in found.values() for value in spent["dictionary's order"].minutes)
    way_all = mean(value for spent in found.values() for value in spent["dictionary's order"].with_way)
    least, least_with_way = mean(row[1] for row in rows), mean(row[3] for row in rows)
    rows.append(("all", least, least / theirs_all, least_with_way, least_with_way / way_all))
    _table(
        ["code", "minutes", "of the dictionary's", "with the way", "of the dictionary's"],
        [[name, f"{a:.1f}", f"{b:.2f}", f"{c:.1f}", f"{d:.2f}"] for name, a, b, c, d in rows],
    )


def _measure(title: str, cases: Sequence[Case], draws: int) -> dict[str, dict[str, Spent]]:
    ended = {policy: Ended() for policy in ("consult", "bits per minute", "dictionary's order")}
    found = {case.name: measured(case, draws, list(POLICIES), ended) for case in cases}
    together = {policy: Spent() for policy in POLICIES}
    for spent in found.values():
        for policy, of_code in spent.items():
            together[policy].extend(of_code)
    _summary(f"{title}; {draws:,} draws of each code, seed {SEED}:", together)
    _per_code(found)
    _ends(ended)
    return found


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.consultation", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--draws", type=int, default=2_000, help="of each code")
    parser.add_argument("--code", help="only this code")
    parser.add_argument("--examples", default="examples", help="folder of the example cases")
    chosen = parser.parse_args(arguments)
    triage = Triage(matcher="verdicts")
    cases = [case for case in bare_cases(triage) if chosen.code in (None, case.name)]
    found = _measure("Nothing known but the fault", cases, chosen.draws)
    _bound(cases, found)
    folder = Path(chosen.examples)
    if folder.is_dir() and chosen.code is None:
        policies = ["consult", "dictionary's order"]
        draws = max(1, chosen.draws // 10)
        print(f"With the records of the examples, {draws} draws each; causes drawn from what these leave likely:\n")
        _per_code({case.name: measured(case, draws, policies) for case in example_cases(triage, folder)})


if __name__ == "__main__":
    main(sys.argv[1:])
