"""People at the charger: service visits and local access around the mismatch's first sign."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from ...fleet.chargers import NONE
from ...observations import Record, Rows
from ...readings import DAY, HOUR, Reading, ends, few, median
from ...scene import Scene
from ...texts import affirmed, words_of
from ..registry import measures
from .onset import (
    CLOCK,
    WORKING,
    Moment,
    could_have_caused,
    hours_matched_after,
    moments_of,
    onset,
    time_before_onset,
    up_to_onset,
)
from .snapshots import snapshots


def _visits(scene: Scene) -> list[Moment]:
    return moments_of(scene, "service_visits", scene.records("service_visits"))


def _visits_by_override(scene: Scene, override: bool | None) -> list[Moment]:
    """Visits that recorded a manual override, recorded none (False), or do not say (None)."""
    visits = [v for v in scene.records("service_visits") if v.fields.get("manual_override") is override]
    return moments_of(scene, "service_visits", visits)


@measures(
    "override_visit_days_before_mismatch",
    "days from the last visit with a recorded manual override to the mismatch's first sign, where the configuration was not "
    "seen right in between",
    unit="days",
    low=0,
)
def override_visit_days_before_mismatch(scene: Scene) -> Reading | None:
    return time_before_onset(scene, _visits_by_override(scene, True), DAY)


@measures(
    "visit_days_before_mismatch",
    "days from the last visit that says nothing of an override to the mismatch's first sign, where the configuration was "
    "not seen right in between",
    unit="days",
    low=0,
)
def visit_days_before_mismatch(scene: Scene) -> Reading | None:
    return time_before_onset(scene, _visits_by_override(scene, None), DAY)


@measures(
    "plain_visit_days_before_mismatch",
    "days from the last visit that recorded no override (manual_override false) to the mismatch's first sign; known where no "
    "other visit came after it",
    unit="days",
    low=0,
)
def plain_visit_days_before_mismatch(scene: Scene) -> Reading | None:
    plain = up_to_onset(scene, _visits_by_override(scene, False))
    others = up_to_onset(scene, [*_visits_by_override(scene, True), *_visits_by_override(scene, None)])
    if not plain or (others and max(others)[0] >= max(plain)[0]):
        return None
    time, source = max(plain)
    return Reading(max(0.0, (onset(scene).time - time) / DAY), onset(scene).time, (source,))


def _matched_after_visit(scene: Scene, override: bool | None) -> Reading | None:
    """Hours matched after the last visit that may have changed something, where it says this of an override."""
    mine = up_to_onset(scene, _visits_by_override(scene, override))
    rest = up_to_onset(scene, _visits_by_override(scene, None if override else True))
    # Whatever an earlier visit left, the last one may have changed.
    return None if not mine or (rest and max(rest)[0] > max(mine)[0]) else hours_matched_after(scene, mine)


@measures(
    "hours_matched_after_override_visit",
    "hours from the last visit with a recorded override before the mismatch to the last configuration seen right after it; known "
    "where no later visit leaves open whether something was overridden",
    unit="h",
    low=0,
)
def hours_matched_after_override_visit(scene: Scene) -> Reading | None:
    return _matched_after_visit(scene, True)


@measures(
    "hours_matched_after_visit",
    "hours from the last visit that says nothing of an override before the mismatch to the last configuration seen right after "
    "it; known where no visit with a recorded override came later",
    unit="h",
    low=0,
)
def hours_matched_after_visit(scene: Scene) -> Reading | None:
    return _matched_after_visit(scene, None)


@measures(
    "override_visit_hours_after_mismatch",
    "hours from the mismatch's first sign to the first visit with an override, where there was none before it in 90 days",
    unit="h",
    low=0,
)
def override_visit_hours_after_mismatch(scene: Scene) -> Reading | None:
    visits = _visits_by_override(scene, True)
    start = onset(scene).time
    after = [(time, source) for time, source in visits if time > start + CLOCK]
    if not after or any(start - 90 * DAY <= time <= start + CLOCK for time, _ in visits):
        return None
    time, source = min(after)
    return Reading((time - start) / HOUR, time, (source,))


@measures(
    "last_visit_days_before_mismatch",
    "days from the last visit of any kind before the mismatch's first sign to that sign",
    unit="days",
    low=0,
)
def last_visit_days_before_mismatch(scene: Scene) -> Reading | None:
    earlier = up_to_onset(scene, _visits(scene))
    if not earlier:
        return None
    start = onset(scene).time
    time, source = max(earlier)
    return Reading(max(0.0, (start - time) / DAY), start, (source,))


@measures(
    "visits_of_others_only",
    "visits to other chargers in the 90 days before the mismatch; known where the charger had none in that time",
    unit="1",
    low=0,
)
def visits_of_others_only(scene: Scene) -> Reading | None:
    start = onset(scene).time
    table = scene.observations["service_visits"]

    def in_order() -> Rows:
        return np.argsort(table.times, kind="stable")

    order = scene.fleet.once(("visits by time",), in_order)
    low = int(np.searchsorted(table.times, start - 90 * DAY, "left", sorter=order))
    high = int(np.searchsorted(table.times, start + CLOCK, "right", sorter=order))
    own = table.times[table.by_device.get(scene.device_id, NONE)]
    if high <= low or ((start - 90 * DAY <= own) & (own <= start + CLOCK)).any():
        return None
    told = [table.source(int(order[place])) for place in ends(range(low, high))]
    return Reading(float(high - low), start, few(told))


@measures(
    "visits_followed_by_mismatch",
    "visits after which, within two days, a mismatch began (a fault of the code or a record that no longer matches)",
    unit="1",
    low=0,
)
def visits_followed_by_mismatch(scene: Scene) -> Reading | None:
    visits = _visits(scene)
    if not visits:
        return None
    begun: list[float] = []
    right, last = True, float("-inf")
    marks = [(s.time, s.matches) for s in snapshots(scene) if s.matches is not None] + [(t, False) for t in scene.times]
    for time, matches in sorted(marks, key=lambda mark: (mark[0], mark[1] is True)):
        # Faults without records between them are beginnings of their own where a day lies between.
        if not matches and (right or time - last > DAY):
            begun.append(time)
        right, last = bool(matches), time
    followed = {
        source: next((start for start in begun if -CLOCK <= start - time <= 2 * DAY), None) for time, source in visits
    }
    hit = [source for source, start in followed.items() if start is not None]
    # Two visits before one mismatch are one of them too many: the mismatches count.
    return Reading(float(len(set(followed.values()) - {None})), scene.anchor, few(hit or list(followed)))


@measures(
    "onset_visit_mention",
    "a topic of the fault's vocabulary in the work of visits within 30 days before the mismatch's first sign",
    kind="text",
    many=True,
)
def onset_visit_mention(scene: Scene) -> Iterable[Reading]:
    start = onset(scene).time
    return scene.mentions_of_visits(
        visit
        for visit in scene.records("service_visits")
        if visit.time is not None and visit.time >= start - 30 * DAY and could_have_caused(scene, visit.time, WORKING)
    )


@measures(
    "power_limit_change_at_visit",
    "how much lower the charger's power limit was within twelve hours after the last visit before the mismatch than within "
    "twelve hours before it, in percent",
    unit="%",
)
def power_limit_change_at_visit(scene: Scene) -> Reading | None:
    limits = scene.readings("power_limit", which="all")
    for moment, visit in reversed(up_to_onset(scene, _visits(scene))):
        if moment < onset(scene).time - 7 * DAY:
            continue
        before, after = limits.between(moment - 12 * HOUR, moment), limits.between(moment, moment + 12 * HOUR)
        if len(before) >= 2 and len(after) >= 2 and median(before.values) > 0:
            change = 100.0 * (1.0 - float(after.values.min()) / median(before.values))
            return Reading(change, moment, few([visit, before.source(0), after.source(0)]))
    return None


_ACCESS = re.compile(
    r"\b(door|cabinet|tamper|login|logged in|log in|signed in|panel|hmi|display|keypad|service mode|maintenance mode|local access|local session|"
    r"local ui|local user|usb|installer|technician|engineer mode)\b"
)


def _accesses(scene: Scene) -> Iterator[Record]:
    """Events that show somebody at the charger: doors, logins, service modes."""
    for event in scene.events(which="all"):
        kind, data = event.fields["event_type"], event.fields.get("data")
        if kind == "fault":
            continue
        said = [words_of(kind)]
        if isinstance(data, Mapping) and kind not in ("start", "stop", "auth_ok"):
            said += affirmed({k: v for k, v in data.items() if k != "fault_code"})
        if any(_ACCESS.search(text) for text in said):
            yield event


@measures(
    "local_access_hours_before_mismatch",
    "hours from the last sign of somebody at the charger (door, login, service mode) to the mismatch's first sign, where the "
    "configuration was not seen right in between",
    unit="h",
    low=0,
)
def local_access_hours_before_mismatch(scene: Scene) -> Reading | None:
    return time_before_onset(scene, moments_of(scene, "events", _accesses(scene)), HOUR, HOUR)
