"""How far parts that count their cycles are through their life, and when they get to its end at the present rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...readings import DAY, Reading, Readings, few
from ...scene import Scene
from ..common import age
from ..contactor.counters import RATED_CYCLES, cycle_counts
from ..registry import measures
from .lines import daily, days_until, line, recent

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


def since_last_reset(counts: Readings) -> tuple[Readings, bool]:
    """The readings after the counter's last fall by at least a tenth, and whether there was one."""
    falls = np.flatnonzero(counts.values[1:] < 0.9 * counts.values[:-1])
    if not len(falls):
        return counts, False
    return counts.between(float(counts.times[falls[-1] + 1]), np.inf), True


def contactor(scene: Scene) -> Wear:
    """The main contactor: its own figure for its life, else the dictionary's for its kind."""

    def load() -> Wear:
        declared = scene.readings("component_health.contactor_max_cycles").where(lambda v: v > 0).last()
        usual = None if scene.is_dc is None else RATED_CYCLES[scene.is_dc]
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
    counted = line(daily(recent(scene, wear.counts, RATE_WINDOW)), scene.anchor)
    if counted is not None:
        return counted.reading(counted.slope) if counted.slope > 0 else None
    shown, days = wear.counts.last(), age(scene)
    if shown is None or days is None or wear.was_reset or float(days.value) < SHORTEST_AGE_DAYS:
        return None
    return Reading(float(shown.value) / float(days.value), shown.at, few([*shown.sources, *days.sources]))


def life_end(scene: Scene, wear: Wear) -> Reading | None:
    """When the counter gets to the rated life at that rate, epoch seconds; None where it is past it."""
    shown, speed = wear.counts.last(), rate(scene, wear)
    if shown is None or speed is None or not wear.rated or float(shown.value) >= wear.rated or float(speed.value) <= 0:
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
    unit="s",
)
def contactor_life_end(scene: Scene) -> Reading | None:
    return life_end(scene, contactor(scene))


@measures("days_to_contactor_life_end", "days from the diagnosis to that moment", unit="days", low=0)
def days_to_contactor_life_end(scene: Scene) -> Reading | None:
    return days_until(scene, contactor_life_end(scene))
