"""The contacts themselves: their resistance, the isolation across them, how warm they run."""

from __future__ import annotations

import re

import numpy as np

from ...readings import DAY, HOUR, MINUTE, Reading, Readings
from ...scene import Scene
from ..registry import measures
from .loads import own_currents
from .payload import latest_figure
from .series import early_and_late

_OUTLET = "component_health.internal_temps.dc_outlet"
_INLET = "component_health.internal_temps.ac_inlet"
_ISOLATION = "component_health.isolation_test_kohms"


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
    elif re.search(r"m ?ohm|milli", told.path) or told.unit == "mohm":
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
    told = latest_figure(scene, r"isolation|insulation", r"limit|threshold|min|required", ("kohm", "mohm"))
    return None if told is None else told.reading(told.number * (1000.0 if told.unit == "mohm" else 1.0))


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


def _temperatures(scene: Scene) -> Readings:
    """Outlet, inlet or connector: the first that was measured a few times in the half year before."""
    for path in (_OUTLET, _INLET, "temperature"):
        found = scene.readings(path).between(scene.first - 180 * DAY, scene.anchor + MINUTE)
        if len(found) >= 4:
            return found
    return scene.readings(_OUTLET)


@measures(
    "contact_temperature_rise",
    "how much hotter outlet, inlet or connector ran under load in the last third of the records before the first occurrence than "
    "in the first third, over three days or more, at currents that differ by less than a fifth",
    unit="K",
)
def contact_temperature_rise(scene: Scene) -> Reading | None:
    temperatures = _temperatures(scene)
    if len(temperatures) < 9 or temperatures.times[-1] - temperatures.times[0] < 3 * DAY:
        return None
    heat, load = temperatures.alongside(own_currents(scene))
    flowing = np.abs(load) > 5.0
    heat, load = heat[flowing], np.abs(load[flowing])
    if len(heat) < 9:
        return None
    light, heavy = sorted(early_and_late(load))
    if heavy - light > 0.2 * heavy:
        return None
    cooler, hotter = early_and_late(heat)
    return temperatures.reading(hotter - cooler)
