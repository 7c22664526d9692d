"""What the records show at the moment of a fault beside what the fault, its details or a record says: second readings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...engine.facts import TEXT_LIMIT
from ..observations import epoch
from ..readings import CHARGING_STATES, DAY, HOUR, MINUTE, Reading, Readings, ends, few, median
from ..scene import Scene
from ..sessions import Session
from ..texts import as_number, flat
from .common import upgrades
from .configuration.pushes import pushes
from .configuration.snapshots import snapshots
from .registry import measures
from .session.occurrences import ended_session
from .thermal.ambient import weather_of

AT_FAULT = MINUTE
"""How far from a fault's stamp telemetry still shows the moment of the fault (judgement: a value a minute is the least
that chargers send while they charge)."""

FEWEST_IN_A_ROW = 3
"""Records next to each other that must show a thing before it is taken as lasting (judgement: one or two can lie across a
change of state)."""

SWITCHING_S = 10.0
"""Seconds that such records must span (judgement: two readings of one record may be seconds apart while a relay switches)."""

MOST_FAULTS = 10
"""Faults whose details are looked through, from the latest (judgement: what an older one tells is another story)."""

FLOWS_A = 5.0
"""Current (A) from which energy flows to a vehicle (judgement: a charge draws 6 A at least, IEC 61851-1)."""


@measures(
    "reported_code", "the code of the incident, as the latest fault events that stand behind it report it", kind="text"
)
def reported_code(scene: Scene) -> Reading | None:
    latest = [fault.source for fault in scene.incidence.faults if fault.time == scene.anchor]
    return Reading(scene.incidence.code, scene.anchor, few(latest)) if latest else None


# What details tell and telemetry shows


class _Told(NamedTuple):
    """A number that the details of a fault give, and what telemetry shows at that moment."""

    told: Reading
    shown: Reading

    @property
    def gap(self) -> Reading:
        distance = abs(float(self.told.value) - float(self.shown.value))
        return Reading(distance, self.told.at, few([*self.told.sources, *self.shown.sources]))


def _told_beside(scene: Scene, readings: Readings, pattern: str) -> _Told | None:
    """The latest number whose key's words match, where telemetry has a value within a minute of the fault that gives it."""
    for fault in reversed(scene.incidence.faults[-MOST_FAULTS:]):
        near = readings.between(fault.time - AT_FAULT, fault.time + AT_FAULT)
        if not len(near):
            continue
        for path, value in flat(fault.record.data):
            number = as_number(value)
            if number is not None and re.search(pattern, path):
                place = int(np.argmin(np.abs(near.values - number)))
                shown = near.reading(float(near.values[place]), float(near.times[place]), [place])
                return _Told(Reading(number, fault.time, (fault.source,)), shown)
    return None


def _declare_told(name: str, what: str, unit: str, find: Callable[[Scene], Readings], pattern: str) -> None:
    """Declare what details give under keys that match, what telemetry shows beside it, and the distance of the two."""

    def found(scene: Scene) -> _Told | None:
        return scene.once(("told", name), lambda: _told_beside(scene, find(scene), pattern))

    def told(scene: Scene) -> Reading | None:
        both = found(scene)
        return None if both is None else both.told

    def shown(scene: Scene) -> Reading | None:
        both = found(scene)
        return None if both is None else both.shown

    def gap(scene: Scene) -> Reading | None:
        both = found(scene)
        return None if both is None else both.gap

    near = f"the {what} in telemetry, within a minute of that fault, that is nearest to the one it gives"
    measures(f"{name}_told", f"the {what} as the details of the latest fault give it", unit=unit)(told)
    measures(f"{name}_shown", near, unit=unit)(shown)
    distance = f"distance between the {what} that the fault gives and the one in telemetry"
    measures(f"{name}_told_gap", distance, unit="K" if unit == "°C" else unit, low=0)(gap)


_TEMPERATURE = r"( sensor| internal)?( max)?( temp(erature)?( c| degc)?| c| degc)$"

_declare_told(
    "connector_temperature",
    "temperature of the connector",
    "°C",
    lambda scene: scene.readings("temperature"),
    rf"\b(connector|pin|plug){_TEMPERATURE}",
)
_declare_told(
    "cabinet_temperature",
    "temperature of the cabinet",
    "°C",
    lambda scene: scene.readings("cabinet_temperature", which="all"),
    rf"\b(cabinet|enclosure){_TEMPERATURE}",
)
_declare_told(
    "fan_speed",
    "speed of the fan",
    "rpm",
    lambda scene: scene.readings("component_health.cooling_fan_rpm", which="all"),
    r"\bfan( speed)? rpm$|\bfan speed$|^details rpm$",
)


_CHARGER_FIRMWARE = re.compile(r"^(details )?(charger )?(fw|firmware)( version)?$")
"""Keys by which a payload gives the charger's own firmware, and not that of a vehicle, module or modem."""


@measures(
    "firmware_told",
    "the charger's firmware version as the details of the latest fault give it, within a day of the diagnosis and with no upgrade "
    "recorded since",
    kind="version",
)
def firmware_told(scene: Scene) -> Reading | None:
    if scene.as_of - scene.anchor > DAY or any(time >= scene.anchor for time, _ in upgrades(scene)):
        return None
    latest = [fault for fault in scene.incidence.faults if fault.time == scene.anchor]
    for fault in latest:
        for path, value in flat(fault.record.data):
            if isinstance(value, str) and _CHARGER_FIRMWARE.search(path):
                return Reading(value, fault.time, (fault.source,))
    return None


# One record against itself


def _runs(places: np.ndarray) -> list[np.ndarray]:
    """The stretches of at least three places next to each other."""
    stretches = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    return [stretch for stretch in stretches if len(stretch) >= FEWEST_IN_A_ROW]


def _current_past_open_relay(scene: Scene) -> Reading | None:
    """The last stretch of records, within a day before to an hour after the latest occurrence, with an open relay and current."""

    def load() -> Reading | None:
        currents = scene.readings("current").between(scene.anchor - DAY, scene.anchor + HOUR)
        flowing = np.flatnonzero(np.abs(currents.values) > FLOWS_A)
        opened = flowing[currents.at(flowing).where_word("component_health.relay_state", "open")]
        lasting = [run for run in _runs(opened) if currents.times[run[-1]] - currents.times[run[0]] >= SWITCHING_S]
        if not lasting:
            return None
        found = lasting[-1]
        middle = median(np.abs(currents.values[found]))
        return currents.reading(middle, float(currents.times[found[-1]]), [int(place) for place in found])

    return scene.once(("current past an open relay",), load)


@measures(
    "current_past_open_relay",
    "median current of at least three telemetry records next to each other, over ten seconds and more, within a day before to an hour "
    "after the latest occurrence, in which current flows and the relay is open",
    unit="A",
    low=0,
)
def current_past_open_relay(scene: Scene) -> Reading | None:
    return _current_past_open_relay(scene)


@measures("relay_while_current_flows", "the relay's state in those records", kind="text", choices=("open",))
def relay_while_current_flows(scene: Scene) -> Reading | None:
    found = _current_past_open_relay(scene)
    return None if found is None else Reading("open", found.at, found.sources)


def _fan_called_ok(scene: Scene) -> Readings | None:
    """Fan speeds after the latest occurrence in records of a session whose word on the fan is ok.

    At rest many cabinets switch their fan off, which is no contradiction.
    """
    start, end = scene.anchor + MINUTE, scene.anchor + 30 * MINUTE
    speeds = scene.readings("component_health.cooling_fan_rpm", which="all").between(start, end)
    running = speeds.at(speeds.where_word("state", *CHARGING_STATES))
    called = running.at(running.where_word("component_health.cooling_fan_status", "ok"))
    return called if len(called) >= FEWEST_IN_A_ROW else None


@measures(
    "fan_speed_called_ok",
    "median fan speed of at least three telemetry records of a session, from one to 30 minutes after the latest occurrence, that "
    "call the fan ok",
    unit="rpm",
    low=0,
)
def fan_speed_called_ok(scene: Scene) -> Reading | None:
    called = _fan_called_ok(scene)
    return None if called is None else called.median()


@measures("fan_word_after_fault", "the word on the fan in those records", kind="text", choices=("ok",))
def fan_word_after_fault(scene: Scene) -> Reading | None:
    called = _fan_called_ok(scene)
    return None if called is None else Reading("ok", float(called.times[-1]), few([called.source(0)]))


# Heat of the air


def _sensor_beside_weather(scene: Scene) -> tuple[Reading, Reading] | None:
    """The charger's ambient sensor and the site's recorded ambient, medians of the two hours around the latest occurrence."""

    def load() -> tuple[Reading, Reading] | None:
        window = (scene.anchor - HOUR, scene.anchor + HOUR)
        weather = weather_of(scene, scene.site_id).between(*window).median()
        if weather is None:
            return None
        sensor = scene.readings("ambient_temperature", which="all").between(*window).median(FEWEST_IN_A_ROW)
        return None if sensor is None else (sensor, weather)

    return scene.once(("ambient sensor beside weather",), load)


@measures(
    "ambient_by_sensor",
    "median of the charger's ambient sensor in the two hours around the latest occurrence, where the site has records of its own",
    unit="°C",
)
def ambient_by_sensor(scene: Scene) -> Reading | None:
    found = _sensor_beside_weather(scene)
    return None if found is None else found[0]


@measures("ambient_by_site_records", "median ambient recorded for the site in those two hours", unit="°C")
def ambient_by_site_records(scene: Scene) -> Reading | None:
    found = _sensor_beside_weather(scene)
    return None if found is None else found[1]


@measures("ambient_sensor_gap", "distance between the charger's ambient sensor and the site's records", unit="K", low=0)
def ambient_sensor_gap(scene: Scene) -> Reading | None:
    found = _sensor_beside_weather(scene)
    if found is None:
        return None
    sensor, weather = found
    return Reading(abs(float(sensor.value) - float(weather.value)), sensor.at, few([*sensor.sources, *weather.sources]))


# Connection


@measures(
    "heartbeats_through_loss",
    "heartbeats from five minutes before to five minutes after the latest reported loss, where at least six lie there on either side "
    "and no two are further apart than one and a half times their median distance",
    unit="1",
    low=12,
)
def heartbeats_through_loss(scene: Scene) -> Reading | None:
    if not scene.incidence.faults:
        return None
    beats = scene.beats().between(scene.anchor - 5 * MINUTE, scene.anchor + 5 * MINUTE)
    times = beats.times
    if (times < scene.anchor).sum() < 6 or (times > scene.anchor).sum() < 6:
        return None
    gaps = np.diff(times)
    if gaps.max() > 1.5 * median(gaps):
        return None
    return Reading(float(len(beats)), scene.anchor, tuple(beats.source(place) for place in ends(range(len(beats)))))


@measures("status_in_metadata", "the charger's status by its metadata", kind="text", choices=("online", "offline"))
def status_in_metadata(scene: Scene) -> Reading | None:
    status = scene.metadata("status")
    since = scene.about("offline_since")
    if status is None or since is None:
        return status
    return Reading(status.value, epoch(since) if status.value == "offline" else None, status.sources)


@measures(
    "minutes_heard_since_offline",
    "minutes from the moment since which the metadata calls the charger offline to its last heartbeat that does not",
    unit="min",
)
def minutes_heard_since_offline(scene: Scene) -> Reading | None:
    since = scene.about("offline_since")
    last = scene.beats().last() if since is not None and scene.about("status") == "offline" else None
    if last is None or last.at is None:
        return None
    return Reading((last.at - epoch(since)) / MINUTE, last.at, last.sources)


# Configuration


@measures(
    "configuration_after_fault",
    "whether the configuration record within five minutes after the latest reported mismatch shows what is expected (matching) or "
    "not (differing); known where no push lies between",
    kind="text",
    choices=("matching", "differing"),
)
def configuration_after_fault(scene: Scene) -> Reading | None:
    end = scene.anchor + 5 * MINUTE
    shots = [s for s in snapshots(scene) if scene.anchor <= s.time <= end and s.matches is not None]
    pushed = any(p.time is not None and scene.anchor <= p.time <= end for p in pushes(scene))
    if not shots or pushed or not scene.incidence.faults:
        return None
    return Reading("matching" if shots[0].matches else "differing", shots[0].time, (shots[0].source,))


# What goes on after it ended


def _next_use(scene: Scene, start: float, *types: str) -> float:
    """When the connector was used again after a moment: the first of some events, or of a session's start."""
    events = [
        event.time for event in scene.events(*types, start=start) if event.time is not None and event.time > start
    ]
    sessions = [session.start for session in scene.sessions() if session.start > start]
    return min([*events, *sessions], default=float("inf"))


@measures(
    "discharge_power_after_fault",
    "median power out of the vehicle in at least three telemetry records from five seconds to two minutes after the latest "
    "occurrence in which the connector discharges, up to the next start or command",
    unit="kW",
    low=0,
)
def discharge_power_after_fault(scene: Scene) -> Reading | None:
    powers = scene.readings("power").between(scene.anchor + 5.0, scene.anchor + 2 * MINUTE)
    if not len(powers) or not scene.incidence.faults:
        return None
    again = _next_use(scene, scene.anchor, "start", "plug_in", "plug_out")
    told = [epoch(c.fields["created_at"]) for c in scene.records("commands") if c.fields.get("created_at") is not None]
    until = min([again, *(time for time in told if time >= scene.anchor)])
    known = powers.between(0.0, until)
    discharging = known.where_word("state", "discharging") & (known.values < 0.0)
    middle = known.at(discharging).median(FEWEST_IN_A_ROW)
    return None if middle is None else Reading(-float(middle.value), middle.at, middle.sources)


@measures(
    "current_after_plug_out",
    "median current of at least three telemetry records from one to ten minutes after the last plug_out within half an hour of the "
    "latest occurrence, up to the next use, where current flows in each record of that time",
    unit="A",
    low=0,
)
def current_after_plug_out(scene: Scene) -> Reading | None:
    outs = scene.events("plug_out", start=scene.anchor - 30 * MINUTE, end=scene.anchor + 30 * MINUTE)
    if not outs or outs[-1].time is None:
        return None
    return _current_still_flowing(scene, outs[-1].time, _next_use(scene, outs[-1].time, "plug_in", "start"))


def _current_still_flowing(scene: Scene, start: float, until: float) -> Reading | None:
    """The current from one to ten minutes after a moment, where it flows in every record up to the next use."""
    currents = scene.readings("current").between(start + MINUTE, min(start + 10 * MINUTE, until - 1.0))
    if len(currents) < FEWEST_IN_A_ROW or np.abs(currents.values).min() <= FLOWS_A:
        return None
    middle = median(np.abs(currents.values))
    return currents.reading(middle)


@measures(
    "plug_out_at_fault",
    "the last plug_out within half an hour of the latest occurrence",
    kind="text",
    choices=("plug_out",),
)
def plug_out_at_fault(scene: Scene) -> Reading | None:
    outs = scene.events("plug_out", start=scene.anchor - 30 * MINUTE, end=scene.anchor + 30 * MINUTE)
    return Reading("plug_out", outs[-1].time, (scene.source("events", outs[-1]),)) if outs else None


def _recorded_session(scene: Scene) -> Session | None:
    """The session at the latest occurrence, where a charging record gives its end."""
    session = ended_session(scene, scene.anchor)
    return None if session is None or session.end is None or session.source.list != "charging_records" else session


@measures(
    "session_end_recorded", "the stop reason of a charging record that gives the session's end, else ended", kind="text"
)
def session_end_recorded(scene: Scene) -> Reading | None:
    session = _recorded_session(scene)
    return (
        None
        if session is None
        else Reading((session.stop_reason or "ended")[:TEXT_LIMIT], session.end, (session.source,))
    )


@measures(
    "current_after_session_end",
    "median current of at least three telemetry records from one to ten minutes after the end that the charging record gives, up to "
    "the next use, where current flows in each record of that time",
    unit="A",
    low=0,
)
def current_after_session_end(scene: Scene) -> Reading | None:
    session = _recorded_session(scene)
    if session is None or session.end is None:
        return None
    return _current_still_flowing(scene, session.end, _next_use(scene, session.end, "plug_in", "start"))


@measures("soc_recorded_at_end", "state of charge at the end by the charging record", unit="%", low=0, high=100)
def soc_recorded_at_end(scene: Scene) -> Reading | None:
    session = _recorded_session(scene)
    if session is None or session.soc_end is None or not 0 <= session.soc_end <= 100:
        return None
    return Reading(session.soc_end, session.end, (session.source,))


@measures(
    "soc_shown_at_end",
    "the last state of charge in telemetry within two minutes before the end that the charging record gives",
    unit="%",
    low=0,
    high=100,
)
def soc_shown_at_end(scene: Scene) -> Reading | None:
    recorded = soc_recorded_at_end(scene)
    if recorded is None or recorded.at is None:
        return None
    last = scene.readings("soc").between(recorded.at - 2 * MINUTE, recorded.at).last()
    return last if last is not None and 0 <= float(last.value) <= 100 else None


@measures("soc_gap_at_end", "distance between these two states of charge", unit="points", low=0, high=100)
def soc_gap_at_end(scene: Scene) -> Reading | None:
    recorded, shown = soc_recorded_at_end(scene), soc_shown_at_end(scene)
    if recorded is None or shown is None:
        return None
    gap = abs(float(recorded.value) - float(shown.value))
    return Reading(gap, recorded.at, few([*recorded.sources, *shown.sources]))
