"""When a mismatch began, and which moments could have caused it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ....engine.facts import Source
from ...observations import Record
from ...readings import DAY, HOUR, MINUTE, Reading, few
from ...scene import Scene
from .snapshots import Snapshot, snapshots

CLOCK = 10 * MINUTE
"""How much later than the mismatch its cause may be stamped (our judgement: clocks of two systems, reporting delay)."""

WORKING = 4 * HOUR
"""How long a visit or an upgrade may still be going on after its timestamp (our judgement: half a working day)."""

APART = 7 * DAY
"""Signs of a mismatch further apart than this, with nothing known between, are not one (our judgement: configurations are
compared at least weekly)."""


Moment = tuple[float, Source]
"""When something happened (epoch seconds), and the record that says so."""


@dataclass(frozen=True)
class Onset:
    """When the present mismatch was first seen, and the last time before it that the configuration was right."""

    time: float
    matched: float | None
    before: Snapshot | None
    after: Snapshot | None


def onset(scene: Scene) -> Onset:
    """When the present mismatch began: the first sign of it after the configuration was last seen to match."""

    def load() -> Onset:
        known = [s for s in snapshots(scene) if s.time <= scene.anchor + HOUR]
        right = [s for s in known if s.matches is True and s.time < scene.anchor]
        before = right[-1] if right else None
        since = float("-inf") if before is None else before.time
        wrong = [s for s in known if s.matches is False and s.time > since]
        marks = [s.time for s in wrong] + [time for time in scene.times if time > since]
        start = scene.anchor
        for mark in sorted((m for m in marks if m <= scene.anchor), reverse=True):
            # Signs more than a week apart, with nothing known between them, are two mismatches.
            if start - mark > APART:
                break
            start = mark
        start = min([start, *[m for m in marks if m <= start]] if before is not None else [start])
        return Onset(start, None if before is None else before.time, before, wrong[0] if wrong else None)

    return scene.once(("onset",), load)


def moments_of(scene: Scene, table: str, records: Iterable[Record]) -> list[Moment]:
    """The moments of those records of a list that have a time."""
    return [(record.time, scene.source(table, record)) for record in records if record.time is not None]


def up_to_onset(scene: Scene, moments: Iterable[Moment]) -> list[Moment]:
    """The moments not later than the onset, as far as two clocks can tell."""
    return [moment for moment in moments if moment[0] <= onset(scene).time + CLOCK]


def could_have_caused(scene: Scene, time: float, lasting: float) -> bool:
    """Whether something at a time lies before the onset and not before the configuration was last seen right."""
    began = onset(scene)
    return time <= began.time + CLOCK and (began.matched is None or time + lasting >= began.matched)


def time_before_onset(scene: Scene, moments: Iterable[Moment], unit: float, lasting: float = WORKING) -> Reading | None:
    """How long before the onset, in units of so many seconds, the last of some moments was that could have caused it."""
    fitting = [moment for moment in moments if could_have_caused(scene, moment[0], lasting)]
    if not fitting:
        return None
    time, source = max(fitting)
    return Reading(max(0.0, (onset(scene).time - time) / unit), onset(scene).time, (source,))


def hours_matched_after(scene: Scene, moments: Iterable[Moment]) -> Reading | None:
    """Hours from the last of some moments before the onset to the last time the configuration matched, 0 where that came first."""
    began = onset(scene)
    earlier = up_to_onset(scene, moments)
    if not earlier or began.matched is None or began.before is None:
        return None
    time, source = max(earlier)
    return Reading(max(0.0, (began.matched - time) / HOUR), began.matched, few([source, began.before.source]))
