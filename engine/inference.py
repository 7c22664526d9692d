"""Forward chaining in rounds: facts fire rules, rules raise findings, findings are facts of the next round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from .durable_matcher import MatcherError
from .facts import Fact
from .matching import Firing, Matcher, Reads, VerdictMatcher, by_name
from .rules import FINDING, CompiledRule, statement_of

MAX_FACTS = 300
"""Facts of one incident (field note on durable-rules, wrapper contract 6)."""

MAX_FIRINGS = 2_000
"""Firings of one incident (same contract)."""

MAX_ROUNDS = 32
"""Rounds of chaining (same contract)."""

MAX_COMBINATIONS = 50_000
"""Combinations of facts that one rule may have to look through (same contract)."""


class Inference(NamedTuple):
    """What followed: every fact that was matched, findings included, the firings in a fixed order, what was refused.

    `raised` holds for each finding, by the name of its fact, the firing that raised it first.
    """

    facts: tuple[Fact, ...]
    firings: tuple[Firing, ...]
    refusals: tuple[str, ...]
    raised: Mapping[str, Firing]


def infer(facts: Sequence[Fact], rules: Sequence[CompiledRule], matcher: Matcher) -> Inference:
    """Run the rules over admitted facts until nothing new follows.

    Never raises for what the facts hold: beyond a bound the rest is left out and named in `refusals`. Where the
    native matcher fails, the second reading of the same rules takes over.
    """
    usable, refusals = _bounded(facts, rules, matcher.reads)
    try:
        known, firings, raised, more = _chain(usable, matcher)
    except MatcherError as error:
        refusals.append(f"the rule engine failed ({error}); the second reading of the rules took over")
        known, firings, raised, more = _chain(usable, VerdictMatcher(rules))
    return Inference(tuple(known), tuple(_in_order(firings)), (*refusals, *more), raised)


def _firing_key(firing: Firing) -> tuple[str, list[tuple[str, str, int, str, float]]]:
    return (firing.rule.rule.id, [fact.sort_key() for fact in firing.match])


def _in_order(firings: list[Firing]) -> list[Firing]:
    """Firings by rule; the facts need to be looked at only where a rule fired several times."""
    by_rule = {firing.rule.rule.id: firing for firing in firings}
    if len(by_rule) == len(firings):
        return [by_rule[rule] for rule in sorted(by_rule)]
    return sorted(firings, key=_firing_key)


def _chain(facts: Sequence[Fact], matcher: Matcher) -> tuple[list[Fact], list[Firing], dict[str, Firing], list[str]]:
    known = list(facts)
    firings: list[Firing] = []
    raised: dict[str, Firing] = {}
    refusals: list[str] = []
    useful = matcher.reads.useful({fact.name for fact in facts})
    new: Sequence[Fact] = [fact for fact in facts if fact.name in useful]
    if not new:
        return known, firings, raised, refusals
    with matcher.session() as session:
        for _ in range(MAX_ROUNDS):
            fired = session.add(new)
            firings.extend(fired)
            if len(firings) > MAX_FIRINGS:
                refusals.append(f"more than {MAX_FIRINGS} rules fired; the rest is left out")
                firings = _in_order(firings)[:MAX_FIRINGS]
                break
            raising = [firing for firing in fired if firing.rule.rule.raises is not None]
            if not raising:
                break
            derived: dict[str, Firing] = {}
            for firing in sorted(raising, key=_firing_key):
                name = f"{FINDING}{firing.rule.rule.raises}"
                if name not in raised:
                    derived.setdefault(name, firing)
            if not derived:
                break
            raised.update(derived)
            new = [finding(name, derived[name]) for name in sorted(derived)]
            known.extend(new)
        else:
            refusals.append(f"findings were still being raised after {MAX_ROUNDS} rounds; the rest is left out")
    return known, firings, raised, refusals


def finding(name: str, firing: Firing) -> Fact:
    """A finding stands on the records of the facts that raised it; its value is the sentence that says so."""
    sources = sorted({source for fact in firing.match for source in fact.sources})
    times = [fact.at for fact in firing.match if fact.at is not None]
    connector = firing.match[0].connector
    statement = statement_of(firing.rule, firing.match)
    return Fact(name, statement, None, max(times, default=None), connector, None, tuple(sources))


def _bounded(facts: Sequence[Fact], rules: Sequence[CompiledRule], reads: Reads) -> tuple[list[Fact], list[str]]:
    """Leave out facts that no rule can match, and those beyond the bounds."""
    refusals: list[str] = []
    read = reads.fact_names
    usable = [fact for fact in facts if fact.name in read]
    if len(usable) > MAX_FACTS:
        refusals.append(f"{len(usable)} facts are more than {MAX_FACTS} for one incident; the rest is left out")
        usable = usable[:MAX_FACTS]
    names = [fact.name for fact in usable]
    if names == sorted(set(names)):
        return usable, refusals
    grouped = by_name(usable)
    if max(map(len, grouped.values())) ** reads.most_conditions > MAX_COMBINATIONS:
        refusals.extend(_thin_out(grouped, rules))
    return [fact for name in sorted(grouped) for fact in grouped[name]], refusals


def _thin_out(grouped: dict[str, list[Fact]], rules: Sequence[CompiledRule]) -> list[str]:
    """Leave out facts until no rule has too many combinations to look through, and say which."""
    refusals = []
    several = {name for name, group in grouped.items() if len(group) > 1}
    for compiled in rules:
        names = [pattern.fact_name for pattern in compiled.patterns]
        if several.isdisjoint(names):
            continue  # one combination at most
        while prod(max(1, len(grouped.get(name, ()))) for name in names) > MAX_COMBINATIONS:
            largest = max(names, key=lambda name: (len(grouped.get(name, ())), name))
            kept = len(grouped[largest]) // 2
            refusals.append(f"{len(grouped[largest])} facts named {largest} are too many to combine; {kept} are kept")
            grouped[largest] = grouped[largest][:kept]
    return refusals
