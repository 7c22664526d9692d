"""Signs that the contactor did not open: since when, how often, what went well meanwhile, and the other code's faults."""

from __future__ import annotations

import re

import numpy as np

from ....engine.facts import Source
from ...readings import DAY, HOUR, MINUTE, Reading, few
from ...scene import Scene
from ...texts import affirmed, words_of
from ..registry import measures
from .payload import Leaf, leaves
from .release import SAFE_VOLTAGE, stops
from .starts import charged

WELD = "F-0101"
ENGAGE = "F-0421"

_STICKING = re.compile(
    r"stick|stuck|weld|slow(ly)? (to )?(release|open)|(release|open|drop)\w*( \w+)? (slow|late|delay)"
    r"|(late|delayed|slow|sluggish) (to )?(release|open)|(fail\w*|did not|didn t|not) (to )?(open|release)|(open|opening|release) failed|residual voltage|\bhang(s|ing)?\b|\bhung\b"
)
_NOT_STICKING = re.compile(r"\b(no|not|never|without)\b.{0,20}(stick|stuck|weld)")


def _says_sticking(leaf: Leaf) -> bool:
    if isinstance(leaf.value, str):
        words = words_of(leaf.value)
        return not leaf.spoken and bool(_STICKING.search(words)) and not _NOT_STICKING.search(words)
    # `weld_check_ok: true` names a weld and says that there is none
    return isinstance(leaf.value, bool) and any(_STICKING.search(said) for said in affirmed({leaf.path: leaf.value}))


def _late_stops(scene: Scene) -> list[tuple[float, Source]]:
    """Earlier stops after which telemetry saw the connector live for 12 s or more, where it saw other stops go dead at once."""
    voltages = scene.readings("voltage")
    late: list[tuple[float, Source]] = []
    others_prompt = False
    for end, _ in stops(scene):
        after = voltages.between(end + 1.0, end + 2 * MINUTE)
        if len(after) < 3 or after.times[0] > end + 15.0 or end > scene.anchor - HOUR:
            continue
        live = np.abs(after.values[:3]) >= SAFE_VOLTAGE
        if not live.any():
            others_prompt = True
        elif live.all() and after.times[2] - end >= 12.0:
            late.append((end, after.source(0)))
    return late if others_prompt else []


def _signs(scene: Scene) -> list[tuple[float, Source]]:
    """Signs of a contactor that did not open: faults of the code and texts of alarms, stops and sessions that say so."""

    def load() -> list[tuple[float, Source]]:
        found = [(fault.time, fault.source) for fault in scene.incidence.faults]
        found += [
            (leaf.time, leaf.source) for leaf in leaves(scene) if leaf.time <= scene.anchor and _says_sticking(leaf)
        ]
        found += _late_stops(scene)
        return sorted(found)

    return scene.once(("contactor-sticking",), load)


def _recent_signs(scene: Scene) -> list[tuple[float, Source]]:
    """Those of the 180 days up to the latest occurrence."""
    return [(time, source) for time, source in _signs(scene) if scene.anchor - 180 * DAY <= time <= scene.anchor]


@measures(
    "late_release_reports",
    "days within the 90 before the latest occurrence on which texts or details say that the contactor opened late or stuck",
    unit="days",
    low=0,
)
def late_release_reports(scene: Scene) -> Reading | None:
    faults = {fault.source for fault in scene.incidence.faults}
    found = [
        (time, source) for time, source in _signs(scene) if source not in faults and time >= scene.anchor - 90 * DAY
    ]
    days = {int(time // DAY) for time, _ in found}
    return Reading(float(len(days)), scene.anchor, few([source for _, source in found])) if days else None


@measures(
    "sticking_span",
    "days from the first sign that the contactor did not open to the latest occurrence, within 180 days",
    unit="days",
    low=0,
)
def sticking_span(scene: Scene) -> Reading | None:
    signs = _recent_signs(scene)
    if not signs:
        return None
    return Reading((scene.anchor - signs[0][0]) / DAY, signs[0][0], few([source for _, source in signs]))


@measures(
    "good_sessions_while_sticking",
    "sessions that charged on the connector between the first sign that its contactor did not open and the latest occurrence, "
    "an hour from both; known where the two are a day apart",
    unit="1",
    low=0,
)
def good_sessions_while_sticking(scene: Scene) -> Reading | None:
    signs = _recent_signs(scene)
    if not signs or scene.anchor - signs[0][0] < DAY:
        return None
    between = [s for s in scene.sessions() if signs[0][0] + HOUR <= s.start <= scene.anchor - HOUR and charged(s)]
    return Reading(
        float(len(between)), scene.anchor, few([s.source for s in between] or [source for _, source in signs])
    )


@measures(
    "quiet_sessions_before_first_weld",
    "sessions that charged on the connector in the 60 days before the first occurrence, where no earlier sign says that the "
    "contactor stuck",
    unit="1",
    low=0,
)
def quiet_sessions_before_first_weld(scene: Scene) -> Reading | None:
    if any(time < scene.first - MINUTE for time, _ in _signs(scene)):
        return None
    before = [s for s in scene.sessions() if scene.first - 60 * DAY <= s.start <= scene.first and charged(s)]
    return Reading(float(len(before)), scene.first, few([s.source for s in before])) if before else None


@measures(
    "days_since_failed_close",
    "days from the last F-0421 of the same charger to the latest occurrence",
    unit="days",
    low=0,
)
def days_since_failed_close(scene: Scene) -> Reading | None:
    return _days_since(scene, ENGAGE)


@measures(
    "days_since_weld", "days from the last F-0101 of the same charger to the latest occurrence", unit="days", low=0
)
def days_since_weld(scene: Scene) -> Reading | None:
    return _days_since(scene, WELD)


def _days_since(scene: Scene, code: str) -> Reading | None:
    if scene.incidence.code == code:
        return None
    earlier = [
        fault
        for fault in scene.faults(code, device=scene.device_id)
        if fault.time <= scene.anchor
        and (fault.connector_id is None or scene.connector_id in (None, fault.connector_id))
    ]
    if not earlier:
        return None
    return Reading((scene.anchor - earlier[-1].time) / DAY, earlier[-1].time, (earlier[-1].source,))
