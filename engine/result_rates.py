"""How often each result of a check comes out whatever the cause, as the weights of the rules imply it.

A weight says how much likelier a result is under a cause than else. For that to be true of what will be found, the results
must come out so often that, on average, a check leaves the beliefs as they are: nobody may expect to change their mind
in a foreseeable direction. Those rates are the proportions in which the beliefs after the results make up the belief before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import mul, sub, truediv

from .beliefs import Ledger, posterior
from .facts import Fact
from .rule_index import RuleIndex, Standing

MAX_STEPS = 2_000
"""Steps of the balancing at most; it ends earlier where no proportion moves any more."""

STILL = 1e-7
"""Change of a proportion in one step below which it counts as unmoved."""

RAREST = 1e-3
"""The least rate of a result (our judgement: a check that can come out so does so once in a thousand times)."""


def implied_rates(results: Sequence[Fact], index: RuleIndex, priors_db: Mapping[str, float]) -> tuple[float, ...]:
    """Base rates of a check's results (given as the facts they would be), adding up to 1.

    `index` holds the rules of the fault. Results that weigh alike are equally frequent. The proportions are the
    likeliest ones by expectation maximisation (Dempster, Laird and Rubin 1977), over the documented causes: of the rest,
    which no rule weighs, every result that tells something takes a part, whatever the proportions.
    """
    prior, rest = posterior(priors_db)
    believed = [probability / (1.0 - rest) for probability in prior.values()]
    nothing_known = Standing(index, (), ())
    ratios = []
    for result in results:
        after_db = Ledger(priors_db, nothing_known.besides([result])).scores_db
        ratios.append([10 ** ((after_db[cause] - priors_db[cause]) / 10) for cause in priors_db])
    totals = [sum(map(mul, believed, row)) for row in ratios]
    by_cause = list(zip(*ratios, strict=True))
    shares = [
        [p * ratio / total for p, ratio in zip(believed, row, strict=True)]
        for row, total in zip(ratios, totals, strict=True)
    ]
    proportions = [1.0 / len(results)] * len(results)
    for _ in range(MAX_STEPS):
        mixed = [sum(map(truediv, map(mul, proportions, column), totals)) for column in by_cause]
        moved = [q * sum(map(truediv, row, mixed)) for q, row in zip(proportions, shares, strict=True)]
        still = max(map(abs, map(sub, moved, proportions))) < STILL
        proportions = moved
        if still:
            break
    rates = [max(q / total, RAREST) for q, total in zip(proportions, totals, strict=True)]
    return tuple(rate / sum(rates) for rate in rates)
