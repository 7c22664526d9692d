"""Measurements around the end of a session: what came first, how the current fell, whether the link held, who else it hit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ...engine.facts import Source
from ..observations import Floats, Record, epoch
from ..readings import DAY, HOUR, MINUTE, Reading, few
from ..scene import Scene, as_number, flat, words_of
from ..sessions import Session
from .registry import measures

HISTORY = 60 * DAY
"""How far back sessions count as history (our judgement: longer than a worn latch takes to show, shorter than a refit)."""

TOGETHER = 3 * MINUTE
"""How far apart two chargers may report one outage (our judgement: two missed heartbeats and reporting delay)."""

MAX_OCCURRENCES = 12
"""Occurrences that are searched, from the latest, for one that has data (our judgement)."""

_UNPLUGGED = re.compile(
    r"unplug|ev ?(side )?disconnect|evdisconnect|vehicle (side )?disconnect|(cable|connector|plug) (removed|pulled|disconnect)|plug ?out|ev ?departed"
)
_CLEAN = re.compile(
    r"\b(local|remote|user|driver|customer|operator|app|rfid|normal|completed?|finish(ed)?|done|full|target|soc ?limit|time ?limit|energy ?limit|"
    r"limit reached|soclimitreached|timelimitreached|energylimitreached|ev full|fully charged|stop button|scheduled?|success|master ?pass)\b"
)
_UNCLEAN = re.compile(
    r"abort|abnormal|unexpected|fault|fail|error|lost|loss|outage|network|offline|interrupt|trip|emergency|bms|protect|lock|latch|"
    r"stopped ?by ?(the ?)?(vehicle|car)|evfault|vehicle (stop|request)|power ?loss|reboot|timeout|shutdown|stopped ?by ?ev|stoppedbyev|other|unknown|terminated|f 0805"
)


@dataclass(frozen=True)
class Break:
    """A time without connection; `end` is where the charger was back, infinite where that is not known."""

    start: float
    end: float
    source: Source


def _first_known(scene: Scene, measure: Callable[[float], Reading | None]) -> Reading | None:
    """What can be measured at the latest occurrence that has the data for it."""
    for time in list(reversed(scene.times))[:MAX_OCCURRENCES]:
        reading = measure(time)
        if reading is not None:
            return reading
    return None


def ended_session(scene: Scene, moment: float) -> Session | None:
    """The session a fault at a moment belongs to: running then or ended within the half hour before."""
    found = [
        s
        for s in scene.sessions()
        if s.start - MINUTE <= moment
        and (s.end is None or s.end >= moment - 30 * MINUTE)
        and moment - s.start < 3 * DAY
    ]
    return min(
        found, key=lambda s: (abs((s.end if s.end is not None else moment + HOUR) - moment), -s.start), default=None
    )


# Texts


def _own_texts(scene: Scene) -> list[tuple[Source, Any]]:
    """Everything that is said of the end: record, stop and other events, the fault, alarms, other faults at that moment."""

    def load() -> list[tuple[Source, Any]]:
        texts: list[tuple[Source, Any]] = list(scene.payload())
        sessions = {s.source: s for t in scene.times if (s := ended_session(scene, t)) is not None}
        for source, session in sessions.items():
            texts.append((source, {"stop_reason": session.stop_reason, "details": session.details}))
        skipped = {"timestamp", "device_id", "connector_id", "record_id", "start_time", "end_time", "energy", "max_power", "avg_power",
                   "meter_start", "meter_end", "stop_reason", "details", "vehicle_info"}  # fmt: skip
        for record in scene.records("charging_records", which="own"):
            source = scene.source("charging_records", record)
            if source in sessions:
                extra = {k: v for k, v in record.raw.items() if k not in skipped}
                vehicle = record.raw.get("vehicle_info")
                if isinstance(vehicle, Mapping):
                    extra["vehicle_info"] = {
                        k: v
                        for k, v in vehicle.items()
                        if k not in ("vin", "soc_start", "soc_end", "make", "model", "firmware")
                    }
                texts.append((source, extra))
        for time in scene.times:
            for event in scene.events(start=time - 2 * MINUTE, end=time + 2 * MINUTE):
                kind = event.fields["event_type"]
                if kind in ("start", "auth_ok", "plug_in", "alarm"):
                    continue
                data = event.fields.get("data")
                if kind == "fault" and event.time in scene.times:
                    continue
                if isinstance(data, Mapping):
                    said = {k: v for k, v in data.items() if k not in ("fault_code", "from", "to")}
                    texts.append((scene.source("events", event), said))
        return texts

    return scene.once(("end texts",), load)


@measures(
    "session_end_mention",
    "a topic of the fault's vocabulary in the stop reason and details of the session, its stop event, the fault, alarms and "
    "other events of the connector at that moment",
    kind="text",
    many=True,
)
def session_end_mention(scene: Scene) -> Iterable[Reading]:
    return scene.mentions(_own_texts(scene))


def _past_texts(scene: Scene) -> list[tuple[Source, Any]]:
    """What alarms, other faults and command results of the connector said in the 30 days before."""
    texts: list[tuple[Source, Any]] = []
    for event in scene.events("alarm", "fault", "state", start=scene.anchor - 30 * DAY, end=scene.anchor + HOUR):
        data = event.fields.get("data")
        if isinstance(data, Mapping) and all(abs((event.time or 0.0) - t) > 10 * MINUTE for t in scene.times):
            texts.append(
                (
                    scene.source("events", event),
                    {k: v for k, v in data.items() if k not in ("fault_code", "from", "to")},
                )
            )
    for command in scene.records("commands", which="own"):
        if command.time is not None and scene.anchor - 30 * DAY <= command.time <= scene.anchor + DAY:
            texts.append((scene.source("commands", command), {"result": command.fields.get("result")}))
    return texts


@measures(
    "past_alarm_mention",
    "a topic of the fault's vocabulary in alarms, in messages of other faults and in results of commands of the connector "
    "within 30 days before, those at the occurrences left out",
    kind="text",
    many=True,
)
def past_alarm_mention(scene: Scene) -> Iterable[Reading]:
    return scene.mentions(_past_texts(scene))


@measures(
    "repeated_alarm_mention",
    "a topic of the fault's vocabulary that at least two alarms, faults or command results of those 30 days mention",
    kind="text",
    many=True,
)
def repeated_alarm_mention(scene: Scene) -> Iterable[Reading]:
    found: dict[str, list[Source]] = {}
    for text in _past_texts(scene)[-40:]:
        for reading in scene.mentions([text]):
            found.setdefault(str(reading.value), []).append(text[0])
    return [
        Reading(topic, scene.anchor, few(sources), key=topic)
        for topic, sources in sorted(found.items())
        if len(sources) >= 2
    ]


@measures("stop_reason", "the stop reason of the session at the fault, in plain lower-case words", kind="text")
def stop_reason(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        session = ended_session(scene, time)
        if session is not None and session.stop_reason and words_of(session.stop_reason):
            return Reading(words_of(session.stop_reason)[:200], session.end, (session.source,))
        return None

    return _first_known(scene, at)


def _in_end_texts(scene: Scene) -> Iterable[tuple[str, Any, Source]]:
    for source, data in _own_texts(scene):
        for path, value in flat(data):
            yield path, value, source


def _end_number(scene: Scene, pattern: str) -> Reading | None:
    found = None
    for path, value, source in _in_end_texts(scene):
        number = as_number(value)
        if number is not None and re.search(pattern, path):
            found = Reading(number, scene.anchor, (source,))
    return found


@measures(
    "battery_temperature",
    "temperature of the vehicle's battery or cells as stop details or the fault tell it",
    unit="°C",
    low=-80,
    high=300,
)
def battery_temperature(scene: Scene) -> Reading | None:
    reading = _end_number(
        scene, r"\b(battery|batt|cells?|pack|bms|ress|traction)\b.*\b(temp|temperature|tmax|t max|celsius|deg c)\b"
    )
    return reading if reading is not None and -80 <= float(reading.value) <= 300 else None


@measures(
    "cell_voltage", "highest voltage of a battery cell as stop details or the fault tell it", unit="V", low=0, high=10
)
def cell_voltage(scene: Scene) -> Reading | None:
    reading = _end_number(scene, r"\bcells?\b.*\b(voltage|volts?|v|mv)$|\b(v|max) cell$")
    if reading is None:
        return None
    value = float(reading.value)
    volts = value / 1000 if value > 100 else value
    return Reading(volts, reading.at, reading.sources) if 0 < volts <= 10 else None


@measures(
    "pilot_voltage", "control pilot voltage at the end as stop details or the fault tell it", unit="V", low=-15, high=15
)
def pilot_voltage(scene: Scene) -> Reading | None:
    reading = _end_number(scene, r"\b(cp|pilot|control pilot)\b.*\b(v|volt|volts|voltage|mv)\b")
    if reading is None:
        return None
    value = float(reading.value)
    volts = value / 1000 if abs(value) > 100 else value
    return Reading(volts, reading.at, reading.sources) if abs(volts) <= 15 else None


@measures("link_gap_in_details", "seconds without network that stop details or the fault tell of", unit="s", low=0)
def link_gap_in_details(scene: Scene) -> Reading | None:
    found = None
    for path, value, source in _in_end_texts(scene):
        number = as_number(value)
        if number is None or number < 0:
            continue
        about = re.search(
            r"\b(offline|outage|network|connection|connectivity|ws|websocket|link|backend|csms|platform|uplink|heartbeat|reconnect)\b",
            path,
        )
        lasting = re.search(
            r"\b(gap|down|lost|loss|offline|outage|disconnect\w*|interrupt\w*|missing|age|silent|reconnect)\b", path
        )
        if about and lasting and re.search(r"\b(s|sec|secs|seconds|ms|msec|millis|duration|gap|min|minutes)$", path):
            scale = (
                0.001
                if re.search(r"\b(ms|msec|millis)$", path)
                else 60.0
                if re.search(r"\b(min|minutes)$", path)
                else 1.0
            )
            found = Reading(number * scale, scene.anchor, (source,))
    return found


@measures(
    "vehicle_connected_at_end",
    "whether the vehicle was still connected at the end, as stop details or the fault tell it",
    kind="flag",
)
def vehicle_connected_at_end(scene: Scene) -> Reading | None:
    found = None
    for path, value, source in _in_end_texts(scene):
        if not re.search(
            r"\b(vehicle|ev|car|cable|plug|connector)( still)? (connected|present|inserted|plugged|plugged in|attached)( after\w*)?$",
            path,
        ):
            continue
        word = str(value).strip().lower()
        if word in ("true", "yes", "1", "connected", "present", "inserted"):
            found = Reading(True, scene.anchor, (source,))
        elif word in ("false", "no", "0", "disconnected", "absent", "removed"):
            found = Reading(False, scene.anchor, (source,))
    return found


@measures(
    "lock_failures_in_details",
    "failed attempts, retries or bounces of the connector lock that the payload counts",
    unit="1",
    low=0,
)
def lock_failures_in_details(scene: Scene) -> Reading | None:
    reading = _end_number(
        scene,
        r"\b(lock|latch|unlock)\w*\b.*\b(retries|retry|attempts|failures|failed|errors|bounces|bounce|trips|drops|chatter|releases|faults)\b( count)?",
    )
    return reading if reading is not None and float(reading.value) >= 0 else None


@measures("mating_cycles", "plug cycles of the connector as the payload or the session counts them", unit="1", low=0)
def mating_cycles(scene: Scene) -> Reading | None:
    reading = _end_number(scene, r"\b(mating|plug|insertion|lock|latch|connector)( in)? (cycles|count|operations)\b")
    return reading if reading is not None and float(reading.value) >= 0 else None


# The plug


def _plugs(scene: Scene) -> list[Record]:
    return scene.events("plug_in", "plug_out")


def _plug_out_at(scene: Scene, time: float) -> Record | None:
    """The plug_out that belongs to the end at a time: within a quarter of an hour of it and not before the session."""
    session = ended_session(scene, time)
    begun = time - 15 * MINUTE if session is None else max(session.start - 5.0, time - 15 * MINUTE)
    outs = [e for e in scene.events("plug_out", start=begun, end=time + 15 * MINUTE) if e.time is not None]
    ins = [e.time for e in scene.events("plug_in", start=begun, end=time) if e.time is not None]
    # A vehicle that came later than the plug_out is another session, unless it was back within seconds (a bouncing plug).
    outs = [e for e in outs if not any((e.time or 0.0) + 30 < t < time - 5 for t in ins)]
    return min(outs, key=lambda e: (abs((e.time or 0.0) - time), e.index), default=None)


@measures(
    "plug_out_before_end",
    "seconds from the plug_out nearest to the fault (within 15 minutes) to the fault: positive where the plug was out first, "
    "negative where it stayed in after the fault",
    unit="s",
)
def plug_out_before_end(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        out = _plug_out_at(scene, time)
        if out is None or out.time is None:
            return None
        return Reading(round(time - out.time, 3), out.time, (scene.source("events", out),))

    return _first_known(scene, at)


@measures(
    "plug_out_before_stop",
    "seconds from the plug_out nearest to the end to the stop event, or else to the end of the charging record",
    unit="s",
)
def plug_out_before_stop(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        out = _plug_out_at(scene, time)
        stops = [e for e in scene.events("stop", start=time - 5 * MINUTE, end=time + 5 * MINUTE) if e.time is not None]
        stop = min(stops, key=lambda e: abs((e.time or 0.0) - time), default=None)
        if out is None or out.time is None:
            return None
        if stop is not None and stop.time is not None:
            return Reading(
                round(stop.time - out.time, 3), out.time, (scene.source("events", out), scene.source("events", stop))
            )
        session = ended_session(scene, time)
        if session is None or session.end is None or session.source.list != "charging_records":
            return None
        return Reading(round(session.end - out.time, 3), out.time, (scene.source("events", out), session.source))

    return _first_known(scene, at)


@measures(
    "minutes_plugged_after_end",
    "minutes the plug stayed in after the fault: to the next plug_out, or to the moment of the diagnosis where the plug_in of "
    "this session was reported and no plug_out since",
    unit="min",
    low=0,
)
def minutes_plugged_after_end(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        out = next((e for e in scene.events("plug_out", start=time + 1.0) if e.time is not None), None)
        session = ended_session(scene, time)
        low = time - DAY if session is None else session.start - HOUR
        before = [e for e in _plugs(scene) if e.time is not None and low <= e.time <= time]
        if before and before[-1].fields["event_type"] == "plug_out":
            return None
        between = [
            e for e in scene.events("plug_in", start=time + 1.0) if out is None or (e.time or 0.0) < (out.time or 0.0)
        ]
        if between or (out is None and not before):
            # A second plug_in without a plug_out shows that plug_outs are not reported here.
            return None
        until = scene.as_of if out is None else (out.time or time)
        sources = scene.sources("events", [*before[-1:], *([out] if out is not None else [])])
        return Reading(max(0.0, (until - time) / MINUTE), time, sources)

    return _first_known(scene, at)


@measures(
    "seconds_to_next_start",
    "seconds from the fault to the moment charging began again on the connector, by a start, a state or a new session within an "
    "hour, with no plug_out or plug_in around the end or between; known where plug events of the session were reported",
    unit="s",
    low=0,
)
def seconds_to_next_start(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        plugs = [e.time for e in _plugs(scene) if e.time is not None]
        if not any(plug < time - 1 for plug in plugs):
            return None
        until = min([plug for plug in plugs if plug >= time - MINUTE], default=float("inf"))
        begun = [(e.time, scene.source("events", e)) for e in scene.events("start", start=time + 0.5, end=time + HOUR)]
        for event in scene.events("state", start=time + 2.0, end=time + HOUR):
            data = event.fields.get("data")
            if isinstance(data, Mapping) and words_of(str(data.get("to") or "")) in ("charging", "discharging"):
                begun.append((event.time, scene.source("events", event)))
        begun += [(s.start, s.source) for s in scene.sessions() if time + 0.5 < s.start <= time + HOUR]
        current = scene.readings("current").between(time + 2.0, time + HOUR)
        off = np.flatnonzero(np.abs(current.values) < 1)
        on = np.flatnonzero(np.abs(current.values) > 5)
        again = on[on > off[0]] if len(off) else on[:0]
        if len(again) >= 3:
            begun.append((float(current.times[again[0]]), current.source(int(again[0]))))
        known = [(moment, source) for moment, source in begun if moment is not None and moment < until]
        if not known:
            return None
        moment, source = min(known)
        return Reading(moment - time, moment, (source,))

    return _first_known(scene, at)


def _flutters(scene: Scene, start: float, end: float) -> list[Record]:
    events = [e for e in _plugs(scene) if e.time is not None and start <= e.time <= end]
    return [
        b
        for a, b in pairwise(events)
        if a.fields["event_type"] == "plug_out"
        and b.fields["event_type"] == "plug_in"
        and (b.time or 0.0) - (a.time or 0.0) <= 20
    ]


@measures(
    "plug_flutters_at_end",
    "times the plug was reported out and in again within 20 s, from ten minutes before to two minutes after an occurrence (the "
    "occurrence with most); known where plug events were reported there",
    unit="1",
    low=0,
)
def plug_flutters_at_end(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for time in list(reversed(scene.times))[:MAX_OCCURRENCES]:
        near = [e for e in _plugs(scene) if time - 10 * MINUTE <= (e.time or 0.0) <= time + 2 * MINUTE]
        if not near:
            continue
        found = _flutters(scene, time - 10 * MINUTE, time + 2 * MINUTE)
        if best is None or len(found) > float(best.value):
            best = Reading(float(len(found)), time, scene.sources("events", found or near))
    return best


@measures(
    "plug_flutters_in_history",
    "times within 30 days before, other than at the occurrences, that the plug was reported out and in again within 20 s",
    unit="1",
    low=0,
)
def plug_flutters_in_history(scene: Scene) -> Reading | None:
    plugs = [e for e in _plugs(scene) if scene.anchor - 30 * DAY <= (e.time or 0.0) <= scene.anchor]
    if len(plugs) < 4:
        return None
    found = [
        e
        for e in _flutters(scene, scene.anchor - 30 * DAY, scene.anchor)
        if all(abs((e.time or 0.0) - t) > 10 * MINUTE for t in scene.times)
    ]
    return Reading(float(len(found)), scene.anchor, scene.sources("events", found or plugs))


@measures(
    "seconds_to_replug",
    "seconds from the plug_out at the end to the next plug_in on the connector",
    unit="s",
    low=0,
)
def seconds_to_replug(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        out = _plug_out_at(scene, time)
        if out is None or out.time is None:
            return None
        back = next((e for e in scene.events("plug_in", start=out.time + 0.001) if e.time is not None), None)
        if back is None:
            return None
        return Reading((back.time or 0.0) - out.time, back.time, scene.sources("events", [out, back]))

    return _first_known(scene, at)


_PLUGGED = (
    "preparing",
    "occupied",
    "finishing",
    "suspended",
    "suspendedev",
    "suspended ev",
    "suspendedevse",
    "suspended evse",
    "charging",
)
_FREE = ("idle", "available")


@measures(
    "state_after_end",
    "whether the connector went on occupied or free: its first state other than fault within two minutes after the fault, "
    "from state events or else telemetry",
    kind="text",
    choices=("occupied", "free"),
)
def state_after_end(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        for event in scene.events("state", start=time - 2.0, end=time + 2 * MINUTE):
            data = event.fields.get("data")
            to = words_of(str(data.get("to") or "")) if isinstance(data, Mapping) else ""
            if to in _PLUGGED or to in _FREE:
                return Reading("free" if to in _FREE else "occupied", event.time, (scene.source("events", event),))
        states = scene.words("state").between(time + 0.001, time + 2 * MINUTE)
        for place, (moment, word) in enumerate(states):
            if word in ("idle", "preparing"):
                return Reading("free" if word == "idle" else "occupied", moment, (states.source(place),))
        return None

    return _first_known(scene, at)


@measures(
    "auth_seconds_before_end",
    "seconds from the last accepted authorisation to the end, where it came well after the session's start (a card shown again)",
    unit="s",
    low=0,
)
def auth_seconds_before_end(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        session = ended_session(scene, time)
        if session is None:
            return None
        shown = [e for e in scene.events("auth_ok", start=session.start + MINUTE, end=time) if e.time is not None]
        return (
            Reading(time - (shown[-1].time or time), shown[-1].time, (scene.source("events", shown[-1]),))
            if shown
            else None
        )

    return _first_known(scene, at)


# Current, power, state of charge


@dataclass(frozen=True)
class Fall:
    """How the current fell at the end: the level before, the last share of it, and the samples and seconds on the way."""

    level: float
    share: float
    samples: int
    seconds: float
    idle: float
    dropouts: int
    decline: float | None
    time: float
    source: tuple[Source, ...]


def _fall(scene: Scene, time: float) -> Fall | None:
    for column in ("current", "power"):
        window = scene.readings(column).between(time - 20 * MINUTE, time + 90.0)
        values, times = np.abs(window.values), window.times
        flowing = values[(times <= time) & (values > 0.5)]
        if len(flowing) < 4:
            continue
        level = float(np.percentile(flowing, 75))
        on = np.flatnonzero(values > 0.05 * level)
        last = int(on[-1])
        if times[last] < time - 10 * MINUTE:
            continue
        high = np.flatnonzero(values[: last + 1] >= 0.85 * level)
        top = int(high[-1])
        stopped = float(times[last + 1]) if last + 1 < len(times) else max(time, float(times[last]))
        low = values[: last + 1] < 0.1 * level
        # A dropout is a run of low samples with current before and after it.
        starts = int(np.sum(~low[:-1] & low[1:])) if len(low) > 1 else 0
        early = values[(times < time - 10 * MINUTE) & (values > 0.05 * level)]
        late = values[(times >= time - 3 * MINUTE) & (times <= time) & (values > 0.05 * level)]
        decline = None
        if len(early) >= 3 and len(late) >= 2 and float(np.median(early)) > 0:
            decline = 100.0 * (1.0 - float(np.median(late)) / float(np.median(early)))
        zeros = times[(times > times[last]) & (times <= time)]
        return Fall(
            level=level,
            share=100.0 * float(values[last]) / level,
            samples=last - top,
            seconds=stopped - float(times[top]),
            idle=time - float(zeros[0]) if len(zeros) >= 2 else 0.0,
            dropouts=starts,
            decline=decline,
            time=float(times[last]),
            source=few([window.source(top), window.source(last), window.source(min(last + 1, len(window) - 1))]),
        )
    return None


def _of_fall(scene: Scene, pick: Callable[[Fall], float | None]) -> Reading | None:
    def at(time: float) -> Reading | None:
        fall = scene.once(("fall", time), lambda: _fall(scene, time))
        value = None if fall is None else pick(fall)
        return None if fall is None or value is None else Reading(value, fall.time, fall.source)

    return _first_known(scene, at)


@measures(
    "last_current_share",
    "the last current (or power) before it was gone, in percent of its level in the 20 minutes before the fault",
    unit="%",
    low=0,
)
def last_current_share(scene: Scene) -> Reading | None:
    return _of_fall(scene, lambda fall: fall.share)


@measures(
    "falling_samples",
    "samples in which current (or power) was under 85 percent of its level before it was gone",
    unit="1",
    low=0,
)
def falling_samples(scene: Scene) -> Reading | None:
    return _of_fall(scene, lambda fall: float(fall.samples))


@measures("falling_seconds", "seconds from the last full current (85 percent of its level) to none", unit="s", low=0)
def falling_seconds(scene: Scene) -> Reading | None:
    return _of_fall(scene, lambda fall: fall.seconds)


@measures(
    "seconds_without_current_before_end",
    "seconds from the first sample without current to the fault, where at least two samples show none",
    unit="s",
    low=0,
)
def seconds_without_current_before_end(scene: Scene) -> Reading | None:
    return _of_fall(scene, lambda fall: fall.idle)


@measures(
    "current_dropouts", "times current broke off and came back in the 20 minutes before the fault", unit="1", low=0
)
def current_dropouts(scene: Scene) -> Reading | None:
    return _of_fall(scene, lambda fall: float(fall.dropouts))


@measures(
    "state_flutters_at_end",
    "times the connector left the charging state and was back in it within a minute, in the 20 minutes before the fault, by "
    "telemetry or state events",
    unit="1",
    low=0,
)
def state_flutters_at_end(scene: Scene) -> Reading | None:
    def count(marks: list[tuple[float, bool]]) -> int:
        left: float | None = None
        number = 0
        for (_, before), (time, now) in pairwise(marks):
            if before and not now:
                left = time
            elif now and not before and left is not None and time - left <= MINUTE:
                number += 1
        return number

    def at(time: float) -> Reading | None:
        states = scene.words("state").between(time - 20 * MINUTE, time)
        told = [(moment, word in ("charging", "discharging")) for moment, word in states]
        events = scene.events("state", start=time - 20 * MINUTE, end=time)
        changes = [
            (e.time or 0.0, words_of(str(e.fields["data"].get("to") or "")) in ("charging", "discharging"))
            for e in events
            if isinstance(e.fields.get("data"), Mapping)
        ]
        if changes:
            changes.insert(0, (time - 20 * MINUTE, True))
        if len(told) < 4 and not changes:
            return None
        numbers = count(told), count(changes)
        sources = [states.source(0), states.source(len(states) - 1)] if len(told) else []
        return Reading(float(max(numbers)), time, few([*sources, *scene.sources("events", events)]))

    return _first_known(scene, at)


@measures(
    "current_decline_before_end",
    "how much lower the current was in the last three minutes than ten to twenty minutes before the fault, in percent",
    unit="%",
)
def current_decline_before_end(scene: Scene) -> Reading | None:
    return _of_fall(scene, lambda fall: fall.decline)


@measures(
    "power_limit_decline_before_end",
    "how much lower the charger's own power limit was at the end than ten to twenty minutes before, in percent",
    unit="%",
)
def power_limit_decline_before_end(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        limits = scene.readings("power_limit")
        early, late = limits.between(time - 20 * MINUTE, time - 10 * MINUTE), limits.between(time - 3 * MINUTE, time)
        if not len(early) or not len(late) or float(np.median(early.values)) <= 0:
            return None
        return late.reading(100.0 * (1.0 - float(late.values.min()) / float(np.median(early.values))))

    return _first_known(scene, at)


@measures(
    "soc_step",
    "largest step of the state of charge between two samples within three minutes, in the 30 minutes before the end, less what "
    "charging at 6 percent a minute explains; a fall counts whole",
    unit="1",
    low=0,
)
def soc_step(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        soc = scene.readings("soc").between(time - 30 * MINUTE, time + MINUTE)
        if len(soc) < 3:
            return None
        between = np.diff(soc.times)
        steps = np.diff(soc.values)
        close = (between <= 3 * MINUTE) & (between > 0)
        if not close.any():
            return None
        discharging = (
            np.median(scene.readings("power").between(time - 30 * MINUTE, time).values)
            if len(scene.readings("power"))
            else 0.0
        )
        explained = 6.0 * between / MINUTE
        if discharging < 0:
            steps = -steps
        odd = np.where(steps >= 0, np.maximum(0.0, steps - explained), -steps)
        odd = np.where(close, odd, 0.0)
        place = int(np.argmax(odd))
        return soc.reading(float(odd[place]), float(soc.times[place + 1]), [place, place + 1])

    return _first_known(scene, at)


@measures("soc_gain", "state of charge at the end less that at the start, by the charging record", unit="1")
def soc_gain(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        s = ended_session(scene, time)
        if s is None or s.soc_start is None or s.soc_end is None or (s.energy is not None and s.energy < 0):
            return None
        return Reading(s.soc_end - s.soc_start, s.end, (s.source,))

    return _first_known(scene, at)


@measures("soc_gain_per_kwh", "percent of charge gained a kWh, by the charging record; known from 1 kWh", unit="%/kWh")
def soc_gain_per_kwh(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        s = ended_session(scene, time)
        if s is None or s.soc_start is None or s.soc_end is None or s.energy is None or s.energy < 1.0:
            return None
        return Reading((s.soc_end - s.soc_start) / s.energy, s.end, (s.source,))

    return _first_known(scene, at)


@measures(
    "soc_at_end", "state of charge at the end, from telemetry or else the charging record", unit="%", low=0, high=100
)
def soc_at_end(scene: Scene) -> Reading | None:
    def at(time: float) -> Reading | None:
        last = scene.readings("soc").between(time - 10 * MINUTE, time + MINUTE).last()
        if last is None:
            s = ended_session(scene, time)
            last = None if s is None or s.soc_end is None else Reading(s.soc_end, s.end, (s.source,))
        return last if last is not None and 0 <= float(last.value) <= 100 else None

    return _first_known(scene, at)


@measures(
    "ambient_at_end",
    "highest ambient temperature within an hour of the end, from telemetry or the site",
    unit="°C",
    low=-60,
    high=80,
)
def ambient_at_end(scene: Scene) -> Reading | None:
    near = scene.near(scene.readings("ambient_temperature", which="all"), HOUR, HOUR).max()
    if near is None:
        table = scene.observations["environment"]
        found = [
            (float(r.fields["ambient_c"]), r)
            for r in table.records
            if r.fields["site_id"] == scene.site_id
            and r.fields.get("ambient_c") is not None
            and abs((r.time or 0.0) - scene.anchor) <= HOUR
        ]
        if found:
            value, record = max(found, key=lambda f: (f[0], f[1].index))
            near = Reading(value, record.time, (table.source_of(record),))
    return near if near is not None and -60 <= float(near.value) <= 80 else None


# The link


def _lost_before(beats: Floats, back: float) -> float:
    """When a connection that came back was lost, where nobody recorded it: after the last heartbeat, or not long before."""
    heard = beats[beats < back - 1]
    return float(heard[-1]) if len(heard) and back - heard[-1] <= HOUR else back - MINUTE


def breaks(scene: Scene, device: str | None = None) -> list[Break]:
    """When a charger was without connection, by its connection records."""
    name = scene.device_id if device is None else device

    def load() -> list[Break]:
        found: list[Break] = []
        lost: tuple[float, Source] | None = None
        beats = _heartbeat_times(scene, name)
        for record in scene.records("connections", device=name):
            if record.time is None or record.fields["transition"] is None:
                continue
            source = scene.source("connections", record)
            if record.fields["transition"] == "offline":
                lost = lost or (record.time, source)
            elif lost is not None:
                found.append(Break(lost[0], record.time, lost[1]))
                lost = None
            elif record.fields["transition"] == "reconnect":
                found.append(Break(_lost_before(beats, record.time), record.time, source))
        if lost is not None:
            found.append(Break(lost[0], float("inf"), lost[1]))
        return found

    return scene.shared_once(("breaks", name), load)


def _all_breaks(scene: Scene) -> list[Break]:
    """The same with what the charger's metadata and its connectivity faults say."""
    found = list(breaks(scene))
    gone, back = scene.metadata("offline_since"), scene.metadata("online_since")
    if gone is not None:
        end = float(back.value) if back is not None and float(back.value) >= float(gone.value) else float("inf")
        found.append(Break(float(gone.value), end, gone.sources[0]))
    elif back is not None:
        beats = _heartbeat_times(scene, scene.device_id)
        found.append(Break(_lost_before(beats, float(back.value)), float(back.value), back.sources[0]))
    found += [
        Break(f.time, f.time, f.source) for f in scene.faults(device=scene.device_id) if f.code in ("F-0301", "F-0302")
    ]
    found += [
        Break(r.time, r.time, scene.source("heartbeats", r))
        for r in scene.records("heartbeats")
        if r.fields.get("status") == "offline" and r.time is not None
    ]
    return sorted(found, key=lambda b: (b.start, b.end, b.source))


def _ends(scene: Scene, time: float) -> list[float]:
    """The moments that may be the end: the fault, and the session's own end where it lies within half an hour before."""
    session = ended_session(scene, time)
    moments = [time]
    if session is not None and session.end is not None and time - 30 * MINUTE <= session.end < time:
        moments.append(session.end)
    return moments


@measures(
    "link_break_distance",
    "seconds between the end of the session and the nearest loss of connection that began before it (or within 1 s after), 0 "
    "inside one; known where the records hold such a loss within a day",
    unit="s",
    low=0,
)
def link_break_distance(scene: Scene) -> Reading | None:
    best: Reading | None = None
    # Of several occurrences the latest decides; what is asked is what ended this session.
    for moment in _ends(scene, scene.anchor):
        for item in _all_breaks(scene):
            if item.start > moment + 1 or item.end < moment - DAY:
                continue
            distance = max(0.0, moment - item.end)
            if best is None or distance < float(best.value):
                best = Reading(distance, item.start, (item.source,))
    return best


@measures(
    "link_loss_after_end",
    "seconds from the fault to the first loss of connection after it (more than 1 s, within an hour), where none was within two "
    "minutes before",
    unit="s",
    low=0,
)
def link_loss_after_end(scene: Scene) -> Reading | None:
    if any(b.start <= scene.anchor + 1 and b.end >= scene.anchor - 2 * MINUTE for b in _all_breaks(scene)):
        return None
    later = [b for b in _all_breaks(scene) if scene.anchor + 1 < b.start <= scene.anchor + HOUR]
    return Reading(later[0].start - scene.anchor, later[0].start, (later[0].source,)) if later else None


@measures(
    "minutes_connected_at_end",
    "minutes the charger had been connected at the fault without a break, and stayed so for two more minutes, by its "
    "connection records or online_since",
    unit="min",
    low=0,
)
def minutes_connected_at_end(scene: Scene) -> Reading | None:
    moment = scene.anchor
    if any(b.start <= moment + 2 * MINUTE and b.end > moment - MINUTE for b in _all_breaks(scene)):
        return None
    known = [r for r in scene.records("connections") if r.time is not None and r.time <= moment]
    if known and known[-1].fields["transition"] in ("online", "reconnect"):
        since = known[-1].time or moment
        return Reading((moment - since) / MINUTE, moment, (scene.source("connections", known[-1]),))
    online = scene.metadata("online_since")
    if online is not None and float(online.value) <= moment and scene.about("status") != "offline":
        return Reading((moment - float(online.value)) / MINUTE, moment, online.sources)
    return None


def _gap(times: Floats, moment: float, before: float, after: float, tail: bool) -> tuple[float, float] | None:
    """The largest gap in a series of times around a moment in multiples of its usual interval, and in seconds."""
    known = times[np.isfinite(times)]
    # Telemetry is often doubled for two connectors; one moment counts once.
    known = np.unique(np.round(known[(known >= moment - 45 * MINUTE - before) & (known <= moment + 45 * MINUTE)], 1))
    early, late = known[known <= moment], known[known > moment]
    if len(early) < 4 or not len(late):
        return None
    usual = float(np.median(np.diff(early)))
    following = float(np.median(np.diff(late))) if len(late) >= 4 else None
    gaps = np.diff(known)
    starts, stops = known[:-1], known[1:]
    near = (stops >= moment - before) & (starts <= moment + after)
    ratios = []
    for gap, start, stop in zip(gaps[near], starts[near], stops[near], strict=True):
        scale = usual
        if stop > moment and tail:
            # After a session telemetry may be sparser by design: such a gap needs the later pace to be judged by.
            if following is None and start >= moment - 1.5 * usual:
                continue
            scale = max(usual, following or usual)
        ratios.append((float(gap) / max(scale, 0.5), float(gap)))
    return max(ratios, default=None)


def _heartbeat_times(scene: Scene, device: str) -> Floats:
    table = scene.observations["heartbeats"]
    rows = table.by_device.get(device)
    if rows is None:
        return np.empty(0)
    return np.array(
        [table.times[r] for r in rows if table.records[r].fields.get("status") != "offline"], dtype=np.float64
    )


def _own_rows(scene: Scene, name: str) -> tuple[Source, ...]:
    table = scene.observations[name]
    rows = table.by_device.get(scene.device_id)
    if rows is None:
        return ()
    place = int(np.searchsorted(table.times[rows], scene.anchor))
    return few([table.source(int(rows[i])) for i in range(max(0, place - 1), min(len(rows), place + 1))])


def _lost_only_after(scene: Scene) -> bool:
    """Whether the connection records put the loss after the fault: then a gap around it needs no other explanation."""
    near = [b for b in breaks(scene) if b.end >= scene.anchor - 2 * MINUTE and b.start <= scene.anchor + 2 * MINUTE]
    return bool(near) and all(b.start > scene.anchor + 1 for b in near)


@measures(
    "heartbeat_gap_at_end",
    "largest gap between heartbeats from two minutes before to one minute after the fault, in multiples of the usual "
    "interval; unknown where connection records put a loss right after the fault",
    unit="1",
    low=0,
)
def heartbeat_gap_at_end(scene: Scene) -> Reading | None:
    if _lost_only_after(scene):
        return None
    gap = _gap(_heartbeat_times(scene, scene.device_id), scene.anchor, 2 * MINUTE, MINUTE, False)
    return None if gap is None else Reading(gap[0], scene.anchor, _own_rows(scene, "heartbeats"))


@measures(
    "telemetry_gap_at_end",
    "largest gap in the charger's telemetry from two minutes before to half a minute after the fault, in multiples of the "
    "usual interval (after the fault, of the later one where that is longer); unknown where connection records put a loss right "
    "after the fault",
    unit="1",
    low=0,
)
def telemetry_gap_at_end(scene: Scene) -> Reading | None:
    table = scene.observations["telemetry"]
    rows = table.by_device.get(scene.device_id)
    if rows is None or _lost_only_after(scene):
        return None
    gap = _gap(table.times[rows], scene.anchor, 2 * MINUTE, 30.0, True)
    return None if gap is None else Reading(gap[0], scene.anchor, _own_rows(scene, "telemetry"))


@measures(
    "breaks_last_7d",
    "losses of connection in the seven days before the fault, the one at the fault left out; known from connection records",
    unit="1",
    low=0,
)
def breaks_last_7d(scene: Scene) -> Reading | None:
    if not scene.records("connections"):
        return None
    found = [b for b in breaks(scene) if scene.anchor - 7 * DAY <= b.start < scene.anchor - 5 * MINUTE]
    records = scene.records("connections")
    return Reading(
        float(len(found)), scene.anchor, few([b.source for b in found] or [scene.source("connections", records[-1])])
    )


@measures("signal_strength", "radio signal strength of the charger, from its metadata", unit="dBm", low=-200, high=0)
def signal_strength(scene: Scene) -> Reading | None:
    reading = scene.metadata("connectivity.signal_strength_dbm")
    return reading if reading is not None and -200 <= float(reading.value) <= 0 else None


@measures("network_status_of_site", "the site's network by its record", kind="text", choices=("up", "down", "degraded"))
def network_status_of_site(scene: Scene) -> Reading | None:
    network = scene.site.fields.get("network") if scene.site is not None else None
    status = network.get("status") if isinstance(network, Mapping) else None
    return None if status is None or scene.site is None else Reading(status, None, (scene.source("sites", scene.site),))


@measures(
    "network_change_minutes_from_end",
    "minutes between the fault and the moment since which the site's network has its present status",
    unit="min",
    low=0,
)
def network_change_minutes_from_end(scene: Scene) -> Reading | None:
    network = scene.site.fields.get("network") if scene.site is not None else None
    since = network.get("since") if isinstance(network, Mapping) else None
    if since is None or scene.site is None:
        return None
    return Reading(abs(epoch(since) - scene.anchor) / MINUTE, epoch(since), (scene.source("sites", scene.site),))


@measures(
    "occurrences_with_link_break",
    "of at least two occurrences around which connection records or heartbeats are known, the share in percent with a loss of "
    "connection within two minutes or a gap of 2.5 heartbeat intervals",
    unit="%",
    low=0,
    high=100,
)
def occurrences_with_link_break(scene: Scene) -> Reading | None:
    span = [r.time for r in scene.records("connections") if r.time is not None]
    beats = _heartbeat_times(scene, scene.device_id)
    told: list[bool] = []
    for time in scene.times[-60:]:
        if any(b.start <= time + 1 and b.end >= time - 2 * MINUTE for b in breaks(scene)):
            told.append(True)
            continue
        gap = _gap(beats, time, 2 * MINUTE, MINUTE, False)
        if gap is not None:
            told.append(gap[0] >= 2.5)
        elif span and time >= min(span) - HOUR:
            told.append(False)
    if len(told) < 2:
        return None
    return Reading(100.0 * sum(told) / len(told), scene.anchor, few([f.source for f in scene.incidence.faults]))


@measures(
    "clock_spread_of_occurrences",
    "of occurrences on at least three days, the median distance in minutes from their common time of day",
    unit="min",
    low=0,
)
def clock_spread_of_occurrences(scene: Scene) -> Reading | None:
    times = np.array(scene.times[-60:])
    if len({int(t // DAY) for t in times}) < 3:
        return None
    angles = 2 * np.pi * (times % DAY) / DAY
    centre = np.angle(np.mean(np.exp(1j * angles)))
    away = np.abs(np.angle(np.exp(1j * (angles - centre)))) * DAY / (2 * np.pi) / MINUTE
    return Reading(float(np.median(away)), scene.anchor, few([f.source for f in scene.incidence.faults]))


@measures(
    "commands_unanswered_at_end",
    "commands to the charger from ten minutes before to five minutes after the fault that are still queued",
    unit="1",
    low=0,
)
def commands_unanswered_at_end(scene: Scene) -> Reading | None:
    near = [
        c
        for c in scene.records("commands")
        if c.time is not None and -10 * MINUTE <= c.time - scene.anchor <= 5 * MINUTE
    ]
    stuck = [c for c in near if c.fields.get("status") == "queued"]
    return Reading(float(len(stuck)), scene.anchor, scene.sources("commands", stuck or near)) if near else None


@measures(
    "commands_answered_at_end",
    "commands that the charger answered (completed, failed or rejected) from one minute before to 30 s after the fault",
    unit="1",
    low=0,
)
def commands_answered_at_end(scene: Scene) -> Reading | None:
    found = []
    for command in scene.records("commands"):
        updated = command.fields.get("updated_at")
        answered = command.fields.get("status") in ("completed", "failed", "rejected")
        if answered and updated is not None and -MINUTE <= epoch(updated) - scene.anchor <= 30:
            found.append(command)
    return Reading(float(len(found)), scene.anchor, scene.sources("commands", found)) if found else None


@measures(
    "grid_event_seconds_from_end",
    "seconds between the fault and the nearest grid outage or voltage excursion of the site or its area, within ten minutes",
    unit="s",
    low=0,
)
def grid_event_seconds_from_end(scene: Scene) -> Reading | None:
    table = scene.observations["grid"]
    found = []
    for record in table.records:
        site, area = record.fields.get("site_id"), record.fields.get("area")
        mine = (site is not None and site == scene.site_id) or (area is not None and area == scene.area)
        if mine and record.time is not None and record.fields.get("kind") in ("outage", "voltage_excursion"):
            length = record.fields.get("duration_s") or 0.0
            distance = max(0.0, record.time - scene.anchor, scene.anchor - record.time - length)
            if distance <= 10 * MINUTE:
                found.append((distance, record.index, record))
    if not found:
        return None
    distance, _, record = min(found, key=lambda f: f[:2])
    return Reading(distance, record.time, (table.source_of(record),))


# Others at the same moment


@measures(
    "neighbours_lost_at_end",
    "other chargers of the site that lost their connection within three minutes of the fault; known where any has connection "
    "records or heartbeats around it",
    unit="1",
    low=0,
)
def neighbours_lost_at_end(scene: Scene) -> Reading | None:
    lost, seen = [], []
    for record in scene.neighbours:
        device = record.fields["device_id"]
        faults = [
            f
            for f in scene.faults(device=device)
            if f.code in ("F-0301", "F-0302") and abs(f.time - scene.anchor) <= TOGETHER
        ]
        gap = _gap(_heartbeat_times(scene, device), scene.anchor, 2 * MINUTE, MINUTE, False)
        gone = scene.about("offline_since", record)
        near = [
            b
            for b in breaks(scene, device)
            if b.start - TOGETHER <= scene.anchor <= max(b.start + TOGETHER, b.end + TOGETHER)
        ]
        near = [b for b in near if b.start >= scene.anchor - HOUR]
        if (
            near
            or faults
            or (gap is not None and gap[0] >= 3)
            or (gone is not None and abs(epoch(gone) - scene.anchor) <= TOGETHER)
        ):
            lost.append(record)
        if gap is not None or scene.records("connections", device=device):
            seen.append(record)
    if not seen and not lost:
        return None
    return Reading(float(len(lost)), scene.anchor, scene.sources("devices", lost or seen))


def _ended_badly(scene: Scene, session: Session) -> bool | None:
    """Whether a session ended unexpectedly (a fault of the code, or its stop reason), or as it should; None unknown."""
    if session.end is None:
        return None
    faults = _faults_of_code(scene, session.device_id)
    for fault in faults:
        same = fault.connector_id is None or session.connector_id is None or fault.connector_id == session.connector_id
        if same and session.end - MINUTE <= fault.time <= session.end + 10 * MINUTE:
            return True
    if not session.stop_reason:
        return None
    said = words_of(session.stop_reason)
    if _UNPLUGGED.search(said) or _UNCLEAN.search(said):
        return True
    return False if _CLEAN.search(said) else None


def _faults_of_code(scene: Scene, device: str) -> list[Any]:
    def load() -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for fault in scene.faults("own"):
            found.setdefault(fault.device_id, []).append(fault)
        return found

    return scene.shared_once(("faults of", scene.incidence.code), load).get(device, [])


def _unplugged(scene: Scene, session: Session) -> bool:
    """Whether a session ended by unplugging: by its stop reason, or by a plug_out at its end."""
    if session.stop_reason and _UNPLUGGED.search(words_of(session.stop_reason)):
        return True
    if session.end is None:
        return False
    outs = scene.events("plug_out", which="all", device=session.device_id, start=session.end - 15, end=session.end + 2)
    return any(session.connector_id in (None, e.fields.get("connector_id")) for e in outs)


@measures(
    "neighbour_sessions_ended_at_end",
    "other chargers of the site whose session ended unexpectedly within three minutes of the fault; known where the site has "
    "other chargers with a session then",
    unit="1",
    low=0,
)
def neighbour_sessions_ended_at_end(scene: Scene) -> Reading | None:
    hit, seen = [], []
    for record in scene.neighbours:
        device = record.fields["device_id"]
        sessions = [
            s
            for s in scene.sessions(device=device, which="all")
            if s.start < scene.anchor - MINUTE and (s.end is None or s.end > scene.anchor - TOGETHER)
        ]
        bad = [
            s
            for s in sessions
            if s.end is not None and abs(s.end - scene.anchor) <= TOGETHER and _ended_badly(scene, s)
        ]
        if bad or any(abs(f.time - scene.anchor) <= TOGETHER for f in _faults_of_code(scene, device)):
            hit.append(record)
        if sessions:
            seen.append(record)
    if not hit and not seen:
        return None
    return Reading(float(len(hit)), scene.anchor, scene.sources("devices", hit or seen))


@measures(
    "other_connectors_ended_at_end",
    "other connectors of this charger whose session ended unexpectedly within two minutes of the fault; known where one had a "
    "session then",
    unit="1",
    low=0,
)
def other_connectors_ended_at_end(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    running = [
        s for s in scene.sessions(which="others")
        if s.start < scene.anchor - MINUTE and (s.end is None or s.end > scene.anchor - 2 * MINUTE)
    ]  # fmt: skip
    bad = {
        s.connector_id: s
        for s in running
        if s.end is not None and abs(s.end - scene.anchor) <= 2 * MINUTE and _ended_badly(scene, s) is not False
    }
    faults = [
        f for f in _faults_of_code(scene, scene.device_id)
        if f.connector_id not in (None, scene.connector_id) and abs(f.time - scene.anchor) <= 2 * MINUTE
    ]  # fmt: skip
    if not running and not faults:
        return None
    hit = set(bad) | {f.connector_id for f in faults}
    sources = few([s.source for s in bad.values()] + [f.source for f in faults] or [s.source for s in running])
    return Reading(float(len(hit)), scene.anchor, sources)


@measures(
    "other_connectors_kept_charging",
    "other connectors of this charger that went on charging for two minutes after the fault, by sessions or telemetry",
    unit="1",
    low=0,
)
def other_connectors_kept_charging(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    moment = scene.anchor
    through = {
        s.connector_id: s.source
        for s in scene.sessions(which="others")
        if s.source.list == "charging_records"
        and s.start < moment - MINUTE
        and s.end is not None
        and s.end > moment + 2 * MINUTE
    }
    for connector in scene.connectors():
        if connector in (scene.connector_id, *through):
            continue
        current = scene.readings("current", connector=connector)
        before, after = current.between(moment - 2 * MINUTE, moment), current.between(moment + 30, moment + 3 * MINUTE)
        if len(before) and len(after) and before.values[-1] > 1 and after.values[-1] > 1:
            through[connector] = after.source(len(after) - 1)
    return Reading(float(len(through)), moment, few(list(through.values()))) if through else None


@measures(
    "concurrent_code",
    "codes of other faults of this charger within ten minutes of an occurrence, on the same connector or the whole charger",
    kind="text",
    many=True,
)
def concurrent_code(scene: Scene) -> Iterable[Reading]:
    found: dict[str, list[Source]] = {}
    for fault in scene.faults(device=scene.device_id):
        if fault.code == scene.incidence.code or fault.connector_id not in (None, scene.connector_id):
            continue
        if any(abs(fault.time - time) <= 10 * MINUTE for time in scene.times):
            found.setdefault(fault.code, []).append(fault.source)
    return [Reading(code, scene.anchor, few(sources), key=code) for code, sources in sorted(found.items())]


# The vehicle elsewhere, other vehicles here


def _vehicle(scene: Scene) -> str | None:
    for time in list(reversed(scene.times))[:MAX_OCCURRENCES]:
        session = ended_session(scene, time)
        if session is not None and session.vin:
            return session.vin.strip().upper()
    return None


def _fleet_sessions(scene: Scene) -> dict[str, list[Session]]:
    """All charging records' sessions by vehicle."""

    def load() -> dict[str, list[Session]]:
        found: dict[str, list[Session]] = {}
        devices = set(scene.observations["charging_records"].by_device) | set(scene.devices)
        for device in sorted(devices):
            for session in scene.sessions(device=device, which="all"):
                if session.vin:
                    found.setdefault(session.vin.strip().upper(), []).append(session)
        return found

    return scene.shared_once(("sessions by vehicle",), load)


def _elsewhere(scene: Scene) -> list[tuple[Session, bool]]:
    """The vehicle's sessions on other connectors or chargers with a known outcome, within the history."""
    vin = _vehicle(scene)
    if vin is None:
        return []
    found = []
    for session in _fleet_sessions(scene).get(vin, []):
        here = session.device_id == scene.device_id and session.connector_id in (None, scene.connector_id)
        bad = None if here or abs(session.start - scene.anchor) > HISTORY else _ended_badly(scene, session)
        if bad is not None:
            found.append((session, bad))
    return found


@measures(
    "vehicle_aborts_elsewhere",
    "sessions of this vehicle on other connectors or chargers within 60 days that ended unexpectedly and not by unplugging; "
    "known where it has sessions elsewhere with a known end",
    unit="1",
    low=0,
)
def vehicle_aborts_elsewhere(scene: Scene) -> Reading | None:
    known = _elsewhere(scene)
    bad = [s for s, ended in known if ended and not _unplugged(scene, s)]
    return (
        Reading(float(len(bad)), scene.anchor, few([s.source for s in bad] or [s.source for s, _ in known]))
        if known
        else None
    )


@measures(
    "vehicle_unplugs_elsewhere",
    "sessions of this vehicle elsewhere within 60 days that ended by unplugging in mid-session; known where it has any",
    unit="1",
    low=0,
)
def vehicle_unplugs_elsewhere(scene: Scene) -> Reading | None:
    known = _elsewhere(scene)
    bad = [s for s, ended in known if ended and _unplugged(scene, s)]
    return (
        Reading(float(len(bad)), scene.anchor, few([s.source for s in bad] or [s.source for s, _ in known]))
        if known
        else None
    )


@measures(
    "vehicle_good_ends_elsewhere",
    "sessions of this vehicle elsewhere within 60 days that ended as they should; known where none ended unexpectedly",
    unit="1",
    low=0,
)
def vehicle_good_ends_elsewhere(scene: Scene) -> Reading | None:
    known = _elsewhere(scene)
    if not known or any(bad for _, bad in known):
        return None
    return Reading(float(len(known)), scene.anchor, few([s.source for s, _ in known]))


@measures(
    "vehicle_aborts_here",
    "sessions of this vehicle on this connector within 60 days, this one included, that ended unexpectedly",
    unit="1",
    low=0,
)
def vehicle_aborts_here(scene: Scene) -> Reading | None:
    vin = _vehicle(scene)
    mine = [s for s in _history(scene) if vin is not None and s[0].vin and s[0].vin.strip().upper() == vin and s[1]]
    return Reading(float(len(mine)), scene.anchor, few([s.source for s, _ in mine])) if mine else None


def _history(scene: Scene) -> list[tuple[Session, bool]]:
    """The connector's sessions with a known end within the history."""

    def load() -> list[tuple[Session, bool]]:
        return [
            (s, bad)
            for s in scene.sessions()
            if abs(s.start - scene.anchor) <= HISTORY
            and s.start <= scene.anchor
            and (bad := _ended_badly(scene, s)) is not None
        ]

    return scene.once(("history",), load)


def _strangers(scene: Scene) -> list[tuple[Session, bool]]:
    vin = _vehicle(scene)
    return [] if vin is None else [(s, bad) for s, bad in _history(scene) if s.vin and s.vin.strip().upper() != vin]


def _quietly(scene: Scene, session: Session) -> bool:
    """Whether the charger was connected when a session ended, as far as its records tell."""
    return session.end is None or not any(
        b.start <= session.end + 90 and b.end >= session.end - 2 * MINUTE for b in breaks(scene)
    )


@measures(
    "other_vehicles_aborted_here",
    "distinct other vehicles whose sessions on this connector ended unexpectedly within 60 days, those during a loss of "
    "connection left out; known where other vehicles' ends are known",
    unit="1",
    low=0,
)
def other_vehicles_aborted_here(scene: Scene) -> Reading | None:
    known = _strangers(scene)
    bad = {str(s.vin): s.source for s, ended in known if ended and _quietly(scene, s)}
    return (
        Reading(float(len(bad)), scene.anchor, few(list(bad.values()) or [s.source for s, _ in known]))
        if known
        else None
    )


@measures(
    "other_vehicles_share_aborted_here",
    "of at least four sessions of other vehicles on this connector within 60 days, the share in percent that ended unexpectedly",
    unit="%",
    low=0,
    high=100,
)
def other_vehicles_share_aborted_here(scene: Scene) -> Reading | None:
    known = _strangers(scene)
    if len(known) < 4:
        return None
    bad = [s for s, ended in known if ended]
    return Reading(100.0 * len(bad) / len(known), scene.anchor, few([s.source for s, _ in known]))


@measures(
    "good_sessions_after_end",
    "sessions on this connector within a week after the latest occurrence that ended as they should; known where one after it "
    "has a known end",
    unit="1",
    low=0,
)
def good_sessions_after_end(scene: Scene) -> Reading | None:
    later = [
        (s, bad)
        for s in scene.sessions()
        if scene.anchor + 1 < s.start <= scene.anchor + 7 * DAY and (bad := _ended_badly(scene, s)) is not None
    ]
    good = [s for s, bad in later if not bad]
    return (
        Reading(float(len(good)), scene.anchor, few([s.source for s in good or [s for s, _ in later]]))
        if later
        else None
    )


@measures(
    "occurrences_with_plug_out_first",
    "of at least two occurrences with a plug_out near them, the share in percent whose plug_out came first, by ten seconds or less",
    unit="%",
    low=0,
    high=100,
)
def occurrences_with_plug_out_first(scene: Scene) -> Reading | None:
    outs = [(t, out) for t in scene.times[-60:] if (out := _plug_out_at(scene, t)) is not None and out.time is not None]
    if len(outs) < 2:
        return None
    first = [out for t, out in outs if 0 <= t - (out.time or 0.0) <= 10]
    return Reading(100.0 * len(first) / len(outs), scene.anchor, scene.sources("events", [out for _, out in outs]))


@measures(
    "vehicles_behind_occurrences",
    "distinct vehicles behind the occurrences on this connector; known for two occurrences or more whose vehicles are known",
    unit="1",
    low=0,
)
def vehicles_behind_occurrences(scene: Scene) -> Reading | None:
    sessions = {s.source: s for t in scene.times[-60:] if (s := ended_session(scene, t)) is not None and s.vin}
    if len(sessions) < 2:
        return None
    vehicles = {str(s.vin).strip().upper() for s in sessions.values()}
    return Reading(float(len(vehicles)), scene.anchor, few(list(sessions)))


@measures(
    "abort_share_here",
    "of at least five sessions on this connector within 60 days with a known end, the share in percent that ended unexpectedly",
    unit="%",
    low=0,
    high=100,
)
def abort_share_here(scene: Scene) -> Reading | None:
    known = _history(scene)
    bad = [s for s, ended in known if ended]
    return (
        Reading(100.0 * len(bad) / len(known), scene.anchor, few([s.source for s in bad])) if len(known) >= 5 else None
    )


@measures(
    "abort_share_other_connectors",
    "of at least three sessions on the charger's other connectors within 60 days with a known end, the share in percent that "
    "ended unexpectedly",
    unit="%",
    low=0,
    high=100,
)
def abort_share_other_connectors(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    known = [
        (s, bad)
        for s in scene.sessions(which="others")
        if abs(s.start - scene.anchor) <= HISTORY and (bad := _ended_badly(scene, s)) is not None
    ]
    broken = [s for s, ended in known if ended]
    return (
        Reading(100.0 * len(broken) / len(known), scene.anchor, few([s.source for s, _ in known]))
        if len(known) >= 3
        else None
    )


@measures(
    "model_abort_share_elsewhere",
    "of at least three sessions of other vehicles of the same make and model on other chargers within 60 days with a known end, "
    "the share in percent that ended unexpectedly and not by unplugging",
    unit="%",
    low=0,
    high=100,
)
def model_abort_share_elsewhere(scene: Scene) -> Reading | None:
    session = next(
        (s for t in reversed(scene.times[-MAX_OCCURRENCES:]) if (s := ended_session(scene, t)) is not None and s.model),
        None,
    )
    if session is None or session.model is None:
        return None
    wanted = (str(session.make or "").lower(), session.model.lower())
    known = [
        (s, bad)
        for vin, sessions in _fleet_sessions(scene).items()
        if vin != (session.vin or "").strip().upper()
        for s in sessions
        if s.device_id != scene.device_id
        and (str(s.make or "").lower(), str(s.model or "").lower()) == wanted
        and abs(s.start - scene.anchor) <= HISTORY
        and (bad := _ended_badly(scene, s)) is not None
    ]
    broken = [s for s, ended in known if ended and not _unplugged(scene, s)]
    return (
        Reading(100.0 * len(broken) / len(known), scene.anchor, few([s.source for s in broken]))
        if len(known) >= 3
        else None
    )


# The lock


@measures(
    "lock_commands_failed",
    "lock or unlock commands to the connector within 30 days that failed or were rejected; known where there were any",
    unit="1",
    low=0,
)
def lock_commands_failed(scene: Scene) -> Reading | None:
    found = [
        c
        for c in scene.records("commands", which="own")
        if "lock" in str(c.fields["command"]) and "block" not in str(c.fields["command"])
        and c.time is not None and scene.anchor - 30 * DAY <= c.time <= scene.anchor + DAY
        and c.fields.get("status") in ("completed", "failed", "rejected")
    ]  # fmt: skip
    bad = [c for c in found if c.fields.get("status") in ("failed", "rejected")]
    return Reading(float(len(bad)), scene.anchor, scene.sources("commands", bad or found)) if found else None


@measures(
    "unlock_seconds_before_end",
    "seconds from the last unlock command that the charger carried out to the fault, within five minutes",
    unit="s",
    low=0,
)
def unlock_seconds_before_end(scene: Scene) -> Reading | None:
    done = [
        c
        for c in scene.records("commands", which="own")
        if "unlock" in str(c.fields["command"]) and c.fields.get("status") in ("completed", "accepted") and c.time is not None
        and 0 <= scene.anchor - c.time <= 5 * MINUTE
    ]  # fmt: skip
    return (
        Reading(scene.anchor - (done[-1].time or 0.0), done[-1].time, scene.sources("commands", done[-1:]))
        if done
        else None
    )


_LOCKED = re.compile(r"\b(un)?(locked|latched)\b|\b(engaged|disengaged|released)\b")


@measures(
    "lock_changes_at_end",
    "how often the connector's lock changed between locked and unlocked by events from 30 minutes before to ten minutes after "
    "an occurrence (the occurrence with most); known where such events hold a state of the lock",
    unit="1",
    low=0,
)
def lock_changes_at_end(scene: Scene) -> Reading | None:
    told: list[tuple[float, bool, Record]] = []
    for event in scene.events():
        if event.time is None or event.fields["event_type"] in ("fault", "plug_in", "plug_out"):
            continue
        for path, value in flat(event.fields.get("data")):
            if not re.search(r"\b(un)?(lock|latch|locked)", f"{event.fields['event_type']} {path}"):
                continue
            word = words_of(str(value))
            if _LOCKED.search(word) or isinstance(value, bool):
                locked = (
                    value
                    if isinstance(value, bool)
                    else not re.search(r"\b(un(locked|latched)|disengaged|released)\b", word)
                )
                told.append((event.time, locked, event))
                break
        else:
            kind = words_of(event.fields["event_type"])
            if re.search(r"\b(lock|locked|latched|unlock|unlocked|unlatched)$", kind):
                told.append((event.time, not re.search(r"\bun", kind), event))
    best: Reading | None = None
    for time in list(reversed(scene.times))[:MAX_OCCURRENCES]:
        near = [t for t in told if time - 30 * MINUTE <= t[0] <= time + 10 * MINUTE]
        changes = sum(a[1] != b[1] for a, b in pairwise(near))
        if near and (best is None or changes > float(best.value)):
            best = Reading(float(changes), time, scene.sources("events", [t[2] for t in near]))
    return best


@measures(
    "vehicle_abort_soc_spread",
    "of at least three unexpected ends of this vehicle here and elsewhere within 60 days, the distance between the lowest and "
    "the highest state of charge at the end",
    unit="1",
    low=0,
)
def vehicle_abort_soc_spread(scene: Scene) -> Reading | None:
    vin = _vehicle(scene)
    if vin is None:
        return None
    ends = [
        s
        for s in _fleet_sessions(scene).get(vin, [])
        if s.soc_end is not None and abs(s.start - scene.anchor) <= HISTORY and _ended_badly(scene, s)
    ]
    if len(ends) < 3:
        return None
    levels = [float(s.soc_end) for s in ends if s.soc_end is not None]
    return Reading(max(levels) - min(levels), scene.anchor, few([s.source for s in ends]))


@measures(
    "aborts_of_connector",
    "faults of the code on this connector within 30 days up to the latest, no two of them nearer than a minute",
    unit="1",
    low=0,
)
def aborts_of_connector(scene: Scene) -> Reading | None:
    recent = [f for f in scene.incidence.faults if f.time >= scene.anchor - 30 * DAY]
    apart: list[float] = []
    for fault in recent:
        if not apart or fault.time - apart[-1] >= MINUTE:
            apart.append(fault.time)
    return Reading(float(len(apart)), scene.anchor, few([f.source for f in recent])) if recent else None
