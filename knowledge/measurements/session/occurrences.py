"""The occurrences of the fault: which are asked, which session each ended, which events of the connector stand beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...observations import Record
from ...readings import HOUR, MINUTE, Reading
from ...scene import Scene
from ...sessions import Session
from ...texts import words_of

MAX_OCCURRENCES = 12
"""Occurrences that are searched, from the latest, for one that has data (our judgement, no source gives a number)."""

MAX_COMPARED = 60
"""Occurrences, to the latest, that are compared with each other (our judgement, no source gives a number; it bounds the work)."""


def latest_occurrences(scene: Scene) -> list[float]:
    """The occurrences that are searched, from the latest."""
    return list(reversed(scene.times))[:MAX_OCCURRENCES]


def at_latest_occurrence(scene: Scene, measure: Callable[[float], Reading | None]) -> Reading | None:
    """What can be measured at the latest occurrence that has the data for it."""
    readings = (measure(time) for time in latest_occurrences(scene))
    return next((reading for reading in readings if reading is not None), None)


def away_from_occurrences(scene: Scene, moment: float) -> bool:
    """Whether a moment is more than ten minutes from every occurrence."""
    return scene.occurrence_near(moment, 10 * MINUTE) is None


def ended_session(scene: Scene, moment: float) -> Session | None:
    """The session a fault at a moment belongs to: running then or ended within the half hour before."""
    return scene.once(("ended session", moment), lambda: _ended_session(scene, moment))


def _ended_session(scene: Scene, moment: float) -> Session | None:
    found = [s for s in scene.sessions() if s.start - MINUTE <= moment and s.over_by >= moment - 30 * MINUTE]
    return min(
        found, key=lambda s: (abs((s.end if s.end is not None else moment + HOUR) - moment), -s.start), default=None
    )


def timed_events(
    scene: Scene, *types: str, start: float | None = None, end: float | None = None
) -> list[tuple[float, Record]]:
    """The connector's events of some types (all where none is given) from start to end, each with its time."""
    return [(e.time, e) for e in scene.events(*types, start=start, end=end) if e.time is not None]


def state_entered(event: Record) -> str | None:
    """The state a state event leads to, in words ("" where it names none); None where the event has no data."""
    return _state(event, "to")


def state_left(event: Record) -> str | None:
    """The state a state event comes from, in words; None where it names none."""
    return _state(event, "from") or None


def _state(event: Record, end: str) -> str | None:
    data = event.fields.get("data")
    return words_of(str(data.get(end) or "")) if isinstance(data, Mapping) else None
