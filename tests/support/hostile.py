"""What ought to break the native matcher, each kind run as a program of its own: `python -m tests.support.hostile values`.

A crash, a hang or a leak then is a failing test and not a dead test run. Each prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from charger_triage.engine.durable_matcher import MAX_KINDS, MAX_NODES, DurableMatcher, UnsafeRuleset
from charger_triage.engine.facts import Fact, FactType, Version, admit
from charger_triage.engine.inference import Inference, infer
from charger_triage.engine.matching import VerdictMatcher
from charger_triage.engine.rules import CompiledRule, Rule, compile_rule
from charger_triage.knowledge import load_knowledge

CATALOGUE = {
    name: FactType(name, kind, name, many=True)  # type: ignore[arg-type]
    for name, kind in (("n", "number"), ("m", "number"), ("t", "text"), ("b", "flag"), ("v", "version"))
} | {f"finding.f{number}": FactType(f"finding.f{number}", "text", "a finding") for number in range(40)}
KINDS = ("n", "m", "t", "b", "v")
HOSTILE: tuple[Any, ...] = (
    "x" * 1_000_000, "\x00" * 65_536, "x" * 65_536, "é" * 200, '"', "\\", '\\"', "\\u0000", '","k":1,"n":1', "}]}", "\ud800\udfff",
    "\udc80", "costarring", "liquid", "\U0001f50c" * 64, "", "\n\r\t\x7f\x1b[31m", "$n", "{n}", "%s%n", "sid", "id",
    1e308, -1e308, 1e13, float("inf"), float("-inf"), float("nan"), 1e-308, 5e-324, -0.0, 2**63, -(2**63), 2**53 + 1, 10**400,
    True, False, None, [], {}, [1], {"$lt": {"n": 1}}, b"bytes", object(), 1j, Version("3.0", "s", float("nan")),
    Version("x" * 100_000, "s", 1.0), Version("1", "\x00", 1e300), Version("1", '"', 1.0),
)  # fmt: skip


def rule(number: int, when: Sequence[dict[str, Any]], **says: Any) -> CompiledRule:
    """A rule over the small catalogue."""
    model = Rule.model_validate(
        {"id": f"r{number}", "when": when, "statement": "-", "source": "-", "supports": {"c": "weakly"}, **says}
    )
    compiled, problems = compile_rule(model, CATALOGUE, ["c"])
    assert compiled is not None, problems
    return compiled


def run(facts: Sequence[Fact], rules: Sequence[CompiledRule], matcher: DurableMatcher | None = None) -> Inference:
    """What follows; both matchers must say the same."""
    native = infer(facts, rules, matcher or DurableMatcher(rules))
    plain = infer(facts, rules, VerdictMatcher(rules))
    assert native == plain, "the matchers differ"
    return native


def values() -> dict[str, Any]:
    """Hostile values in every place of a fact: admitted or refused by name, and the session goes on."""
    rules = [
        rule(1, [{"fact": "n", "above": 1}]),
        rule(2, [{"fact": "t", "is": "liquid"}]),
        rule(3, [{"fact": "t"}, {"fact": "t", "as": "u", "is": "$t"}]),
        rule(4, [{"fact": "n"}, {"fact": "m", "below": "$n", "same_key_as": "$n", "later_than": "$n"}]),
        rule(5, [{"fact": "v"}, {"fact": "v", "as": "w", "at_least": "$v"}]),
        rule(6, [{"fact": "b", "is": True}, {"fact": "n", "same_connector_as": "$b"}]),
    ]
    matcher = DurableMatcher(rules)
    everything: list[Fact] = []
    for value in HOSTILE:
        batch = [Fact(name, value) for name in KINDS]
        for name, good in (("n", 2.0), ("t", "liquid"), ("b", True), ("v", Version("1", "s", 1.0))):
            batch.append(Fact(name, good, at=value if isinstance(value, (int, float)) else 1.0))
            batch.append(Fact(name, good, key=value if isinstance(value, str) else "1"))
            if isinstance(value, int):
                batch.append(Fact(name, good, connector=value))
        batch += [Fact(value if isinstance(value, str) else "n", 1.0)]
        admitted, refused = admit(batch, CATALOGUE)
        assert all(item.problem for item in refused)
        run(admitted, rules, matcher)
        everything += batch
    admitted, refused = admit(everything, CATALOGUE)
    inference = run(admitted, rules, matcher)
    return {"refused": len(refused), "fired": len(inference.firings), "refusals": inference.refusals}


def quantities() -> dict[str, Any]:
    """Ten thousand facts, and rules that would combine them endlessly: bounded by name, in both matchers alike."""
    many, _ = admit([Fact("n", float(number), key=str(number % 7)) for number in range(10_000)], CATALOGUE)
    crowd = run(many, [rule(1, [{"fact": "n", "above": 5000}])])
    four = [{"fact": "n", "as": f"a{place}"} | ({"above": place} if place else {}) for place in range(4)]
    explosion = run(many[:300], [rule(1, four)])
    other = [Fact("m", 20_000.0 + number) for number in range(150)]
    pairs = run([*other, *many[:150]], [rule(1, [{"fact": "n"}, {"fact": "m", "above": "$n"}])])
    links = [
        rule(n, [{"finding": f"f{n - 1}"} if n else {"fact": "n"}], supports={}, raises=f"f{n}") for n in range(40)
    ]
    chain = run([Fact("n", 1.0)], links)
    return {name: inference.refusals for name, inference in
            (("crowd", crowd), ("explosion", explosion), ("pairs", pairs), ("chain", chain))}  # fmt: skip


def limits() -> dict[str, Any]:
    """As many tests on one name as the compiler lets through fire rightly; one more is refused before it is built."""
    rules = [rule(number, [{"fact": "n", "above": number}]) for number in range(MAX_NODES)]
    fired = run([Fact("n", 1000.0)], rules)
    same = [rule(number, [{"fact": "n", "above": 1}, {"fact": "m", "below": number}]) for number in range(MAX_NODES)]
    joined = [rule(number, [{"fact": "n"}, {"fact": "m", "below": "$n"}]) for number in range(MAX_NODES)]
    refused = []
    for few, pattern in ((MAX_NODES + 1, {"above": 0}), (200, {})):
        crowd = [rule(number, [{"fact": "n"} | dict.fromkeys(pattern, number)]) for number in range(few)]
        try:
            DurableMatcher(crowd)
        except UnsafeRuleset as error:
            refused.append(str(error))
    names = {f"x{number}": FactType(f"x{number}", "number", "x") for number in range(MAX_KINDS + 1)}
    wide = []
    for number in range(0, MAX_KINDS + 1, 2):
        when = [{"fact": f"x{place}"} for place in (number, min(number + 1, MAX_KINDS))][
            : 2 if number < MAX_KINDS else 1
        ]
        model = {"id": f"w{number}", "when": when, "statement": "-", "source": "-", "supports": {"c": "weakly"}}
        compiled, problems = compile_rule(Rule.model_validate(model), names, ["c"])
        assert compiled is not None, problems
        wide.append(compiled)
    try:
        DurableMatcher(wide)
    except UnsafeRuleset as error:
        refused.append(str(error))
    broad = run([Fact(name, 1.0) for name in names], wide[:-1])
    return {
        "broad": len(broad.firings),
        "fired": len(fired.firings),
        "same": len(run([Fact("n", 2.0), Fact("m", -1.0)], same).firings),
        "joined": len(run([Fact("n", 2.0), Fact("m", -1.0)], joined).firings),
        "refused": refused,
    }


def _peak_mb() -> float:
    scale = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def memory() -> dict[str, Any]:
    """Thousands of sessions with texts never seen before, and hundreds of matchers built and dropped."""
    rules = [
        rule(1, [{"fact": "n", "above": 1}]),
        rule(2, [{"fact": "t"}, {"fact": "t", "as": "u", "differs_from": "$t"}]),
    ]
    matcher = DurableMatcher(rules)

    def sessions(start: int, end: int) -> None:
        for number in range(start, end):
            facts = [
                Fact("n", float(number)),
                Fact("t", f"never seen {number}"),
                Fact("t", f"nor {number}" + "x" * 200),
            ]
            infer(facts, rules, matcher)

    crowd = [rule(number, [{"fact": "n", "above": number}, {"fact": "m", "below": number}]) for number in range(30)]

    def matchers(count: int) -> None:
        for number in range(count):
            infer([Fact("n", float(number)), Fact("m", 3.0)], crowd, DurableMatcher(crowd))

    sessions(0, 500)
    matchers(50)
    before = _peak_mb()
    sessions(500, 5_000)
    after_sessions = _peak_mb()
    matchers(200)
    return {"sessions": after_sessions - before, "matchers": _peak_mb() - after_sessions}


def threads() -> dict[str, Any]:
    """Many threads on one matcher: one result, and no thread that was not there before, native ones included."""
    tasks = Path("/proc/self/task")
    native_before = len(list(tasks.iterdir())) if tasks.exists() else 0
    rules = [rule(1, [{"fact": "n", "above": 1}]), rule(2, [{"fact": "n"}, {"fact": "m", "above": "$n"}])]
    matcher = DurableMatcher(rules)
    facts = [Fact("n", 1.0), Fact("n", 2.0), Fact("m", 3.0)]
    expected = infer(facts, rules, VerdictMatcher(rules))
    wrong = []

    def work() -> None:
        for _ in range(200):
            if infer(facts, rules, matcher) != expected:
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    native_after = native_before
    for _ in range(200):  # a joined thread takes a moment to leave the process
        native_after = len(list(tasks.iterdir())) if tasks.exists() else 0
        if native_after == native_before:
            break
        time.sleep(0.01)
    return {"wrong": len(wrong), "python": threading.active_count(), "native": native_after - native_before}


def shipped() -> dict[str, Any]:
    """As many facts of every name as one incident may have, for every shipped code: nothing but refusals."""
    knowledge = load_knowledge()
    catalogue = knowledge.base.catalogue
    counts = {}
    for code, compiled in knowledge.base.faults.items():
        facts = []
        for name in sorted(compiled.fact_names):
            for number in range(40 if catalogue[name].many else 1):
                facts.append(Fact(name, _sample(catalogue[name], number), None, float(number), number % 3, str(number)))
        admitted, _ = admit(facts, catalogue)
        counts[code] = len(run(admitted, compiled.rules).firings)
    return {"fired": counts}


def _sample(fact_type: FactType, number: int) -> Any:
    match fact_type.kind:
        case "number":
            low = -1e6 if fact_type.low is None else fact_type.low
            high = 1e6 if fact_type.high is None else fact_type.high
            return low + (high - low) * (number % 10) / 9
        case "flag":
            return number % 2 == 0
        case "version":
            return fact_type.parse(f"3.0.{number}") if fact_type.parse else None
        case _:
            return fact_type.choices[number % len(fact_type.choices)] if fact_type.choices else f"text {number}"


SCENARIOS: dict[str, Callable[[], dict[str, Any]]] = {
    scenario.__name__: scenario for scenario in (values, quantities, limits, memory, threads, shipped)
}

if __name__ == "__main__":
    print(json.dumps(SCENARIOS[sys.argv[1]]()))
