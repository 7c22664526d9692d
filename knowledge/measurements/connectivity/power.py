"""Whether the charger lost its power: the grid, the supply voltage, boots, and what ran on after the loss."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isnan
from operator import itemgetter
from typing import Any

import numpy as np

from ....engine.facts import Source
from ...fleet.chargers import NONE
from ...readings import CHARGING_STATES, DAY, HOUR, MINUTE, Reading, few, median
from ...scene import Said, Scene
from ...sessions import Session
from ...texts import as_number, words_of
from ..common import restarts
from ..grid_of_site import grid_records
from ..registry import measures
from .history import HEARTBEAT_LOST, Span, Told, history, logged, records_of
from .loss import back_at, lost_at, sessions_at_loss
from .payload import seconds_per_unit

# The grid


def _grid_events(scene: Scene, *kinds: str) -> list[Span]:
    """Grid events of the kinds at the charger's site or area."""
    found = []
    for record in grid_records(scene) if scene.site_id is not None else ():
        fields = record.fields
        if record.time is not None and fields.get("kind") in kinds:
            lasted = max(0.0, float(fields.get("duration_s") or 0.0))
            found.append(Span(record.time + lasted, lasted, record))
    return found


def _seconds_apart(event: Span, time: float) -> float:
    """Seconds from a moment to the nearer end of what lasted, zero while it did."""
    return max(0.0, event.end - event.seconds - time, time - event.end)


def _nearest_grid_event(scene: Scene, kind: str) -> Span | None:
    lost = lost_at(scene)
    return min(_grid_events(scene, kind), key=lambda event: _seconds_apart(event, lost), default=None)


def _grid_distance(scene: Scene, kind: str) -> Reading | None:
    """Seconds from the nearest grid event of a kind at the charger's site or area to the loss, zero while it lasted."""
    event = _nearest_grid_event(scene, kind)
    if event is None:
        return None
    return Reading(_seconds_apart(event, lost_at(scene)), event.record.time, (scene.source("grid", event.record),))


@measures(
    "seconds_from_grid_outage_to_loss",
    "seconds between the nearest grid outage at the site or area and the loss; 0 during it",
    unit="s",
    low=0,
)
def seconds_from_grid_outage_to_loss(scene: Scene) -> Reading | None:
    return _grid_distance(scene, "outage")


@measures(
    "seconds_from_grid_voltage_event_to_loss",
    "seconds between the nearest voltage excursion at the site or area and the loss; 0 during it",
    unit="s",
    low=0,
)
def seconds_from_grid_voltage_event_to_loss(scene: Scene) -> Reading | None:
    return _grid_distance(scene, "voltage_excursion")


@measures(
    "seconds_from_grid_frequency_event_to_loss",
    "seconds between the nearest frequency excursion at the site or area and the loss; 0 during it",
    unit="s",
    low=0,
)
def seconds_from_grid_frequency_event_to_loss(scene: Scene) -> Reading | None:
    return _grid_distance(scene, "frequency_excursion")


@measures(
    "nearest_grid_outage_lasted",
    "how long the grid outage at the site or area lasted that is nearest to the loss, where its record says so",
    unit="s",
    low=0,
)
def nearest_grid_outage_lasted(scene: Scene) -> Reading | None:
    event = _nearest_grid_event(scene, "outage")
    if event is None or event.record.fields.get("duration_s") is None:
        return None
    return Reading(event.seconds, event.record.time, (scene.source("grid", event.record),))


@measures(
    "earlier_drops_with_grid_event",
    "earlier drops of the connection within 30 days before the loss that came within a minute of a grid outage or voltage "
    "excursion at the site or area; known where one did",
    unit="1",
    low=0,
)
def earlier_drops_with_grid_event(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    events = _grid_events(scene, "outage", "voltage_excursion")
    earlier = [drop for drop in history(scene).drops if lost - 30 * DAY <= drop.time < lost - 5 * MINUTE]
    hit = [drop for drop in earlier if any(_seconds_apart(event, drop.time) <= MINUTE for event in events)]
    if not hit:
        return None
    return Reading(float(len(hit)), lost, scene.sources("connections", records_of(hit)))


GRID_LOST = "F-0701"


@measures(
    "seconds_from_grid_loss_fault_to_loss",
    "seconds between the loss and the nearest fault F-0701 (grid synchronisation lost) of this charger or another of the site",
    unit="s",
    low=0,
)
def seconds_from_grid_loss_fault_to_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    here = {scene.device_id, *(record.fields["device_id"] for record in scene.neighbours)}
    faults = [fault for device in sorted(here) for fault in scene.faults(GRID_LOST, device=device)]
    if not faults:
        return None
    nearest = min(faults, key=lambda fault: (abs(fault.time - lost), fault.source))
    return Reading(abs(nearest.time - lost), nearest.time, (nearest.source,))


# The charger's supply and its boots


@measures(
    "supply_voltage_at_loss",
    "lowest supply voltage (phases, or the voltage of an AC charger) in the two minutes before the loss, in percent of its "
    "median in the hours before",
    unit="%",
    low=0,
)
def supply_voltage_at_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    paths = [f"phase_details.phase_{phase}.voltage" for phase in "abc"]
    if scene.is_dc is False:
        paths.append("voltage")
    best: Reading | None = None
    for path in paths:
        column = scene.readings(path, which="all")
        usual = column.between(lost - 6 * HOUR, lost - 2 * MINUTE).where(lambda v: v > 50)
        last = column.between(lost - 2 * MINUTE, lost + 10).min()
        if len(usual) < 3 or last is None:
            continue
        value = 100.0 * float(last.value) / median(usual.values)
        if best is None or value < float(best.value):
            best = Reading(value, last.at, last.sources)
    return best


BOOT_EVENTS = ("boot", "boot_notification", "bootnotification", "booted", "power_up", "power_on", "startup", "start_up",
               "restart", "reboot", "rebooted", "restarted")  # fmt: skip


_BOOT_REASON = re.compile(
    r"\b(re)?boot(ed|ing)?\b|\bpower(ed)? (up|on)\b|\bpower (restored|return\w*)\b|\b(cold|warm) start\b|\bstart ?up\b"
)
"""Why a charger connects, where it was restarted."""


def _boots(scene: Scene, start: float, end: float) -> Iterator[tuple[float, Source]]:
    """Boots of the charger between two moments, by events and by the reasons of connections that it opened."""
    for event in scene.events(*BOOT_EVENTS, which="all", start=start, end=end):
        if event.time is not None:
            yield event.time, scene.source("events", event)
    for time, record in logged(scene, "connections", start, end):
        reason = record.fields.get("reason")
        opened = record.fields.get("transition") in ("online", "reconnect")
        if opened and reason and _BOOT_REASON.search(words_of(reason)):
            yield time, scene.source("connections", record)


@measures(
    "minutes_from_loss_to_boot",
    "minutes from the latest loss to the first event after it, or the first connection opened, that tells of a boot",
    unit="min",
    low=0,
)
def minutes_from_loss_to_boot(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    first = min(_boots(scene, lost - MINUTE, max(lost, scene.anchor) + DAY), default=None)
    return None if first is None else Reading(max(0.0, first[0] - lost) / MINUTE, first[0], (first[1],))


BOOT_ENDS_LOSS = 15 * MINUTE
"""How long after a loss a boot counts as its end (our judgement: a boot takes 90 s, a supply may be away for minutes)."""


MAX_LOSSES = 30
"""Earlier losses that are looked at (our judgement: one a day)."""


def boot_after(scene: Scene, time: float) -> Source | None:
    """The record of the charger that tells, by its type or its words, of a boot soon after a loss at a moment."""

    def load() -> Source | None:
        start, end = time - 2 * MINUTE, time + BOOT_ENDS_LOSS
        first = min(_boots(scene, start, end), default=None)
        if first is not None:
            return first[1]
        for event in scene.events(which="all", start=start, end=end):
            source, kind = scene.source("events", event), event.fields["event_type"]
            told = [] if kind == "fault" else scene.mentions([(source, event.fields.get("data"))])
            if any(topic.key == "boot" for topic in told):
                return source
        return None

    found: Source | None = scene.once(("boot after", time), load)
    return found


def _earlier_losses(scene: Scene) -> list[Told]:
    """The last losses of the 30 days before the latest, by drops and faults; those on purpose or after a command left out."""

    def load() -> list[Told]:
        lost, known = lost_at(scene), history(scene)
        on_purpose = {span.end - span.seconds for span in known.planned}
        commanded = [time for time, _ in restarts(scene)]
        dropped = [Told(drop.time, (scene.source("connections", drop.record),)) for drop in known.drops]
        faults = [Told(fault.time, (fault.source,)) for fault in scene.faults(HEARTBEAT_LOST, device=scene.device_id)]
        found: list[Told] = []
        for told in sorted([*dropped, *faults]):
            if not lost - 30 * DAY <= told.time < lost - 10 * MINUTE or told.time in on_purpose:
                continue
            if any(0 <= told.time - command <= 10 * MINUTE for command in commanded):
                continue
            if not found or told.time - found[-1].time > 5 * MINUTE:
                found.append(told)
        return found[-MAX_LOSSES:]

    losses: list[Told] = scene.once("earlier losses", load)
    return losses


@measures(
    "earlier_losses_with_boot",
    "losses of the 30 days before the latest one (drops and faults, the last 30, those on purpose or within ten minutes of a restart "
    "command left out) that ended with a boot by events or connections within a quarter of an hour; known where there were any",
    unit="1",
    low=0,
)
def earlier_losses_with_boot(scene: Scene) -> Reading | None:
    earlier = _earlier_losses(scene)
    if not earlier:
        return None
    boots = [source for told in earlier if (source := boot_after(scene, told.time)) is not None]
    return Reading(float(len(boots)), lost_at(scene), few(boots or [*earlier[0].sources, *earlier[-1].sources]))


_POWER_LOST = re.compile(
    r"\bpower ?(loss|lost|fail\w*|cut|outage)\b|\bpowerloss\b|\bmains (lost|loss|fail\w*)\b|\bloss of (power|mains)\b"
)


@measures(
    "earlier_losses_with_power_cut",
    "losses of the 30 days before the latest one, chosen as those that may have ended with a boot, at which a session that was running "
    "ended, within two minutes of the loss, by a loss of power; known where one was running at any of them",
    unit="1",
    low=0,
)
def earlier_losses_with_power_cut(scene: Scene) -> Reading | None:
    ended = [s for s in scene.sessions(which="all") if s.end is not None and s.stop_reason]
    cut: list[Session] = []
    running: list[Session] = []
    losses = 0
    for told in _earlier_losses(scene):
        here = [s for s in ended if s.start < told.time - 5 and abs((s.end or 0.0) - told.time) <= 2 * MINUTE]
        by_power = [s for s in here if _POWER_LOST.search(words_of(s.stop_reason or ""))]
        running += here
        cut += by_power
        losses += bool(by_power)
    if not running:
        return None
    return Reading(float(losses), lost_at(scene), few([s.source for s in cut or running]))


@measures(
    "losses_at_session_start",
    "of at least three losses of 30 days up to the latest, the share in percent that came within 15 seconds after a session began",
    unit="%",
    low=0,
    high=100,
)
def losses_at_session_start(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    losses = [*(told.time for told in _earlier_losses(scene)), lost]
    sessions = scene.sessions(which="all")
    if len(losses) < 3 or not sessions:
        return None
    begun = [[session for session in sessions if 0 <= time - session.start <= 15.0] for time in losses]
    share = 100.0 * sum(map(bool, begun)) / len(losses)
    told = [session for just_begun in begun for session in just_begun] or sessions[-1:]
    return Reading(share, lost, few([session.source for session in told]))


_UPTIME = re.compile(r"\buptime\b(?!.*\b(pct|percent(age)?|ratio|share|sla)\b)")


@measures(
    "uptime_told",
    "how long the charger said it had been up when it first did so after the latest loss: in the payload, in events within a day or "
    "with heartbeats within an hour",
    unit="min",
    low=0,
)
def uptime_told(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    # what it said before says nothing of whether it started anew with this loss
    since = min(lost, scene.anchor) - MINUTE
    said = [each for each in scene.told() if each.time >= since]
    said += [
        Said(event.time or 0.0, scene.source("events", event), event.fields.get("data"))
        for event in scene.events(which="all", start=since, end=lost + DAY)
    ]
    said += [
        Said(time, scene.source("heartbeats", record), record.raw)
        for time, record in logged(scene, "heartbeats", scene.anchor, scene.anchor + HOUR)
        if time > scene.anchor and any("uptime" in str(key) for key in record.raw)
    ]

    def minutes(path: str, value: Any) -> float | None:
        number = as_number(value) if _UPTIME.search(path) else None
        return None if number is None or number < 0 else number * seconds_per_unit(path) / MINUTE

    return scene.latest_detail(minutes, sorted(said, key=itemgetter(0, 1)))


# What ran on: a charger with power goes on charging and taking data


@measures(
    "session_minutes_beyond_loss",
    "minutes that the longest session running at the loss went on after it, by its charging record",
    unit="min",
)
def session_minutes_beyond_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    ended = [(s.end, s.source) for s in sessions_at_loss(scene) if s.end is not None and s.end <= lost + DAY]
    if not ended:
        return None
    end, source = max(ended)
    return Reading((end - lost) / MINUTE, end, (source,))


@measures(
    "connectors_cut_at_loss",
    "connectors whose session ended within two minutes of the loss, of at least two that were running then",
    unit="1",
    low=0,
)
def connectors_cut_at_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    running = [s for s in sessions_at_loss(scene) if s.end is not None]
    if len({s.connector_id for s in running}) < 2:
        return None
    cut = [s for s in running if abs((s.end or 0.0) - lost) <= 2 * MINUTE]
    return Reading(float(len({s.connector_id for s in cut})), lost, few([s.source for s in cut or running]))


SHORT_OUTAGE = 10 * MINUTE
"""Outages up to which a session that was running is expected to run on (our judgement: most last the better part of an hour)."""


@measures(
    "charging_over_loss",
    "what became of the connectors that charged within three minutes before the loss, by their first telemetry within ten minutes of the "
    "charger's return from ten minutes at most: one charges on and has counted on, or none does",
    kind="text",
    choices=("went-on", "ended"),
)
def charging_over_loss(scene: Scene) -> Reading | None:
    lost, back = lost_at(scene), back_at(scene)
    if back is None or back.time - lost > SHORT_OUTAGE:
        return None
    found: list[tuple[bool, Source]] = []
    table = scene.observations["telemetry"]
    rows = table.by_device.get(scene.device_id, NONE)
    states, energy, times = table.texts_at("state", rows), table.numbers("energy_delivered")[rows], table.times[rows]
    connectors = table.connectors[rows]
    for connector in np.unique(connectors).tolist():
        own = np.isnan(connectors) if isnan(connector) else connectors == connector
        before = np.flatnonzero(own & (times >= lost - 3 * MINUTE) & (times <= lost))
        after = np.flatnonzero(
            own & (times >= back.time - MINUTE) & (times > lost) & (times <= back.time + 10 * MINUTE)
        )
        if len(before) and len(after) and states[before[-1]] in CHARGING_STATES:
            on = states[after[0]] in CHARGING_STATES and not energy[after[0]] < energy[before[-1]]
            found.append((on, table.source(int(rows[after[0]]))))
    if not found:
        return None
    went_on = [source for on, source in found if on]
    return Reading("went-on" if went_on else "ended", back.time, few(went_on or [source for _, source in found]))


SESSION_EVENTS = ("plug_in", "plug_out", "start", "stop", "auth_ok")


@measures(
    "data_minutes_beyond_loss",
    "minutes from the loss to the last telemetry or session event of the charger before it was heard again (data that a "
    "charger with power goes on taking)",
    unit="min",
    low=0,
)
def data_minutes_beyond_loss(scene: Scene) -> Reading | None:
    lost = lost_at(scene)
    back = back_at(scene)
    end = min(scene.as_of if back is None else min(scene.as_of, back.time - 1.0), lost + DAY)
    found = []
    for name, kinds in (("telemetry", None), ("events", SESSION_EVENTS)):
        table = scene.observations[name]
        rows = table.by_device.get(scene.device_id, NONE)
        times = table.times[rows]
        later = rows[times.searchsorted(lost, "right") : times.searchsorted(end, "right")]
        if kinds is not None:
            later = later[table.one_of("event_type", kinds, later)]
        if len(later):
            found.append((float(table.times[later[-1]]), table.source(int(later[-1]))))
    if not found:
        return None
    last, source = max(found)
    return Reading((last - lost) / MINUTE, last, (source,))
