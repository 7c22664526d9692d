"""What is said of the end: stop reasons, details, alarms and messages, and the topics and numbers they hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ....engine.facts import Source
from ...observations import Record
from ...readings import DAY, MINUTE, Reading, few
from ...scene import Said, Scene
from ...texts import as_number
from ..registry import measures
from .occurrences import away_from_occurrences, ended_session, timed_events

_CONTRACT = {"timestamp", "device_id", "connector_id", "record_id", "start_time", "end_time", "energy", "max_power", "avg_power",
             "meter_start", "meter_end", "stop_reason", "details", "vehicle_info"}  # fmt: skip
_VEHICLE_CONTRACT = {"vin", "soc_start", "soc_end", "make", "model", "firmware"}
_EXPECTED_EVENTS = ("start", "auth_ok", "plug_in", "alarm")
"""Events that say nothing of the end; alarms are part of the payload."""


def _said(event: Record) -> dict[str, Any] | None:
    """What an event says beside code and states."""
    data = event.fields.get("data")
    return (
        {k: v for k, v in data.items() if k not in ("fault_code", "from", "to")} if isinstance(data, Mapping) else None
    )


def _beyond_contract(record: Record) -> dict[str, Any]:
    """What a charging record says beyond the fields of its contract."""
    extra = {k: v for k, v in record.raw.items() if k not in _CONTRACT}
    vehicle = record.raw.get("vehicle_info")
    if isinstance(vehicle, Mapping):
        extra["vehicle_info"] = {k: v for k, v in vehicle.items() if k not in _VEHICLE_CONTRACT}
    return extra


def _end_texts(scene: Scene) -> list[Said]:
    """Everything that is said of the end: record, stop and other events, the fault, alarms, other faults at that moment."""

    def load() -> list[Said]:
        texts = [*scene.told()]
        sessions = {s.source: (time, s) for time in scene.times if (s := ended_session(scene, time)) is not None}
        for source, (time, session) in sessions.items():
            texts.append(Said(time, source, {"stop_reason": session.stop_reason, "details": session.details}))
        for record in scene.records("charging_records", which="own"):
            source = scene.source("charging_records", record)
            if source in sessions:
                texts.append(Said(sessions[source][0], source, _beyond_contract(record)))
        beside: dict[Source, Said] = {}
        for time in scene.times:
            for moment, event in timed_events(scene, start=time - 2 * MINUTE, end=time + 2 * MINUTE):
                kind, said = event.fields["event_type"], _said(event)
                in_payload = kind == "fault" and moment in scene.times
                if said is not None and not in_payload and kind not in _EXPECTED_EVENTS:
                    source = scene.source("events", event)
                    beside[source] = Said(moment, source, said)
        return scene.latest_first([*texts, *beside.values()])

    return scene.once(("end texts",), load)


@measures(
    "session_end_mention",
    "a topic of the fault's vocabulary in the stop reason and details of the session, its stop event, the fault, alarms and "
    "other events of the connector at that moment",
    kind="text",
    many=True,
)
def session_end_mention(scene: Scene) -> Iterable[Reading]:
    return scene.mentions((source, data) for _, source, data in _end_texts(scene))


def _past_texts(scene: Scene) -> list[tuple[Source, Any]]:
    """What alarms, other faults and command results of the connector said in the 30 days up to the latest occurrence."""
    start = scene.anchor - 30 * DAY
    texts: list[tuple[Source, Any]] = []
    for moment, event in timed_events(scene, "alarm", "fault", "state", start=start, end=scene.anchor):
        said = _said(event)
        if said is not None and away_from_occurrences(scene, moment):
            texts.append((scene.source("events", event), said))
    for command in scene.records("commands", which="own"):
        if command.time is not None and start <= command.time <= scene.anchor:
            texts.append((scene.source("commands", command), {"result": command.fields.get("result")}))
    return texts


@measures(
    "past_alarm_mention",
    "a topic of the fault's vocabulary in alarms, in messages of other faults and in results of commands of the connector "
    "within 30 days up to the latest occurrence, those at the occurrences left out",
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


def latest_of_end(scene: Scene, read: Callable[[str, Any], float | bool | None]) -> Reading | None:
    """What `read` makes of a key's words and its value in what is said of the end, as in `Scene.latest_detail`."""
    return scene.latest_detail(read, _end_texts(scene))


def end_number(scene: Scene, pattern: str, low: float = float("-inf"), high: float = float("inf")) -> Reading | None:
    """The latest number under a key whose words match a regular expression; None where it is not from low to high."""
    found = latest_of_end(scene, lambda path, value: as_number(value) if re.search(pattern, path) else None)
    return found if found is not None and low <= float(found.value) <= high else None


def end_volts(scene: Scene, pattern: str) -> Reading | None:
    """The same in volts: more than 100 of them are millivolts."""
    reading = end_number(scene, pattern)
    if reading is None or abs(float(reading.value)) <= 100:
        return reading
    return Reading(float(reading.value) / 1000, reading.at, reading.sources)
