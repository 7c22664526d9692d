"""Other incidents of the same charger that stood before this one, and what a wrong configuration did to the power."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ...engine.facts import TEXT_LIMIT, Source
from ...engine.knowledge_base import incident_id
from ..readings import DAY, HOUR, MINUTE, Reading, few, median
from ..scene import Incidence, Scene
from ..sessions import Session
from .configuration.onset import onset
from .configuration.snapshots import snapshots
from .contactor.visits import replacement
from .registry import measures
from .thermal.chargers import rating_of
from .thermal.history import FAN_PARTS, renewals

EPISODE = 7 * DAY
"""Occurrences further apart than this are not one episode (judgement: the runbooks look at seven days)."""

SAME_MOMENT = MINUTE
"""What two stamps of one moment differ by (judgement: a charger reports after a grace period of that size)."""

MOST_EARLIER = 24
"""Earlier incidents that are told (judgement: twelve documented codes on two connectors)."""

INCIDENT_FACTS = frozenset({"earlier_incident", "hours_from_earlier_incident"})
"""Facts whose key is the id of another incident."""

# Incidents


@dataclass(frozen=True, slots=True)
class Earlier:
    """An incident that stood before this one: its id, and when it was last reported up to this one's latest occurrence."""

    name: str
    incidence: Incidence
    last: float

    def reading(self, value: float | str) -> Reading:
        """Something measured on it; the key is its id."""
        reported = [fault.source for fault in self.incidence.faults if fault.time <= self.last]
        sources = few(reported) or self.incidence.raised_from
        return Reading(value, self.last, sources, key=self.name, connector=self.incidence.connector_id)


def _episode_start(times: Iterable[float], moment: float) -> float | None:
    """When the episode began that lasted until a moment; None where nothing had happened by then."""
    start = None
    for time in sorted((t for t in times if t <= moment), reverse=True):
        if start is not None and start - time > EPISODE:
            break
        start = time
    return start


def _fan_renewed(scene: Scene, start: float, end: float) -> bool:
    return any(start < time <= end for time, _ in renewals(scene, FAN_PARTS))


def _contactor_replaced(scene: Scene, start: float, end: float) -> bool:
    return replacement(scene, start, end) is not None


def _configuration_right(scene: Scene, start: float, end: float) -> bool:
    return any(shot.matches is True and start < shot.time <= end for shot in snapshots(scene))


MENDED: Mapping[str, Callable[[Scene, float, float], bool]] = {
    "F-0101": _contactor_replaced,
    "F-0512": _configuration_right,
    "F-0601": _fan_renewed,
}
"""How records show that an incident was mended between two moments, by its code."""


def _may_be_on_one_connector(one: Incidence, other: Incidence) -> bool:
    return one.connector_id is None or other.connector_id is None or one.connector_id == other.connector_id


def earlier_incidents(scene: Scene) -> list[Earlier]:
    """The documented incidents that `earlier_incident` tells of, the latest first."""

    def load() -> list[Earlier]:
        own = scene.incidence
        began = _episode_start(own.times, scene.anchor)
        found = []
        for other in scene.incidences:
            name = incident_id(other.device_id, other.connector_id, other.code)
            start = _episode_start(other.times, scene.anchor + SAME_MOMENT)
            if other.code == own.code or not _may_be_on_one_connector(own, other) or len(name) > TEXT_LIMIT:
                continue
            if start is None or began is None or start > began + SAME_MOMENT:
                continue
            last = max(time for time in other.times if time <= scene.anchor + SAME_MOMENT)
            mended = MENDED.get(other.code)
            if mended is None or not mended(scene, last, began):
                found.append(Earlier(name, other, last))
        return sorted(found, key=lambda earlier: (-earlier.last, earlier.name))[:MOST_EARLIER]

    return scene.once(("earlier incidents",), load)


@measures(
    "earlier_incident",
    "codes of documented incidents of this charger (of the same connector where both have one) whose present episode began before "
    "that of this one, or up to a minute later, and that were not mended before this one began; occurrences more than a week apart "
    "are different episodes",
    kind="text",
    many=True,
)
def earlier_incident(scene: Scene) -> Iterable[Reading]:
    return [earlier.reading(earlier.incidence.code) for earlier in earlier_incidents(scene)]


@measures(
    "hours_from_earlier_incident",
    "hours from the last report of each of those incidents, up to the latest occurrence of this one, to that occurrence",
    unit="h",
    low=0,
    many=True,
)
def hours_from_earlier_incident(scene: Scene) -> Iterable[Reading]:
    return [earlier.reading(max(0.0, scene.anchor - earlier.last) / HOUR) for earlier in earlier_incidents(scene)]


# Power since a configuration does not match

FEWEST_SESSIONS = 3
"""Sessions on either side of a mismatch whose power is compared (judgement: one vehicle may ask for little)."""

BEFORE_MISMATCH = 60 * DAY
"""How far back sessions and limits before a mismatch are looked at (judgement: long enough for three sessions)."""


def _peak_power(scene: Scene, session: Session) -> tuple[float, Source] | None:
    """The highest power (kW) a session charged with: by its record, else by telemetry."""
    if session.max_power is not None:
        return (session.max_power, session.source) if session.max_power > 0 else None
    if session.end is None:
        return None
    powers = scene.readings("power", connector=session.connector_id, which="all").between(session.start, session.end)
    highest = powers.max()
    return None if highest is None or float(highest.value) <= 0 else (float(highest.value), highest.sources[0])


def _sessions_power(scene: Scene, start: float, end: float) -> Reading | None:
    """Median peak power of the sessions that began from start to before end, in percent of the rated power."""
    rated = rating_of(scene, scene.device_id).rated
    found = [_peak_power(scene, s) for s in scene.sessions(which="all") if start <= s.start < end]
    peaks = [peak for peak in found if peak is not None]
    if rated is None or rated <= 0 or len(peaks) < FEWEST_SESSIONS:
        return None
    middle = median([power for power, _ in peaks])
    return Reading(100.0 * middle / rated, start, few([source for _, source in peaks]))


def _limit(scene: Scene, start: float, end: float) -> Reading | None:
    """Median power limit from start to end, in percent of the rated power; from three readings on."""
    rated = rating_of(scene, scene.device_id).rated
    middle = scene.readings("power_limit", which="all").between(start, end).median(3)
    if rated is None or rated <= 0 or middle is None:
        return None
    return Reading(100.0 * float(middle.value) / rated, middle.at, middle.sources)


def _fall(before: Reading | None, since: Reading | None) -> Reading | None:
    """By how much, in percent, the second reading is lower than the first."""
    if before is None or since is None or float(before.value) <= 0:
        return None
    share = 1.0 - float(since.value) / float(before.value)
    return Reading(100.0 * share, since.at, few([*before.sources, *since.sources]))


@measures(
    "session_power_since_mismatch",
    "median highest power of at least three charges since the mismatch's first sign, in percent of the rated power",
    unit="%",
    low=0,
)
def session_power_since_mismatch(scene: Scene) -> Reading | None:
    return _sessions_power(scene, onset(scene).time, float("inf"))


@measures(
    "session_power_fall_at_mismatch",
    "by how much lower that power is than the same of at least three charges within 60 days before the mismatch's first sign",
    unit="%",
    high=100,
)
def session_power_fall_at_mismatch(scene: Scene) -> Reading | None:
    start = onset(scene).time
    return _fall(_sessions_power(scene, start - BEFORE_MISMATCH, start), session_power_since_mismatch(scene))


@measures(
    "power_limit_since_mismatch",
    "median power that the charger allows since the mismatch's first sign, in percent of the rated power",
    unit="%",
    low=0,
)
def power_limit_since_mismatch(scene: Scene) -> Reading | None:
    return _limit(scene, onset(scene).time, float("inf"))


@measures(
    "power_limit_fall_at_mismatch",
    "by how much lower that limit is than its median within 60 days before the mismatch's first sign",
    unit="%",
    high=100,
)
def power_limit_fall_at_mismatch(scene: Scene) -> Reading | None:
    start = onset(scene).time
    return _fall(_limit(scene, start - BEFORE_MISMATCH, start - 1.0), power_limit_since_mismatch(scene))
