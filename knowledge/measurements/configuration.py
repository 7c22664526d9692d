"""Measurements around configuration: when a mismatch began, what changed then, and what went before it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ...engine.facts import Source
from ..observations import Record, epoch
from ..readings import DAY, HOUR, MINUTE, Reading, few
from ..scene import Scene, affirmed, as_number, words_of
from .common import UPGRADE_COMMANDS, upgrades
from .registry import measures

CLOCK = 10 * MINUTE
"""How much later than the mismatch its cause may be stamped (our judgement: clocks of two systems, reporting delay)."""

WORKING = 4 * HOUR
"""How long a visit or an upgrade may still be going on after its timestamp (our judgement: half a working day)."""

APART = 7 * DAY
"""Signs of a mismatch further apart than this, with nothing known between, are not one (our judgement: configurations are
compared at least weekly)."""

RECENT = 7 * DAY
"""How far back the mismatches of other chargers count as of the same time (runbooks look at seven days)."""

_PUSH = re.compile(
    r"^(?!.*(firmware|get|read|report|query|fetch))(.*(push|set|apply|change|update|deploy|sync|send|load|install|write|restore|reset|put)"
    r".*(config|profile|variable|setting|parameter).*|(config|configuration|profile)[_ .-]*(push|sync|update|apply|deploy|set|rollout).*"
    r"|re_?push.*|push)$"
)
_CHARGING_PROFILE = re.compile(r"charging_?profile|power_?profile|schedule")
_PENDING = ("queued", "accepted")
_CONTRACT = {"timestamp", "device_id", "config_profile_id", "expected_config_profile_id", "running_config", "expected_config",
             "profile_schema_version", "firmware_schema_version", "settings", "platform_settings", "base_url_changed_at"}  # fmt: skip


@dataclass(frozen=True)
class Snapshot:
    """One configuration record: whether what runs is what is expected (None where it does not say), and both states."""

    time: float
    matches: bool | None
    running: Mapping[str, Any]
    expected: Mapping[str, Any]
    record: Record
    source: Source


@dataclass(frozen=True)
class Push:
    """A configuration push: when, how it ended (interrupted, failed, completed, pending; None unknown), the record."""

    time: float | None
    status: str | None
    source: Source


@dataclass(frozen=True)
class Onset:
    """When the present mismatch was first seen, and the last time before it that the configuration was right."""

    time: float
    matched: float | None
    before: Snapshot | None
    after: Snapshot | None


def _plain(value: Any) -> str | None:
    return str(value).strip().lower().removeprefix("sha256:").removeprefix("0x") or None if value is not None else None


def _same(one: str, two: str) -> bool:
    """Equal, or one the shortened form of the other."""
    short, long = sorted((one, two), key=len)
    return one == two or (len(short) >= 7 and long.startswith(short))


def _snapshot(scene: Scene, record: Record) -> Snapshot:
    fields = record.fields
    running: dict[str, Any] = {
        "hash": _plain(fields.get("running_config")),
        "id": _plain(fields.get("config_profile_id")),
    }
    expected: dict[str, Any] = {
        "hash": _plain(fields.get("expected_config")),
        "id": _plain(fields.get("expected_config_profile_id")),
    }
    pairs = [
        _same(a, b) for key in ("hash", "id") if (a := running[key]) is not None and (b := expected[key]) is not None
    ]
    here, there = fields.get("settings") or {}, fields.get("platform_settings") or {}
    settings = [here[key] == there[key] for key in sorted(here) if here[key] is not None and there.get(key) is not None]
    for key in ("heartbeat_interval_s", "websocket_ping_interval_s"):
        running[key], expected[key] = here.get(key), there.get(key)
    verdict = pairs or settings
    return Snapshot(
        record.time or 0.0,
        all(verdict) if verdict else None,
        running,
        expected,
        record,
        scene.source("configurations", record),
    )


def snapshots(scene: Scene, device: str | None = None) -> list[Snapshot]:
    """The configuration records of one charger in time order."""
    name = scene.device_id if device is None else device
    return scene.shared_once(
        ("snapshots", name), lambda: [_snapshot(scene, r) for r in scene.records("configurations", device=name)]
    )


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


def _could_have_caused(scene: Scene, time: float, lasting: float) -> bool:
    """Whether something at a time lies before the onset and not before the configuration was last seen right."""
    began = onset(scene)
    return time <= began.time + CLOCK and (began.matched is None or time + lasting >= began.matched)


def _before_onset(
    scene: Scene, moments: Iterable[tuple[float, Source]], unit: float, lasting: float = WORKING
) -> Reading | None:
    """How long before the onset the last of some moments was that could have caused it."""
    fitting = [(time, source) for time, source in moments if _could_have_caused(scene, time, lasting)]
    if not fitting:
        return None
    time, source = max(fitting)
    return Reading(max(0.0, (onset(scene).time - time) / unit), onset(scene).time, (source,))


def _matched_after(scene: Scene, moments: Iterable[tuple[float, Source]]) -> Reading | None:
    """Hours from the last of some moments before the onset to the last time after it that the configuration matched."""
    began = onset(scene)
    earlier = [(time, source) for time, source in moments if time <= began.time + CLOCK]
    if not earlier or began.matched is None or began.before is None:
        return None
    time, source = max(earlier)
    return Reading(max(0.0, (began.matched - time) / HOUR), began.matched, few([source, began.before.source]))


# Visits


def _visits(scene: Scene, override: bool | None) -> list[tuple[float, Source]]:
    return [
        (visit.time, scene.source("service_visits", visit))
        for visit in scene.records("service_visits")
        if visit.time is not None and visit.fields.get("manual_override") is override
    ]


@measures(
    "override_visit_days_before_mismatch",
    "days from the last visit with a recorded manual override to the mismatch's first sign, where the configuration was not "
    "seen right in between",
    unit="days",
    low=0,
)
def override_visit_days_before_mismatch(scene: Scene) -> Reading | None:
    return _before_onset(scene, _visits(scene, True), DAY)


@measures(
    "visit_days_before_mismatch",
    "days from the last visit that says nothing of an override to the mismatch's first sign, where the configuration was "
    "not seen right in between",
    unit="days",
    low=0,
)
def visit_days_before_mismatch(scene: Scene) -> Reading | None:
    return _before_onset(scene, _visits(scene, None), DAY)


@measures(
    "plain_visit_days_before_mismatch",
    "days from the last visit that recorded no override (manual_override false) to the mismatch's first sign; known where no "
    "other visit came after it",
    unit="days",
    low=0,
)
def plain_visit_days_before_mismatch(scene: Scene) -> Reading | None:
    plain = [v for v in _visits(scene, False) if v[0] <= onset(scene).time + CLOCK]
    others = [v for v in (*_visits(scene, True), *_visits(scene, None)) if v[0] <= onset(scene).time + CLOCK]
    if not plain or (others and max(others)[0] >= max(plain)[0]):
        return None
    time, source = max(plain)
    return Reading(max(0.0, (onset(scene).time - time) / DAY), onset(scene).time, (source,))


@measures(
    "hours_matched_after_override_visit",
    "hours from the last visit with an override before the mismatch to the last configuration seen right after it",
    unit="h",
    low=0,
)
def hours_matched_after_override_visit(scene: Scene) -> Reading | None:
    return _matched_after(scene, [*_visits(scene, True), *_visits(scene, None)])


@measures(
    "override_visit_hours_after_mismatch",
    "hours from the mismatch's first sign to the first visit with an override, where there was none before it in 90 days",
    unit="h",
    low=0,
)
def override_visit_hours_after_mismatch(scene: Scene) -> Reading | None:
    visits = _visits(scene, True)
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
    start = onset(scene).time
    earlier = [v for v in scene.records("service_visits") if v.time is not None and v.time <= start + CLOCK]
    if not earlier:
        return None
    return Reading(
        max(0.0, (start - (earlier[-1].time or start)) / DAY), start, scene.sources("service_visits", earlier[-1:])
    )


@measures(
    "visits_of_others_only",
    "visits to other chargers in the 90 days before the mismatch; known where the charger had none in that time",
    unit="1",
    low=0,
)
def visits_of_others_only(scene: Scene) -> Reading | None:
    start = onset(scene).time
    visits = [
        v
        for v in scene.observations["service_visits"].records
        if v.time is not None and start - 90 * DAY <= v.time <= start + CLOCK
    ]
    if not visits or any(v.fields["device_id"] == scene.device_id for v in visits):
        return None
    return Reading(float(len(visits)), start, scene.sources("service_visits", visits))


@measures(
    "visits_followed_by_mismatch",
    "visits after which, within two days, a mismatch began (a fault of the code or a record that no longer matches)",
    unit="1",
    low=0,
)
def visits_followed_by_mismatch(scene: Scene) -> Reading | None:
    visits = [v for v in scene.records("service_visits") if v.time is not None]
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
    hit = [v for v in visits if any(-CLOCK <= time - (v.time or 0.0) <= 2 * DAY for time in begun)]
    distinct = {next(time for time in begun if -CLOCK <= time - (v.time or 0.0) <= 2 * DAY) for v in hit}
    return Reading(float(len(distinct)), scene.anchor, scene.sources("service_visits", hit or visits))


@measures(
    "onset_visit_mention",
    "a topic of the fault's vocabulary in the work of visits within 30 days before the mismatch's first sign",
    kind="text",
    many=True,
)
def onset_visit_mention(scene: Scene) -> Iterable[Reading]:
    start = onset(scene).time
    texts = [
        (scene.source("service_visits", visit), visit.fields.get("work"))
        for visit in scene.records("service_visits")
        if visit.time is not None and visit.time >= start - 30 * DAY and _could_have_caused(scene, visit.time, WORKING)
    ]
    return scene.mentions(texts)


@measures(
    "power_limit_change_at_visit",
    "how much lower the charger's power limit was within twelve hours after the last visit before the mismatch than within "
    "twelve hours before it, in percent",
    unit="%",
)
def power_limit_change_at_visit(scene: Scene) -> Reading | None:
    start = onset(scene).time
    visits = [
        v for v in scene.records("service_visits") if v.time is not None and start - 7 * DAY <= v.time <= start + CLOCK
    ]
    limits = scene.readings("power_limit", which="all")
    for visit in reversed(visits):
        moment = visit.time or 0.0
        before, after = limits.between(moment - 12 * HOUR, moment), limits.between(moment, moment + 12 * HOUR)
        if len(before) >= 2 and len(after) >= 2 and float(np.median(before.values)) > 0:
            change = 100.0 * (1.0 - float(after.values.min()) / float(np.median(before.values)))
            return Reading(
                change, moment, few([scene.source("service_visits", visit), before.source(0), after.source(0)])
            )
    return None


_ACCESS = re.compile(
    r"\b(door|cabinet|tamper|login|logged in|log in|signed in|panel|hmi|display|keypad|service mode|maintenance mode|local access|local session|"
    r"local ui|local user|usb|installer|technician|engineer mode)\b"
)


def _accesses(scene: Scene) -> list[Record]:
    """Events that show somebody at the charger: doors, logins, service modes."""

    def load() -> list[Record]:
        found = []
        for event in scene.events(which="all"):
            data = event.fields.get("data")
            said = [words_of(event.fields["event_type"])]
            if isinstance(data, Mapping) and event.fields["event_type"] not in ("fault", "start", "stop", "auth_ok"):
                said += list(affirmed({k: v for k, v in data.items() if k != "fault_code"}))
            if any(_ACCESS.search(text) for text in said) and event.fields["event_type"] != "fault":
                found.append(event)
        return found

    return scene.once(("accesses",), load)


@measures(
    "local_access_hours_before_mismatch",
    "hours from the last sign of somebody at the charger (door, login, service mode) to the mismatch's first sign, where the "
    "configuration was not seen right in between",
    unit="h",
    low=0,
)
def local_access_hours_before_mismatch(scene: Scene) -> Reading | None:
    return _before_onset(
        scene, [(e.time, scene.source("events", e)) for e in _accesses(scene) if e.time is not None], HOUR, HOUR
    )


# Pushes


def _is_push(command: Record) -> bool:
    name = str(command.fields["command"])
    return bool(_PUSH.match(name)) and not _CHARGING_PROFILE.search(name)


def _push_commands(scene: Scene, device: str | None = None) -> list[Record]:
    return [c for c in scene.records("commands", device=device) if _is_push(c)]


def pushes(scene: Scene, device: str | None = None) -> list[Push]:
    """The configuration pushes of one charger as its records and commands tell them, in time order, undated first."""
    name = scene.device_id if device is None else device

    def load() -> list[Push]:
        found: dict[tuple[float | None, str | None], Push] = {}
        for shot in snapshots(scene, name):
            last = shot.record.fields.get("last_push")
            if not isinstance(last, Mapping) or (last.get("status") is None and last.get("at") is None):
                continue
            at = last.get("at")
            time = None if at is None else epoch(at)
            found.setdefault((time, last.get("status")), Push(time, last.get("status"), shot.source))
        for command in _push_commands(scene, name):
            status = command.fields.get("status")
            result = str(command.fields.get("result") or "").lower()
            if status in _PENDING:
                status = "pending"
            elif status == "failed" and re.search(
                r"interrupt|partial|incomplete|abort|connection|offline|timed? ?out", result
            ):
                status = "interrupted"
            elif status == "rejected":
                status = "failed"
            moment = command.fields.get("created_at") or command.fields.get("updated_at")
            time = None if moment is None else epoch(moment)
            found.setdefault((time, status), Push(time, status, scene.source("commands", command)))
        return sorted(found.values(), key=lambda p: (p.time is not None, p.time or 0.0, p.status or ""))

    return scene.shared_once(("pushes", name), load)


def push_before(scene: Scene) -> Push | None:
    """The last push at or before the mismatch's first sign; else the first one after it, or an undated one."""
    found = pushes(scene)
    early = [p for p in found if p.time is not None and p.time <= onset(scene).time + CLOCK]
    undated = [p for p in found if p.time is None]
    # The platform may expect the new profile before its push begins: then the mismatch is there first.
    later = [p for p in found if p.time is not None and onset(scene).time + CLOCK < p.time <= scene.anchor + CLOCK]
    if not early and later:
        return next((p for p in later if p.status in ("interrupted", "failed")), later[0])
    if early:
        return next((p for p in reversed(early) if p.time == early[-1].time and p.status is not None), early[-1])
    return undated[-1] if undated else None


@measures(
    "configuration_push_status",
    "how the last configuration push before the mismatch's first sign (else the first one after it) ended, by record or command; "
    "pending: queued or accepted and never reported done",
    kind="text",
    choices=("interrupted", "failed", "completed", "pending"),
)
def configuration_push_status(scene: Scene) -> Reading | None:
    push = push_before(scene)
    return None if push is None or push.status is None else Reading(push.status, push.time, (push.source,))


@measures(
    "last_push_hours_before_mismatch",
    "hours from the last configuration push to the mismatch's first sign, where the configuration was not seen right in between",
    unit="h",
    low=0,
)
def last_push_hours_before_mismatch(scene: Scene) -> Reading | None:
    push = push_before(scene)
    if push is None or push.time is None:
        return None
    return _before_onset(scene, [(push.time, push.source)], HOUR, 0.0)


@measures(
    "hours_matched_after_push",
    "hours from the last push before the mismatch to the last configuration seen right after that push",
    unit="h",
    low=0,
)
def hours_matched_after_push(scene: Scene) -> Reading | None:
    push = push_before(scene)
    if push is None or push.time is None or (onset(scene).matched or push.time) <= push.time:
        return None
    return _matched_after(scene, [(push.time, push.source)])


@measures(
    "broken_pushes_after_mismatch",
    "pushes after the mismatch's first sign that were interrupted or failed",
    unit="1",
    low=0,
)
def broken_pushes_after_mismatch(scene: Scene) -> Reading | None:
    later = [
        p for p in pushes(scene) if p.time is not None and p.time > onset(scene).time + CLOCK and p.status is not None
    ]
    broken = [p for p in later if p.status in ("interrupted", "failed")]
    return Reading(float(len(broken)), scene.anchor, few([p.source for p in broken or later])) if later else None


@measures(
    "completed_pushes_without_effect",
    "completed pushes after which the next configuration record, within two hours and with no visit between, does not match",
    unit="1",
    low=0,
)
def completed_pushes_without_effect(scene: Scene) -> Reading | None:
    shots = [s for s in snapshots(scene) if s.matches is not None]
    visits = [v.time for v in scene.records("service_visits") if v.time is not None]
    judged: list[tuple[Push, bool]] = []
    for push in pushes(scene):
        if push.status != "completed" or push.time is None:
            continue
        following = next((s for s in shots if s.time >= push.time), None)
        if following is None:
            # A fault of the code soon after a completed push says the same as a record that does not match.
            fault = next((t for t in scene.times if t >= push.time), None)
            if fault is None or fault - push.time > 2 * HOUR or any(push.time <= v <= fault for v in visits):
                continue
            judged.append((push, True))
        elif following.time - push.time <= 2 * HOUR and not any(push.time <= v <= following.time for v in visits):
            judged.append((push, following.matches is False))
    if not judged:
        return None
    idle = [push for push, without in judged if without]
    return Reading(float(len(idle)), scene.anchor, few([p.source for p in idle or [p for p, _ in judged]]))


@measures(
    "mismatches_returned_after_push",
    "times a completed push put the configuration right (a record that matches within a day, or a day without a sign of a "
    "mismatch) and a later record or fault of "
    "the code says it was wrong again",
    unit="1",
    low=0,
)
def mismatches_returned_after_push(scene: Scene) -> Reading | None:
    shots = [s for s in snapshots(scene) if s.matches is not None]
    wrong = sorted([s.time for s in shots if s.matches is False] + list(scene.times))
    right = [s.time for s in shots if s.matches]
    done = [p for p in pushes(scene) if p.status == "completed" and p.time is not None]
    if not done:
        return None
    returned: dict[float, Push] = {}
    for push in done:
        moment = push.time or 0.0
        mended = next((t for t in right if moment <= t <= moment + DAY), None)
        again = next((t for t in wrong if t > (moment if mended is None else mended)), None)
        if again is None or (mended is None and again - moment <= DAY):
            # Without a record that matches only a quiet day after the push shows that it helped.
            continue
        if any(t < moment for t in wrong):
            returned.setdefault(again, push)
    return Reading(float(len(returned)), scene.anchor, few([p.source for p in (returned.values() or done)]))


def _push_times(scene: Scene) -> list[float]:
    push = push_before(scene)
    moments = set() if push is None or push.time is None else {push.time}
    moments |= {
        p.time for p in pushes(scene) if p.time is not None and p.status in ("interrupted", "failed", "pending")
    }
    return sorted(t for t in moments if t <= onset(scene).time + CLOCK)


@measures(
    "seconds_from_push_to_break",
    "seconds from the last push before the mismatch to a lost connection, a reconnect, a restart or a power cut, from one "
    "minute before to 30 minutes after the push began",
    unit="s",
)
def seconds_from_push_to_break(scene: Scene) -> Reading | None:
    moments = _push_times(scene)
    if not moments:
        return None
    began = moments[-1]
    breaks: list[tuple[float, Source]] = [
        (r.time, scene.source("connections", r))
        for r in scene.records("connections")
        if r.time is not None and (r.fields["transition"] != "online" or r.time > began)
    ]
    for command in scene.records("commands"):
        name = str(command.fields["command"])
        if (
            command.time is not None
            and re.search(r"reboot|reset$|restart", name)
            and command.fields.get("status") != "rejected"
        ):
            breaks.append((command.time, scene.source("commands", command)))
    for event in scene.events(which="all"):
        if event.time is not None and re.search(
            r"boot|restart|power_?(loss|cycle|up)|offline", event.fields["event_type"]
        ):
            breaks.append((event.time, scene.source("events", event)))
    for fault in scene.faults(device=scene.device_id):
        if fault.code in ("F-0301", "F-0302"):
            breaks.append((fault.time, fault.source))
    for record in scene.observations["grid"].records:
        mine = (
            record.fields.get("site_id") == scene.site_id
            if record.fields.get("site_id")
            else record.fields.get("area") == scene.area
        )
        if record.time is not None and record.fields.get("kind") == "outage" and mine and scene.site_id is not None:
            breaks.append((record.time, scene.source("grid", record)))
    inside = [(time, source) for time, source in breaks if began - MINUTE <= time <= began + 30 * MINUTE]
    if not inside:
        return None
    time, source = min(inside)
    return Reading(time - began, time, (source,))


@measures(
    "site_breaks_in_push",
    "other chargers of the site that lost their connection from one minute before to 30 minutes after the push began, the site's "
    "network itself counted where it went down then; known where the records hold connections of neighbours or such a moment",
    unit="1",
    low=0,
)
def site_breaks_in_push(scene: Scene) -> Reading | None:
    moments = _push_times(scene)
    if not moments:
        return None
    low, high = moments[-1] - MINUTE, moments[-1] + 30 * MINUTE
    hit: list[Source] = []
    known: list[Source] = []
    for record in scene.neighbours:
        rows = scene.records("connections", device=record.fields["device_id"])
        if rows:
            known.append(scene.source("devices", record))
        lost = [r for r in rows if r.time is not None and low <= r.time <= high and r.fields["transition"] != "online"]
        if lost:
            hit.append(scene.source("connections", lost[0]))
    network = scene.site.fields.get("network") if scene.site is not None else None
    since = network.get("since") if isinstance(network, Mapping) else None
    if scene.site is not None and since is not None and low <= epoch(since) <= high:
        hit.append(scene.source("sites", scene.site))
    return Reading(float(len(hit)), moments[-1], few(hit or known)) if hit or known else None


@measures(
    "heartbeat_gap_in_push",
    "largest gap between heartbeats from one minute before to 30 minutes after the last push before the mismatch, in multiples "
    "of the usual interval",
    unit="1",
    low=0,
)
def heartbeat_gap_in_push(scene: Scene) -> Reading | None:
    moments = _push_times(scene)
    beats = [r for r in scene.records("heartbeats") if r.time is not None and r.fields.get("status") != "offline"]
    if not moments or len(beats) < 5:
        return None
    gaps = [((b.time or 0.0) - (a.time or 0.0), a, b) for a, b in pairwise(beats)]
    usual = sorted(gap for gap, _, _ in gaps)[len(gaps) // 2]
    began = moments[-1]
    inside = [g for g in gaps if (g[2].time or 0.0) >= began - MINUTE and (g[1].time or 0.0) <= began + 30 * MINUTE]
    if not inside or usual <= 0:
        return None
    gap, first, second = max(inside, key=lambda g: g[0])
    return Reading(gap / usual, second.time, scene.sources("heartbeats", [first, second]))


# Which side changed


@measures(
    "side_changed_with_mismatch",
    "which side changed between the last configuration seen right and the first seen wrong: running (hash, profile or "
    "settings), expected, or both",
    kind="text",
    choices=("running", "expected", "both"),
)
def side_changed_with_mismatch(scene: Scene) -> Reading | None:
    began = onset(scene)
    if began.before is None or began.after is None:
        return None
    one, two = began.before, began.after

    def changed(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
        return any(
            first[key] is not None and second[key] is not None and first[key] != second[key] for key in ("hash", "id")
        ) or any(
            first[key] is not None and second[key] is not None and first[key] != second[key]
            for key in ("heartbeat_interval_s", "websocket_ping_interval_s")
            if first["hash"] is None or second["hash"] is None
        )

    running, expected = changed(one.running, two.running), changed(one.expected, two.expected)
    if not running and not expected:
        return None
    word = "both" if running and expected else "running" if running else "expected"
    return Reading(word, two.time, few([one.source, two.source]))


def _latest_wrong(scene: Scene) -> Snapshot | None:
    wrong = [s for s in snapshots(scene) if s.matches is False and s.time <= scene.anchor + DAY]
    return wrong[-1] if wrong else None


@measures(
    "running_profile_id_matches",
    "whether the profile id the charger runs is the expected one while its configuration does not match",
    kind="flag",
)
def running_profile_id_matches(scene: Scene) -> Reading | None:
    shot = _latest_wrong(scene)
    if shot is None:
        own, wanted = _detail_text(scene, _RUNNING_ID), _detail_text(scene, _EXPECTED_ID)
        if own is None or wanted is None:
            return None
        return Reading(_plain(own.value) == _plain(wanted.value), scene.anchor, few([*own.sources, *wanted.sources]))
    if shot.running["id"] is None or shot.expected["id"] is None:
        return None
    return Reading(shot.running["id"] == shot.expected["id"], shot.time, (shot.source,))


@measures(
    "runs_earlier_configuration",
    "whether the wrong configuration that runs equals one that was expected of this charger before; known where its records "
    "hold an earlier expected configuration that differs from the present one",
    kind="flag",
)
def runs_earlier_configuration(scene: Scene) -> Reading | None:
    shot = _latest_wrong(scene)
    if shot is None:
        return None
    found: list[bool] = []
    sources = [shot.source]
    for key in ("hash", "id"):
        now, runs = shot.expected[key], shot.running[key]
        if now is None or runs is None or _same(now, runs):
            continue
        earlier = [s for s in snapshots(scene) if s.time < shot.time and s.expected[key] not in (None, now)]
        if earlier:
            found.append(any(_same(s.expected[key], runs) for s in earlier))
            sources.append(earlier[-1].source)
    return Reading(any(found), shot.time, few(sources)) if found else None


@measures(
    "settings_differing",
    "settings (heartbeat interval, WebSocket ping interval) that differ from the platform's; known where both are compared",
    unit="1",
    low=0,
)
def settings_differing(scene: Scene) -> Reading | None:
    for shot in reversed(snapshots(scene)):
        keys = [
            k for k in ("heartbeat_interval_s", "websocket_ping_interval_s")
            if shot.running[k] is not None and shot.expected[k] is not None
        ]  # fmt: skip
        if len(keys) == 2:
            return Reading(float(sum(shot.running[k] != shot.expected[k] for k in keys)), shot.time, (shot.source,))
    return None


# Schema versions

_RUNNING_ID = r"^(?!.*\b(expected|assigned|target|platform|desired)\b).*\b(running|reported|actual|config|current)\b.*\bprofile( id)?$"
_EXPECTED_ID = r"\b(expected|assigned|target|platform|desired)\b.*\bprofile( id)?$"
_PROFILE_SCHEMA = r"\b(profile|platform|expected|config|push(ed)?)\b.*\bschema( version)?$|\bschema\b.*\b(profile|platform|expected|config)$"
_FIRMWARE_SCHEMA = r"\b(firmware|fw|charger|device|supported|local)\b.*\bschema( version)?$|\bschema\b.*\b(firmware|fw|charger|device|supported|local)$"


def _detail_text(scene: Scene, pattern: str) -> Reading | None:
    found: Reading | None = None
    for path, value, source in scene.details():
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and re.search(pattern, path):
            found = Reading(str(value), scene.anchor, (source,))
    return found


def normal_schema(value: Any) -> str:
    """A schema version without decoration: `v2.10.0` and `schema-2.10` as "2.10"."""
    text = re.sub(r"^(schema|version|ver|v)[\s._-]*", "", str(value).strip().lower())
    text = re.sub(r"^v(?=\d)", "", text)
    while re.fullmatch(r"\d+(\.\d+)+", text) and text.endswith(".0"):
        text = text[:-2]
    return text


def _schema(scene: Scene, field: str, pattern: str) -> Reading | None:
    shots = [s for s in snapshots(scene) if s.time <= scene.anchor + HOUR] or snapshots(scene)
    for shot in reversed(shots):
        value = shot.record.fields.get(field)
        if value is not None and str(value).strip():
            return Reading(normal_schema(value), shot.time, (shot.source,))
    told = _detail_text(scene, pattern)
    return None if told is None else Reading(normal_schema(told.value), told.at, told.sources)


@measures(
    "profile_schema",
    "schema version of the profile, from the newest configuration record or the fault's details",
    kind="text",
)
def profile_schema(scene: Scene) -> Reading | None:
    return _schema(scene, "profile_schema_version", _PROFILE_SCHEMA)


@measures(
    "firmware_schema",
    "schema version the firmware knows, from the newest configuration record or the fault's details",
    kind="text",
)
def firmware_schema(scene: Scene) -> Reading | None:
    return _schema(scene, "firmware_schema_version", _FIRMWARE_SCHEMA)


@measures(
    "schema_major_gap",
    "distance between the leading numbers of the profile's and the firmware's schema versions; known where both begin with one",
    unit="1",
    low=0,
)
def schema_major_gap(scene: Scene) -> Reading | None:
    profile, firmware = profile_schema(scene), firmware_schema(scene)
    if profile is None or firmware is None:
        return None
    one, two = (re.match(r"\d{1,9}", str(reading.value)) for reading in (profile, firmware))
    if one is None or two is None:
        return None
    return Reading(float(abs(int(one[0]) - int(two[0]))), profile.at, few([*profile.sources, *firmware.sources]))


def _schemas_of(shot: Snapshot) -> tuple[str, str] | None:
    profile, firmware = (shot.record.fields.get(f) for f in ("profile_schema_version", "firmware_schema_version"))
    return None if not profile or not firmware else (normal_schema(profile), normal_schema(firmware))


@measures(
    "matching_records_with_other_schema",
    "configuration records that match although the profile's schema version then was not the firmware's, in this or in the "
    "present pair of versions",
    unit="1",
    low=0,
)
def matching_records_with_other_schema(scene: Scene) -> Reading | None:
    right = [s for s in snapshots(scene) if s.matches and _schemas_of(s) is not None]
    differing = [s for s in right if (pair := _schemas_of(s)) is not None and pair[0] != pair[1]]
    if not right:
        return None
    return Reading(float(len(differing)), right[-1].time, few([s.source for s in differing or right]))


@measures(
    "schemas_parted_with_mismatch",
    "whether profile and firmware had one schema version in the last configuration seen right and two in the first seen wrong",
    kind="flag",
)
def schemas_parted_with_mismatch(scene: Scene) -> Reading | None:
    began = onset(scene)
    if began.before is None or began.after is None:
        return None
    one, two = _schemas_of(began.before), _schemas_of(began.after)
    if one is None or two is None:
        return None
    return Reading(
        one[0] == one[1] and two[0] != two[1], began.after.time, few([began.before.source, began.after.source])
    )


def _upgrades(scene: Scene) -> list[tuple[float, Source]]:
    """Firmware upgrades by any name a platform may give them."""
    found = list(upgrades(scene))
    for command in scene.records("commands"):
        name = str(command.fields["command"])
        named = name not in UPGRADE_COMMANDS and re.search(r"firmware|(^|_)(fota|ota|fw)(_|$)", name)
        if named and command.time is not None and command.fields.get("status") in ("completed", "accepted", None):
            found.append((command.time, scene.source("commands", command)))
    for event in scene.events(which="all"):
        if event.time is not None and re.search(r"firmware|(^|_)(fota|ota|fw)(_|$)", event.fields["event_type"]):
            found.append((event.time, scene.source("events", event)))
    return found


@measures(
    "upgrade_hours_before_mismatch",
    "hours from the last firmware upgrade to the mismatch's first sign, where the configuration was not seen right in between",
    unit="h",
    low=0,
)
def upgrade_hours_before_mismatch(scene: Scene) -> Reading | None:
    return _before_onset(scene, _upgrades(scene), HOUR, HOUR)


@measures(
    "unfinished_upgrade_hours_before_mismatch",
    "hours from a firmware upgrade that failed or never finished to the mismatch's first sign",
    unit="h",
    low=0,
)
def unfinished_upgrade_hours_before_mismatch(scene: Scene) -> Reading | None:
    def broken() -> Iterable[tuple[float, Source]]:
        for command in scene.records("commands"):
            named = command.fields["command"] in UPGRADE_COMMANDS or "firmware" in str(command.fields["command"])
            if named and command.time is not None and command.fields.get("status") in ("failed", "queued", "rejected"):
                yield command.time, scene.source("commands", command)

    return _before_onset(scene, broken(), HOUR)


@measures(
    "hours_matched_after_upgrade",
    "hours from the last firmware upgrade before the mismatch to the last configuration seen right after it",
    unit="h",
    low=0,
)
def hours_matched_after_upgrade(scene: Scene) -> Reading | None:
    return _matched_after(scene, _upgrades(scene))


# Other chargers


def _mismatched(scene: Scene) -> dict[str, bool]:
    """Whether each other charger's configuration is wrong, where its newest record or a fault of the code says so."""

    def load() -> dict[str, bool]:
        found: dict[str, bool] = {}
        for device in sorted(scene.observations["configurations"].by_device):
            known = [s for s in snapshots(scene, device) if s.matches is not None]
            if known:
                found[device] = known[-1].matches is False
        return found

    found = dict(scene.shared_once(("mismatched",), load))
    for fault in scene.faults("own"):
        if abs(fault.time - scene.anchor) <= RECENT:
            found[fault.device_id] = True
    found.pop(scene.device_id, None)
    return found


def _reading_of(scene: Scene, devices: Sequence[str]) -> Reading:
    rows = [shots[-1].source for device in devices if (shots := snapshots(scene, device))]
    own = [s.source for s in snapshots(scene)[-1:]] or [f.source for f in scene.incidence.faults[-1:]]
    return Reading(float(len(devices)), scene.anchor, few(rows or own))


def _same_push(scene: Scene) -> list[str] | None:
    push = push_before(scene)
    if push is None or push.time is None:
        return None
    moment = push.time
    return [
        device
        for device in sorted(_mismatched(scene))
        if any(p.time is not None and abs(p.time - moment) <= 15 * MINUTE for p in pushes(scene, device))
    ]


@measures(
    "same_push_chargers_mismatched",
    "other chargers pushed within 15 minutes of this one whose configuration is wrong now too",
    unit="1",
    low=0,
)
def same_push_chargers_mismatched(scene: Scene) -> Reading | None:
    alike = _same_push(scene)
    return None if not alike else _reading_of(scene, [d for d in alike if _mismatched(scene)[d]])


@measures(
    "same_push_chargers_matched",
    "other chargers pushed within 15 minutes of this one whose configuration is right",
    unit="1",
    low=0,
)
def same_push_chargers_matched(scene: Scene) -> Reading | None:
    alike = _same_push(scene)
    return None if not alike else _reading_of(scene, [d for d in alike if not _mismatched(scene)[d]])


@measures(
    "same_push_firmwares_mismatched",
    "distinct firmware versions among this charger and those of the same push whose configuration is wrong",
    unit="1",
    low=0,
)
def same_push_firmwares_mismatched(scene: Scene) -> Reading | None:
    alike = [d for d in _same_push(scene) or [] if _mismatched(scene)[d]]
    versions = [scene.about("firmware_version", scene.devices.get(d)) for d in (*alike, scene.device_id)]
    if not alike or None in versions:
        return None
    return Reading(float(len(set(versions))), scene.anchor, _reading_of(scene, alike).sources)


def _wanted_profile(scene: Scene, device: str) -> str | None:
    for shot in reversed(snapshots(scene, device)):
        if shot.expected["id"] is not None or shot.expected["hash"] is not None:
            return str(shot.expected["id"] or shot.expected["hash"])
    return None


@measures(
    "twin_chargers_matched",
    "other chargers of the same firmware version and the same expected profile whose configuration is right",
    unit="1",
    low=0,
)
def twin_chargers_matched(scene: Scene) -> Reading | None:
    twins = _twins(scene)
    return _reading_of(scene, [d for d in twins if not _mismatched(scene)[d]]) if twins else None


@measures(
    "twin_chargers_mismatched",
    "other chargers of the same firmware version and the same expected profile whose configuration is wrong too",
    unit="1",
    low=0,
)
def twin_chargers_mismatched(scene: Scene) -> Reading | None:
    twins = _twins(scene)
    return _reading_of(scene, [d for d in twins if _mismatched(scene)[d]]) if twins else None


def _twins(scene: Scene) -> list[str]:
    version, profile = scene.about("firmware_version"), _wanted_profile(scene, scene.device_id)
    if version is None or profile is None:
        return []
    return [
        device
        for device in sorted(_mismatched(scene))
        if scene.about("firmware_version", scene.devices.get(device)) == version
        and _wanted_profile(scene, device) == profile
    ]


@measures(
    "mismatch_share_on_firmware",
    "of at least three chargers of this firmware version (itself included) whose configuration is compared, the share in "
    "percent that is wrong",
    unit="%",
    low=0,
    high=100,
)
def mismatch_share_on_firmware(scene: Scene) -> Reading | None:
    version = scene.about("firmware_version")
    alike = [d for d in sorted(_mismatched(scene)) if scene.about("firmware_version", scene.devices.get(d)) == version]
    if version is None or len(alike) < 2:
        return None
    wrong = 1 + sum(_mismatched(scene)[d] for d in alike)
    return Reading(100.0 * wrong / (1 + len(alike)), scene.anchor, _reading_of(scene, alike).sources)


@measures(
    "mismatch_share_off_firmware",
    "of at least two chargers of other firmware versions whose configuration is compared, the share in percent that is wrong",
    unit="%",
    low=0,
    high=100,
)
def mismatch_share_off_firmware(scene: Scene) -> Reading | None:
    version = scene.about("firmware_version")
    others = [
        d for d in sorted(_mismatched(scene))
        if scene.about("firmware_version", scene.devices.get(d)) not in (None, version)
    ]  # fmt: skip
    if version is None or len(others) < 2:
        return None
    wrong = sum(_mismatched(scene)[d] for d in others)
    return Reading(100.0 * wrong / len(others), scene.anchor, _reading_of(scene, others).sources)


@measures(
    "chargers_running_same_wrong_hash",
    "other chargers whose wrong running configuration has the same hash as this charger's wrong one",
    unit="1",
    low=0,
)
def chargers_running_same_wrong_hash(scene: Scene) -> Reading | None:
    shot = _latest_wrong(scene)
    if shot is None or shot.running["hash"] is None:
        return None
    wrong = [d for d, bad in sorted(_mismatched(scene).items()) if bad and snapshots(scene, d)]
    last = {d: snapshots(scene, d)[-1].running["hash"] for d in wrong}
    known = [d for d in wrong if last[d] is not None]
    alike = [d for d in known if _same(str(last[d]), str(shot.running["hash"]))]
    return _reading_of(scene, alike) if known else None


# Texts and details


@measures(
    "configuration_mention",
    "a topic of the fault's vocabulary in the fault's message and details, alarms near it, results of pushes within two weeks, "
    "profile names, and whatever a configuration record says beyond its contract",
    kind="text",
    many=True,
)
def configuration_mention(scene: Scene) -> Iterable[Reading]:
    texts: list[tuple[Source, Any]] = list(scene.payload())
    start = onset(scene).time
    for command in scene.records("commands"):
        pushed = _is_push(command) or "firmware" in str(command.fields["command"])
        if pushed and command.time is not None and start - 14 * DAY <= command.time <= scene.anchor + DAY:
            texts.append((scene.source("commands", command), {"result": command.fields.get("result")}))
    for record in scene.records("connections"):
        # Reasons of ordinary disconnects say nothing of a push.
        reason = str(record.fields.get("reason") or "")
        if (
            record.time is not None
            and abs(record.time - start) <= 2 * DAY
            and re.search(r"(?i)config|profile|push", reason)
        ):
            texts.append((scene.source("connections", record), {"reason": reason}))
    for shot in snapshots(scene):
        if start - DAY <= shot.time <= scene.anchor + DAY:
            extra: dict[str, Any] = {
                k: v for k, v in shot.record.raw.items() if k not in _CONTRACT and k != "last_push"
            }
            last = shot.record.raw.get("last_push")
            if isinstance(last, Mapping):
                extra["push"] = {k: v for k, v in last.items() if k not in ("status", "at")}
            if shot.matches is False:
                extra["running"] = shot.running["id"]
                extra["hash"] = shot.running["hash"]
            texts.append((shot.source, extra))
    return scene.mentions(texts)


_PARTS = r"(keys?|fields?|params?|parameters?|settings?|entries|values?|sections?|chunks?|blocks?|bytes|items|parts|files|segments?)"


@measures(
    "push_progress_in_details",
    "how far the push came, in percent, from the payload: a progress, or applied of total parts",
    unit="%",
    low=0,
    high=100,
)
def push_progress_in_details(scene: Scene) -> Reading | None:
    direct = scene.detail_number(
        r"\bprogress\b",
        r"\b(applied|completed?|received|transferred|written) (pct|percent|percentage)$",
        r"\bpct (applied|complete)",
    )
    if direct is not None and 0 <= float(direct.value) <= 100:
        return direct
    done = scene.detail_number(
        rf"\b{_PARTS} (applied|received|written|acked|acknowledged|transferred|done|sent)$",
        rf"\b(applied|received|written|acked|acknowledged|transferred|last) {_PARTS}$",
        r"\bapplied$",
    )
    total = scene.detail_number(
        rf"\b{_PARTS} (total|expected|planned|count)$",
        rf"\b(total|expected|planned|all) {_PARTS}$",
        r"\b(total|expected)$",
    )
    if done is not None and total is not None and float(total.value) > 0:
        portion = 100.0 * float(done.value) / float(total.value)
        if 0 <= portion <= 100:
            return Reading(portion, done.at, few([*done.sources, *total.sources]))
    for path, value, source in scene.details():
        # "14 of 32 keys", "14/32"
        match = re.search(r"\b(\d{1,6})\s*(?:of|/|out of)\s*(\d{1,6})\b", value) if isinstance(value, str) else None
        if (
            match
            and re.search(_PARTS + r"|push|appl|transfer|progress", f"{path} {value.lower()}")
            and int(match.group(2)) > 0
        ):
            portion = 100.0 * int(match.group(1)) / int(match.group(2))
            if portion <= 100:
                return Reading(portion, scene.anchor, (source,))
    return None


@measures(
    "rejected_keys_in_details",
    "keys that the firmware refused or did not know, as the payload counts or lists them",
    unit="1",
    low=0,
)
def rejected_keys_in_details(scene: Scene) -> Reading | None:
    word = r"(unknown|rejected|refused|unsupported|invalid|ignored|unrecogni[sz]ed|deprecated|incompatible)"
    pattern = rf"\b{word} {_PARTS}( count)?$|\b{_PARTS} {word}( count)?$|\b(schema|validation) (errors?|violations?|failures?)( count)?$"
    number, listed, sources = None, 0, []
    for path, value, source in scene.details():
        if not re.search(pattern, path) or value is None or isinstance(value, bool):
            continue
        counted = as_number(value) if not isinstance(value, str) or re.fullmatch(r"\s*\d+\s*", value) else None
        if counted is not None:
            number = counted
        elif isinstance(value, str) and value.strip().lower() not in ("", "none", "no", "ok", "-", "n/a"):
            listed += 1
        else:
            continue
        sources.append(source)
    if not sources:
        return None
    return Reading(max(0.0, float(listed if number is None else number)), scene.anchor, few(sources))


@measures(
    "differing_keys_in_details",
    "keys that differ from the profile, as the payload counts or lists them",
    unit="1",
    low=0,
)
def differing_keys_in_details(scene: Scene) -> Reading | None:
    pattern = (
        rf"\b(differing|different|changed|modified|mismatched|drifted|diverging|diff) {_PARTS}( count)?$"
        rf"|\b{_PARTS} (differing|different|changed|modified|mismatched|drifted|diff)( count)?$|\b(diff|drift|differences|changes)( count)?$"
    )
    number, listed, sources = None, 0, []
    for path, value, source in scene.details():
        if not re.search(pattern, path) or value is None or isinstance(value, bool):
            continue
        counted = as_number(value) if not isinstance(value, str) or re.fullmatch(r"\s*\d+\s*", value) else None
        if counted is not None:
            number = counted
        elif isinstance(value, str) and value.strip():
            listed += 1
        else:
            continue
        sources.append(source)
    if not sources:
        return None
    return Reading(max(0.0, float(listed if number is None else number)), scene.anchor, few(sources))
