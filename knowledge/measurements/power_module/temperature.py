"""How hot the modules and the cabinet were."""

from __future__ import annotations

from ...readings import HOUR, MINUTE, Reading, few, median
from ...scene import Scene
from ..registry import measures
from .silence import only_silent_module
from .telemetry import module_temperatures, row_source


@measures(
    "module_heat_over_siblings",
    "how much hotter the silent module last was, in the half hour up to the latest occurrence, than the median of the others",
    unit="K",
)
def module_heat_over_siblings(scene: Scene) -> Reading | None:
    name = only_silent_module(scene)
    if name is None:
        return None
    gaps: list[tuple[float, int]] = []
    rows = [row for row in module_temperatures(scene, 30 * MINUTE) if name in row.modules and len(row.modules) >= 2]
    for row in rows[:: max(1, len(rows) // 60)]:
        others = [value for key, value in row.modules.items() if key != name]
        gaps.append((row.modules[name] - median(others), row.place))
    if not gaps:
        return None
    sources = few([row_source(scene, gaps[0][1]), row_source(scene, gaps[-1][1])])
    return Reading(median([gap for gap, _ in gaps]), scene.anchor, sources)


@measures(
    "module_temperature_peak",
    "highest temperature of any power module in the half hour up to the latest occurrence",
    unit="°C",
    low=-60,
    high=250,
)
def module_temperature_peak(scene: Scene) -> Reading | None:
    column = scene.readings("component_health.internal_temps.power_module", which="all")
    best = scene.near(column, 30 * MINUTE, 5.0).max()
    rows = module_temperatures(scene, 30 * MINUTE)
    if rows:
        heats = [max(row.modules.values()) for row in rows]
        value = max(heats)
        hottest = rows[heats.index(value)]
        if value <= 250 and (best is None or value > float(best.value)):
            best = Reading(value, hottest.time, (row_source(scene, hottest.place),))
    return best if best is not None and -60 <= float(best.value) <= 250 else None


@measures(
    "module_temperature_frozen",
    "minutes up to the latest occurrence for which the silent module's temperature stood exactly still while a sibling's moved; "
    "known from four rows on",
    unit="min",
    low=0,
)
def module_temperature_frozen(scene: Scene) -> Reading | None:
    name = only_silent_module(scene)
    if name is None:
        return None
    rows = [row for row in module_temperatures(scene, HOUR) if name in row.modules and row.time <= scene.anchor]
    if len(rows) < 4:
        return None
    start = len(rows) - 1
    while start > 0 and rows[start - 1].modules[name] == rows[-1].modules[name]:
        start -= 1
    # where it did not stand still, whether siblings moved shows in the last rows
    seen: dict[str, set[float]] = {}
    for row in rows[start:] if start < len(rows) - 1 else rows[-4:]:
        for other, value in row.modules.items():
            if other != name:
                seen.setdefault(other, set()).add(value)
    if not any(len(values) > 1 for values in seen.values()):
        return None
    sources = few([row_source(scene, rows[start].place), row_source(scene, rows[-1].place)])
    return Reading((rows[-1].time - rows[start].time) / MINUTE, scene.anchor, sources)


@measures(
    "cabinet_swing",
    "range of cabinet (else ambient) temperature in the three hours up to the latest occurrence that has readings",
    unit="K",
    low=0,
)
def cabinet_swing(scene: Scene) -> Reading | None:
    for path in ("cabinet_temperature", "ambient_temperature"):
        near = scene.near(scene.readings(path, which="all"), 3 * HOUR, 0.0)
        if len(near) >= 3:
            return near.reading(float(near.values.max() - near.values.min()))
    return None
