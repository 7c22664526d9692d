"""Measurements around discharging: the grid, the inverter, its contactor, the vehicle, and what it refused when."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ...engine.facts import Source
from ..observations import Record, Rows, at_path, epoch
from ..readings import DAY, HOUR, MINUTE, Reading, Readings, few
from ..scene import FaultEvent, Scene, as_number, flat, words_of
from ..sessions import Session
from .registry import measures

LOSS, REFUSAL = "F-0701", "F-0702"
TOGETHER = MINUTE
"""Seconds within which two happenings count as simultaneous (our judgement: clocks of chargers and of grid records)."""

FLOWING_KW = 0.2
"""Power from which energy flows rather than a meter's noise (our judgement)."""

SAME_RUN = 10 * MINUTE
"""Discharging samples closer than this belong to one discharge (our judgement: telemetry may come only every minutes)."""

MOST_OCCURRENCES = 40
"""Occurrences that are looked at one by one, the latest ones (our judgement; keeps long histories quick)."""

NOMINAL_VOLTAGES = (230.0, 400.0, 10_000.0, 20_000.0)
NOMINAL_FREQUENCIES = (50.0, 60.0)

_STELLANTIS = re.compile(
    r"\b(stellantis|free2move|free 2 move|dross ?one|peugeot|citro[eë]n|opel|vauxhall|fiat|jeep|alfa romeo|lancia|ds automobiles|abarth|maserati|leapmotor)\b|^ds\b"
)
_OUTWARD = re.compile(r"\b(discharg\w*|v2g|export\w*|feed in|to grid|bidirectional|v2h|v2x)\b")
_OUTWARD_ENERGY = re.compile(r"\b(discharg\w*|export\w*|v2g|to grid|fed in)\b.*\b(energy|kwh|wh)\b|\benergy (out|exported|discharged|to grid)\b")


# Words


_ACRONYM = re.compile(r"([A-Z]{2,})(?=[A-Z][a-z])")
_STANDARD = re.compile(r"(?i)iso[ _/-]*15118")


def _spelled(data: Any, depth: int = 0) -> Any:
    """Data with acronyms set apart from the words beside them: `evSoC` as `ev_soc`, `EVShiftPosition` as `EV_Shift_...`."""
    if isinstance(data, str):
        return _STANDARD.sub("iso 15118", _ACRONYM.sub(r"\1_", re.sub(r"SoC|SoCs", "_soc_", data[:20_000])))
    if depth > 20:
        return data
    if isinstance(data, Mapping):
        return {_spelled(str(key)): _spelled(value, depth + 1) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_spelled(item, depth + 1) for item in data[:200]]
    return data


def _details(scene: Scene) -> list[tuple[str, Any, Source]]:
    """Every value in the payload with its key path, acronyms set apart."""

    def load() -> list[tuple[str, Any, Source]]:
        return [(path, value, source) for source, data in scene.payload() for path, value in flat(_spelled(data))]

    return scene.once("v2g-details", load)


# Vehicles and what they did


@dataclass(frozen=True, slots=True)
class Vehicle:
    """Which vehicle it was, as far as records say, in lower case."""

    vin: str | None
    make: str | None
    model: str | None
    firmware: str | None

    def is_same(self, other: Vehicle | None) -> bool:
        """One vehicle: equal identification numbers; where one lacks it, equal make and model."""
        if other is None:
            return False
        if self.vin and other.vin:
            return self.vin == other.vin
        return self.is_same_model(other)

    def is_same_model(self, other: Vehicle | None) -> bool:
        """Of one model, and of one make where both name it."""
        if other is None or not self.model or self.model != other.model:
            return False
        return not self.make or not other.make or self.make == other.make


@dataclass(frozen=True, slots=True)
class Discharge:
    """Energy that flowed out of a vehicle: where, from when to when, of which vehicle, at which states of charge."""

    device_id: str
    start: float
    end: float
    vehicle: Vehicle | None
    soc: float | None
    soc_end: float | None
    source: Source


@dataclass(frozen=True, slots=True)
class Happening:
    """One loss or refusal anywhere in the bundle, with the vehicle and its state of charge where they are known."""

    device_id: str
    connector_id: int | None
    time: float
    vehicle: Vehicle | None
    soc: float | None
    source: Source
    told: bool = False  # by a session's record or a command's result only, without a fault event
    lasted: float | None = None  # seconds of the session that tells of it


def _lower(value: Any) -> str | None:
    return value.strip().lower()[:256] or None if isinstance(value, str) else None


def _vehicle(vin: Any, make: Any, model: Any, firmware: Any) -> Vehicle | None:
    vehicle = Vehicle(_lower(vin), _lower(make), _lower(model), _lower(firmware))
    return vehicle if vehicle.vin or vehicle.make or vehicle.model else None


def vehicle_in(data: Any) -> Vehicle | None:
    """The vehicle that an event's data name, wherever they put it."""
    found: dict[str, Any] = {}
    for path, value in flat(data):
        if not isinstance(value, str):
            continue
        words = path.split()
        last = words[-1] if words else ""
        about = any(word in ("vehicle", "ev", "car", "evcc", "info") for word in words)
        if last in ("vin", "evccid") or path.endswith(("evcc id", "vehicle id")):
            found.setdefault("vin", value)
        elif last in ("make", "brand", "oem") or (last == "manufacturer" and about):
            found.setdefault("make", value)
        elif last == "model" and (about or len(words) == 1):
            found.setdefault("model", value)
        elif last in ("firmware", "software") and about:
            found.setdefault("firmware", value)
    return _vehicle(*(found.get(name) for name in ("vin", "make", "model", "firmware")))


def _of_session(session: Session | None) -> Vehicle | None:
    return None if session is None else _vehicle(session.vin, session.make, session.model, session.vehicle_firmware)


def _rows_between(scene: Scene, device: str, start: float, end: float) -> Rows:
    table = scene.observations["telemetry"]
    rows = table.by_device.get(device)
    if rows is None:
        return np.empty(0, dtype=np.intp)
    times = table.times[rows]
    return rows[int(np.searchsorted(times, start, "left")) : int(np.searchsorted(times, end, "right"))]


def _samples(scene: Scene, device: str, start: float, end: float, most: int = 400) -> list[Record]:
    rows = _rows_between(scene, device, start, end)
    if len(rows) > most:
        rows = rows[:: len(rows) // most + 1]
    return [scene.observations["telemetry"].records[row] for row in rows]


def _flows_out(fields: Mapping[str, Any]) -> bool | None:
    """Whether a telemetry record shows energy flowing out of the vehicle; None where it does not say."""
    power, state = fields.get("power"), fields.get("state")
    if power is not None:
        return bool(power < -FLOWING_KW or (state == "discharging" and power > FLOWING_KW))
    return None if state is None else bool(state == "discharging")


def _discharged(scene: Scene, session: Session, meters: tuple[Any, Any] = (None, None)) -> bool | None:
    """Whether a session moved energy out of the vehicle; None where its records do not say."""
    outward = False
    for path, value in flat(session.details):
        number = as_number(value)
        if number is not None and _OUTWARD_ENERGY.search(path):
            return abs(number) > 0.1
        if isinstance(value, str) and _OUTWARD.search(words_of(value)) and re.search(r"\b(mode|direction|type|kind|service|flow)\b", path):
            outward = True
        if value is True and _OUTWARD.search(path):
            outward = True
    energy = session.energy
    if energy is not None and (energy < -0.1 or (outward and energy > 0.1)):
        return True
    if any(power is not None and power < -FLOWING_KW for power in (session.avg_power, session.max_power)):
        return True
    if session.soc_start is not None and session.soc_end is not None and session.soc_end <= session.soc_start - 2:
        return True
    begin, finish = meters
    if begin is not None and finish is not None and finish < begin - 0.1:
        return True
    end = session.end if session.end is not None else session.start + 12 * HOUR
    known = [flow for r in _samples(scene, session.device_id, session.start, end, 120) if (flow := _flows_out(r.fields)) is not None]
    if known:
        return sum(known) >= min(2, len(known))
    if energy is not None:
        return False
    return None


def discharges(scene: Scene) -> list[Discharge]:
    """Every discharge that sessions in the bundle show, by time."""

    def load() -> list[Discharge]:
        found = []
        devices = set(scene.devices) | set(scene.observations["charging_records"].by_device) | set(scene.observations["events"].by_device)
        for device in sorted(devices):
            for session in scene.sessions(which="all", device=device):
                if _discharged(scene, session):
                    start = end = None
                    # Within a long stay, telemetry tells when energy really flowed.
                    flowing = [
                        (r.time or 0.0, r.fields.get("soc"))
                        for r in _samples(scene, device, session.start, session.end or session.start + 12 * HOUR)
                        if _flows_out(r.fields) and session.connector_id in (None, r.fields.get("connector_id") or session.connector_id)
                    ]
                    soc, soc_end = session.soc_start, session.soc_end
                    if flowing:
                        start, end = flowing[0][0], flowing[-1][0]
                        soc = flowing[0][1] if flowing[0][1] is not None else soc
                        soc_end = flowing[-1][1] if flowing[-1][1] is not None else soc_end
                    begun = session.start if start is None else start
                    ended = end or session.end or begun
                    vehicle = session_vehicle(scene, session)
                    found.append(Discharge(device, begun, ended, vehicle, soc, soc_end, session.source))
        return sorted(found, key=lambda d: (d.start, d.device_id, d.source))

    return scene.shared_once(("v2g-discharges",), load)


def session_vehicle(scene: Scene, session: Session) -> Vehicle | None:
    """The vehicle of a session, else what events of the session say."""
    vehicle = _of_session(session)
    if vehicle is None:
        end = session.end if session.end is not None else session.start + HOUR
        vehicle = _vehicle_in_events(scene, session.device_id, session.connector_id, session.start - 10 * MINUTE, end)
    return vehicle


def _vehicle_in_events(scene: Scene, device: str, connector: int | None, start: float, end: float) -> Vehicle | None:
    for event in reversed(scene.events(device=device, which="all", start=start, end=end)):
        named = event.fields.get("connector_id") or None
        if (named is None or connector is None or named == connector) and (found := vehicle_in(event.fields.get("data"))):
            return found
    return None


def _vehicle_of_stay(scene: Scene, device: str, connector: int | None, time: float) -> Vehicle | None:
    """The vehicle that sessions name between the plug-in before a moment and the plug-out after it."""
    plugs = [
        (e.time or 0.0, e.fields["event_type"])
        for e in scene.events("plug_in", "plug_out", device=device, which="all")
        if connector is None or e.fields.get("connector_id") in (None, 0, connector)
    ]
    before = [pair for pair in plugs if pair[0] <= time + MINUTE]
    if not before or before[-1][1] != "plug_in":
        return None
    start = before[-1][0]
    end = min((t for t, _ in plugs if t > time + MINUTE), default=start + 2 * DAY)
    for session in scene.sessions(which="all", device=device):
        alike = connector is None or session.connector_id in (None, connector)
        if alike and start - MINUTE <= session.start <= end and (found := _of_session(session)) is not None:
            return found
    return None


def session_at(scene: Scene, device: str, connector: int | None, time: float) -> Session | None:
    """The session on a charger that was running at a moment, or ended at most five minutes before it."""
    best = None
    for session in scene.sessions(which="all", device=device):
        if session.start - MINUTE > time:
            break
        if connector is not None and session.connector_id not in (None, connector):
            continue
        if (session.end is None and time - session.start < 3 * DAY) or (session.end is not None and session.end >= time - 5 * MINUTE):
            best = session
    return best


def happenings(scene: Scene) -> list[Happening]:
    """Every fault of the incident's code in the bundle, with the vehicle it concerned."""

    def load() -> list[Happening]:
        found = [_happening(scene, fault) for fault in scene.faults("own")]
        return sorted([*found, *_told_only(scene)], key=lambda h: (h.time, h.device_id, h.source))

    return scene.shared_once(("v2g-happenings", scene.incidence.code), load)


_SAID = {
    LOSS: re.compile(r"\b(sync (lost|loss|fault)|lost sync\w*|loss of sync\w*|desync\w*|inverter sync|synclost|f 0701|f0701)\b"),
    REFUSAL: re.compile(r"\b(refus\w*|declin\w*|f 0702|f0702|(discharge|ev|vehicle) (denied|rejected)|denied by (ev|vehicle))\b"),
}


def _told_only(scene: Scene) -> list[Happening]:
    """Losses or refusals that only session records or results of discharge commands tell of."""
    code = scene.incidence.code
    said = _SAID.get(code)
    if said is None:
        return []
    faults: dict[str, list[float]] = {}
    for fault in scene.faults(code):
        faults.setdefault(fault.device_id, []).append(fault.time)
    found: list[Happening] = []
    for device in sorted(scene.observations["charging_records"].by_device):
        for session in scene.sessions(which="all", device=device):
            moved = session.energy is None or abs(session.energy) > 0.1
            if (code == REFUSAL and moved) or not said.search(words_of(_spelled(f"{session.stop_reason or ''} {session.details or ''}"))):
                continue
            end = session.end if session.end is not None else session.start + HOUR
            if any(session.start - MINUTE <= t <= end + 5 * MINUTE for t in faults.get(device, ())):
                continue
            time = session.start if code == REFUSAL or session.end is None else session.end
            found.append(
                Happening(
                    device, session.connector_id, time, _of_session(session), session.soc_start, session.source, True,
                    session.duration,
                )
            )  # fmt: skip
    for command in scene.observations["commands"].records if code == REFUSAL else ():
        device, connector = command.fields["device_id"], command.fields.get("connector_id") or None
        outward = "discharg" in command.fields["command"] or "v2g" in command.fields["command"]
        if command.time is None or not outward or command.fields.get("status") not in ("failed", "rejected"):
            continue
        if not said.search(words_of(_spelled(str(command.fields.get("result") or "")))):
            continue
        near = [*faults.get(device, ()), *(h.time for h in found if h.device_id == device)]
        if all(abs(t - command.time) > 5 * MINUTE for t in near):
            vehicle = _of_session(session_at(scene, device, connector, command.time)) or _vehicle_of_stay(
                scene, device, connector, command.time
            )
            source = scene.source("commands", command)
            found.append(Happening(device, connector, command.time, vehicle, None, source, True))
    return found


def _happening(scene: Scene, fault: FaultEvent) -> Happening:
    session = session_at(scene, fault.device_id, fault.connector_id, fault.time)
    data = fault.record.fields.get("data")
    vehicle = _of_session(session) or vehicle_in(data)
    if vehicle is None:
        start = fault.time - 2 * HOUR if session is None else session.start - 10 * MINUTE
        vehicle = _vehicle_in_events(scene, fault.device_id, fault.connector_id, start, fault.time + MINUTE)
    if vehicle is None:
        vehicle = _vehicle_of_stay(scene, fault.device_id, fault.connector_id, fault.time)
    return Happening(
        fault.device_id, fault.connector_id, fault.time, vehicle, _soc_then(scene, fault, session), fault.source
    )


_SOC = re.compile(r"\b(soc|state of charge|battery level|battery pct|battery percent)\b")
_SOC_LIMIT = re.compile(r"\b(min|minimum|floor|limit|threshold|target|reserve\w*|departure|max|maximum|required|allowed|lower|buffer|cutoff|delta|start of)\b")


def _percent(value: float) -> float | None:
    value = value * 100.0 if 0.0 < value < 1.0 else value
    return value if 0.0 <= value <= 100.0 else None


def _soc_then(scene: Scene, fault: FaultEvent, session: Session | None) -> float | None:
    for path, value in flat(_spelled(fault.record.fields.get("data"))):
        number = as_number(value)
        if number is not None and _SOC.search(path) and not _SOC_LIMIT.search(path):
            return _percent(number)
    best = None
    for record in _samples(scene, fault.device_id, fault.time - 15 * MINUTE, fault.time + 2 * MINUTE):
        soc = record.fields.get("soc")
        named = record.fields.get("connector_id") or None
        if soc is not None and (named is None or fault.connector_id is None or named == fault.connector_id):
            if best is not None and (record.time or 0.0) > fault.time:
                break
            best = soc
    if best is None and session is not None:
        near_end = session.end is not None and abs(session.end - fault.time) < 10 * MINUTE and fault.time - session.start > HOUR
        best = session.soc_end if near_end and session.soc_end is not None else session.soc_start
    return None if best is None else _percent(best)


def _here(scene: Scene, found: Happening) -> bool:
    return found.device_id == scene.device_id and (
        scene.connector_id is None or found.connector_id in (None, scene.connector_id)
    )


def this_happening(scene: Scene) -> Happening | None:
    """The latest occurrence of the incident; of those with a vehicle, where any has one within the last day."""

    def load() -> Happening | None:
        own = [h for h in happenings(scene) if _here(scene, h) and not h.told]
        known = [h for h in own if h.vehicle is not None and h.time >= scene.anchor - DAY]
        chosen = known or own
        return chosen[-1] if chosen else None

    return scene.once("v2g-this", load)


def the_vehicle(scene: Scene) -> Vehicle | None:
    """The vehicle of the latest occurrence."""
    found = this_happening(scene)
    return None if found is None else found.vehicle


def undisturbed(scene: Scene) -> list[Discharge]:
    """Discharges without a fault of the incident's code within five minutes around them on that charger."""

    def load() -> list[Discharge]:
        times: dict[str, list[float]] = {}
        for happening in happenings(scene):
            times.setdefault(happening.device_id, []).append(happening.time)

        def broken(d: Discharge) -> bool:
            known = times.get(d.device_id, [])
            # A refusal only spoils a discharge that had not begun; a loss ends the one that runs.
            early, late = (1.0, 1.0) if scene.incidence.code == REFUSAL else (MINUTE, 5 * MINUTE)
            place = bisect_left(known, d.start - early)
            return place < len(known) and known[place] <= (d.start + late if scene.incidence.code == REFUSAL else d.end + late)

        return [d for d in discharges(scene) if not broken(d)]

    return scene.shared_once(("v2g-undisturbed", scene.incidence.code), load)


# The grid


@dataclass(frozen=True, slots=True)
class Excursion:
    """A grid record of the site or its area: from when to when."""

    start: float
    end: float
    record: Record
    key: str


def _excursions(scene: Scene) -> list[Excursion]:
    def load() -> list[Excursion]:
        areas = {r.fields["site_id"]: r.fields.get("area") for r in scene.observations["sites"].records}
        only_site = len(areas) <= 1
        found = []
        for record in scene.observations["grid"].records:
            site, area = record.fields.get("site_id"), record.fields.get("area")
            if site is not None and site == scene.site_id:
                related = True
            elif site is not None:
                here_unknown = scene.site_id is None and only_site
                related = here_unknown or (scene.area is not None and areas.get(site) == scene.area)
            elif area is not None:
                # Where only one site is on record and nobody noted its area, the area that is recorded will be its own.
                related = area in (scene.area, scene.site_id) or (scene.area is None and only_site)
            else:
                related = only_site
            if related and record.time is not None:
                length = max(0.0, record.fields.get("duration_s") or 0.0)
                found.append(Excursion(record.time, record.time + min(length, DAY), record, f"grid-{record.index}"))
        return found

    return scene.once("v2g-excursions", load)


def _delay(excursion: Excursion, times: Iterable[float]) -> float:
    """Seconds from an excursion to the nearest occurrence: 0 while it lasts, negative where the occurrence came first."""
    delays = [0.0 if excursion.start <= t <= excursion.end else t - (excursion.end if t > excursion.end else excursion.start) for t in times]
    return min(delays, key=abs)


def _near_excursions(scene: Scene) -> list[tuple[Excursion, float]]:
    def load() -> list[tuple[Excursion, float]]:
        times = scene.times[-MOST_OCCURRENCES:]
        found = [(e, _delay(e, times)) for e in _excursions(scene)]
        return sorted((pair for pair in found if abs(pair[1]) <= 2 * HOUR), key=lambda p: (abs(p[1]), p[0].key))[:20]

    return scene.once("v2g-near-excursions", load)


@measures(
    "grid_record_delay",
    "seconds from each grid record of the site or its area to the nearest occurrence within two hours of it: 0 while the "
    "excursion lasts, negative where the occurrence came first",
    unit="s",
    many=True,
)
def grid_record_delay(scene: Scene) -> Iterable[Reading]:
    for excursion, delay in _near_excursions(scene):
        yield Reading(delay, excursion.start, (scene.source("grid", excursion.record),), excursion.key)


@measures(
    "grid_record_kind",
    "what each grid record within two hours of an occurrence says happened",
    kind="text",
    choices=("voltage_excursion", "frequency_excursion", "outage"),
    many=True,
)
def grid_record_kind(scene: Scene) -> Iterable[Reading]:
    for excursion, _ in _near_excursions(scene):
        if (kind := excursion.record.fields.get("kind")) is not None:
            yield Reading(kind, excursion.start, (scene.source("grid", excursion.record),), excursion.key)


def _off_nominal(value: float, nominals: tuple[float, ...]) -> float:
    nominal = min(nominals, key=lambda n: abs(np.log(max(value, 1e-3) / n)))
    return value - nominal


def _voltage_off(value: float) -> float:
    nominal = min(NOMINAL_VOLTAGES, key=lambda n: abs(np.log(max(value, 1e-3) / n))) if value > 120.0 else 230.0
    return 100.0 * abs(value - nominal) / nominal


@measures(
    "grid_record_voltage_deviation",
    "by how much the voltage of each grid record within two hours of an occurrence is off the nearest nominal one",
    unit="%",
    low=0,
    many=True,
)
def grid_record_voltage_deviation(scene: Scene) -> Iterable[Reading]:
    for excursion, _ in _near_excursions(scene):
        voltage = excursion.record.fields.get("voltage_v")
        if voltage is not None and voltage >= 0:
            yield Reading(_voltage_off(voltage), excursion.start, (scene.source("grid", excursion.record),), excursion.key)


@measures(
    "grid_record_frequency_deviation",
    "by how much the frequency of each grid record within two hours of an occurrence is off 50 or 60 Hz",
    unit="Hz",
    low=0,
    many=True,
)
def grid_record_frequency_deviation(scene: Scene) -> Iterable[Reading]:
    for excursion, _ in _near_excursions(scene):
        frequency = excursion.record.fields.get("frequency_hz")
        if frequency is not None and frequency > 0:
            off = abs(_off_nominal(frequency, NOMINAL_FREQUENCIES))
            yield Reading(off, excursion.start, (scene.source("grid", excursion.record),), excursion.key)


@measures(
    "grid_record_without_size",
    "that a grid record within two hours of an occurrence names an excursion but neither voltage nor frequency",
    kind="flag",
    many=True,
)
def grid_record_without_size(scene: Scene) -> Iterable[Reading]:
    for excursion, _ in _near_excursions(scene):
        fields = excursion.record.fields
        sized = fields.get("voltage_v") is not None or fields.get("frequency_hz") is not None
        yield Reading(not sized, excursion.start, (scene.source("grid", excursion.record),), excursion.key)


@measures(
    "hours_to_nearest_grid_record",
    "hours between the nearest grid record of the site or its area and any occurrence, where there are such records",
    unit="h",
    low=0,
)
def hours_to_nearest_grid_record(scene: Scene) -> Reading | None:
    found = _excursions(scene)
    if not found:
        return None
    nearest = min(found, key=lambda e: (abs(_delay(e, scene.times[-MOST_OCCURRENCES:])), e.key))
    gap = abs(_delay(nearest, scene.times[-MOST_OCCURRENCES:])) / HOUR
    return Reading(gap, nearest.start, (scene.source("grid", nearest.record),))


@measures(
    "share_of_losses_with_grid_record",
    "of at least three occurrences, the share within a minute of a grid record of the site or its area, where there are such "
    "records",
    unit="%",
    low=0,
    high=100,
)
def share_of_losses_with_grid_record(scene: Scene) -> Reading | None:
    times = scene.times[-MOST_OCCURRENCES:]
    found = _excursions(scene)
    if len(times) < 3 or not found:
        return None
    met = [t for t in times if any(e.start - TOGETHER <= t <= e.end + TOGETHER for e in found)]
    return Reading(100.0 * len(met) / len(times), scene.anchor, scene.sources("grid", [e.record for e in found]))


def _phases(scene: Scene) -> list[Readings]:
    paths = [f"phase_details.phase_{phase}.voltage" for phase in "abc"]
    return [r.where(lambda v: v >= 0) for path in paths if len(r := scene.readings(path, which="all"))]


def _nominal_of(values: np.ndarray) -> float:
    median = float(np.median(values))
    for nominal in (230.0, 400.0):
        if abs(median - nominal) <= 0.15 * nominal:
            return nominal
    return median


def _phase_window(scene: Scene, before: float) -> tuple[list[Readings], float] | None:
    phases = [p for p in _phases(scene) if len(p)]
    if not phases:
        return None
    nominal = _nominal_of(np.concatenate([p.values for p in phases]))
    if nominal < 50.0:
        return None
    for time in reversed(scene.times[-MOST_OCCURRENCES:]):
        window = [w for p in phases if len(w := p.between(time - before, time + 2.0))]
        if window:
            return window, nominal
    return None


@measures(
    "phase_voltage_deviation",
    "largest deviation of a phase voltage from nominal from two minutes before to two seconds after the latest occurrence "
    "that has readings",
    unit="%",
    low=0,
)
def phase_voltage_deviation(scene: Scene) -> Reading | None:
    found = _phase_window(scene, 2 * MINUTE)
    if found is None:
        return None
    window, nominal = found
    return max(
        (w.reading(100.0 * float(off[place := int(np.argmax(off))]) / nominal, float(w.times[place]), [place])
         for w in window if len(off := np.abs(w.values - nominal))),
        key=lambda r: float(r.value),
    )  # fmt: skip


@measures(
    "phase_voltage_readings",
    "readings of the best covered phase within the minute before the latest occurrence that has any",
    unit="1",
    low=0,
)
def phase_voltage_readings(scene: Scene) -> Reading | None:
    found = _phase_window(scene, MINUTE)
    if found is None:
        return None
    longest = max(found[0], key=len)
    return longest.reading(float(len(longest)))


@measures(
    "phase_voltage_spread",
    "largest difference between the phases, in percent of nominal, from two minutes before to two seconds after the latest "
    "occurrence that has readings of several phases",
    unit="%",
    low=0,
)
def phase_voltage_spread(scene: Scene) -> Reading | None:
    found = _phase_window(scene, 2 * MINUTE)
    if found is None or len(found[0]) < 2:
        return None
    window, nominal = found
    rows = sorted(set.intersection(*(set(w.rows.tolist()) for w in window)))
    if not rows:
        return None
    columns = np.array([w.at_rows(np.array(rows, dtype=np.intp)).values for w in window])
    spread = columns.max(axis=0) - columns.min(axis=0)
    place = int(np.argmax(spread))
    first = window[0].at_rows(np.array(rows, dtype=np.intp))
    return first.reading(100.0 * float(spread[place]) / nominal, float(first.times[place]), [place])


_LIMIT_KEY = re.compile(r"\b(limit|max|min|threshold|expected|nominal|allowed|rated|setpoint|window|upper|lower|trip level)\b")
_GRID_VOLTAGE = re.compile(
    r"\b(grid|mains|ac|line|phase|supply|pcc|network|rms|utility)\b.*\b(v|volt\w*|vac|u)\b|\b(v|u) ?(l1|l2|l3|an|bn|cn|grid|ac|pcc)\b|\bvoltage (v )?(l1|l2|l3|a|b|c)\b"
)
_PER_UNIT = re.compile(r"\b(pu|p u)\b")


@measures(
    "reported_grid_voltage_deviation",
    "largest deviation from nominal of a grid voltage that the fault's details or an alarm's give",
    unit="%",
    low=0,
)
def reported_grid_voltage_deviation(scene: Scene) -> Reading | None:
    found = []
    for path, value, source in _details(scene):
        number = as_number(value)
        if number is None or number < 0 or _LIMIT_KEY.search(path) or not _GRID_VOLTAGE.search(path) or "dc" in path.split():
            continue
        if re.search(r"\b(pct|percent|deviation|angle|thd|unbalance|imbalance|ms|hz)\b", path):
            continue
        if _PER_UNIT.search(path) and number < 3:
            found.append(Reading(100.0 * abs(number - 1.0), scene.anchor, (source,)))
        elif number < 1000:
            found.append(Reading(_voltage_off(number), scene.anchor, (source,)))
    return max(found, key=lambda r: (float(r.value), r.sources), default=None)


@measures(
    "reported_grid_frequency_deviation",
    "largest deviation from 50 or 60 Hz of a frequency that the fault's details or an alarm's give",
    unit="Hz",
    low=0,
)
def reported_grid_frequency_deviation(scene: Scene) -> Reading | None:
    found = []
    for path, value, source in _details(scene):
        number = as_number(value)
        if number is None or _LIMIT_KEY.search(path) or not re.search(r"\b(freq\w*|hz)\b", path):
            continue
        if 40.0 <= number <= 70.0:
            found.append(Reading(abs(_off_nominal(number, NOMINAL_FREQUENCIES)), scene.anchor, (source,)))
    return max(found, key=lambda r: (float(r.value), r.sources), default=None)


# The neighbours


@dataclass(frozen=True, slots=True)
class Peer:
    """What another charger of the site or area did at the loss: seconds to its own loss, or how it ran through."""

    device_id: str
    at_site: bool
    gap: float | None
    held: bool
    charged: bool
    wavered: bool
    sources: tuple[Source, ...]


def _peers(scene: Scene) -> list[Peer]:
    def load() -> list[Peer]:
        sites = {r.fields["site_id"] for r in scene.observations["sites"].records if r.fields.get("area") == scene.area}
        own_times = scene.times[-MOST_OCCURRENCES:]
        losses: dict[str, list[FaultEvent]] = {}
        for fault in scene.faults(LOSS):
            losses.setdefault(fault.device_id, []).append(fault)
        found = []
        for record in scene.others:
            device, site = record.fields["device_id"], record.fields.get("site_id")
            at_site = scene.site_id is not None and site == scene.site_id
            if not at_site and (scene.area is None or site not in sites):
                continue
            known = losses.get(device, [])
            gap = min((abs(fault.time - t) for fault in known for t in own_times), default=None)
            sources = [min(known, key=lambda f: min(abs(f.time - t) for t in own_times)).source] if known else []
            held = charged = wavered = False
            for t in own_times[-3:]:
                before = _samples(scene, device, t - 5 * MINUTE, t - 0.001, 120)
                after = _samples(scene, device, t, t + 5 * MINUTE, 120)
                lost = [r for r in before + after if r.fields.get("inverter_sync_status") == "lost" and abs((r.time or 0.0) - t) <= 2 * MINUTE]
                if lost:
                    near = min(abs((r.time or 0.0) - t) for r in lost)
                    gap = near if gap is None else min(gap, near)
                    sources.append(scene.source("telemetry", lost[0]))
                elif before and after:
                    out = [r for r in before + after if r.fields.get("inverter_sync_status") == "unsynced" and abs((r.time or 0.0) - t) <= TOGETHER]
                    if out and any(_in_sync(r.fields) for r in before) and any(r.fields.get("state") == "discharging" for r in before):
                        wavered = True
                        sources.append(scene.source("telemetry", out[0]))
                        continue
                    through = all(_in_sync(r.fields) for r in (before[-1], after[0], after[-1]))
                    held = held or through
                    charged = charged or all(r.fields.get("state") == "charging" for r in (before[-1], after[0]))
                    if through:
                        sources.extend(scene.sources("telemetry", [before[-1], after[0]]))
            if not held and (gap is None or gap > TOGETHER):
                for d in discharges(scene):
                    if d.device_id == device and d.start < scene.anchor - MINUTE and d.end > scene.anchor + 2 * MINUTE:
                        held = True
                        sources.append(d.source)
            found.append(Peer(device, at_site, gap, held and not wavered and (gap is None or gap > 5 * MINUTE), charged, wavered, few(sources)))
        return found

    return scene.once("v2g-peers", load)


def _in_sync(fields: Mapping[str, Any]) -> bool:
    status = fields.get("inverter_sync_status")
    if status is not None:
        return bool(status == "synced" and fields.get("state") != "fault")
    return fields.get("state") == "discharging"


def _fallback(scene: Scene) -> tuple[Source, ...]:
    return few([fault.source for fault in scene.incidence.faults])


@measures(
    "peer_loss_gap",
    "seconds between a loss of sync on another charger of the site or area and the nearest occurrence here",
    unit="s",
    low=0,
)
def peer_loss_gap(scene: Scene) -> Reading | None:
    lost = [p for p in _peers(scene) if p.gap is not None and p.gap <= HOUR]
    if not lost:
        return None
    nearest = min(lost, key=lambda p: (p.gap or 0.0, p.device_id))
    return Reading(nearest.gap or 0.0, scene.anchor, nearest.sources)


@measures(
    "peers_lost_together",
    "other chargers of the site or area that lost sync within a minute of an occurrence here; known where one did",
    unit="1",
    low=0,
)
def peers_lost_together(scene: Scene) -> Reading | None:
    lost = [p for p in _peers(scene) if p.gap is not None and p.gap <= TOGETHER]
    return Reading(float(len(lost)), scene.anchor, few([s for p in lost for s in p.sources])) if lost else None


@measures(
    "peers_wavered_together",
    "other chargers of the site or area that ran unsynced for a moment within a minute of an occurrence, without losing sync; "
    "known where one did",
    unit="1",
    low=0,
)
def peers_wavered_together(scene: Scene) -> Reading | None:
    found = [p for p in _peers(scene) if p.wavered]
    return Reading(float(len(found)), scene.anchor, few([s for p in found for s in p.sources])) if found else None


@measures(
    "site_sessions_ended_together",
    "sessions on other chargers of the site that ended within 15 s of an occurrence; known where one did",
    unit="1",
    low=0,
)
def site_sessions_ended_together(scene: Scene) -> Reading | None:
    found = []
    for neighbour in scene.neighbours:
        for session in scene.sessions(which="all", device=neighbour.fields["device_id"]):
            if session.end is not None and any(abs(session.end - t) <= 15.0 for t in scene.times[-MOST_OCCURRENCES:]):
                found.append(session.source)
    return Reading(float(len(found)), scene.anchor, few(found)) if found else None


@measures(
    "site_peers_held_sync",
    "other chargers of the site that stayed in sync, or went on discharging, through the loss; known where one did",
    unit="1",
    low=0,
)
def site_peers_held_sync(scene: Scene) -> Reading | None:
    held = [p for p in _peers(scene) if p.held and p.at_site]
    return Reading(float(len(held)), scene.anchor, few([s for p in held for s in p.sources])) if held else None


@measures(
    "area_peers_held_sync",
    "chargers of other sites in the grid area that stayed in sync, or went on discharging, through the loss; known where one "
    "did",
    unit="1",
    low=0,
)
def area_peers_held_sync(scene: Scene) -> Reading | None:
    held = [p for p in _peers(scene) if p.held and not p.at_site]
    return Reading(float(len(held)), scene.anchor, few([s for p in held for s in p.sources])) if held else None


@measures(
    "site_peers_charged_through",
    "other chargers of the site that went on charging through the loss; known where one did",
    unit="1",
    low=0,
)
def site_peers_charged_through(scene: Scene) -> Reading | None:
    steady = [p for p in _peers(scene) if p.charged and p.at_site]
    records = [scene.devices[p.device_id] for p in steady]
    return Reading(float(len(steady)), scene.anchor, scene.sources("devices", records)) if steady else None


@measures(
    "site_peers_disturbed",
    "other chargers of the site with a fault of another code, or that went offline, within a minute of an occurrence; known "
    "where one did",
    unit="1",
    low=0,
)
def site_peers_disturbed(scene: Scene) -> Reading | None:
    found = []
    times = scene.times[-MOST_OCCURRENCES:]
    neighbours = {r.fields["device_id"] for r in scene.neighbours}
    hit: set[str] = set()
    for fault in scene.all_faults:
        if fault.device_id in neighbours and fault.code != LOSS and any(abs(fault.time - t) <= TOGETHER for t in times):
            hit.add(fault.device_id)
            found.append(fault.source)
    for device in sorted(neighbours - hit):
        for record in scene.records("connections", device=device):
            if record.fields["transition"] == "offline" and any(abs((record.time or 0.0) - t) <= TOGETHER for t in times):
                hit.add(device)
                found.append(scene.source("connections", record))
                break
    return Reading(float(len(hit)), scene.anchor, few(found)) if hit else None


@measures(
    "site_peer_phase_voltage_deviation",
    "largest deviation from 230 V or 400 V of a phase voltage at another charger of the site within a minute of the latest "
    "occurrence",
    unit="%",
    low=0,
)
def site_peer_phase_voltage_deviation(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for neighbour in scene.neighbours[:20]:
        for record in _samples(scene, neighbour.fields["device_id"], scene.anchor - MINUTE, scene.anchor + MINUTE, 60):
            for phase in "abc":
                voltage = at_path(record.fields, f"phase_details.phase_{phase}.voltage")
                if voltage is None or voltage <= 50.0:
                    continue  # An idle charger may report no voltage at all.
                off = _voltage_off(voltage)
                if best is None or off > float(best.value):
                    best = Reading(off, record.time, (scene.source("telemetry", record),))
    return best


@measures(
    "elsewhere_lost_together",
    "chargers outside the site and its known area that lost sync within a minute of an occurrence; known where one did",
    unit="1",
    low=0,
)
def elsewhere_lost_together(scene: Scene) -> Reading | None:
    near = {scene.device_id, *(p.device_id for p in _peers(scene))}
    times = scene.times[-MOST_OCCURRENCES:]
    hits = [f for f in scene.faults(LOSS) if f.device_id not in near and any(abs(f.time - t) <= TOGETHER for t in times)]
    return Reading(float(len({f.device_id for f in hits})), scene.anchor, few([f.source for f in hits])) if hits else None


def _apart_on_firmware(scene: Scene) -> list[FaultEvent]:
    version = scene.about("firmware_version")
    if version is None:
        return []
    return [
        fault
        for fault in scene.faults(LOSS)
        if fault.device_id != scene.device_id
        and scene.about("firmware_version", scene.devices.get(fault.device_id)) == version
        and scene.devices.get(fault.device_id) is not None
        and abs(fault.time - scene.anchor) <= 14 * DAY
        and all(abs(fault.time - t) > 10 * MINUTE for t in scene.times[-MOST_OCCURRENCES:])
    ]


@measures(
    "sites_losing_sync_apart",
    "other sites with chargers on this firmware that lost sync within two weeks, but not within ten minutes of this charger; "
    "known where there is one",
    unit="1",
    low=0,
)
def sites_losing_sync_apart(scene: Scene) -> Reading | None:
    apart = _apart_on_firmware(scene)
    sites = {scene.about("site_id", scene.devices.get(f.device_id)) for f in apart} - {None, scene.site_id}
    return Reading(float(len(sites)), scene.anchor, few([f.source for f in apart])) if sites else None


@measures(
    "models_losing_sync_apart",
    "different vehicle models at the losses on this firmware, this one's included; known from two losses on several chargers",
    unit="1",
    low=0,
)
def models_losing_sync_apart(scene: Scene) -> Reading | None:
    apart = {(f.device_id, f.time) for f in _apart_on_firmware(scene)}
    found = [h for h in happenings(scene) if (h.device_id, h.time) in apart or _here(scene, h)]
    known = [h for h in found if h.vehicle is not None and (h.vehicle.model or h.vehicle.make)]
    if len({h.device_id for h in known}) < 2:
        return None
    models = {((h.vehicle.make or ""), (h.vehicle.model or "")) for h in known if h.vehicle is not None}
    return Reading(float(len(models)), scene.anchor, few([h.source for h in known]))


# The inverter


def _before_loss(scene: Scene, readings: Readings, reach: float, span: float, least: int) -> Readings | None:
    """Readings of so long before the latest occurrence that has enough of them; the last two minutes are the loss itself."""
    for time in reversed(scene.times[-MOST_OCCURRENCES:]):
        window = readings.between(time - reach, time - 2 * MINUTE)
        if len(window) >= least and window.times[-1] - window.times[0] >= span:
            return window
    return None


def _change(window: Readings) -> Reading:
    """From the median of the first quarter of the time to that of the last one."""
    start, end = float(window.times[0]), float(window.times[-1])
    quarter = (end - start) / 4
    early, late = window.between(start, start + quarter), window.between(end - quarter, end)
    return window.reading(float(np.median(late.values) - np.median(early.values)))


def _health(scene: Scene) -> Readings:
    return scene.readings("inverter_health_pct", which="all")


@measures(
    "inverter_health_change_24h",
    "change of the inverter's health within up to 24 h before a loss, the last two minutes left out: median of the last "
    "quarter of the time less that of the first; known from four readings over half an hour",
    unit="points",
)
def inverter_health_change_24h(scene: Scene) -> Reading | None:
    window = _before_loss(scene, _health(scene), DAY, HOUR / 2, 4)
    return None if window is None else _change(window)


@measures(
    "inverter_health_hours",
    "hours that the health readings of the 24 h before a loss span; known from four readings",
    unit="h",
    low=0,
)
def inverter_health_hours(scene: Scene) -> Reading | None:
    window = _before_loss(scene, _health(scene), DAY, HOUR / 2, 4)
    return None if window is None else window.reading((window.times[-1] - window.times[0]) / HOUR)


@measures(
    "inverter_health_change_30d",
    "change of the inverter's health within up to 30 days before a loss, the last two minutes left out: median of the last "
    "quarter of the time less that of the first; known from four readings over two days",
    unit="points",
)
def inverter_health_change_30d(scene: Scene) -> Reading | None:
    window = _before_loss(scene, _health(scene), 30 * DAY, 2 * DAY, 4)
    return None if window is None else _change(window)


@measures(
    "inverter_health_before_loss",
    "median of the inverter's health from 30 to two minutes before the latest occurrence that has readings then",
    unit="%",
)
def inverter_health_before_loss(scene: Scene) -> Reading | None:
    window = _before_loss(scene, _health(scene), 30 * MINUTE, 0.0, 1)
    return None if window is None else window.median()


@measures(
    "inverter_health_recovery",
    "median of the inverter's health from ten minutes to a day after the latest occurrence less that from a day to two minutes "
    "before it; two readings each",
    unit="points",
)
def inverter_health_recovery(scene: Scene) -> Reading | None:
    health = _health(scene)
    before = health.between(scene.anchor - HOUR, scene.anchor - 2 * MINUTE)
    if len(before) < 2:
        before = health.between(scene.anchor - DAY, scene.anchor - 2 * MINUTE)
    after = health.between(scene.anchor + 10 * MINUTE, scene.anchor + DAY)
    if len(before) < 2 or len(after) < 2:
        return None
    return after.reading(float(np.median(after.values) - np.median(before.values)))


@measures(
    "inverter_health_sparse_change",
    "the last health reading up to two minutes before the latest occurrence less the first one within 30 days, where there "
    "are two or three",
    unit="points",
)
def inverter_health_sparse_change(scene: Scene) -> Reading | None:
    window = _health(scene).between(scene.anchor - 30 * DAY, scene.anchor - 2 * MINUTE)
    if not 2 <= len(window) <= 3 or window.times[-1] - window.times[0] < HOUR:
        return None
    return window.reading(float(window.values[-1] - window.values[0]))


@measures(
    "reported_health_change",
    "change of the inverter's health that the payload gives: from an earlier value or the first of a series to the latest",
    unit="points",
)
def reported_health_change(scene: Scene) -> Reading | None:
    earlier: list[float] = []
    later: list[float] = []
    series: dict[str, list[float]] = {}
    sources = []
    for path, value, source in _details(scene):
        number = as_number(value)
        if number is None or "health" not in path or not 0 <= number <= 100 or _LIMIT_KEY.search(path):
            continue
        sources.append(source)
        if re.search(r"\b(ago|before|previous|prior|yesterday|baseline|earlier|initial|start|prev|past|24h before)\b", path):
            earlier.append(number)
        else:
            later.append(number)
            series.setdefault(path, []).append(number)
    if earlier and later:
        return Reading(min(later) - max(earlier), scene.anchor, few(sources))
    longest = max(series.values(), key=len, default=[])
    return Reading(longest[-1] - longest[0], scene.anchor, few(sources)) if len(longest) >= 3 else None


@measures(
    "harmonic_distortion_change",
    "change of the inverter's harmonic distortion within up to 30 days before a loss, the last two minutes left out: last "
    "quarter of the time less the first; known from four readings over half an hour",
    unit="points",
)
def harmonic_distortion_change(scene: Scene) -> Reading | None:
    column = scene.readings("component_health.harmonic_distortion_v2g_pct", which="all")
    window = _before_loss(scene, column, 30 * DAY, HOUR / 2, 4)
    return None if window is None else _change(window)


@measures(
    "harmonic_distortion",
    "median harmonic distortion in the 30 minutes before the latest occurrence that has readings",
    unit="%",
    low=0,
)
def harmonic_distortion(scene: Scene) -> Reading | None:
    column = scene.readings("component_health.harmonic_distortion_v2g_pct", which="all")
    return scene.near(column, 30 * MINUTE, 5.0).median()


@measures(
    "sync_flutters_before_loss",
    "times the sync status left `synced` in the 24 h before the latest occurrence, its last two minutes and those around "
    "earlier occurrences left out; known from ten words",
    unit="1",
    low=0,
)
def sync_flutters_before_loss(scene: Scene) -> Reading | None:
    for time in reversed(scene.times[-MOST_OCCURRENCES:]):
        words = scene.words("inverter_sync_status", which="all").between(time - DAY, time - 2 * MINUTE)
        if len(words) < 10:
            continue
        out = np.array([value != "synced" for value in words.values])
        places = np.flatnonzero(out[1:] & ~out[:-1]) + 1
        states = scene.observations["telemetry"]
        kept = []
        for place in places:
            moment = float(words.times[place])
            # An inverter that stops because the session stops leaves sync without fluttering.
            idle = states.records[int(words.rows[place])].fields.get("state") in ("idle", "unavailable", "preparing")
            if not idle and all(abs(moment - t) > 2 * MINUTE for t in scene.times[-MOST_OCCURRENCES:]):
                kept.append(int(place))
        sources = few([words.source(p) for p in (kept or [0, len(words) - 1])])
        return Reading(float(len(kept)), float(words.times[-1]), sources)
    return None


@measures(
    "seconds_unsynced_before_loss",
    "how long the sync status had been `unsynced` while energy flowed out, up to the latest occurrence that has readings",
    unit="s",
    low=0,
)
def seconds_unsynced_before_loss(scene: Scene) -> Reading | None:
    for time in reversed(scene.times[-MOST_OCCURRENCES:]):
        samples = _samples(scene, scene.device_id, time - HOUR, time, 720)
        known = [r for r in samples if r.fields.get("inverter_sync_status") is not None and (r.time or 0.0) <= time]
        run: list[Record] = []
        for record in reversed(known):
            status = record.fields["inverter_sync_status"]
            if status == "lost" and not run:
                continue
            if status != "unsynced" or not (_flows_out(record.fields) or record.fields.get("state") == "discharging"):
                break
            run.append(record)
        if run:
            return Reading(time - (run[-1].time or time), time, scene.sources("telemetry", run))
        if known:
            return Reading(0.0, time, scene.sources("telemetry", known[-2:]))
    return None


@measures(
    "reported_phase_error",
    "the largest phase or loop error, in degrees, that the payload gives",
    unit="°",
    low=0,
)
def reported_phase_error(scene: Scene) -> Reading | None:
    found = []
    for path, value, source in _details(scene):
        number = as_number(value)
        if number is None or _LIMIT_KEY.search(path) or not re.search(r"\b(pll|phase|lock|angle)\b", path):
            continue
        if re.search(r"\b(error|err|drift|offset|jitter|deviation|deg\w*)\b", path) and not re.search(r"\b(ms|us|pct|ppm|v|a|voltage|current|count)\b", path):
            found.append(Reading(abs(number), scene.anchor, (source,)))
    return max(found, key=lambda r: (float(r.value), r.sources), default=None)


@measures(
    "loss_interval_variation",
    "standard deviation of the intervals between occurrences over their mean; known from four occurrences that are on average "
    "less than 18 h and more than five minutes apart",
    unit="1",
    low=0,
)
def loss_interval_variation(scene: Scene) -> Reading | None:
    intervals = np.diff(np.array(scene.times))
    if len(intervals) < 3 or not 5 * MINUTE < intervals.mean() < 18 * HOUR:
        return None
    return Reading(float(intervals.std() / intervals.mean()), scene.anchor, _fallback(scene))


@measures(
    "sync_loss_hours_spread",
    "shortest stretch of the day that holds all occurrences; known from occurrences on three days",
    unit="h",
    low=0,
    high=24,
)
def sync_loss_hours_spread(scene: Scene) -> Reading | None:
    if len({int(t // DAY) for t in scene.times}) < 3:
        return None
    return Reading(_spread([_hour(t) for t in scene.times]), scene.anchor, _fallback(scene))


@measures(
    "power_unrest_before_loss",
    "median change between successive samples of the discharge power in the five minutes before the latest occurrence that has "
    "twelve, the first and last ones left out, in percent of its median",
    unit="%",
    low=0,
)
def power_unrest_before_loss(scene: Scene) -> Reading | None:
    power = scene.readings("power").where(lambda values: values < -FLOWING_KW)
    for time in reversed(scene.times[-MOST_OCCURRENCES:]):
        window = power.between(time - 5 * MINUTE, time - 10.0)
        if len(window) >= 12:
            values = window.values[3:-1]
            return window.reading(100.0 * float(np.median(np.abs(np.diff(values))) / abs(np.median(values))))
    return None


@measures(
    "loss_interval_ratio",
    "median of the later half of the intervals between occurrences over that of the earlier half; known from five occurrences",
    unit="1",
    low=0,
)
def loss_interval_ratio(scene: Scene) -> Reading | None:
    intervals = np.diff(np.array(scene.times))
    half = len(intervals) // 2
    if half < 2 or np.median(intervals[:half]) <= 0:
        return None
    return Reading(float(np.median(intervals[-half:]) / np.median(intervals[:half])), scene.anchor, _fallback(scene))


def _times_to_loss(scene: Scene) -> list[float]:
    """Seconds that each discharge had lasted at its loss, in order of time; of one stay only the first loss."""
    waits = []
    for time in scene.times[-MOST_OCCURRENCES:]:
        found = _discharging_for(scene, time)
        session = session_at(scene, scene.device_id, scene.connector_id, time)
        if found is not None:
            waits.append(found[0])
        elif session is not None and time >= session.start:
            waits.append(time - session.start)
    before = [h for h in happenings(scene) if h.told and _here(scene, h) and h.time < scene.first and h.lasted is not None]
    return [h.lasted or 0.0 for h in before] + waits


@measures(
    "time_to_loss_variation",
    "standard deviation over mean of the time that discharges lasted until sync was lost; known from three losses after five "
    "minutes and more",
    unit="1",
    low=0,
)
def time_to_loss_variation(scene: Scene) -> Reading | None:
    waits = np.array(_times_to_loss(scene))
    if len(waits) < 3 or waits.min() < 5 * MINUTE:
        return None
    return Reading(float(waits.std() / waits.mean()), scene.anchor, _fallback(scene))


@measures(
    "time_to_loss_ratio",
    "median time that the later half of the discharges lasted until sync was lost over that of the earlier half; known from "
    "four losses",
    unit="1",
    low=0,
)
def time_to_loss_ratio(scene: Scene) -> Reading | None:
    waits = _times_to_loss(scene)
    half = len(waits) // 2
    if half < 2 or np.median(waits[:half]) < MINUTE:
        return None
    return Reading(float(np.median(waits[-half:]) / np.median(waits[:half])), scene.anchor, _fallback(scene))


@measures(
    "hours_in_sync_after_restart",
    "hours of discharging or `synced` telemetry without a loss within a day after a restart command that followed an occurrence",
    unit="h",
    low=0,
)
def hours_in_sync_after_restart(scene: Scene) -> Reading | None:
    from .common import restarts

    moments = [(t, s) for t, s in restarts(scene) if t > scene.first]
    best: Reading | None = None
    for time, source in moments[-5:]:
        after = [t for t in scene.times if t > time]
        end = min([time + DAY, *after])
        good = [r.time or 0.0 for r in _samples(scene, scene.device_id, time, end) if _in_sync(r.fields) and _flows_out(r.fields)]
        runs = [d for d in discharges(scene) if d.device_id == scene.device_id and time <= d.start and d.end <= end]
        hours = max([(good[-1] - good[0]) / HOUR if len(good) > 1 else 0.0, *((d.end - d.start) / HOUR for d in runs)])
        if (good or runs) and (best is None or hours > float(best.value)):
            best = Reading(hours, time, few([source, *(d.source for d in runs)]))
    return best


# The switch-over to discharging


def _out_runs(scene: Scene) -> list[tuple[float, float, bool]]:
    """Runs of discharging on this connector: start, end, and whether the record before shows that they began there."""

    def load() -> list[tuple[float, float, bool]]:
        rows = scene.words("state").rows
        power = scene.readings("power")
        rows = np.union1d(rows, power.rows).astype(np.intp)
        table = scene.observations["telemetry"]
        times, known = [], []
        for row in rows:
            flows = _flows_out(table.records[row].fields)
            if flows is None:
                continue
            state = table.records[row].fields.get("state")
            times.append(float(table.times[row]))
            known.append(flows or state == "discharging")
        runs: list[tuple[float, float, bool]] = []
        for place, out in enumerate(known):
            if not out:
                continue
            if runs and place and (known[place - 1] and times[place] - times[place - 1] <= HOUR):
                runs[-1] = (runs[-1][0], times[place], runs[-1][2])
            else:
                seen = place > 0 and not known[place - 1] and times[place] - times[place - 1] <= 5 * MINUTE
                runs.append((times[place], times[place], seen))
        return runs

    return scene.once("v2g-runs", load)


def _to_discharging(scene: Scene) -> list[tuple[float, Source | None]]:
    """When the connector went over to discharging, by events and by telemetry."""

    def load() -> list[tuple[float, Source | None]]:
        found: list[tuple[float, Source | None]] = []
        for event in scene.events("state", which="own"):
            data = event.fields.get("data") or {}
            if isinstance(data, Mapping) and str(data.get("to") or data.get("state") or "").lower() == "discharging" and event.time is not None:
                found.append((event.time, scene.source("events", event)))
        for start, _, seen in _out_runs(scene):
            if seen:
                found.append((start, None))
        return sorted(found, key=lambda pair: pair[0])

    return scene.once("v2g-to-discharging", load)


def _discharging_for(scene: Scene, time: float) -> tuple[float, tuple[Source, ...]] | None:
    """Seconds that the connector had been discharging at an occurrence; None where that is not known."""
    begun = [(t, s) for t, s in _to_discharging(scene) if time - 12 * HOUR <= t <= time + 2.0]
    runs = [run for run in _out_runs(scene) if run[0] <= time + 2.0 and run[1] >= time - 10 * MINUTE]
    starts = [t for t, _ in begun if not runs or t >= runs[-1][0] - 10 * MINUTE]
    if starts:
        # An event and the first sample of one switch-over differ by the telemetry's interval: the event is the exact one.
        first = min(t for t in starts if t >= starts[-1] - MINUTE)
        sources = [s for t, s in begun if s is not None and t == first]
        return max(0.0, time - first), few(sources) or _fallback(scene)
    if runs:
        return max(0.0, time - runs[-1][0]), _fallback(scene)
    return None


@measures(
    "seconds_discharging_before_loss",
    "how long the connector had been discharging at the latest occurrence (at least, where its records begin later), from "
    "state events or telemetry",
    unit="s",
    low=0,
)
def seconds_discharging_before_loss(scene: Scene) -> Reading | None:
    for time in reversed(scene.times[-MOST_OCCURRENCES:]):
        found = _discharging_for(scene, time)
        if found is not None:
            return Reading(found[0], time, found[1])
    return None


@measures(
    "switchover_seen",
    "whether records show the very moment at which the connector went over to discharging before the latest occurrence",
    kind="flag",
)
def switchover_seen(scene: Scene) -> Reading | None:
    found = _discharging_for(scene, scene.anchor)
    if found is None:
        return None
    seen = any(abs((scene.anchor - t) - found[0]) < 3.0 for t, _ in _to_discharging(scene))
    return Reading(seen, scene.anchor, found[1])


@measures(
    "share_of_losses_at_switchover",
    "of at least three occurrences with a known switch-over to discharging, the share at most 15 s after it",
    unit="%",
    low=0,
    high=100,
)
def share_of_losses_at_switchover(scene: Scene) -> Reading | None:
    known = [found[0] for t in scene.times[-MOST_OCCURRENCES:] if (found := _discharging_for(scene, t)) is not None]
    if len(known) < 3:
        return None
    return Reading(100.0 * sum(k <= 15.0 for k in known) / len(known), scene.anchor, _fallback(scene))


@measures(
    "seconds_since_power_reversal",
    "seconds from the last change between charging and discharging, by telemetry or state events, to the latest occurrence, "
    "where it was within five minutes before",
    unit="s",
    low=0,
)
def seconds_since_power_reversal(scene: Scene) -> Reading | None:
    for time in reversed(scene.times[-MOST_OCCURRENCES:]):
        best: Reading | None = None
        before = ""
        for record in _samples(scene, scene.device_id, time - 20 * MINUTE, time + 2.0, 720):
            named = record.fields.get("connector_id") or None
            if scene.connector_id is not None and named not in (None, scene.connector_id):
                continue
            power = record.fields.get("power")
            sign = "out" if _flows_out(record.fields) else "in" if power is not None and power > FLOWING_KW else ""
            if sign and before and sign != before and (record.time or 0.0) >= time - 5 * MINUTE:
                best = Reading(max(0.0, time - (record.time or time)), time, (scene.source("telemetry", record),))
            before = sign or before
        for event in scene.events("state", which="own", start=time - 5 * MINUTE, end=time):
            data = event.fields.get("data") or {}
            pair = {str(data.get("from") or "").lower(), str(data.get("to") or "").lower()}
            if pair == {"charging", "discharging"}:
                best = Reading(time - (event.time or time), time, (scene.source("events", event),))
        if best is not None:
            return best
    return None


@measures(
    "share_of_losses_after_a_minute",
    "of at least two occurrences whose stay's beginnings are known, the share that came 50 to 75 s after the change to "
    "discharging, else after the session's start",
    unit="%",
    low=0,
    high=100,
)
def share_of_losses_after_a_minute(scene: Scene) -> Reading | None:
    waits = []
    for time in scene.times[-MOST_OCCURRENCES:]:
        found = _discharging_for(scene, time)
        session = session_at(scene, scene.device_id, scene.connector_id, time)
        if found is not None:
            waits.append(found[0])
        elif session is not None:
            waits.append(time - session.start)
    if len(waits) < 2:
        return None
    return Reading(100.0 * sum(50.0 <= w <= 75.0 for w in waits) / len(waits), scene.anchor, _fallback(scene))


@measures(
    "other_connectors_held_sync",
    "other connectors of the charger that went on discharging through an occurrence; known where one did",
    unit="1",
    low=0,
)
def other_connectors_held_sync(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    held: dict[int, Source] = {}
    for time in scene.times[-5:]:
        around: dict[int, list[tuple[float, bool, Record]]] = {}
        for record in _samples(scene, scene.device_id, time - 5 * MINUTE, time + 5 * MINUTE, 720):
            connector = record.fields.get("connector_id") or None
            if connector not in (None, scene.connector_id):
                around.setdefault(connector, []).append((record.time or time, bool(_flows_out(record.fields)), record))
        for connector, samples in around.items():
            before = [s for s in samples if s[0] < time]
            after = [s for s in samples if s[0] > time]
            if before and after and before[-1][1] and after[0][1] and after[-1][1]:
                held[connector] = scene.source("telemetry", after[0][2])
    return Reading(float(len(held)), scene.anchor, few(list(held.values()))) if held else None


@measures(
    "state_before_loss",
    "the connector's last state other than fault within ten minutes before the latest occurrence, from events or telemetry",
    kind="text",
)
def state_before_loss(scene: Scene) -> Reading | None:
    for time in reversed(scene.times[-MOST_OCCURRENCES:]):
        found: list[tuple[float, str, Source]] = []
        for event in scene.events("state", which="own", start=time - 10 * MINUTE, end=time + 30.0):
            data = event.fields.get("data") or {}
            source, to = str(data.get("from") or "").lower(), str(data.get("to") or "").lower()
            if to in ("fault", "faulted", "error") and source:
                found.append((time, source, scene.source("events", event)))
            elif to and (event.time or 0.0) <= time:
                found.append((event.time or 0.0, to, scene.source("events", event)))
        words = scene.words("state").between(time - 10 * MINUTE, time)
        for place in range(len(words) - 1, -1, -1):
            if words.values[place] not in ("fault", "unavailable"):
                found.append((float(words.times[place]), words.values[place], words.source(place)))
                break
        found = [item for item in found if item[1] not in ("fault", "faulted", "error", "unavailable")]
        if found:
            _, state, origin = max(found, key=lambda item: (item[0], item[1]))
            return Reading(state, time, (origin,))
    return None


@measures(
    "discharged_before_loss",
    "whether energy flowed out of the vehicle in the stay before the latest occurrence that has records of it",
    kind="flag",
)
def discharged_before_loss(scene: Scene) -> Reading | None:
    for time in reversed(scene.times[-MOST_OCCURRENCES:]):
        session = session_at(scene, scene.device_id, scene.connector_id, time)
        start = time - 30 * MINUTE if session is None else max(session.start, time - 12 * HOUR)
        flows = []
        for record in _samples(scene, scene.device_id, start, time, 720):
            named = record.fields.get("connector_id") or None
            if scene.connector_id is None or named in (None, scene.connector_id):
                flow = _flows_out(record.fields)
                if flow is not None:
                    flows.append((flow, record))
        if any(flow for flow, _ in flows):
            return Reading(True, time, scene.sources("telemetry", [r for flow, r in flows if flow]))
        if len(flows) >= 2 and time - (flows[-1][1].time or 0.0) <= 2 * MINUTE:
            return Reading(False, time, scene.sources("telemetry", [r for _, r in flows]))
        if session is not None and session.energy is not None:
            moved = session.energy < -0.1 or bool(_discharged(scene, session))
            return Reading(moved, time, (session.source,))
    return None


@measures(
    "seconds_from_request_to_loss",
    "seconds from what began the stay (discharge command, session, plug-in, preparing) to the latest occurrence, one value "
    "each, up to an hour",
    unit="s",
    low=0,
    many=True,
)
def seconds_from_request_to_loss(scene: Scene) -> Iterator[Reading]:
    time = scene.anchor
    latest: dict[str, tuple[float, Source]] = {}
    for command in scene.records("commands", which="own"):
        moment = command.fields.get("created_at") or command.fields.get("updated_at")
        outward = "discharg" in command.fields["command"] or "v2g" in command.fields["command"]
        if outward and moment is not None and epoch(moment) <= time:
            latest["command"] = (epoch(moment), scene.source("commands", command))
    for event in scene.events("plug_in", "start", "state", "auth_ok", which="own", start=time - HOUR, end=time):
        kind = event.fields["event_type"]
        data = event.fields.get("data") or {}
        if kind == "state" and str(data.get("to") or "").lower() != "preparing":
            continue
        latest[kind] = (event.time or time, scene.source("events", event))
    session = session_at(scene, scene.device_id, scene.connector_id, time)
    if session is not None and session.start <= time:
        latest.setdefault("start", (session.start, session.source))
    for kind in sorted(latest):
        moment, source = latest[kind]
        if time - moment <= HOUR:
            yield Reading(time - moment, time, (source,), kind)


@measures(
    "seconds_without_power_before_loss",
    "how long no power had flowed on the connector at the latest occurrence that has readings, while it was not idle; known "
    "where power had been, or the records begin, within 15 minutes",
    unit="s",
    low=0,
)
def seconds_without_power_before_loss(scene: Scene) -> Reading | None:
    power = scene.readings("power")
    table = scene.observations["telemetry"]
    for time in reversed(scene.times[-MOST_OCCURRENCES:]):
        window = power.between(time - 15 * MINUTE, time)
        run: list[int] = []
        for place in range(len(window) - 1, -1, -1):
            state = table.records[int(window.rows[place])].fields.get("state")
            if state == "fault":
                continue  # The fault's own sample, stamped a moment earlier.
            if abs(window.values[place]) > FLOWING_KW or state in ("idle", "unavailable"):
                break
            run.append(place)
        if len(run) >= 2:
            return window.reading(time - float(window.times[run[-1]]), time, [run[-1], run[0]])
    return None


# The contactor


@measures(
    "v2g_days_from_weld_fault",
    "days between the nearest F-0101 (welded contactor) of this charger and the latest occurrence, up to 90 days before and "
    "one day after it",
    unit="days",
    low=0,
)
def v2g_days_from_weld_fault(scene: Scene) -> Reading | None:
    return _nearest_fault(scene, "F-0101")


@measures(
    "v2g_days_from_engage_fault",
    "days between the nearest F-0421 (contactor failed to engage) of this charger and the latest occurrence, up to 90 days "
    "before and one day after it",
    unit="days",
    low=0,
)
def v2g_days_from_engage_fault(scene: Scene) -> Reading | None:
    return _nearest_fault(scene, "F-0421")


def _nearest_fault(scene: Scene, code: str) -> Reading | None:
    found = [f for f in scene.faults(code, device=scene.device_id) if scene.anchor - 90 * DAY <= f.time <= scene.anchor + DAY]
    if not found:
        return None
    nearest = min(found, key=lambda f: (abs(f.time - scene.anchor), f.source))
    return Reading(abs(nearest.time - scene.anchor) / DAY, nearest.time, (nearest.source,))


@measures(
    "relay_fault_near_loss",
    "whether the relay reported a fault from ten minutes before to five after the latest occurrence that has its state",
    kind="flag",
)
def relay_fault_near_loss(scene: Scene) -> Reading | None:
    words = scene.words("component_health.relay_state")
    for time in reversed(scene.times[-MOST_OCCURRENCES:]):
        window = words.between(time - 10 * MINUTE, time + 5 * MINUTE)
        if len(window):
            places = [place for place, value in enumerate(window.values) if value == "fault"]
            return Reading(bool(places), time, few([window.source(p) for p in places or [len(window) - 1]]))
    return None


@measures(
    "relay_contradictions",
    "telemetry records within ten minutes around the latest occurrence whose relay is open while energy flows out, or still "
    "closed ten seconds and more after the loss",
    unit="1",
    low=0,
)
def relay_contradictions(scene: Scene) -> Reading | None:
    for time in reversed(scene.times[-MOST_OCCURRENCES:]):
        known, wrong = [], []
        for record in _samples(scene, scene.device_id, time - 10 * MINUTE, time + 10 * MINUTE, 720):
            relay = at_path(record.fields, "component_health.relay_state")
            named = record.fields.get("connector_id") or None
            if relay is None or (scene.connector_id is not None and named not in (None, scene.connector_id)):
                continue
            known.append(record)
            state = record.fields.get("state")
            at = record.time or time
            early = relay == "open" and at < time - 1.0 and (state == "discharging" or _flows_out(record.fields))
            late = relay == "closed" and at >= time + 10.0 and state in ("fault", "idle", "unavailable")
            if early or late:
                wrong.append(record)
        if known:
            return Reading(float(len(wrong)), time, scene.sources("telemetry", wrong or known))
    return None


@measures(
    "voltage_left_after_loss",
    "median voltage on the connector from 20 s to ten minutes after the latest occurrence, while its state is fault or idle; "
    "DC chargers with two readings",
    unit="V",
)
def voltage_left_after_loss(scene: Scene) -> Reading | None:
    if scene.is_dc is False:
        return None
    later = scene.readings("voltage").at_rows(scene.words("state").rows_where("fault", "idle", "unavailable"))
    return later.between(scene.anchor + 20.0, scene.anchor + 10 * MINUTE).median(2)


@measures(
    "voltage_left_while_idle",
    "median voltage on the idle connector within seven days before the latest occurrence; DC chargers with two readings",
    unit="V",
)
def voltage_left_while_idle(scene: Scene) -> Reading | None:
    if scene.is_dc is False:
        return None
    idle = scene.readings("voltage").at_rows(scene.words("state").rows_where("idle"))
    return idle.between(scene.anchor - 7 * DAY, scene.anchor - MINUTE).median(2)


@measures(
    "current_left_after_loss",
    "median size of the current on the connector from 20 s to ten minutes after the latest occurrence, while its state is "
    "fault or idle; two readings",
    unit="A",
    low=0,
)
def current_left_after_loss(scene: Scene) -> Reading | None:
    later = scene.readings("current").at_rows(scene.words("state").rows_where("fault", "idle", "unavailable"))
    window = later.between(scene.anchor + 20.0, scene.anchor + 10 * MINUTE)
    return window.reading(float(np.median(np.abs(window.values)))) if len(window) >= 2 else None


DC_CONTACTOR_LIFE = 100_000.0
"""Cycles after which a DC contactor is due (dictionary F-0101); stands where the charger names no limit of its own."""


@measures(
    "discharge_contactor_wear",
    "highest cycle count of the discharge contactor (else of the contactor) up to the latest occurrence, as a share of its "
    "limit, or of 100,000 where none is named",
    unit="%",
    low=0,
)
def discharge_contactor_wear(scene: Scene) -> Reading | None:
    limit = scene.readings("component_health.contactor_max_cycles", which="all").last()
    life = float(limit.value) if limit is not None and float(limit.value) > 0 else DC_CONTACTOR_LIFE
    found: Reading | None = None
    for name in ("discharge_contactor_cycles", "contactor_cycles"):
        count = scene.readings(f"component_health.{name}").between(scene.anchor - 90 * DAY, scene.anchor + MINUTE).max()
        if count is not None and (found is None or float(count.value) > float(found.value)):
            found = count
    return None if found is None else Reading(100.0 * float(found.value) / life, found.at, found.sources)


@measures(
    "inverter_wear",
    "cycle count of the bidirectional inverter up to the latest occurrence as a share of its limit",
    unit="%",
    low=0,
)
def inverter_wear(scene: Scene) -> Reading | None:
    limit = scene.readings("component_health.bidirectional_inverter_max_cycles", which="all").last()
    count = scene.readings("component_health.bidirectional_inverter_cycles", which="all").between(0.0, scene.anchor + MINUTE).max()
    if limit is None or count is None or float(limit.value) <= 0:
        return None
    return Reading(100.0 * float(count.value) / float(limit.value), count.at, few([*count.sources, *limit.sources]))


@measures(
    "reported_contactor_delay",
    "the longest time, in milliseconds, that the payload gives for a contactor or relay to close, open or confirm",
    unit="ms",
    low=0,
)
def reported_contactor_delay(scene: Scene) -> Reading | None:
    found = []
    for path, value, source in _details(scene):
        number = as_number(value)
        if number is None or number < 0 or _LIMIT_KEY.search(path) or not re.search(r"\b(contactor|relay|k\d|release|pole|aux)\b", path):
            continue
        if re.search(r"\b(cycles?|count|id|index|connector|pct)\b", path):
            continue
        if re.search(r"\bms\b", path):
            found.append(Reading(number, scene.anchor, (source,)))
        elif re.search(r"\b(s|sec|seconds)\b", path):
            found.append(Reading(number * 1000.0, scene.anchor, (source,)))
        elif re.search(r"\b(delay|lag|latency|time|release)\b", path):
            found.append(Reading(number if number > 5.0 else number * 1000.0, scene.anchor, (source,)))
    return max(found, key=lambda r: (float(r.value), r.sources), default=None)


@measures(
    "reported_contactor_delay_over_limit",
    "the longest contactor or relay time in the payload over the limit that stands in the same payload",
    unit="1",
    low=0,
)
def reported_contactor_delay_over_limit(scene: Scene) -> Reading | None:
    longest = reported_contactor_delay(scene)
    if longest is None:
        return None
    limits = [
        number
        for path, value, source in _details(scene)
        if source in longest.sources
        and (number := as_number(value)) is not None
        and number > 0
        and _LIMIT_KEY.search(path)
        and not re.search(r"\b(soc|volt\w*|v|a|hz|freq\w*|kw|pct|cycles?)\b", path)
    ]
    if len(limits) != 1:
        return None
    # A limit below five can only be in seconds, as contactors take tens of milliseconds.
    limit = limits[0] if limits[0] > 5.0 else limits[0] * 1000.0
    return Reading(float(longest.value) / limit, scene.anchor, longest.sources)


def _told(scene: Scene, key: str, unless: str = r"$^") -> list[tuple[float, float, Source]]:
    """Numbers of a kind that details of sessions and faults on this connector give up to the incident: time, value, source."""
    texts = [(s.start, s.details, s.source) for s in scene.sessions() if scene.anchor - 180 * DAY <= s.start <= scene.anchor]
    texts += [(f.time, f.record.fields.get("data"), f.source) for f in scene.incidence.faults]
    found = []
    for time, data, source in sorted(texts, key=lambda item: (item[0], item[2])):
        for path, value in flat(_spelled(data)):
            number = as_number(value)
            if number is not None and re.search(key, path) and not re.search(unless, path) and not _LIMIT_KEY.search(path):
                found.append((time, number, source))
                break
    return found


def _ends(told: list[tuple[float, float, Source]]) -> tuple[float, float, tuple[Source, ...]] | None:
    """Median of the earliest and of the latest third of numbers that were told; known from three."""
    if len(told) < 3:
        return None
    third = max(1, len(told) // 3)
    values = [value for _, value, _ in told]
    return float(np.median(values[:third])), float(np.median(values[-third:])), few([source for _, _, source in told])


@measures(
    "contactor_delay_growth",
    "the contactor's answer time that details of sessions and faults give: median of the latest third over that of the earliest; "
    "known from three",
    unit="1",
    low=0,
)
def contactor_delay_growth(scene: Scene) -> Reading | None:
    key = r"\b(contactor|relay|k\d|release|aux)\b.*\b(ms|s|delay|lag|latency|time)\b|\b(release|lag|delay) ms\b"
    ends = _ends(_told(scene, key, r"\b(cycles?|count)\b"))
    return None if ends is None or ends[0] <= 0 else Reading(ends[1] / ends[0], scene.anchor, ends[2])


@measures(
    "phase_error_growth",
    "the phase or loop error that details of sessions and faults give: median of the latest third over that of the earliest; "
    "known from three",
    unit="1",
    low=0,
)
def phase_error_growth(scene: Scene) -> Reading | None:
    ends = _ends(_told(scene, r"\b(pll|phase|lock|angle|sync)\b.*\b(error|err|drift|offset|jitter|deviation|deg)\b", r"\b(volt\w*|current|v|a|count)\b"))
    return None if ends is None or ends[0] == 0 else Reading(abs(ends[1] / ends[0]), scene.anchor, ends[2])


@measures(
    "told_health_change",
    "the inverter's health that details of sessions and faults give: median of the latest third less that of the earliest; known "
    "from three",
    unit="points",
)
def told_health_change(scene: Scene) -> Reading | None:
    ends = _ends([item for item in _told(scene, r"\bhealth\b") if 0 <= item[1] <= 100])
    return None if ends is None else Reading(ends[1] - ends[0], scene.anchor, ends[2])


@measures(
    "negotiation_time_growth",
    "how long the negotiation took by details of sessions and faults: median of the latest third over that of the earliest; known "
    "from three",
    unit="1",
    low=0,
)
def negotiation_time_growth(scene: Scene) -> Reading | None:
    key = r"\b(negotiation|handshake|hlc|session setup|iso 15118|v2g setup|setup)\b.*\b(ms|s|sec|seconds|time|duration)\b"
    ends = _ends(_told(scene, key, r"\b(contactor|relay|count)\b"))
    return None if ends is None or ends[0] <= 0 else Reading(ends[1] / ends[0], scene.anchor, ends[2])


@measures(
    "reported_wait",
    "the longest wait or timeout, in seconds, that the payload gives for the negotiation or a message of it",
    unit="s",
    low=0,
)
def reported_wait(scene: Scene) -> Reading | None:
    found = []
    for path, value, source in _details(scene):
        number = as_number(value)
        if number is None or number < 0 or re.search(r"\b(contactor|relay|release|count|soc|volt\w*|freq\w*|duration of)\b", path):
            continue
        if not re.search(r"\b(timeout|elapsed|waited|wait|timer|since last|no response|negotiation|handshake|sequence)\b", path):
            continue
        if re.search(r"\bms\b", path):
            found.append(Reading(number / 1000.0, scene.anchor, (source,)))
        elif re.search(r"\b(s|sec|seconds)\b", path):
            found.append(Reading(number, scene.anchor, (source,)))
    return max(found, key=lambda r: (float(r.value), r.sources), default=None)


# The vehicle


@measures(
    "vehicle_of_stellantis",
    "whether make or model of the vehicle at the latest occurrence names Stellantis, Free2move, DrossOne or a Stellantis brand",
    kind="flag",
)
def vehicle_of_stellantis(scene: Scene) -> Reading | None:
    found = this_happening(scene)
    if found is None or found.vehicle is None or not (found.vehicle.make or found.vehicle.model):
        return None
    named = f"{words_of(found.vehicle.make or '')} {words_of(found.vehicle.model or '')}"
    return Reading(bool(_STELLANTIS.search(named)), scene.anchor, (found.source,))


def _elsewhere(scene: Scene) -> tuple[list[Happening], list[Happening]]:
    """Faults of the code with the same vehicle on other chargers, and with other vehicles of its model anywhere."""
    vehicle = the_vehicle(scene)
    if vehicle is None:
        return [], []
    same = [h for h in happenings(scene) if h.device_id != scene.device_id and vehicle.is_same(h.vehicle)]
    alike = [h for h in happenings(scene) if not vehicle.is_same(h.vehicle) and vehicle.is_same_model(h.vehicle)]
    return same, alike


@measures(
    "v2g_chargers_failing_with_vehicle",
    "other chargers on which the same vehicle met the same fault; known where there is one",
    unit="1",
    low=0,
)
def v2g_chargers_failing_with_vehicle(scene: Scene) -> Reading | None:
    same, _ = _elsewhere(scene)
    return Reading(float(len({h.device_id for h in same})), scene.anchor, few([h.source for h in same])) if same else None


@measures(
    "v2g_model_mates_with_fault",
    "other vehicles of the same model that met the same fault, on any charger; known where there is one",
    unit="1",
    low=0,
)
def v2g_model_mates_with_fault(scene: Scene) -> Reading | None:
    _, alike = _elsewhere(scene)
    if not alike:
        return None
    mates = {h.vehicle.vin or h.device_id for h in alike if h.vehicle is not None}
    return Reading(float(len(mates)), scene.anchor, few([h.source for h in alike]))


@measures(
    "v2g_vehicles_with_fault",
    "different vehicles that met the fault on this charger within 30 days; known from two occurrences with known vehicles",
    unit="1",
    low=0,
)
def v2g_vehicles_with_fault(scene: Scene) -> Reading | None:
    known = [h for h in happenings(scene) if h.device_id == scene.device_id and h.vehicle is not None and h.time >= scene.anchor - 30 * DAY]
    if len(known) < 2:
        return None
    names = {h.vehicle.vin or f"{h.vehicle.make}/{h.vehicle.model}" for h in known if h.vehicle is not None}
    return Reading(float(len(names)), scene.anchor, few([h.source for h in known]))


@measures(
    "v2g_faults_with_vehicle",
    "occurrences on this charger with the vehicle of the latest one",
    unit="1",
    low=0,
)
def v2g_faults_with_vehicle(scene: Scene) -> Reading | None:
    vehicle = the_vehicle(scene)
    if vehicle is None:
        return None
    own = [h for h in happenings(scene) if _here(scene, h) and vehicle.is_same(h.vehicle)]
    return Reading(float(len(own)), scene.anchor, few([h.source for h in own])) if own else None


@measures(
    "v2g_vehicle_success_share",
    "of the vehicle's discharges and faults on this charger within 90 days, the share that were discharges; known from two faults",
    unit="%",
    low=0,
    high=100,
)
def v2g_vehicle_success_share(scene: Scene) -> Reading | None:
    vehicle = the_vehicle(scene)
    if vehicle is None:
        return None
    faults = [h for h in happenings(scene) if h.device_id == scene.device_id and vehicle.is_same(h.vehicle)]
    good = [d for d in _of_this_vehicle(scene) if d.device_id == scene.device_id]
    if len(faults) < 2:
        return None
    share = 100.0 * len(good) / (len(good) + len(faults))
    return Reading(share, scene.anchor, few([*(h.source for h in faults), *(d.source for d in good)]))


@measures(
    "other_vehicles_discharged_here",
    "different other vehicles that discharged on this charger without the fault within 30 days around the latest occurrence; "
    "known where its vehicle is known and one did",
    unit="1",
    low=0,
)
def other_vehicles_discharged_here(scene: Scene) -> Reading | None:
    vehicle = the_vehicle(scene)
    if vehicle is None:
        return None
    found = [
        d for d in undisturbed(scene)
        if d.device_id == scene.device_id and d.vehicle is not None and not vehicle.is_same(d.vehicle)
        and abs(d.start - scene.anchor) <= 30 * DAY
    ]  # fmt: skip
    names = {d.vehicle.vin or f"{d.vehicle.make}/{d.vehicle.model}" for d in found if d.vehicle is not None}
    return Reading(float(len(names)), scene.anchor, few([d.source for d in found])) if found else None


def _of_this_vehicle(scene: Scene) -> list[Discharge]:
    def load() -> list[Discharge]:
        vehicle = the_vehicle(scene)
        if vehicle is None:
            return []
        known = [*undisturbed(scene), *_runs_without_session(scene)]
        return sorted(
            (d for d in known if vehicle.is_same(d.vehicle) and abs(d.start - scene.anchor) <= 90 * DAY),
            key=lambda d: (d.start, d.device_id, d.source),
        )

    return scene.once("v2g-of-this-vehicle", load)


def _runs_without_session(scene: Scene) -> list[Discharge]:
    """Discharges that only this connector's telemetry shows."""

    def load() -> list[Discharge]:
        known = [d for d in discharges(scene) if d.device_id == scene.device_id]
        soc = scene.readings("soc")
        found = []
        for start, end, _ in _out_runs(scene):
            if end - start < MINUTE or any(d.start - 10 * MINUTE <= end and start <= d.end + 10 * MINUTE for d in known):
                continue
            if scene.incidence.code == LOSS and any(start - MINUTE <= t <= end + 5 * MINUTE for t in scene.times):
                continue
            levels = soc.between(start, end)
            first, last = levels.first(), levels.last()
            rows = _rows_between(scene, scene.device_id, start, end)
            source = scene.observations["telemetry"].source(int(rows[0]))
            vehicle = _vehicle_in_events(scene, scene.device_id, scene.connector_id, start - HOUR, start) or _vehicle_of_stay(
                scene, scene.device_id, scene.connector_id, start
            )
            levels_known = first is not None and last is not None
            found.append(
                Discharge(
                    scene.device_id, start, end, vehicle,
                    float(first.value) if levels_known and first else None,
                    float(last.value) if levels_known and last else None, source,
                )
            )  # fmt: skip
        return found

    return scene.once("v2g-runs-without-session", load)


def _compared(scene: Scene) -> tuple[list[Happening], list[Discharge]]:
    """Refusals and discharges of the vehicle; of the connector, where none of its records ever names a vehicle."""

    def load() -> tuple[list[Happening], list[Discharge]]:
        if the_vehicle(scene) is not None:
            return _refusals_of_vehicle(scene), _of_this_vehicle(scene)
        refused = [h for h in happenings(scene) if _here(scene, h)]
        done = [d for d in [*undisturbed(scene), *_runs_without_session(scene)] if d.device_id == scene.device_id]
        if any(h.vehicle is not None for h in refused) or any(d.vehicle is not None for d in done):
            return [], []
        return sorted(refused, key=lambda h: (h.time, h.source)), sorted(done, key=lambda d: (d.start, d.source))

    return scene.once("v2g-compared", load)


@measures(
    "discharges_compared",
    "discharges with which the hours of the refusals are compared: of the same vehicle, or of the connector where no record "
    "names a vehicle; known where there is one",
    unit="1",
    low=0,
)
def discharges_compared(scene: Scene) -> Reading | None:
    _, accepted = _compared(scene)
    return Reading(float(len(accepted)), scene.anchor, few([d.source for d in accepted])) if accepted else None


@measures(
    "discharges_of_vehicle",
    "discharges of the same vehicle without the fault on any charger within 90 days around the latest occurrence; known where "
    "there is one",
    unit="1",
    low=0,
)
def discharges_of_vehicle(scene: Scene) -> Reading | None:
    found = _of_this_vehicle(scene)
    return Reading(float(len(found)), scene.anchor, few([d.source for d in found])) if found else None


@measures(
    "discharges_of_vehicle_elsewhere",
    "discharges of the same vehicle without the fault on other chargers within 90 days; known where there is one",
    unit="1",
    low=0,
)
def discharges_of_vehicle_elsewhere(scene: Scene) -> Reading | None:
    found = [d for d in _of_this_vehicle(scene) if d.device_id != scene.device_id]
    return Reading(float(len(found)), scene.anchor, few([d.source for d in found])) if found else None


@measures(
    "discharges_of_model_mates",
    "discharges of other vehicles of the same model on any charger; known where there is one",
    unit="1",
    low=0,
)
def discharges_of_model_mates(scene: Scene) -> Reading | None:
    vehicle = the_vehicle(scene)
    if vehicle is None:
        return None
    found = [d for d in undisturbed(scene) if not vehicle.is_same(d.vehicle) and vehicle.is_same_model(d.vehicle)]
    return Reading(float(len(found)), scene.anchor, few([d.source for d in found])) if found else None


@measures(
    "v2g_vehicle_new_here",
    "whether none of at least ten earlier sessions in the bundle was of the vehicle of the latest occurrence",
    kind="flag",
)
def v2g_vehicle_new_here(scene: Scene) -> Reading | None:
    vehicle = the_vehicle(scene)
    if vehicle is None:
        return None
    earlier = [s for s in scene.sessions(which="all") if s.start < scene.first - HOUR and _of_session(s) is not None]
    if len(earlier) < 10:
        return None
    return Reading(not any(vehicle.is_same(_of_session(s)) for s in earlier), scene.anchor, few([s.source for s in earlier]))


@measures(
    "v2g_vehicle_firmware_changed",
    "whether the vehicle's firmware at the latest occurrence differs from that of its last session before the first one",
    kind="flag",
)
def v2g_vehicle_firmware_changed(scene: Scene) -> Reading | None:
    vehicle = the_vehicle(scene)
    if vehicle is None or not vehicle.firmware:
        return None
    earlier: list[tuple[float, str, Source]] = []
    for device in sorted(scene.observations["charging_records"].by_device):
        for session in scene.sessions(which="all", device=device):
            then = _of_session(session)
            if then is not None and then.firmware and vehicle.vin and then.vin == vehicle.vin and session.start < scene.first - HOUR:
                earlier.append((session.start, then.firmware, session.source))
    if not earlier:
        return None
    _, firmware, source = max(earlier)
    return Reading(firmware != vehicle.firmware, scene.anchor, (source,))


# What the vehicle refused, and when


@measures(
    "named_discharge_floor",
    "the lowest state of charge for discharging that the fault's payload, or else the discharge command, names",
    unit="%",
    low=0,
    high=100,
)
def named_discharge_floor(scene: Scene) -> Reading | None:
    found: Reading | None = None
    for path, value, source in _details(scene):
        number = as_number(value)
        if number is None or not _FLOOR.search(path):
            continue
        percent = _percent(number)
        if percent is not None:
            found = Reading(percent, scene.anchor, (source,))
    if found is not None:
        return found
    for command in scene.records("commands", which="own"):
        moment = command.fields.get("created_at") or command.fields.get("updated_at")
        if "discharg" not in command.fields["command"] or moment is None or not -5.0 <= scene.anchor - epoch(moment) <= HOUR:
            continue
        for path, value in flat(_spelled(command.fields.get("params"))):
            number = as_number(value)
            if number is not None and _FLOOR.search(path) and (percent := _percent(number)) is not None:
                found = Reading(percent, scene.anchor, (scene.source("commands", command),))
    return found


_FLOOR = re.compile(
    r"\b(min\w*|floor|lower limit|threshold|reserve\w*|required|cutoff|lower)\b.*\b(soc|discharge|state of charge|battery)\b"
    r"|\b(soc|discharge|battery|state of charge)\b.*\b(min\w*|floor|threshold|reserve\w*|required|cutoff|lower|limit)\b|^(details )?floor( pct)?$"
)


@measures(
    "soc_at_request",
    "state of charge at the latest refusal: from its payload, else telemetry from 15 min before to 2 min after, else the session",
    unit="%",
    low=0,
    high=100,
)
def soc_at_request(scene: Scene) -> Reading | None:
    known = [h for h in happenings(scene) if _here(scene, h) and h.soc is not None and not h.told]
    if not known:
        return None
    return Reading(known[-1].soc or 0.0, known[-1].time, (known[-1].source,))


@measures(
    "soc_without_named_floor",
    "state of charge at the latest refusal, where neither payload nor command names a floor",
    unit="%",
    low=0,
    high=100,
)
def soc_without_named_floor(scene: Scene) -> Reading | None:
    return None if named_discharge_floor(scene) is not None else soc_at_request(scene)


@measures(
    "soc_above_named_floor",
    "state of charge at the latest refusal less the floor that the payload or the command names",
    unit="points",
)
def soc_above_named_floor(scene: Scene) -> Reading | None:
    floor, soc = named_discharge_floor(scene), soc_at_request(scene)
    if floor is None or soc is None:
        return None
    return Reading(float(soc.value) - float(floor.value), soc.at, few([*soc.sources, *floor.sources]))


def _refusals_of_vehicle(scene: Scene) -> list[Happening]:
    def load() -> list[Happening]:
        vehicle = the_vehicle(scene)
        if vehicle is None:
            return []
        known = [h for h in happenings(scene) if vehicle.is_same(h.vehicle)]
        return sorted(
            (h for h in known if abs(h.time - scene.anchor) <= 90 * DAY), key=lambda h: (h.time, h.device_id, h.source)
        )

    return scene.once("v2g-refusals", load)


@measures(
    "soc_gap_refused_accepted",
    "lowest state of charge at which the vehicle began to discharge less the highest at which it refused; known where both are",
    unit="points",
)
def soc_gap_refused_accepted(scene: Scene) -> Reading | None:
    refused = [h for h in _compared(scene)[0] if h.soc is not None]
    accepted = [d for d in _compared(scene)[1] if d.soc is not None]
    if not refused or not accepted:
        return None
    gap = min(d.soc or 0.0 for d in accepted) - max(h.soc or 0.0 for h in refused)
    return Reading(gap, scene.anchor, few([*(h.source for h in refused), *(d.source for d in accepted)]))


@measures(
    "soc_less_lowest_discharged",
    "state of charge at the latest refusal less the lowest one to which the vehicle has discharged within 90 days",
    unit="points",
)
def soc_less_lowest_discharged(scene: Scene) -> Reading | None:
    here = this_happening(scene)
    reached = [d for d in _compared(scene)[1] if d.soc_end is not None]
    if here is None or here.soc is None or not reached:
        return None
    lowest = min(reached, key=lambda d: d.soc_end or 0.0)
    return Reading(here.soc - (lowest.soc_end or 0.0), here.time, few([here.source, lowest.source]))


@measures(
    "discharge_end_spread",
    "difference between the highest and the lowest state of charge at which discharges of the vehicle ended; known from two",
    unit="points",
    low=0,
)
def discharge_end_spread(scene: Scene) -> Reading | None:
    ends = [d for d in _compared(scene)[1] if d.soc_end is not None]
    if len(ends) < 2:
        return None
    levels = [d.soc_end or 0.0 for d in ends]
    return Reading(max(levels) - min(levels), scene.anchor, few([d.source for d in ends]))


@measures(
    "vehicle_firmware_changed_at_recovery",
    "whether the vehicle's firmware at its first discharge within 30 days after the latest refusal differs from that at the "
    "refusal",
    kind="flag",
)
def vehicle_firmware_changed_at_recovery(scene: Scene) -> Reading | None:
    vehicle = the_vehicle(scene)
    here = this_happening(scene)
    if vehicle is None or here is None or not vehicle.firmware:
        return None
    last = max([h.time for h in _refusals_of_vehicle(scene)], default=here.time)
    for d in _of_this_vehicle(scene):
        if last < d.start <= last + 30 * DAY and d.vehicle is not None and d.vehicle.firmware:
            return Reading(d.vehicle.firmware != vehicle.firmware, d.start, few([here.source, d.source]))
    return None


@measures(
    "minutes_past_the_hour_at_next_discharge",
    "minutes from a full hour, which lies between the latest refusal and the vehicle's next discharge, to that discharge; known "
    "where it follows within three hours",
    unit="min",
    low=0,
    high=60,
)
def minutes_past_the_hour_at_next_discharge(scene: Scene) -> Reading | None:
    here = this_happening(scene)
    later = [d for d in _compared(scene)[1] if scene.anchor < d.start <= scene.anchor + 3 * HOUR]
    if here is None or not later:
        return None
    full = later[0].start // HOUR * HOUR
    return Reading((later[0].start - full) / MINUTE, later[0].start, (later[0].source,)) if full > scene.anchor else None


@measures(
    "refusals_of_vehicle",
    "refusals of the vehicle of the latest one on any charger within 90 days",
    unit="1",
    low=0,
)
def refusals_of_vehicle(scene: Scene) -> Reading | None:
    found = _refusals_of_vehicle(scene)
    return Reading(float(len(found)), scene.anchor, few([h.source for h in found])) if found else None


@measures(
    "highest_soc_refused",
    "highest state of charge at which the vehicle refused within 90 days; known from two refusals",
    unit="%",
    low=0,
    high=100,
)
def highest_soc_refused(scene: Scene) -> Reading | None:
    refused = [h for h in _refusals_of_vehicle(scene) if h.soc is not None]
    if len(refused) < 2:
        return None
    top = max(refused, key=lambda h: h.soc or 0.0)
    return Reading(top.soc or 0.0, top.time, (top.source,))


def _hour(time: float) -> float:
    return (time % DAY) / HOUR


def _hours_apart(one: float, other: float) -> float:
    gap = abs(one - other) % 24.0
    return min(gap, 24.0 - gap)


def _spread(hours: list[float]) -> float:
    """Length of the shortest stretch of the day's circle that holds all the hours."""
    ordered = sorted(hours)
    gaps = [later - earlier for earlier, later in pairwise(ordered)]
    return 24.0 - max([*gaps, ordered[0] + 24.0 - ordered[-1]])


def _occasions(refused: list[Happening]) -> list[Happening]:
    """Refusals without the retries of one request: those at least an hour after the one before."""
    kept: list[Happening] = []
    for item in refused:
        if not kept or item.time - kept[-1].time >= HOUR:
            kept.append(item)
    return kept


@measures(
    "refusal_hours_spread",
    "shortest stretch of the day that holds the hours of all refusals of the vehicle; known from three refusals on three days",
    unit="h",
    low=0,
    high=24,
)
def refusal_hours_spread(scene: Scene) -> Reading | None:
    refused = _compared(scene)[0] or [h for h in happenings(scene) if _here(scene, h) and h.vehicle is None]
    if len({int(h.time // DAY) for h in refused}) < 3:
        return None
    return Reading(_spread([_hour(h.time) for h in refused]), scene.anchor, few([h.source for h in refused]))


@measures(
    "refusal_days",
    "different days on which the vehicle refused",
    unit="1",
    low=0,
)
def refusal_days(scene: Scene) -> Reading | None:
    refused = _compared(scene)[0] or [h for h in happenings(scene) if _here(scene, h) and h.vehicle is None]
    if not refused:
        return None
    return Reading(float(len({int(h.time // DAY) for h in refused})), scene.anchor, few([h.source for h in refused]))


def _hour_distances(scene: Scene) -> tuple[list[float], list[Happening], list[Discharge]]:
    """For each refusal of the vehicle, the hours of day between it and the nearest time of day at which it discharged."""
    refused, accepted = _compared(scene)
    refused = _occasions(refused)
    distances = []
    for item in refused:
        nearest = 24.0
        for d in accepted:
            length = min((d.end - d.start) / HOUR, 24.0)
            into = (_hour(item.time) - _hour(d.start)) % 24.0
            nearest = min(nearest, 0.0 if into <= length else min(into - length, 24.0 - into))
        distances.append(nearest)
    return distances, refused, accepted


@measures(
    "hours_between_refusals_and_discharges",
    "smallest distance in hours of the day between a refusal of the vehicle and a time at which it discharged; known where both "
    "are",
    unit="h",
    low=0,
    high=24,
)
def hours_between_refusals_and_discharges(scene: Scene) -> Reading | None:
    distances, refused, accepted = _hour_distances(scene)
    if not distances or not accepted:
        return None
    return Reading(min(distances), scene.anchor, few([*(h.source for h in refused), *(d.source for d in accepted)]))


@measures(
    "refusal_occasions",
    "refusals of the vehicle at least an hour apart from the one before",
    unit="1",
    low=0,
)
def refusal_occasions(scene: Scene) -> Reading | None:
    found = _occasions(_refusals_of_vehicle(scene))
    return Reading(float(len(found)), scene.anchor, few([h.source for h in found])) if found else None


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
    "hours_until_next_discharge",
    "hours from the latest refusal to the vehicle's next discharge within two days",
    unit="h",
    low=0,
)
def hours_until_next_discharge(scene: Scene) -> Reading | None:
    later = [d for d in _compared(scene)[1] if scene.anchor < d.start <= scene.anchor + 2 * DAY]
    return Reading((later[0].start - scene.anchor) / HOUR, later[0].start, (later[0].source,)) if later else None


@measures(
    "soc_at_next_discharge_less_refused",
    "state of charge at the vehicle's next discharge within two days less that at the latest refusal",
    unit="points",
)
def soc_at_next_discharge_less_refused(scene: Scene) -> Reading | None:
    here = this_happening(scene)
    later = [d for d in _compared(scene)[1] if scene.anchor < d.start <= scene.anchor + 2 * DAY and d.soc is not None]
    if here is None or here.soc is None or not later:
        return None
    return Reading((later[0].soc or 0.0) - here.soc, later[0].start, few([here.source, later[0].source]))


@measures(
    "alternations_of_refusal",
    "changes between refusing and discharging in the vehicle's history within 90 days; known where it did both",
    unit="1",
    low=0,
)
def alternations_of_refusal(scene: Scene) -> Reading | None:
    refused, accepted = _compared(scene)
    if not refused or not accepted:
        return None
    story = sorted([(h.time, 0) for h in refused] + [(d.start, 1) for d in accepted])
    changes = sum(a[1] != b[1] for a, b in pairwise(story))
    return Reading(float(changes), scene.anchor, few([*(h.source for h in refused), *(d.source for d in accepted)]))


@measures(
    "refusals_since_last_discharge",
    "occasions on which the vehicle refused since its last discharge; known where it discharged before",
    unit="1",
    low=0,
)
def refusals_since_last_discharge(scene: Scene) -> Reading | None:
    refused, accepted = _compared(scene)
    refused = _occasions(refused)
    if not refused or not accepted or accepted[0].start > refused[-1].time:
        return None
    last = max(d.start for d in accepted)
    since = [h for h in refused if h.time > last]
    return Reading(float(len(since)), scene.anchor, few([h.source for h in since or refused]))


_GOOD = r"(ok|okay|valid|good|fine|normal|passed|confirmed|complete|completed|done|met|satisfied|ready|sound)"
_YES_NO: tuple[tuple[str, str, str], ...] = (
    (r"\b(cert|certified|listed|whitelisted|allowlisted|approved|enrolled|registered|homologated|on (v2g|partner) list|(model|vehicle|v2g|bpt|discharge) supported|certification " + _GOOD + r")$", "not-certified", "certified-ok"),
    (r"\b(soc|state of charge|battery level|energy) (\w+ )?(sufficient|enough|above (floor|min|minimum|limit)|" + _GOOD + r")$|\babove (floor|min soc|minimum)$", "soc", "soc-ok"),
    (r"\b(in|within|inside) (\w+ ){0,2}(window|schedule|hours)$|\b(time|schedule|window|hours|tod) (allowed|permitted|open|" + _GOOD + r")$", "time", "time-ok"),
    (r"\b(vehicle|ev|car|bms|mode|state|gear|park) (ready|in park|engaged|" + _GOOD + r")$|\bin park$", "vehicle-state", "state-ok"),
    (r"\b(grid|mains|voltage|frequency) (\w+ )?(in range|within \w+|stable|" + _GOOD + r")$", "grid", "grid-quiet"),
    (r"\b(contactor|relay|aux|k\d) (\w+ )?(feedback|released|closed confirmed|" + _GOOD + r")$", "contactor", "contactor-sound"),
    (r"\b(iso 15118|15118|15118 20|negotiation|handshake|hlc) (\w+ )?" + _GOOD + r"$", "iso15118", "iso15118-complete"),
)  # fmt: skip
"""Keys that ask a question which yes or no answers: what no means, and what yes means."""

_NO = {"no", "false", "nok", "not ok", "fail", "failed", "none", "n", "invalid"}
_YES = {"yes", "true", "ok", "y", "pass", "passed", "valid", "good"}
_HOURS_RANGE = re.compile(r"\b\d{1,2}[:h.]\d{2}\s*(?:-|–|to|until|bis|/)\s*\d{1,2}[:h.]\d{2}\b")


def _answers(texts: Iterable[tuple[Source, Any]]) -> Iterator[tuple[str, Source]]:
    """Topics that keys with a yes or a no speak of, and ranges of hours."""
    for source, data in texts:
        for path, value in flat(data):
            said = words_of(value) if isinstance(value, str) else None
            no, yes = value is False or said in _NO, value is True or said in _YES
            if isinstance(value, str) and _HOURS_RANGE.search(value):
                yield "time", source
            if not (no or yes):
                continue
            for pattern, refused, granted in _YES_NO:
                if re.search(pattern, path):
                    yield (refused if no else granted), source


@measures(
    "v2g_text",
    "a topic of the fault's vocabulary in any text around it: payload, alarms and other events of the connector within ten "
    "minutes, stop reason and details of the session, results of discharge commands within an hour",
    kind="text",
    many=True,
)
def v2g_text(scene: Scene) -> Iterable[Reading]:
    texts: list[tuple[Source, Any]] = list(scene.payload())
    for time in scene.times[-10:]:
        for event in scene.events(which="own", start=time - 10 * MINUTE, end=time + 10 * MINUTE):
            if event.fields["event_type"] not in ("fault", "alarm"):
                data = event.fields.get("data")
                if data:
                    texts.append((scene.source("events", event), data))
                texts.append((scene.source("events", event), event.fields["event_type"]))
        session = session_at(scene, scene.device_id, scene.connector_id, time)
        if session is not None:
            texts.append((session.source, {"stop_reason": session.stop_reason, "details": session.details}))
    for command in scene.records("commands", which="own"):
        if command.time is not None and abs(command.time - scene.anchor) <= HOUR and command.fields.get("result") is not None:
            texts.append((scene.source("commands", command), {"result": command.fields["result"]}))
    spelled = [(source, _spelled(data)) for source, data in texts]
    found = {str(reading.value): reading.sources for reading in scene.mentions(spelled)}
    for topic, source in _answers(spelled):
        found[topic] = few([*found.get(topic, ()), source])
    return [Reading(topic, scene.anchor, sources, key=topic) for topic, sources in sorted(found.items())]
