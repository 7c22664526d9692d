"""A matcher that is too simple to be wrong: every combination of facts, compared as decimals, from the rule as written.

It shares no code with the two matchers of the package: neither the compiled tests nor their comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Any

from charger_triage.engine.facts import Catalogue, Fact, FactType, Version
from charger_triage.engine.rules import Condition, Rule

Fired = set[tuple[str, tuple[Fact, ...]]]


def _number(value: Any) -> Decimal:
    return Decimal(f"{value:.6f}")


def _comparable(value: Any, fact_type: FactType) -> Any:
    """A value that compares as the rule language says: numbers to six decimals, versions within their scheme."""
    match fact_type.kind:
        case "number":
            return _number(value)
        case "version":
            version = value if isinstance(value, Version) else fact_type.parse(str(value)) if fact_type.parse else None
            assert version is not None
            return (version.scheme, _number(version.rank))
        case _:
            return value


def _ordered(word: str, mine: Any, other: Any) -> bool:
    if isinstance(mine, tuple):  # versions
        if mine[0] != other[0]:
            return False
        mine, other = mine[1], other[1]
    if word in ("above",):
        return bool(mine > other)
    if word in ("at_least", "from"):
        return not mine < other
    if word in ("below", "before"):
        return bool(mine < other)
    return not mine > other


def _met(condition: Condition, fact: Fact, taken: Mapping[str, Fact], catalogue: Catalogue) -> bool:
    fact_type = catalogue[condition.fact_name]
    mine = _comparable(fact.value, fact_type)
    for word, operand in condition.comparisons():
        earlier = taken[operand[1:]] if isinstance(operand, str) and operand.startswith("$") else None
        if word in ("later_than", "earlier_than"):
            if earlier is None or fact.at is None or earlier.at is None:
                return False
            gap = Decimal(f"{fact.at:.3f}") - Decimal(f"{earlier.at:.3f}")
            if (word == "later_than" and gap <= 0) or (word == "earlier_than" and gap >= 0):
                return False
        elif word in ("same_connector_as", "same_key_as"):
            field = "connector" if word == "same_connector_as" else "key"
            here, there = getattr(fact, field), getattr(earlier, field)
            if here is None or there is None or here != there:
                return False
        elif word == "in":
            if all(mine != _comparable(item, fact_type) for item in operand):
                return False
        else:
            other = _comparable(operand if earlier is None else earlier.value, fact_type)
            if word == "is" and mine != other:
                return False
            if word == "differs_from" and mine == other:
                return False
            if word not in ("is", "differs_from") and not _ordered(word, mine, other):
                return False
    return True


def _matches(rule: Rule, facts: Sequence[Fact], catalogue: Catalogue) -> Fired:
    found: Fired = set()
    aliases = [condition.alias or condition.fact_name for condition in rule.when]
    for combination in product(*([f for f in facts if f.name == c.fact_name] for c in rule.when)):
        if len({id(fact) for fact in combination}) < len(combination):
            continue  # conditions of one name mean different facts
        taken = dict(zip(aliases, combination, strict=True))
        if all(_met(c, fact, taken, catalogue) for c, fact in zip(rule.when, combination, strict=True)):
            found.add((rule.id, combination))
    return found


def brute_force(rules: Sequence[Rule], facts: Sequence[Fact], catalogue: Catalogue) -> Fired:
    """Everything that fires, findings included: of several firings that raise one finding the first by name counts."""
    known = list(facts)
    fired: Fired = set()
    raised: set[str] = set()
    by_id = {rule.id: rule for rule in rules}
    while True:
        new = set().union(*(_matches(rule, known, catalogue) for rule in rules)) - fired
        if not new:
            return fired
        fired |= new
        for rule_id, match in sorted(new, key=lambda pair: (pair[0], [fact.sort_key() for fact in pair[1]])):
            rule = by_id[rule_id]
            if rule.raises is not None and rule.raises not in raised:
                raised.add(rule.raises)
                times = [fact.at for fact in match if fact.at is not None]
                sources = sorted({source for fact in match for source in fact.sources})
                known.append(
                    Fact(
                        f"finding.{rule.raises}",
                        rule.statement,
                        None,
                        max(times, default=None),
                        match[0].connector,
                        None,
                        tuple(sources),
                    )
                )
