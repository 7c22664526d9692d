"""From firings to probabilities: decibans add up, groups count once, a softmax over the causes and the undocumented rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Literal

from .matching import Firing, Match
from .rules import CompiledRule

PRIOR_DECIBANS: Mapping[str, float] = {"most-common": 5.0, "ordinary": 0.0, "rare": -5.0}
"""Decibans of the prior's words against an ordinary cause: about three times as likely, and a third.

Our judgement: the dictionary says "most common" without a figure, and three is the least that makes the word true
against four or five rivals. Where the dictionary does not rank, causes are ordinary.
"""

UNDOCUMENTED_DECIBANS = -6.0
"""Prior of "none of the documented causes" against an ordinary cause: a quarter.

Our judgement: the dictionary is curated from field experience, so a cause outside it is the exception; no evidence
speaks for it, it gains what the documented causes lose.
"""

CLOSE_MAPPING_DECIBANS = 6.0
"""What the undocumented rest gains where an incident's code was only close to the one that was reported.

Our judgement: the reported code covers what the documented causes do not, so a cause outside them is as likely as any.
"""

Effect = Literal["supports", "against"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One rule that fired, seen from one cause: its weight in decibans, and whether and why it was not counted."""

    firing: Firing
    weight_db: float
    counted: bool
    matches: tuple[Match, ...]
    already_counted_by: str | None = None

    @property
    def effect(self) -> Effect:
        """Whether it speaks for the cause or against it."""
        return "supports" if self.weight_db > 0 else "against"


@dataclass(frozen=True, slots=True)
class Belief:
    """A cause with its prior, all evidence for and against, and the sum of what counts, in decibans."""

    cause: str
    prior_db: float
    evidence: tuple[Evidence, ...]
    score_db: float
    probability: float


@dataclass(frozen=True, slots=True)
class Beliefs:
    """Beliefs in documented order, and the probability that none of them is the cause (with its prior in decibans).

    All probabilities add up to 1.
    """

    by_cause: Mapping[str, Belief]
    undocumented_probability: float
    undocumented_db: float = UNDOCUMENTED_DECIBANS


_Fired = tuple[float, list[Firing]]


def _by_cause(firings: Iterable[Firing]) -> dict[str, list[_Fired]]:
    """For each cause the weights of the rules that fired and bear on it, each rule with all its firings."""
    matches: dict[str, list[Firing]] = {}
    for firing in firings:
        matches.setdefault(firing.rule.rule.id, []).append(firing)
    found: dict[str, list[_Fired]] = {}
    for fired in matches.values():
        for cause, weight in fired[0].rule.weights_db:
            found.setdefault(cause, []).append((weight, fired))
    return found


def _weighed(fired_rules: Iterable[_Fired]) -> tuple[Evidence, ...]:
    weighed = sorted(fired_rules, key=lambda pair: (-abs(pair[0]), pair[1][0].rule.rule.id))
    counted_by: dict[tuple[str, bool], str] = {}
    evidence = []
    for weight, fired in weighed:
        rule = fired[0].rule.rule
        stronger = None
        if rule.group is not None:
            stronger = counted_by.setdefault((rule.group, weight > 0), rule.id)
            stronger = None if stronger == rule.id else stronger
        evidence.append(Evidence(fired[0], weight, stronger is None, tuple(f.match for f in fired), stronger))
    return tuple(evidence)


class Ledger:
    """What counts for and against each cause: priors and the rules that fired, without the evidence behind them."""

    def __init__(self, priors_db: Mapping[str, float], rules: Iterable[CompiledRule] = ()) -> None:
        self._sums = dict(priors_db)
        self._strongest: dict[str, float] = {}
        _enter(rules, self._sums, self._strongest, {})

    def scores_with(self, rules: Iterable[CompiledRule]) -> Mapping[str, float]:
        """The score of each cause in decibans after some more rules have fired."""
        sums = dict(self._sums)
        _enter(rules, sums, {}, self._strongest)
        return sums

    @property
    def scores_db(self) -> Mapping[str, float]:
        """The score of each cause in decibans."""
        return self._sums


def _enter(
    rules: Iterable[CompiledRule],
    sums: dict[str, float],
    strongest: dict[str, float],
    before: Mapping[str, float],
) -> None:
    """Add what rules weigh to the sums; `strongest` is the most that counts now, `before` the most that did earlier."""
    for compiled in rules:
        if compiled.counted_as is None:
            for cause, weight in compiled.weights_db:
                sums[cause] += weight
            continue
        for key, (cause, weight) in zip(compiled.counted_as, compiled.weights_db, strict=True):
            counted = strongest[key] if key in strongest else before.get(key, 0.0)
            if abs(weight) > abs(counted):
                strongest[key] = weight
                sums[cause] += weight - counted


def believe(
    priors_db: Mapping[str, float], firings: Sequence[Firing], undocumented_db: float = UNDOCUMENTED_DECIBANS
) -> Beliefs:
    """Posterior over the causes in `priors_db` (documented order, decibans) and the undocumented rest with its prior."""
    found = _by_cause(firings)
    evidence = {cause: _weighed(found.get(cause, ())) for cause in priors_db}
    totals = {
        cause: fsum([prior, *(item.weight_db for item in evidence[cause] if item.counted)])
        for cause, prior in priors_db.items()
    }
    probabilities, rest = posterior(totals, undocumented_db)
    return Beliefs(
        {c: Belief(c, priors_db[c], evidence[c], totals[c], probabilities[c]) for c in priors_db},
        rest,
        undocumented_db,
    )


def posterior(
    scores_db: Mapping[str, float], undocumented_db: float = UNDOCUMENTED_DECIBANS
) -> tuple[dict[str, float], float]:
    """Softmax of scores in decibans over the causes and the undocumented rest, whose score is its prior."""
    highest = max([*scores_db.values(), undocumented_db])
    odds = {cause: 10 ** ((score - highest) / 10) for cause, score in scores_db.items()}
    rest = 10 ** ((undocumented_db - highest) / 10)
    total = fsum([*odds.values(), rest])
    return {cause: value / total for cause, value in odds.items()}, rest / total
