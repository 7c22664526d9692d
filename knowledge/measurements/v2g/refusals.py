"""Measurements of when the vehicle refused: how often, at which hours of day, and how discharges lie in between."""

from __future__ import annotations

from itertools import pairwise

from ...readings import DAY, HOUR, MINUTE, Reading
from ...scene import Scene
from ..registry import measures
from .discharges import Discharge, discharges
from .evidence import number_of, sources_of
from .history import compared, next_discharges, occasions, vehicle_refusals
from .occurrences import Happening, happenings_here, the_vehicle, this_happening
from .rhythm import hour_of_day, shortest_stretch


@measures(
    "refusal_occasions",
    "refusals of the vehicle at least an hour apart from the one before",
    unit="1",
    low=0,
)
def refusal_occasions(scene: Scene) -> Reading | None:
    return number_of(scene, occasions(vehicle_refusals(scene)))


@measures(
    "refusals_without_any_discharge",
    "occasions on which the vehicle refused, where the bundle holds no discharge of it",
    unit="1",
    low=0,
)
def refusals_without_any_discharge(scene: Scene) -> Reading | None:
    vehicle = the_vehicle(scene)
    if vehicle is None or any(vehicle.is_same(d.vehicle) for d in discharges(scene)):
        return None
    return refusal_occasions(scene)


@measures(
    "discharges_compared",
    "discharges with which the hours of the refusals are compared: of the same vehicle, or of the connector where no record "
    "names a vehicle; known where there is one",
    unit="1",
    low=0,
)
def discharges_compared(scene: Scene) -> Reading | None:
    return number_of(scene, compared(scene)[1])


@measures(
    "alternations_of_refusal",
    "changes between refusing and discharging in the vehicle's history within 90 days; known where it did both",
    unit="1",
    low=0,
)
def alternations_of_refusal(scene: Scene) -> Reading | None:
    refused, accepted = compared(scene)
    if not refused or not accepted:
        return None
    story = sorted([(h.time, 0) for h in refused] + [(d.start, 1) for d in accepted])
    changes = sum(a[1] != b[1] for a, b in pairwise(story))
    return Reading(float(changes), scene.anchor, sources_of(refused, accepted))


@measures(
    "refusals_since_last_discharge",
    "occasions on which the vehicle refused since its last discharge; known where it discharged before",
    unit="1",
    low=0,
)
def refusals_since_last_discharge(scene: Scene) -> Reading | None:
    refused, accepted = compared(scene)
    refused = occasions(refused)
    if not refused or not accepted or accepted[0].start > refused[-1].time:
        return None
    last = max(d.start for d in accepted)
    since = [h for h in refused if h.time > last]
    return Reading(float(len(since)), scene.anchor, sources_of(since or refused))


def _refusals(scene: Scene) -> tuple[list[Happening], set[int]]:
    """Refusals of the vehicle, else those here without a vehicle, and the days they came on."""
    refused = compared(scene)[0] or [h for h in happenings_here(scene) if h.vehicle is None]
    return refused, {int(h.time // DAY) for h in refused}


@measures(
    "refusal_hours_spread",
    "shortest stretch of the day that holds the hours of all refusals of the vehicle; known from three refusals on three days",
    unit="h",
    low=0,
    high=24,
)
def refusal_hours_spread(scene: Scene) -> Reading | None:
    refused, days = _refusals(scene)
    return (
        Reading(shortest_stretch(h.time for h in refused), scene.anchor, sources_of(refused))
        if len(days) >= 3
        else None
    )


@measures(
    "refusal_days",
    "different days on which the vehicle refused",
    unit="1",
    low=0,
)
def refusal_days(scene: Scene) -> Reading | None:
    return number_of(scene, *_refusals(scene))


def _hours_outside(time: float, discharge: Discharge) -> float:
    """Hours of the day's circle between a moment and a discharge; 0 for one that fell into its hours."""
    length = min((discharge.end - discharge.start) / HOUR, 24.0)
    into = (hour_of_day(time) - hour_of_day(discharge.start)) % 24.0
    return 0.0 if into <= length else min(into - length, 24.0 - into)


def _on_weekend(time: float) -> bool:
    """Whether a moment lies on Saturday or Sunday, by UTC, as no record tells the local time."""
    return (time // DAY + 3) % 7 >= 5  # the epoch began on a Thursday


@measures(
    "hours_between_refusals_and_discharges",
    "smallest distance in hours of the day between a refusal of the vehicle and a time at which it discharged, both on working "
    "days or both on weekends, or any two where no two are so alike; known where both are",
    unit="h",
    low=0,
    high=24,
)
def hours_between_refusals_and_discharges(scene: Scene) -> Reading | None:
    refused, accepted = compared(scene)
    refused = occasions(refused)
    if not refused or not accepted:
        return None
    pairs = [(h.time, d) for h in refused for d in accepted]
    alike = [(time, d) for time, d in pairs if _on_weekend(time) == _on_weekend(d.start)]
    nearest = min(_hours_outside(time, d) for time, d in alike or pairs)
    return Reading(nearest, scene.anchor, sources_of(refused, accepted))


@measures(
    "hours_until_next_discharge",
    "hours from the latest refusal to the vehicle's next discharge within two days",
    unit="h",
    low=0,
)
def hours_until_next_discharge(scene: Scene) -> Reading | None:
    later = next_discharges(scene, 2 * DAY)
    return Reading((later[0].start - scene.anchor) / HOUR, later[0].start, (later[0].source,)) if later else None


@measures(
    "minutes_past_the_hour_at_next_discharge",
    "minutes from a full hour, which lies between the latest refusal and the vehicle's next discharge, to that discharge; known "
    "where it follows within three hours",
    unit="min",
    low=0,
    high=60,
)
def minutes_past_the_hour_at_next_discharge(scene: Scene) -> Reading | None:
    later = next_discharges(scene, 3 * HOUR)
    if this_happening(scene) is None or not later:
        return None
    full = later[0].start // HOUR * HOUR
    return (
        Reading((later[0].start - full) / MINUTE, later[0].start, (later[0].source,)) if full > scene.anchor else None
    )
