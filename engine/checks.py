"""Next checks: how much each possible check is expected to tell, for the minutes it takes.

Decision-theoretic troubleshooting (Heckerman, Breese and Rommelse 1995; Jensen et al. 2001): a check is worth the
entropy it is expected to take away, divided by what it costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2

from .beliefs import Beliefs, Ledger, posterior
from .facts import Fact
from .knowledge_base import Check, CheckResult, CompiledFault
from .rule_index import Standing

ONSITE_DISCOUNT = 0.8
"""Bits per minute of an on-site check count this much in the order: where two are close, the remote one comes first.

Our judgement: the minutes of a check leave out the way to the site.
"""

LEAST_BITS = 0.005
"""A check that is expected to tell less than this is not offered (our judgement: it cannot change what one does)."""

LEAST_SHARE = 0.03
"""Nor is one that is expected to tell less than this share of what the most telling check does, however quick it is (our judgement:
minutes are cheap only where they may be enough)."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """A check that could be done: expected information in bits, what each result would leave, and how likely it is now."""

    check: Check
    expected_bits: float
    outcomes: tuple[Outcome, ...]
    chances: tuple[float, ...]

    @property
    def bits_per_minute(self) -> float:
        """What the order goes by."""
        discount = ONSITE_DISCOUNT if self.check.where == "onsite" else 1.0
        return self.expected_bits / self.check.minutes * discount


@dataclass(frozen=True, slots=True)
class Outcome:
    """One result of a check: the shift of each cause's score in decibans, and the probabilities afterwards."""

    result: CheckResult
    shift_db: Mapping[str, float]
    probabilities: Mapping[str, float]
    undocumented_probability: float


def prospects(compiled: CompiledFault, standing: Standing, beliefs: Beliefs) -> list[Prospect]:
    """The checks not done yet that would tell something worth asking, best first.

    `standing` is where the rules of the fault stand on what is known, `beliefs` what follows from it.
    """
    now = Ledger(compiled.priors_db, standing.fired_rules())
    found = []
    for check in compiled.checks:
        if check.fact_name in standing.facts or check.fact_name not in standing.index.fact_names:
            continue
        outcomes = tuple(_outcome(check, result, standing, now, beliefs) for result in check.results)
        bits, chances = _expected_bits(beliefs, outcomes, compiled.shares_of[check.id])
        if bits >= LEAST_BITS:
            found.append(Prospect(check, bits, outcomes, tuple(chances)))
    least = LEAST_SHARE * max((prospect.expected_bits for prospect in found), default=0.0)
    telling = [prospect for prospect in found if prospect.expected_bits >= least]
    return sorted(telling, key=lambda prospect: (-round(prospect.bits_per_minute, 9), prospect.check.id))


def _outcome(check: Check, result: CheckResult, standing: Standing, now: Ledger, beliefs: Beliefs) -> Outcome:
    supposed = Fact(check.fact_name, result.value, check.unit)
    after = now.scores_with(standing.besides([supposed]))
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
