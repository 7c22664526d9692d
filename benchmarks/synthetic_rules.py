"""Rule sets of any size, of the same kinds as the shipped ones, and facts for them; the same for the same arguments."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from charger_triage.engine.facts import Fact, FactType
from charger_triage.engine.rules import CompiledRule, Rule, compile_rule

CODES = 12
CAUSES = ("a", "b", "c", "d")

NAMES_PER_RULE = 0.55
"""Fact names that a code's rules read, for each rule (the shipped rules: 1,513 rules over 845 names of their codes)."""

TYPICALLY_KNOWN = 0.4
"""Share of the names of which an incident has facts (the typical case: 20 to 40 of each code's 60 to 100)."""

TWO_CONDITIONS = 0.15
JOINS = 0.02
"""Shares of rules with two conditions, and with two that join their facts (counted in the shipped rules)."""

WORDS = ("red", "green", "blue")


@dataclass(frozen=True)
class RuleSet:
    """Rules by code, what they read, and the facts of one incident for the rules of every code."""

    rules: dict[str, list[CompiledRule]]
    facts: list[Fact]

    def facts_of(self, code: str) -> list[Fact]:
        """The facts that rules of a code read."""
        read = {pattern.fact_name for compiled in self.rules[code] for pattern in compiled.patterns}
        return [fact for fact in self.facts if fact.name in read]


def rule_set(total: int, known: float = TYPICALLY_KNOWN, seed: int = 1) -> RuleSet:
    """So many rules, spread evenly over twelve codes, and facts of a share of the names that they read."""
    rng = Random(seed)
    shares = [total // CODES + (place < total % CODES) for place in range(CODES)]
    rules: dict[str, list[CompiledRule]] = {}
    facts: list[Fact] = []
    for place, share in enumerate(shares):
        code = f"c{place}"
        catalogue = _catalogue(code, max(2, round(share * NAMES_PER_RULE)), rng)
        rules[code] = [_rule(f"{code}-r{number}", catalogue, rng) for number in range(share)]
        facts.extend(_fact(fact_type, rng) for fact_type in catalogue.values() if rng.random() < known)
    return RuleSet(rules, sorted(facts, key=Fact.sort_key))


def _catalogue(code: str, names: int, rng: Random) -> dict[str, FactType]:
    found = {}
    for number in range(names):
        kind = rng.choices(("number", "flag", "text"), (0.8, 0.1, 0.1))[0] if number > 1 else "number"
        name = f"{code}_{number}"
        found[name] = FactType(name, kind, name, choices=WORDS if kind == "text" else None)  # type: ignore[arg-type]
    return found


def _fact(fact_type: FactType, rng: Random) -> Fact:
    values: dict[str, Any] = {
        "number": round(rng.uniform(0, 100), 3), "flag": rng.random() < 0.5, "text": rng.choice(WORDS),
    }  # fmt: skip
    return Fact(fact_type.name, values[fact_type.kind], at=1_000.0, connector=1)


def _rule(name: str, catalogue: dict[str, FactType], rng: Random) -> CompiledRule:
    first = rng.choice(sorted(catalogue))
    when = [_condition(catalogue[first], rng)]
    draw = rng.random()
    others = [other for other in sorted(catalogue) if other != first]
    numbers = [other for other in others if catalogue[other].kind == "number"]
    if draw < JOINS and catalogue[first].kind == "number" and numbers:
        when.append({"fact": rng.choice(numbers), "above": f"${first}"})
    elif draw < JOINS + TWO_CONDITIONS:
        when.append(_condition(catalogue[rng.choice(others)], rng))
    rule = Rule.model_validate(
        {"id": name, "when": when, "supports": {rng.choice(CAUSES): "weakly"}, "statement": "s", "source": "s"}
    )
    compiled, problems = compile_rule(rule, catalogue, CAUSES)
    assert compiled is not None, problems
    return compiled


def _condition(fact_type: FactType, rng: Random) -> dict[str, Any]:
    if fact_type.kind == "flag":
        return {"fact": fact_type.name, "is": rng.random() < 0.5}
    if fact_type.kind == "text":
        return {"fact": fact_type.name, "is": rng.choice(WORDS)}
    low = rng.uniform(0, 90)
    operators = rng.choice((("above",), ("at_least",), ("below",), ("at_most",), ("above", "at_most")))
    bounds = (low,) if len(operators) == 1 else (low, low + rng.uniform(5, 40))
    return {"fact": fact_type.name, **{word: round(bound, 2) for word, bound in zip(operators, bounds, strict=True)}}
