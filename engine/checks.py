"""Next checks: how much each possible check is expected to tell, for the minutes it takes.

Decision-theoretic troubleshooting (Heckerman, Breese and Rommelse 1995; Jensen et al. 2001): a check is worth the
entropy it is expected to take away, divided by what it costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log2

from .beliefs import Beliefs, posterior, scores
from .facts import Fact
from .inference import infer
from .knowledge_base import Check, CheckResult, CompiledFault
from .matching import Firing, VerdictMatcher
from .rules import CompiledRule

ONSITE_DISCOUNT = 0.8
"""Bits per minute of an on-site check count this much in the order: where two are close, the remote one comes first.

Our judgement: the minutes of a check leave out the way to the site.
"""

LEAST_BITS = 0.005
"""A check that is expected to tell less than this is not offered (our judgement: it cannot change what one does)."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """A check that could be done: expected information in bits, and the probabilities each result would leave."""

    check: Check
    expected_bits: float
    outcomes: tuple[Outcome, ...]

    @property
    def bits_per_minute(self) -> float:
        """What the order goes by."""
        discount = ONSITE_DISCOUNT if self.check.where == "onsite" else 1.0
        return self.expected_bits / self.check.minutes * discount


@dataclass(frozen=True, slots=True)
class Outcome:
    """One result of a check: how likely it is now, the shift of each cause's score in decibans, and the probabilities
    afterwards."""

    result: CheckResult
    shift_db: Mapping[str, float]
    probabilities: Mapping[str, float]
    undocumented_probability: float
    chance: float = 0.0


def prospects(
    compiled: CompiledFault, facts: Sequence[Fact], firings: Sequence[Firing], beliefs: Beliefs
) -> list[Prospect]:
    """The checks not done yet that would tell something, best first."""
    done = {fact.name for fact in facts}
    found = []
    for check in compiled.checks:
        if check.fact_name in done:
            continue
        readers = compiled.readers_of[check.id]
        if not readers:
            continue
        outcomes = tuple(
            _outcome(compiled, check, result, facts, firings, readers, beliefs) for result in check.results
        )
        bits, chances = _expected_bits(beliefs, outcomes, compiled.shares_of[check.id])
        if bits >= LEAST_BITS:
            likely = (replace(outcome, chance=chance) for outcome, chance in zip(outcomes, chances, strict=True))
            found.append(Prospect(check, bits, tuple(likely)))
    found.sort(key=lambda prospect: (-round(prospect.bits_per_minute, 9), prospect.check.id))
    return found


def _outcome(
    compiled: CompiledFault,
    check: Check,
    result: CheckResult,
    facts: Sequence[Fact],
    firings: Sequence[Firing],
    readers: Sequence[CompiledRule],
    beliefs: Beliefs,
) -> Outcome:
    supposed = Fact(check.fact_name, result.value, check.unit)
    more = infer([*facts, supposed], readers, VerdictMatcher(readers)).firings
    already = {(firing.rule.rule.id, firing.match) for firing in firings}
    new = [f for f in more if (f.rule.rule.id, f.match) not in already]
    after = scores(compiled.priors_db, [*firings, *new])
    shift = {cause: after[cause] - belief.score_db for cause, belief in beliefs.by_cause.items()}
    return Outcome(result, shift, *posterior(after, beliefs.undocumented_db))


def _expected_bits(beliefs: Beliefs, outcomes: Sequence[Outcome], shares: Sequence[float]) -> tuple[float, list[float]]:
    """Mutual information of cause and result, and the chance of each result now.

    P(result | cause) is the result's share times its likelihood ratio for the cause, normalised.
    """
    prior = {cause: belief.probability for cause, belief in beliefs.by_cause.items()}
    prior[""] = beliefs.undocumented_probability
    given: dict[str, list[float]] = {}
    for cause in prior:
        weights = [
            share * 10 ** (outcome.shift_db.get(cause, 0.0) / 10)
            for share, outcome in zip(shares, outcomes, strict=True)
        ]
        total = sum(weights)
        given[cause] = [weight / total for weight in weights]
    bits = 0.0
    chances = []
    for place in range(len(outcomes)):
        chance = sum(prior[cause] * given[cause][place] for cause in prior)
        chances.append(chance)
        for cause, probability in prior.items():
            joint = probability * given[cause][place]
            if joint > 0 and chance > 0:
                bits += joint * log2(given[cause][place] / chance)
    return max(0.0, bits), chances


def separating(prospect: Prospect, cause: str, rival: str) -> float:
    """The widest gap, in decibans, that a result of the check would put between two causes."""
    return max(abs(o.shift_db.get(cause, 0.0) - o.shift_db.get(rival, 0.0)) for o in prospect.outcomes)
