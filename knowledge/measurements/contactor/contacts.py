"""The contacts themselves: their resistance, the isolation across them, how warm they run."""

from __future__ import annotations

import re

import numpy as np

from ...readings import DAY, HOUR, MINUTE, Reading, Readings
from ...scene import Scene
from ..registry import measures
from .loads import own_currents
from .payload import figures, latest_figure
from .series import early_and_late

_OUTLET = "component_health.internal_temps.dc_outlet"
_INLET = "component_health.internal_temps.ac_inlet"
_ISOLATION = "component_health.isolation_test_kohms"


_NAMES_OHMS = re.compile(r"\bohms?\b")

LEAST_MILLIOHMS = 0.02
"""From which number on a contact resistance without a unit counts as milliohms (our judgement: no contact has less, and a fifth of
an ohm would burn)."""


@measures("main_contact_resistance", "resistance of the main contacts that details or texts report", unit="mΩ", low=0)
def main_contact_resistance(scene: Scene) -> Reading | None:
    told = latest_figure(
        scene,
        r"contact\w* resistance|resistance .*contact|contact \w*ohm",
        r"aux|feedback|isolation|insulation|limit|max|nominal|connector|pin",
    )
    if told is None:
        return None
    if re.search(r"\b(u|micro) ?ohm", told.path):
        scale = 0.001
    elif (
        re.search(r"m ?ohm|milli", told.path)
        or told.unit == "mohm"
        or (told.unit is None and not _NAMES_OHMS.search(told.path) and told.number >= LEAST_MILLIOHMS)
    ):
        scale = 1.0
    else:
        scale = 1000.0
    return told.reading(max(0.0, told.number * scale))


@measures(
    "isolation_resistance",
    "the latest isolation test in telemetry or details within 30 days up to an hour after the latest occurrence",
    unit="kΩ",
    low=0,
)
def isolation_resistance(scene: Scene) -> Reading | None:
    measured = scene.readings(_ISOLATION).between(scene.anchor - 30 * DAY, scene.anchor + HOUR).last()
    if measured is not None:
        return measured
    told = figures(scene, r"isolation|insulation", r"limit|threshold|min|required", ("kohm", "mohm"))
    recent = [figure for figure in told if scene.anchor - 30 * DAY <= figure.time <= scene.anchor + HOUR]
    return recent[-1].reading(recent[-1].number * (1000.0 if recent[-1].unit == "mohm" else 1.0)) if recent else None


@measures(
    "isolation_decline",
    "median of the last third of at least six isolation tests before the first occurrence over that of the first third, over a week or more",
    unit="times",
    low=0,
)
def isolation_decline(scene: Scene) -> Reading | None:
    tests = scene.readings(_ISOLATION).between(scene.first - 180 * DAY, scene.first).where(lambda v: v > 0)
    if len(tests) < 6 or tests.times[-1] - tests.times[0] < 7 * DAY:
        return None
    early, late = early_and_late(tests.values)
    return tests.reading(late / early)


@measures(
    "contact_temperature",
    "highest temperature at the power outlet (or AC inlet) in the day up to the latest occurrence",
    unit="°C",
    low=-60,
    high=1000,
)
def contact_temperature(scene: Scene) -> Reading | None:
    for path in (_OUTLET, _INLET):
        found = scene.near(scene.readings(path), DAY, MINUTE).max()
        if found is not None and -60 <= float(found.value) <= 1000:
            return found
    return None


def _heat_and_load(scene: Scene) -> tuple[Readings, Readings] | None:
    """Outlet, inlet or connector under load in the half year before, and the currents then: the first with enough records."""
    currents = own_currents(scene).between(scene.first - 180 * DAY, scene.first).where(lambda v: np.abs(v) > 5.0)
    for path in (_OUTLET, _INLET, "temperature"):
        heat = scene.readings(path).at_rows(currents.rows)
        if len(heat) >= 9 and heat.times[-1] - heat.times[0] >= 3 * DAY:
            return heat, currents.at_rows(heat.rows)
    return None


@measures(
    "contact_temperature_rise",
    "how much hotter outlet, inlet or connector ran above 5 A in the last third of at least nine records of the 180 days before "
    "the first occurrence than in the first third, over three days or more, at currents that differ by less than a fifth",
    unit="K",
)
def contact_temperature_rise(scene: Scene) -> Reading | None:
    found = _heat_and_load(scene)
    if found is None:
        return None
    heat, load = found
    light, heavy = sorted(early_and_late(np.abs(load.values)))
    if heavy - light > 0.2 * heavy:
        return None
    cooler, hotter = early_and_late(heat.values)
    return heat.reading(hotter - cooler)
