"""Which check to ask next when looking further ahead than one check: the fewest minutes until the cause is known.

Expected bits per minute look one check ahead. Here the tree of checks and results is weighed, as far as a bound on its
size allows, by the minutes until the true cause stands at 90 %, with the way to the site counted once. It is
decision-theoretic troubleshooting (Heckerman, Breese and Rommelse 1995; Jensen et al. 2001), solved further ahead than
they could afford: a fault code has few checks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import inf

from .beliefs import Ledger, posterior
from .facts import Fact
from .inference import Inference
from .knowledge_base import Check, CompiledFault
from .rule_index import Standing

SETTLED = 0.9
"""Probability from which a cause counts as known (issue 3: a consultation stops where one cause passes 90 %)."""

WAY_MINUTES = 60.0
"""Minutes of the way to the site, counted once for all checks that are done there (our judgement: an hour, as the
minutes of a check leave the way out)."""

OPEN_MINUTES = 480.0
"""What ending without knowing the cause costs, in minutes: a check is worth its time where it can save more of this than
it takes (our judgement: a working day, for work on a part that did not fail and a second journey)."""

ANSWER_ERROR = 0.05
"""Share of answers that are not so (issue 3: the simulated engineer answers truthfully but for 5 %)."""

MAX_STATES = 4_000
"""States of knowledge that one plan may look at (our judgement: half a second; the shipped codes have at most 2,592, so
that all of them are planned to the end)."""

Answers = tuple[tuple[int, int], ...]
"""What would be known: check and result by their places, in the order of the checks."""

Joint = tuple[float, ...]
"""For each hypothesis, the undocumented rest last: the chance that it is true and that the answers come out so; 0 for
hypotheses that were established on the way."""


@dataclass(frozen=True, slots=True)
class Worth:
    """Whether asking on beats ending: what is expected to be spent from here, and the price of ending at once.

    Minutes; both hold `OPEN_MINUTES` for what ends without the cause being known.
    """

    minutes_ahead: float
    minutes_of_ending: float

    @property
    def asking(self) -> bool:
        """Whether a check is worth its time."""
        return self.minutes_ahead < self.minutes_of_ending


class Strategy:
    """Plans over one incident: its code, and what followed from its facts. Keeps what it has worked out."""

    def __init__(self, compiled: CompiledFault, inference: Inference, undocumented_db: float) -> None:
        self._standing = Standing.after(compiled.index, inference)
        open_checks = (check for check in compiled.checks if check.fact_name not in self._standing.facts)
        self.checks = [check for check in open_checks if check.fact_name in compiled.index.fact_names]
        self._shares_of = compiled.shares_of
        self._ledger = Ledger(compiled.priors_db, self._standing.fired_rules())
        self._undocumented_db = undocumented_db
        self._beliefs: dict[Answers, Joint] = {}
        self._given = [self._chances(place) for place in range(len(self.checks))]

    def best(
        self, *, leave_out: Collection[str] = (), on_site: bool = False, way_minutes: float = WAY_MINUTES
    ) -> Check | None:
        """The check to ask next if one means to know the cause, leaving out some by their ids; None where none is left.

        `on_site` says that somebody is there already. A hypothesis that stands at 90 % counts as found not to be so: one
        who asks on goes by the rest.
        """
        options = self._options(leave_out, on_site, way_minutes, inf)
        return self.checks[min(options)[2]] if options else None

    def worth(
        self, *, leave_out: Collection[str] = (), on_site: bool = False, way_minutes: float = WAY_MINUTES
    ) -> Worth:
        """Whether any check is worth its time, for one who may end at any point."""
        options = self._options(leave_out, on_site, way_minutes, OPEN_MINUTES)
        ending = OPEN_MINUTES * sum(self._start())
        return Worth(min((cost for cost, _, _ in options), default=ending), ending)

    def _start(self) -> Joint:
        return self.remaining((), self.believed(()))

    def _options(
        self, leave_out: Collection[str], on_site: bool, way_minutes: float, open_minutes: float
    ) -> list[tuple[float, str, int]]:
        allowed = [place for place, check in enumerate(self.checks) if check.id not in leave_out]
        search = Search(self, allowed, self._depth(allowed), way_minutes, open_minutes)
        return search.options((), self._start(), on_site)

    def _depth(self, allowed: Collection[int]) -> int:
        """How many checks deep to look: sets of answers are counted by their size."""
        of_size = [1] + [0] * len(allowed)
        for place in allowed:
            for size in range(len(allowed), 0, -1):
                of_size[size] += of_size[size - 1] * len(self.checks[place].results)
        within = [size for size, states in enumerate(accumulate(of_size)) if states <= MAX_STATES]
        return max(1, within[-1])

    def believed(self, answers: Answers) -> Joint:
        """The probabilities that the diagnosis would show."""
        found = self._beliefs.get(answers)
        if found is None:
            probabilities, rest = posterior(self._scores(answers), self._undocumented_db)
            found = self._beliefs[answers] = (*probabilities.values(), rest)
        return found

    def remaining(self, answers: Answers, joint: Joint) -> Joint:
        """The hypotheses that are not established: all but the one that stands at 90 %, if there is one."""
        believed = self.believed(answers)
        highest = max(believed)
        if highest < SETTLED:
            return joint
        leader = believed.index(highest)
        return (*joint[:leader], 0.0, *joint[leader + 1 :])

    def given(self, place: int) -> list[Joint]:
        """For each result of a check its chance under each hypothesis."""
        return self._given[place]

    def _scores(self, answers: Answers) -> Mapping[str, float]:
        if not answers:
            return self._ledger.scores_db
        supposed = []
        for place, result in answers:
            check = self.checks[place]
            supposed.append(Fact(check.fact_name, check.results[result].value, check.unit))
        return self._ledger.scores_with(self._standing.besides(supposed))

    def _chances(self, place: int) -> list[Joint]:
        """P(result | hypothesis): share times likelihood ratio, normalised, and some answers that are not so."""
        now = self._ledger.scores_db
        results = self.checks[place].results
        weights = []
        for number, share in enumerate(self._shares_of[self.checks[place].id]):
            after = self._scores(((place, number),))
            weights.append((*(share * 10 ** ((after[c] - now[c]) / 10) for c in now), share))
        totals = [sum(column) for column in zip(*weights, strict=True)]
        others = len(results) - 1
        return [
            tuple(
                (1 - ANSWER_ERROR) * weight / total + ANSWER_ERROR * (1 - weight / total) / others
                for weight, total in zip(row, totals, strict=True)
            )
            for row in weights
        ]


class Search:
    """One look ahead. What will be answered is reckoned by Bayes' rule, what is established by what would be shown.

    `open_minutes` is the price of ending without knowing the cause; infinite where all checks are asked before. Beyond
    `depth` the price stands for what is not looked at.
    """

    def __init__(
        self, strategy: Strategy, allowed: Collection[int], depth: int, way_minutes: float, open_minutes: float
    ) -> None:
        self._strategy = strategy
        self._allowed = allowed
        self._depth = depth
        self._way_minutes = way_minutes
        self._open_minutes = open_minutes
        self._known: dict[tuple[Answers, bool, tuple[bool, ...]], float] = {}

    def options(self, answers: Answers, joint: Joint, on_site: bool) -> list[tuple[float, str, int]]:
        """What each check costs with the best way on from it, times the chance of coming here; ids break ties."""
        chance = sum(joint)
        asked = {place for place, _ in answers}
        found = []
        for place in self._allowed:
            if place in asked:
                continue
            check = self._strategy.checks[place]
            there = on_site or check.where == "onsite"
            way = self._way_minutes if there and not on_site else 0.0
            cost = chance * (check.minutes + way)
            for result, given in enumerate(self._strategy.given(place)):
                after = tuple(probability * share for probability, share in zip(joint, given, strict=True))
                cost += self._ahead(tuple(sorted((*answers, (place, result)))), after, there)
            found.append((round(cost, 9), check.id, place))
        return found

    def _ahead(self, answers: Answers, joint: Joint, on_site: bool) -> float:
        """What is still spent on the hypotheses that are not established, times the chance of coming here."""
        joint = self._strategy.remaining(answers, joint)
        chance = sum(joint)
        if chance <= 0.0:
            return 0.0
        key = (answers, on_site, tuple(value > 0.0 for value in joint))
        known = self._known.get(key)
        if known is None:
            ending = self._open_minutes * chance
            if len(answers) == len(self._allowed):
                known = 0.0 if ending == inf else ending
            elif len(answers) == self._depth:
                known = OPEN_MINUTES * chance
            else:
                known = min(ending, *(cost for cost, _, _ in self.options(answers, joint, on_site)))
            self._known[key] = known
        return known
