"""How far parts that count their cycles are through their life, and when they get to its end at the present rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ....engine.facts import MOMENT
from ...fleet.extents import Column
from ...observations import Floats
from ...readings import DAY, Reading, Readings, few
from ...scene import Scene
from ..common import age
from ..contactor.counters import RATED_CYCLES, cycle_counts
from ..cycle_counters import since_last_reset
from ..registry import measures
from .lines import daily_line, days_until, recent
from .ranges import Known, Range, has_a_line, ranged

RATE_WINDOW = 90 * DAY
"""How far back cycles are counted for the present rate (our judgement: a season of use)."""

SHORTEST_AGE_DAYS = 30.0
"""Age from which on a counter over the age is a rate (our judgement: the first month holds tests and demonstrations)."""


@dataclass(frozen=True)
class Wear:
    """A counter since it was last set back, and the cycles that the part is made for where they are known."""

    counts: Readings
    was_reset: bool
    rated: float | None


def contactor(scene: Scene) -> Wear:
    """The main contactor: its own figure for its life, else the dictionary's for its kind."""

    def load() -> Wear:
        declared = scene.readings("component_health.contactor_max_cycles").where(lambda v: v > 0).last()
        usual = _usual_life(scene)
        return Wear(*since_last_reset(cycle_counts(scene)), usual if declared is None else float(declared.value))

    return scene.once("contactor wear", load)


def cycles(wear: Wear) -> Reading | None:
    """What the counter shows."""
    return wear.counts.last()


def life_share(wear: Wear) -> Reading | None:
    """What the counter shows in percent of the rated life."""
    shown = wear.counts.last()
    if shown is None or not wear.rated:
        return None
    return Reading(100.0 * float(shown.value) / wear.rated, shown.at, shown.sources)


def rate(scene: Scene, wear: Wear) -> Reading | None:
    """Cycles a day: by the counter since it was last set back, else, never set back, the counter over the charger's age."""
    counted = daily_line(recent(scene, wear.counts, RATE_WINDOW), scene.anchor)
    if counted is not None:
        return counted.reading(counted.slope) if counted.slope > 0 else None
    shown = wear.counts.last()
    days = None if shown is None or wear.was_reset else age(scene)
    if shown is None or days is None or float(days.value) < SHORTEST_AGE_DAYS:
        return None
    return Reading(float(shown.value) / float(days.value), shown.at, few([*shown.sources, *days.sources]))


def life_end(scene: Scene, wear: Wear) -> Reading | None:
    """When the counter gets to the rated life at that rate, epoch seconds; None where it is past it."""
    shown = wear.counts.last()
    if shown is None or not wear.rated or float(shown.value) >= wear.rated:
        return None
    speed = rate(scene, wear)
    if speed is None or float(speed.value) <= 0:
        return None
    left = (wear.rated - float(shown.value)) / float(speed.value)
    return Reading(
        max(scene.anchor, (shown.at or scene.anchor) + left * DAY), shown.at, few([*shown.sources, *speed.sources])
    )


@measures("contactor_cycles", "the contactor's counter at the diagnosis", unit="cycles", low=0)
def contactor_cycles(scene: Scene) -> Reading | None:
    return cycles(contactor(scene))


@measures(
    "contactor_rated_cycles",
    "cycles the contactor is made for: the charger's own figure, else 60,000 for AC and 100,000 for DC",
    unit="cycles",
    low=0,
)
def contactor_rated_cycles(scene: Scene) -> Reading | None:
    wear = contactor(scene)
    return None if wear.rated is None or not len(wear.counts) else wear.counts.reading(wear.rated)


@measures("contactor_life_share", "the contactor's counter in percent of the cycles it is made for", unit="%", low=0)
def contactor_life_share(scene: Scene) -> Reading | None:
    return life_share(contactor(scene))


@measures(
    "contactor_life_share_undated",
    "the contactor's counter in percent of the cycles it is made for, where it is not known when it gets there",
    unit="%",
    low=0,
)
def contactor_life_share_undated(scene: Scene) -> Reading | None:
    wear = contactor(scene)
    return life_share(wear) if life_end(scene, wear) is None else None


@measures(
    "contactor_cycle_rate",
    "contactor cycles a day: Theil-Sen slope of the daily counter since it was last set back within 90 days, from six days, else "
    "the counter over the charger's age where it never was",
    unit="cycles/day",
    low=0,
)
def contactor_cycle_rate(scene: Scene) -> Reading | None:
    return rate(scene, contactor(scene))


@measures(
    "contactor_life_end",
    "when the counter reaches the cycles the contactor is made for at that rate, epoch seconds; unknown where it has",
    unit=MOMENT,
)
def contactor_life_end(scene: Scene) -> Reading | None:
    return life_end(scene, contactor(scene))


@measures("days_to_contactor_life_end", "days from the diagnosis to that moment", unit="days", low=0)
def days_to_contactor_life_end(scene: Scene) -> Reading | None:
    return days_until(scene, contactor_life_end(scene))


# Ranges


@dataclass(frozen=True)
class WearRange:
    """What a part's wear can be at most: the columns of its counter and of its own limit, and its life where it tells no limit,
    which is known by some fields of the charger's metadata."""

    counter: Column
    limit: Column | None
    usual: Callable[[Scene], float | None]
    known_by: tuple[str, ...] = ()

    def rated(self, known: Known) -> Range:
        """The cycles that the part may be made for."""
        return known.once(("rated cycles", self.counter), lambda: self._rated(known))

    def _rated(self, known: Known) -> Range:
        usual = np.array(known.each(self.known_by, self.usual), dtype=np.float64)
        if self.limit is None:
            return Range(usual, usual)
        declared = known.of(self.limit)
        is_declared = declared.high > 0
        return Range(
            np.where(is_declared, np.fmin(np.maximum(0.0, declared.low), usual), usual),
            np.where(is_declared, np.fmax(declared.high, usual), usual),
        )

    def share(self, known: Known) -> Range:
        """The counter in percent of the rated life."""
        counts, rated = known.of(self.counter), self.rated(known)
        share = np.full(len(rated.low), np.inf)
        np.divide(100.0 * counts.high, rated.low, out=share, where=rated.low > 0)
        return Range.where((counts.number > 0) & ~np.isnan(rated.low), 0.0, share)

    def rate(self, known: Known) -> Range:
        """Cycles a day: of six days and more most pairs lie a day apart at least, so that no line through them is steeper
        than what the counter moved in a day."""
        counts, days = known.of(self.counter), _ages(known)
        by_line = np.where(has_a_line(counts), counts.high - counts.low, np.nan)
        by_age = np.full(len(days), np.nan)
        np.divide(counts.high, days, out=by_age, where=days >= SHORTEST_AGE_DAYS)
        most = np.fmax(by_line, by_age)
        return Range.where(most > 0, 0.0, most)

    def days_left(self, known: Known) -> Range:
        """Days from the diagnosis until the counter gets to the rated life."""
        counts, rated, rate = known.of(self.counter), self.rated(known), self.rate(known)
        seen = np.maximum(0.0, known.as_of - counts.first) / DAY
        left = np.maximum(0.0, (rated.low - counts.high) / rate.high - seen)
        return Range.where(~np.isnan(left), left)

    def declare(self, part: str) -> None:
        """Declare the ranges of the facts of a part's wear, whose names begin with the part's."""
        columns = (self.counter,) if self.limit is None else (self.counter, self.limit)
        ranged(self.share, f"{part}_life_share", columns=columns)
        ranged(self.rate, f"{part}_cycle_rate", columns=columns)
        ranged(self.days_left, f"days_to_{part}_life_end", columns=columns)
        ranged(lambda known: Range.where(~np.isnan(self.days_left(known).low)), f"{part}_life_end", columns=columns)


def _ages(known: Known) -> Floats:
    """The `age` of each charger in days; NaN where it is not known."""
    activated = known.numbers("lifecycle.activation_date")
    since = np.where(activated <= known.as_of, (known.as_of - activated) / DAY, np.nan)
    used = known.numbers("lifecycle.usage_duration_days")
    return np.where(np.isnan(used), since, used)


def _usual_life(scene: Scene) -> float | None:
    return None if scene.is_dc is None else RATED_CYCLES[scene.is_dc]


_CONTACTOR = WearRange(
    Column("telemetry", "component_health.contactor_cycles"),
    Column("telemetry", "component_health.contactor_max_cycles"),
    _usual_life,
    known_by=("product.current_type", "model"),
)
_CONTACTOR.declare("contactor")
ranged(
    lambda known: Range.where(known.of(_CONTACTOR.counter).number > 0),
    "contactor_cycles",
    columns=(_CONTACTOR.counter,),
)
ranged(_CONTACTOR.rated, "contactor_rated_cycles", columns=(_CONTACTOR.counter,))
ranged(_CONTACTOR.share, "contactor_life_share_undated", columns=(_CONTACTOR.counter,))
