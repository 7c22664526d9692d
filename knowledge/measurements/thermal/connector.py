"""One connector: how hot it got and when, how that goes with its current, and what it says of its contacts."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ....engine.facts import Source
from ...observations import Floats, Rows
from ...readings import CHARGING_STATES, DAY, HOUR, MINUTE, Reading, few, median
from ...scene import Scene
from ...texts import as_number, flat
from ..common import current_of_a_phase
from ..registry import measures
from .ambient import over_ambient
from .loads import beginning_is_told, load_now
from .payload import CONNECTOR_HEAT, NOT_THE_CONNECTOR, highest_number
from .remembered import once_an_incident
from .telemetry import HISTORY, around_occurrence, columns_of, correlation, known, lagged


def temperature_in_metadata(scene: Scene, device: str, connector: int | None, *, other: bool = False) -> Reading | None:
    """The temperature of a loaded connector in a charger's metadata, where that is of the time of the incident."""
    record = scene.devices.get(device)
    if record is None or abs(scene.as_of - scene.anchor) > 6 * HOUR:
        return None
    best: float | None = None
    for item in record.fields.get("connectors") or []:
        if not isinstance(item, dict):
            continue
        number = item.get("connector_id")
        if connector is not None and (number == connector) == other:
            continue
        loaded = any((as_number(item.get(key)) or 0.0) > 3.0 for key in ("current", "power"))
        loaded = loaded or str(item.get("status") or item.get("state") or "").lower() in CHARGING_STATES
        value = as_number(item.get("temperature"))
        if value is not None and loaded and (best is None or value > best):
            best = value
    return None if best is None else Reading(best, None, (Source("devices", record.index, None),))


@measures(
    "connector_temperature",
    "highest temperature of the connector within 30 minutes (else two hours) before the latest occurrence that has readings, "
    "else the one its details, the session or the charger's metadata give",
    unit="°C",
    low=-60,
    high=300,
)
@once_an_incident
def connector_temperature(scene: Scene) -> Reading | None:
    windows = (30 * MINUTE, 10 * MINUTE), (2 * HOUR, HOUR)
    highest = around_occurrence(scene, scene.readings("temperature"), *windows).max()
    if highest is not None:
        return highest
    told = scene.detail_number(rf"^(?!.*({NOT_THE_CONNECTOR})).*({CONNECTOR_HEAT})")
    if told is not None:
        return told
    now = load_now(scene)
    if now is not None and known(now.peak):
        return Reading(now.peak, now.at, now.sources)
    return temperature_in_metadata(scene, scene.device_id, scene.connector_id)


@measures(
    "connector_rest_temperature",
    "lowest temperature of the connector without load (else at the beginning of the load), half an hour and more after any load, "
    "within three hours before the latest occurrence",
    unit="°C",
    low=-60,
    high=300,
)
def connector_rest_temperature(scene: Scene) -> Reading | None:
    columns = columns_of(scene, scene.device_id)
    if columns is None:
        return None
    mask = (columns.times >= scene.anchor - 3 * HOUR) & (columns.times <= scene.anchor) & ~np.isnan(columns.temperature)
    mask &= columns.may_be_of(scene.connector_id)
    resting = np.flatnonzero(mask & columns.idle)
    now = load_now(scene)
    if not len(resting):
        if now is None or now.start < scene.anchor - 3 * HOUR or not beginning_is_told(scene, now):
            return None
        resting = np.flatnonzero(
            mask & (columns.times >= now.start - MINUTE) & (columns.times <= now.start + 2 * MINUTE)
        )
        if not len(resting):
            return None
    # what is left of the session before is no rest
    carried = columns.times[columns.active]
    last = np.searchsorted(carried, columns.times[resting], "left") - 1
    rested = (
        (last < 0) | (columns.times[resting] - carried[np.maximum(last, 0)] >= 30 * MINUTE)
        if len(carried)
        else last < 0
    )
    resting = resting[rested]
    if not len(resting):
        return None
    place = int(resting[np.argmin(columns.temperature[resting])])
    return Reading(
        float(columns.temperature[place]),
        float(columns.times[place]),
        (columns.table.source(int(columns.rows[place])),),
    )


@measures(
    "connector_over_ambient",
    "connector temperature at its highest around the latest occurrence that has readings, minus the ambient of that time",
    unit="K",
)
def connector_over_ambient(scene: Scene) -> Reading | None:
    return over_ambient(scene, connector_temperature(scene))


@measures(
    "hot_current_share_of_rated",
    "highest current within 30 minutes before the connector was hottest, as a share of the connector's greatest current",
    unit="%",
    low=0,
)
def hot_current_share_of_rated(scene: Scene) -> Reading | None:
    greatest = scene.metadata("product.max_current_a")
    peak = connector_temperature(scene)
    if greatest is None or peak is None or float(greatest.value) <= 0:
        return None
    moment = scene.anchor if peak.at is None else peak.at
    current = current_of_a_phase(scene).between(moment - 30 * MINUTE, moment + MINUTE)
    if len(current):
        place = int(np.argmax(np.abs(current.values)))
        return Reading(
            100.0 * abs(float(current.values[place])) / float(greatest.value),
            moment,
            few([current.source(place), *greatest.sources]),
        )
    told = scene.detail_number(r"^(?!.*(limit|rated|max)).*\b(current|amps?)\b")
    if told is None:
        return None
    return Reading(
        100.0 * abs(float(told.value)) / float(greatest.value), told.at, few([*told.sources, *greatest.sources])
    )


@measures(
    "minutes_to_hot",
    "minutes from the start of the load until the connector had made two thirds (63%) of its rise, in the session at the "
    "fault; known from eight degrees of rise",
    unit="min",
    low=0,
)
def minutes_to_hot(scene: Scene) -> Reading | None:
    now = load_now(scene)
    if now is None or not known(now.peak) or not beginning_is_told(scene, now):
        return None
    readings = scene.readings("temperature").between(now.start - MINUTE, now.at)
    if len(readings) < 4 or float(readings.times[0]) > now.start + 10 * MINUTE:
        return None
    begin = float(np.min(readings.values[:3]))
    if now.peak - begin < 8.0:
        return None
    place = int(np.argmax(readings.values >= begin + 0.632 * (now.peak - begin)))
    spacing = median(np.diff(readings.times))
    if spacing > 12 * MINUTE:
        return None
    current = scene.readings("current").between(now.start - MINUTE, now.at)
    carrying = current.times[np.abs(current.values) > 3.0]
    start = max(now.start, float(carrying[0])) if len(carrying) else now.start
    return readings.reading(
        max(0.0, (float(readings.times[place]) - start) / MINUTE), float(readings.times[place]), [0, place]
    )


@measures(
    "minutes_from_start_to_hot_fault",
    "median minutes from the start of a session to the occurrence in it",
    unit="min",
    low=0,
)
def minutes_from_start_to_hot_fault(scene: Scene) -> Reading | None:
    found: list[float] = []
    sources: list[Source] = []
    for time in scene.times[-50:]:
        for session in reversed(scene.sessions()):
            if session.start <= time and session.over_by >= time - MINUTE and time - session.start < DAY / 2:
                found.append((time - session.start) / MINUTE)
                sources.append(session.source)
                break
    return Reading(median(found), scene.anchor, few(sources)) if found else None


@measures(
    "connector_load_correlation",
    "how the connector's temperature goes with the square of its current (lagged by five minutes, none between sessions of which alone "
    "there are readings) in the six hours up to the latest occurrence; known where the current varies by a tenth",
    unit="1",
    low=-1,
    high=1,
)
def connector_load_correlation(scene: Scene) -> Reading | None:
    heat = scene.readings("temperature").between(scene.anchor - 6 * HOUR, scene.anchor + 30 * MINUTE)
    flow = scene.readings("current").between(scene.anchor - 6 * HOUR, scene.anchor + 30 * MINUTE)
    heat, flow = heat.together(flow)
    if not 12 <= len(heat) <= 2000:
        return None
    squared = np.minimum(np.abs(flow.values), 1e5) ** 2
    if np.std(np.abs(flow.values)) < 0.1 * max(1.0, float(np.mean(np.abs(flow.values)))) or np.ptp(heat.values) < 5.0:
        return None
    times, squared, read = _with_rests(scene, heat.times, squared)
    value = correlation(heat.values, lagged(times, squared, 5 * MINUTE)[read])
    return None if value is None else heat.reading(value)


def _with_rests(scene: Scene, times: Floats, values: Floats) -> tuple[Floats, Floats, Rows]:
    """Readings of a load and zeros where there was none: between sessions, and before one that begins them; with the places of the
    readings. Chargers that speak OCPP report while they charge only."""
    starts = np.sort([session.start for session in scene.sessions()])
    spacing = float(np.median(np.diff(times)))
    before = np.concatenate([times[:1] - 10 * MINUTE, times[:-1]])
    begins = np.flatnonzero(starts.searchsorted(times, "right") > starts.searchsorted(before, "right"))
    ends = np.minimum(before[begins] + spacing, times[begins] - 2.0)
    resting = np.sort(np.concatenate([ends[begins > 0], times[begins] - 1.0]))
    places = np.searchsorted(times, resting)
    read = np.arange(len(times)) + np.searchsorted(resting, times)
    return np.insert(times, places, resting), np.insert(values, places, 0.0), read


@measures(
    "voltage_flutter",
    "standard deviation of the voltage's change from one reading to the next while the current is steady (within 5%), in the "
    "hour up to the latest occurrence, as a share of the voltage",
    unit="%",
    low=0,
)
def voltage_flutter(scene: Scene) -> Reading | None:
    volts = scene.readings("voltage").between(scene.anchor - HOUR, scene.anchor + 10 * MINUTE)
    flow = scene.readings("current").between(scene.anchor - HOUR, scene.anchor + 10 * MINUTE)
    volts, flow = volts.together(flow)
    if len(volts) < 10:
        return None
    magnitude = np.abs(flow.values)
    usual = median(magnitude[magnitude > 3.0]) if (magnitude > 3.0).any() else 0.0
    level = median(np.abs(volts.values))
    if usual <= 0 or level <= 0:
        return None
    steady = (np.abs(np.diff(magnitude)) <= 0.05 * usual) & (magnitude[1:] > 3.0) & (magnitude[:-1] > 3.0)
    changes = np.diff(volts.values)[steady]
    if len(changes) < 8:
        return None
    return volts.reading(100.0 * float(np.std(changes)) / level)


@measures(
    "vehicle_inlet_gap",
    "temperature of the vehicle's inlet as the fault's details or the session give it, minus the connector's",
    unit="K",
)
def vehicle_inlet_gap(scene: Scene) -> Reading | None:
    inlet = scene.detail_number(r"\b(vehicle|ev|car)\b.*\btemp", r"^(?!.*\b(ac|air)\b).*\binlet\b.*\b(temp|c$)")
    session = scene.session
    if inlet is None and session is not None:
        told = highest_number(
            flat(session.details), r"\b((vehicle|ev|car)\b.*\btemp|inlet\b.*\btemp)", r"\bac\b|ambient|limit"
        )
        if known(told):
            inlet = Reading(told, None, (session.source,))
    peak = connector_temperature(scene)
    if inlet is None or peak is None:
        return None
    return Reading(float(inlet.value) - float(peak.value), peak.at, few([*inlet.sources, *peak.sources]))


@measures(
    "pin_temperature_spread",
    "difference between the hottest and the coolest of the connector's own contacts, where the details of one fault event give "
    "several (plus and minus, phases, pins)",
    unit="K",
    low=0,
)
def pin_temperature_spread(scene: Scene) -> Reading | None:
    found: Reading | None = None
    for fault in scene.incidence.faults[-20:]:
        values = [
            number
            for path, value in flat(fault.record.data)
            if re.search(r"\btemp|\bt\b|\b(c|celsius)$", path)
            and re.search(
                r"\b(pins?\d?|contacts?\d?|plus|minus|pos|neg|positive|negative|dc\+|l[123]|sensors?|probes?)\b", path
            )
            and not re.search(r"ambient|cabinet|module|limit|vehicle|inlet|board", path)
            and (number := as_number(value)) is not None
        ]
        if len(values) >= 2:
            found = Reading(max(values) - min(values), fault.time, (fault.source,))
    return found


@measures(
    "reported_contact_resistance",
    "contact resistance in mΩ as the fault's details, a command's result or the session give it, of several contacts the highest",
    unit="mΩ",
    low=0,
)
def reported_contact_resistance(scene: Scene) -> Reading | None:
    told: list[tuple[Source, Any]] = list(scene.payload())
    told += [
        (scene.source("commands", c), c.fields.get("result"))
        for c in scene.records("commands")
        if c.time is not None and abs(c.time - scene.anchor) <= 7 * DAY
    ]
    if scene.session is not None:
        told.append((scene.session.source, scene.session.details))
    found: list[Reading] = []
    for source, data in told:
        for path, value in flat(data):
            number = as_number(value)
            if (
                number is not None
                and number >= 0
                and re.search(r"\b(contact|pin|connector)\b.*\b(resistance|res|r|m ?ohms?)\b", path)
                and not re.search(r"\b(other|usual|reference|limit|max|nominal|when new)\b", path)
            ):
                said = str(value).lower() if isinstance(value, str) else ""
                if re.search(r"\b(mohm|m ohm|milli ?ohms?|m ω|mω)\b", path) or re.search(r"m\s?(ohm|ω|Ω)|milli", said):
                    found.append(Reading(number, scene.anchor, (source,)))
                elif re.search(r"\b(uohm|u ohm|micro ?ohms?|µohm)\b", path):
                    found.append(Reading(number / 1000.0, scene.anchor, (source,)))
    return max(reversed(found), key=lambda reading: reading.value, default=None)


@measures(
    "plug_cycles",
    "how often the connector has been used: plug or mating cycles in the fault's details, else the contactor's latest count",
    unit="cycles",
    low=0,
)
def plug_cycles(scene: Scene) -> Reading | None:
    told = scene.detail_number(r"\b(plug|mating|insertion|connector)\b.*\b(cycles?|count)\b")
    return (
        told
        or scene.readings("component_health.contactor_cycles")
        .between(scene.anchor - HISTORY, scene.anchor + DAY)
        .last()
    )
