"""How a contact heats: the rise of the connector for the square of its current, over weeks and across visits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ...readings import DAY, MINUTE, Reading, few, median
from ...scene import Scene
from ..registry import measures
from .history import CONNECTOR_PARTS, renewals
from .loads import Load, load_now, loads_here, loads_on_others
from .telemetry import HISTORY, known
from .vehicles import vehicle_of


class Heating(NamedTuple):
    """One load's rise for the square of its current: kelvin for (100 A)², or (100 kW)² where currents are not known."""

    at: float
    ratio: float
    drive: float  # the current or power it was formed with
    load: Load


def _most(part: Sequence[Load], whole: Sequence[Load]) -> bool:
    """Whether a part makes seven tenths of the whole."""
    return len(part) >= 0.7 * len(whole)


def heatings(loads: Iterable[Load]) -> list[Heating]:
    """The heating of each load, in time order.

    All of them rise over the ambient where that is known of most, else over the temperature at the load's beginning, and
    are set against the current where that is known of most, else against the power, else are the bare rise.
    """
    heated = [
        x for x in loads if known(x.peak) and (x.at - x.start >= 5 * MINUTE or x.at == x.start or not known(x.first))
    ]
    aired, begun = [x for x in heated if known(x.ambient)], [x for x in heated if known(x.first)]
    if _most(aired, heated):
        bases = [(x, x.ambient) for x in aired]
    elif _most(begun, heated):
        bases = [(x, x.first) for x in begun]
    else:
        bases = [(x, 20.0) for x in heated]
    based = [x for x, _ in bases]
    flowing, powered = [x for x in based if x.amps > 5.0], [x for x in based if x.power > 1.0]
    if _most(flowing, based):
        driven = [(x, base, x.amps) for x, base in bases if x.amps > 5.0]
    elif _most(powered, based):
        driven = [(x, base, x.power) for x, base in bases if x.power > 1.0]
    else:
        driven = [(x, base, 100.0) for x, base in bases]
    found = [
        Heating(x.at, (x.peak - base) / (drive / 100.0) ** 2, drive, x)
        for x, base, drive in driven
        if x.peak - base > 1.0
    ]
    if found:
        # a trickle at the end of a charge divides by almost nothing
        usual = median([heating.drive for heating in found])
        found = [heating for heating in found if 0.5 * usual <= heating.drive <= 2.0 * usual]
    return sorted(found, key=lambda heating: (heating.at, heating.ratio))


def _in_history(found: Iterable[Heating], moment: float) -> list[Heating]:
    return [heating for heating in found if moment - HISTORY <= heating.at <= moment + DAY]


def _reading(value: float, found: Sequence[Heating]) -> Reading:
    """A value measured on heatings, with the first and the last as its sources."""
    return Reading(value, found[-1].at, few([*found[0].load.sources, *found[-1].load.sources]))


def _growth(loads: Iterable[Load], moment: float) -> Reading | None:
    found = _in_history(heatings(loads), moment)
    if len(found) < 5 or found[-1].at - found[0].at < 4 * DAY:
        return None
    third = max(2, len(found) // 3)
    early, late = (median([x.ratio for x in part]) for part in (found[:third], found[-third:]))
    return _reading(late / early, found) if early > 0 else None


@measures(
    "contact_heating_growth",
    "rise of the connector for the square of its current, median of the latest third of the loads within 60 days, and since the "
    "connector was last cleaned or renewed, over that of the earliest third, without the load at the fault where there are six "
    "others; from five loads over four days",
    unit="1",
    low=0,
)
def contact_heating_growth(scene: Scene) -> Reading | None:
    renewed = max((time for time, _ in renewals(scene, CONNECTOR_PARTS) if time <= scene.anchor), default=-np.inf)
    here, now = [x for x in loads_here(scene) if x.start > renewed], load_now(scene)
    # one hot session at the end is no growth: where there are enough others, they decide
    before = _growth([x for x in here if x is not now], scene.anchor) if len(here) >= 7 else None
    return before or _growth(here, scene.anchor)


@measures(
    "contact_heating_steadiness",
    "rank correlation (Spearman) of that rise with time over at least six loads on four days and more (1: it grows from load to load); "
    "unknown where all are equal",
    unit="1",
    low=-1,
    high=1,
)
def contact_heating_steadiness(scene: Scene) -> Reading | None:
    found = _in_history(heatings(loads_here(scene)), scene.anchor)
    if len(found) < 6 or found[-1].at - found[0].at < 4 * DAY:
        return None
    # the last digits of a quotient order nothing
    ratios = np.round([x.ratio for x in found], 6)
    ordered = np.sort(ratios)
    # equal ones share their middle rank
    ranks = (np.searchsorted(ordered, ratios, "left") + np.searchsorted(ordered, ratios, "right")) / 2.0
    if np.ptp(ranks) == 0.0:
        return None
    return _reading(float(np.corrcoef(np.arange(len(found)), ranks)[0, 1]), found)


@measures(
    "contact_heating_growth_other_vehicles",
    "the same growth over the loads of other vehicles than the one at the fault",
    unit="1",
    low=0,
)
def contact_heating_growth_other_vehicles(scene: Scene) -> Reading | None:
    vin = vehicle_of(scene)
    if vin is None:
        return None
    return _growth([x for x in loads_here(scene) if x.vin not in (None, vin)], scene.anchor)


@measures(
    "contact_heating_growth_other_connectors",
    "the same growth over the loads of the charger's other connectors",
    unit="1",
    low=0,
)
def contact_heating_growth_other_connectors(scene: Scene) -> Reading | None:
    return _growth(loads_on_others(scene), scene.anchor)


@measures(
    "contact_heating_now",
    "rise for the square of the current in the load at the fault over the median of at least three earlier loads here, from "
    "60 days to half a day before",
    unit="1",
    low=0,
)
def contact_heating_now(scene: Scene) -> Reading | None:
    now = load_now(scene)
    if now is None:
        return None
    found = heatings(loads_here(scene))
    mine = [x.ratio for x in found if x.load is now]
    past = [x for x in found if now.start - HISTORY <= x.at <= now.start - DAY / 2]
    if not mine or len(past) < 3:
        return None
    usual = median([x.ratio for x in past])
    return Reading(mine[0] / usual, now.at, few([*now.sources, *past[-1].load.sources, *past[0].load.sources]))


@measures(
    "contact_heating_change_at_visit",
    "rise for the square of the current after a visit that cleaned or renewed the connector, over that before it (medians of "
    "up to three loads on each side, as it may grow again)",
    unit="1",
    low=0,
)
def contact_heating_change_at_visit(scene: Scene) -> Reading | None:
    found = heatings(loads_here(scene))
    for time, source in reversed(renewals(scene, CONNECTOR_PARTS)):
        before = [x.ratio for x in found if x.at < time][-3:]
        after = [x.ratio for x in found if x.at > time][:3]
        if len(before) >= 2 and len(after) >= 2:
            return Reading(float(np.median(after) / np.median(before)), time, (source,))
    return None
