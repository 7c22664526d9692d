"""Measurements of heat: connectors, cabinet, ambient, what load and which vehicle went with it, and how neighbours fared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.facts import Source
from ..observations import Floats, Record, Rows, Table, epoch
from ..readings import DAY, HOUR, MINUTE, Reading, few
from ..scene import Scene, affirmed, as_number, flat, words_of
from ..sessions import Session
from .registry import measures

CONNECTOR_CODE, CABINET_CODE, FAN_CODE = "F-0203", "F-0204", "F-0601"

WARNING_AC, WARNING_DC = 65.0, 75.0
"""Connector temperatures at which power is throttled (dictionary F-0203)."""

REACH = 3 * HOUR
"""How far an ambient reading may lie from the moment it is used for (weather services report every one to three hours)."""

HISTORY = 60 * DAY
"""How far back loads are compared (our judgement: oxide and dust take weeks)."""

NOT_THE_CONNECTOR = r"ambient|\bamb\b|\bcab\b|cabinet|enclosure|module|board|fan|coolant|limit|threshold|outside|weather|delta|rise|over\b|internal|heat ?sink"


def _sources(table: Table, rows: Sequence[int] | Rows) -> tuple[Source, ...]:
    """Where some rows came from; of many, the first and the last."""
    if len(rows) > 8:
        rows = [*rows[:4], *rows[-4:]]
    return few([table.source(int(row)) for row in rows])


# What is read of a charger


@dataclass(frozen=True)
class Columns:
    """A charger's telemetry as arrays in time order, magnitudes of current (A) and power (kW)."""

    table: Table
    rows: Rows
    times: Floats
    connectors: Floats
    temperature: Floats
    amps: Floats
    power: Floats
    active: np.ndarray  # under load, by current, power or state
    idle: np.ndarray  # known to carry no load


def _columns(scene: Scene, device: str) -> Columns | None:
    def load() -> Columns | None:
        table = scene.observations["telemetry"]
        rows = table.by_device.get(device)
        if rows is None or not len(rows):
            return None

        def column(path: str) -> Floats:
            return np.asarray(table.numbers(path)[rows], dtype=np.float64)

        amps = np.abs(column("current"))
        if np.isnan(amps).any():
            for phase in ("phase_a", "phase_b", "phase_c"):
                amps = np.fmax(amps, np.abs(column(f"phase_details.{phase}.current")))
        power = np.abs(column("power"))
        power = np.where(np.isnan(power), np.abs(column("voltage")) * amps / 1000.0, power)
        texts = table.texts("state")
        busy = np.array([texts[row] in ("charging", "discharging") for row in rows], dtype=bool)
        rest = np.array([texts[row] in ("idle", "unavailable") for row in rows], dtype=bool)
        known = ~np.isnan(amps) | ~np.isnan(power)
        carrying = (np.nan_to_num(amps) > 3.0) | (np.nan_to_num(power) > 0.5)
        active = np.where(known, carrying, busy)
        idle = np.where(known, ~carrying, rest)
        power = np.where(np.isnan(power) & rest, 0.0, power)
        return Columns(
            table, rows, table.times[rows], table.connectors[rows], column("temperature"), amps, power, active, idle
        )

    found: Columns | None = scene.shared_once(("thermal columns", device), load)
    return found


def _site_of(scene: Scene, device: str) -> str | None:
    record = scene.devices.get(device)
    site = None if record is None else record.fields.get("site_id")
    return site if isinstance(site, str) else None


@dataclass(frozen=True)
class Series:
    """Times, values and rows of one quantity, ascending in time."""

    table: Table
    times: Floats
    values: Floats
    rows: Rows

    def window(self, start: float, end: float) -> Series:
        """What lies from start to end."""
        low, high = int(np.searchsorted(self.times, start, "left")), int(np.searchsorted(self.times, end, "right"))
        return Series(self.table, self.times[low:high], self.values[low:high], self.rows[low:high])

    def at(self, moments: Floats, reach: float = REACH) -> Floats:
        """Interpolated at some moments; NaN where the nearest reading is farther than `reach`."""
        if not len(self.times):
            return np.full(np.shape(moments), np.nan)
        values = np.interp(moments, self.times, self.values)
        after = np.clip(np.searchsorted(self.times, moments), 0, len(self.times) - 1)
        before = np.clip(after - 1, 0, None)
        distance = np.minimum(np.abs(self.times[after] - moments), np.abs(self.times[before] - moments))
        return np.where(distance <= reach, values, np.nan)


def _series(scene: Scene, device: str, path: str) -> Series:
    table = scene.observations["telemetry"]
    rows = table.by_device.get(device)
    rows = np.empty(0, dtype=np.intp) if rows is None else rows
    values = table.numbers(path)[rows]
    known = ~np.isnan(values)
    return Series(table, table.times[rows][known], values[known], rows[known])


def _weather(scene: Scene, site: str | None) -> Series:
    """Ambient temperatures recorded for a site."""

    def load() -> Series:
        table = scene.observations["environment"]
        values = table.numbers("ambient_c")
        mine = [row for row, r in enumerate(table.records) if site is not None and r.fields.get("site_id") == site]
        rows = np.array([row for row in mine if not np.isnan(values[row])], dtype=np.intp)
        return Series(table, table.times[rows], values[rows], rows)

    found: Series = scene.shared_once(("thermal weather", site), load)
    return found


def _ambient(scene: Scene, device: str) -> Series:
    """Ambient temperature at a charger: its own sensor, else the site's records, else a neighbour's sensor."""

    def load() -> Series:
        own = _series(scene, device, "ambient_temperature")
        if len(own.times):
            return own
        site = _site_of(scene, device)
        weather = _weather(scene, site)
        if len(weather.times) or site is None:
            return weather
        for other, record in sorted(scene.devices.items()):
            if other != device and record.fields.get("site_id") == site:
                theirs = _series(scene, other, "ambient_temperature")
                if len(theirs.times):
                    return theirs
        return weather

    found: Series = scene.shared_once(("thermal ambient", device), load)
    return found


# Ambient


@measures(
    "ambient_temperature",
    "highest ambient within the hour up to the latest occurrence, else the nearest within three hours, from the charger's "
    "sensor, the site's records, a neighbour's sensor or the fault's details",
    unit="°C",
    low=-60,
    high=90,
)
def ambient_temperature(scene: Scene) -> Reading | None:
    def load() -> Reading | None:
        series = _ambient(scene, scene.device_id)
        for time in reversed(scene.times):
            near = series.window(time - HOUR, time + 5 * MINUTE)
            if len(near.times):
                place = int(np.argmax(near.values))
                return Reading(float(near.values[place]), float(near.times[place]), _sources(near.table, near.rows[place : place + 1]))
            wide = series.window(time - REACH, time + REACH)
            if len(wide.times):
                place = int(np.argmin(np.abs(wide.times - time)))
                return Reading(float(wide.values[place]), float(wide.times[place]), _sources(wide.table, wide.rows[place : place + 1]))
        return scene.detail_number(r"^(?!.*\b(over|rise|above|delta|limit|rated|max rated|threshold)\b).*\b(ambient|amb|outside|outdoor|weather)\b")

    found: Reading | None = scene.once("thermal ambient now", load)
    return found


@measures("ambient_day_max", "highest ambient within the 24 hours up to an hour after the latest occurrence", unit="°C", low=-60, high=90)
def ambient_day_max(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for series in (_ambient(scene, scene.device_id), _weather(scene, scene.site_id)):
        near = series.window(scene.anchor - DAY, scene.anchor + HOUR)
        if len(near.times):
            place = int(np.argmax(near.values))
            if best is None or near.values[place] > float(best.value):
                best = Reading(float(near.values[place]), float(near.times[place]), _sources(near.table, near.rows[place : place + 1]))
    return best


@measures(
    "ambient_fault_day_excess",
    "median daily maximum of the ambient on days with the fault minus that on at least three days without it, within 60 days",
    unit="K",
)
def ambient_fault_day_excess(scene: Scene) -> Reading | None:
    series = _ambient(scene, scene.device_id)
    weather = _weather(scene, scene.site_id)
    if len(weather.times) and (not len(series.times) or np.ptp(weather.times) > np.ptp(series.times)):
        series = weather
    near = series.window(scene.anchor - HISTORY, scene.anchor + DAY)
    if len(near.times) < 6:
        return None
    days = np.floor(near.times / DAY)
    hottest = {day: float(near.values[days == day].max()) for day in np.unique(days)}
    faulty = {float(np.floor(time / DAY)) for time in scene.times}
    hit = [value for day, value in hottest.items() if day in faulty]
    free = [value for day, value in hottest.items() if day not in faulty]
    if len(hit) < 2 or len(free) < 3:
        return None
    return Reading(float(np.median(hit) - np.median(free)), scene.anchor, _sources(near.table, near.rows))


@measures(
    "hot_faults_afternoon_share",
    "of at least three occurrences on at least two days, the share between 11 and 19 o'clock by the sun (UTC and the site's "
    "longitude; unknown where the longitude is)",
    unit="%",
    low=0,
    high=100,
)
def hot_faults_afternoon_share(scene: Scene) -> Reading | None:
    location = None if scene.site is None else scene.site.fields.get("location")
    longitude = None
    if isinstance(location, dict):
        longitude = next((n for key in ("lng", "lon", "longitude") if (n := as_number(location.get(key))) is not None), None)
    if longitude is None or len(scene.times) < 3 or len({int(t // DAY) for t in scene.times}) < 2:
        return None
    hours = [(time / HOUR + longitude / 15.0) % 24.0 for time in scene.times]
    inside = [hour for hour in hours if 11.0 <= hour <= 19.0]
    return Reading(100.0 * len(inside) / len(hours), scene.anchor, few([f.source for f in scene.incidence.faults]))


# Loads: stretches in which a connector carried current, with what it reached


@dataclass(frozen=True)
class Load:
    """A session or another stretch of load at one connector; NaN for what is not known."""

    device: str
    connector: int | None
    vin: str | None
    start: float
    end: float
    peak: float  # highest connector temperature, °C
    at: float  # when
    amps: float  # root mean square over the 20 minutes up to the peak
    power: float
    ambient: float
    first: float  # connector temperature when the load began
    hot: bool | None  # the code was reported, or the temperature came within 5 K of the limit; None where unknown
    sources: tuple[Source, ...]


def _limit(scene: Scene, device: str) -> float:
    record = scene.devices.get(device)
    kind = None if record is None else scene.about("product.current_type", record)
    name = "" if record is None else str(record.fields.get("model") or "").upper()
    return WARNING_AC if kind == "AC" or (kind is None and "AC" in name) else WARNING_DC


def _rms(values: Floats) -> float:
    known = values[~np.isnan(values)]
    known = known[known > 0]
    return float(np.sqrt(np.mean(np.minimum(known, 1e6) ** 2))) if len(known) else float("nan")


_HOT_WORDS = re.compile(
    r"\b(over ?temp\w*|over ?heat\w*|thermal\w* (derat|throttl|limit|reduc)\w*|f ?0203|too hot|high temp\w*|temp\w* (high|too high|limit\w*)|"
    r"derat\w*|throttl\w*)"
)
_HOT_KEYS = r"derat|throttl|over ?temp|over ?heat"

CONNECTOR_HEAT = r"\btemp|\bt (conn\w*|pins?|plug|contact|cable)\b|\b(peak|max|connector|plug|pin|handle|contact)\b.*\b(c|deg ?c|celsius)$"


def _session_number(session: Session, wanted: str, unwanted: str) -> float:
    """The highest number in a session's details whose key's words match one pattern and not the other."""
    found = [
        number
        for path, value in flat(session.details)
        if re.search(wanted, path) and not re.search(unwanted, path) and (number := as_number(value)) is not None
    ]
    return max(found, default=float("nan"))


def _loads(scene: Scene, device: str) -> list[Load]:
    """The loads of a charger, by start."""
    found: list[Load] = scene.shared_once(("thermal loads", device), lambda: list(_find_loads(scene, device)))
    return found


def _find_loads(scene: Scene, device: str) -> Iterator[Load]:
    columns = _columns(scene, device)
    sessions = scene.sessions(which="all", device=device)
    ambient = _ambient(scene, device)
    faults = scene.faults(CONNECTOR_CODE, device=device)
    events = scene.observations["events"].by_device.get(device)
    watched = events is not None and len(events) > 0
    limit = _limit(scene, device)
    loads: list[Load] = []
    taken = np.zeros(0 if columns is None else len(columns.rows), dtype=bool)

    def measured(idx: np.ndarray, start: float, end: float, connector: int | None, session: Session | None) -> Load:
        peak = at = amps = power = first = float("nan")
        sources: tuple[Source, ...] = () if session is None else (session.source,)
        if columns is not None and len(idx):
            temperature, times = columns.temperature[idx], columns.times[idx]
            known = np.flatnonzero(~np.isnan(temperature))
            if len(known):
                place = int(known[np.argmax(temperature[known])])
                peak, at = float(temperature[place]), float(times[place])
                first = float(np.min(temperature[known[:3]]))
                sources = (*sources, columns.table.source(int(columns.rows[idx[place]])))
            last = at if at == at else float(times[-1])
            recent = (times >= last - 20 * MINUTE) & (times <= last)
            amps, power = _rms(columns.amps[idx][recent]), _rms(columns.power[idx][recent])
            if amps != amps:
                amps = _rms(columns.amps[idx])
            if power != power:
                power = _rms(columns.power[idx])
        surroundings = float("nan")
        words = ""
        if session is not None:
            if peak != peak:
                peak = _session_number(session, CONNECTOR_HEAT, NOT_THE_CONNECTOR + "|vehicle|inlet|battery|resistance")
                at = end
            if amps != amps:
                amps = _session_number(session, r"\b(current|amps?)\b", r"limit|rated|offered|requested")
            if power != power:
                power = session.avg_power or session.max_power or float("nan")
            surroundings = _session_number(session, r"\b(ambient|outside|outdoor)\b", r"over|rise|delta|limit")
            words = " ".join(affirmed({"reason": session.stop_reason, "details": session.details}))
        moment = at if at == at else end
        if surroundings != surroundings:
            surroundings = float(ambient.at(np.array([moment]))[0])
        reported = [
            f for f in faults
            if start - MINUTE <= f.time <= end + 5 * MINUTE and (f.connector_id in (None, connector) or connector is None)
        ]  # fmt: skip
        hot: bool | None = None
        throttled = session is not None and _session_number(session, _HOT_KEYS, r"grid|site|limit") > 0.0
        if reported or (peak == peak and peak >= limit - 5.0) or _HOT_WORDS.search(words) or throttled:
            hot = True
        elif peak == peak or watched:
            hot = False
        return Load(
            device, connector, None if session is None else session.vin, start, end, peak, moment, amps, power,
            surroundings, first, hot, sources or few([f.source for f in reported]),
        )  # fmt: skip

    def lie_in(start: float, end: float, connector: int | None) -> np.ndarray:
        if columns is None:
            return np.empty(0, dtype=np.intp)
        low, high = np.searchsorted(columns.times, start - 30.0, "left"), np.searchsorted(columns.times, end + 30.0, "right")
        idx = np.arange(int(low), int(high))
        if connector is not None:
            own = columns.connectors[idx]
            idx = idx[(own == connector) | np.isnan(own)]
        return idx

    for place, session in enumerate(sessions):
        end = session.end
        if end is None:
            later = [s.start for s in sessions[place + 1 :] if s.connector_id == session.connector_id]
            end = min([session.start + DAY / 2, *later])
        idx = lie_in(session.start, end, session.connector_id)
        taken[idx] = True
        loads.append(measured(idx, session.start, end, session.connector_id, session))
    if columns is not None:
        for number in np.unique(columns.connectors[~np.isnan(columns.connectors)]).tolist() or [None]:
            mine = ~taken & columns.active
            if number is not None:
                mine &= columns.connectors == number
            idx = np.flatnonzero(mine)
            if not len(idx):
                continue
            every = np.diff(columns.times if number is None else columns.times[columns.connectors == number])
            spacing = float(np.median(every)) if len(every) else HOUR
            longest = min(max(20 * MINUTE, 3.0 * spacing), 3 * HOUR)
            for run in np.split(idx, np.flatnonzero(np.diff(columns.times[idx]) > longest) + 1):
                if len(run) >= 3 or spacing >= 5 * MINUTE:
                    start, stop = float(columns.times[run[0]]), float(columns.times[run[-1]])
                    loads.append(measured(run, start, stop, None if number is None else int(number), None))
    for fault in faults:
        if any(x.peak == x.peak and x.start - MINUTE <= fault.time <= x.end + 5 * MINUTE for x in loads):
            continue
        data = fault.record.fields.get("data") or {}
        told = {path: number for path, value in flat(data) if (number := as_number(value)) is not None}
        heat = [n for path, n in told.items() if re.search(CONNECTOR_HEAT, path) and not re.search(NOT_THE_CONNECTOR + "|vehicle|inlet|battery", path)]
        flow = [n for path, n in told.items() if re.search(r"\b(current|amps?)\b", path) and not re.search("limit|rated", path)]
        air = [n for path, n in told.items() if re.search(r"\bambient\b", path) and not re.search("over|rise|delta|limit", path)]
        if heat:
            around = float(ambient.at(np.array([fault.time]))[0])
            vin = next((x.vin for x in loads if x.vin and x.start <= fault.time <= x.end), None)
            loads.append(
                Load(
                    device, fault.connector_id, vin, fault.time, fault.time, max(heat), fault.time,
                    max(flow, default=float("nan")), float("nan"), max(air, default=around), float("nan"), True, (fault.source,),
                )
            )  # fmt: skip
    yield from sorted(loads, key=lambda x: (x.start, x.connector or 0, x.sources))


def _here(scene: Scene) -> list[Load]:
    """The loads on the incident's connector."""

    def load() -> list[Load]:
        mine = scene.connector_id
        return [x for x in _loads(scene, scene.device_id) if mine is None or x.connector in (None, mine)]

    found: list[Load] = scene.once("thermal loads here", load)
    return found


def _now(scene: Scene) -> Load | None:
    """The load at the latest occurrence that has one."""

    def load() -> Load | None:
        for time in reversed(scene.times):
            near = [x for x in _here(scene) if x.start - MINUTE <= time <= x.end + 10 * MINUTE]
            known = [x for x in near if x.peak == x.peak]
            if near:
                return (known or near)[-1]
            # records far apart end well before or begin after the fault they belong to
            apart = [x for x in _here(scene) if x.peak == x.peak and x.start - 20 * MINUTE <= time <= x.end + 90 * MINUTE]
            if apart:
                return apart[-1]
        return None

    found: Load | None = scene.once("thermal load now", load)
    return found


# The connector's temperature


def _peak(scene: Scene) -> Reading | None:
    def load() -> Reading | None:
        near = scene.near(scene.readings("temperature"), 30 * MINUTE, 10 * MINUTE)
        if not len(near):
            near = scene.near(scene.readings("temperature"), 2 * HOUR, HOUR)
        highest = near.max()
        if highest is not None:
            return highest
        told = scene.detail_number(rf"^(?!.*({NOT_THE_CONNECTOR}|vehicle|inlet|battery)).*({CONNECTOR_HEAT})")
        if told is not None:
            return told
        now = _now(scene)
        if now is not None and now.peak == now.peak:
            return Reading(now.peak, now.at, now.sources)
        return _snapshot(scene, scene.device_id, scene.connector_id)

    found: Reading | None = scene.once("thermal peak", load)
    return found


def _snapshot(scene: Scene, device: str, connector: int | None, *, other: bool = False) -> Reading | None:
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
        loaded = loaded or str(item.get("status") or item.get("state") or "").lower() in ("charging", "discharging")
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
def connector_temperature(scene: Scene) -> Reading | None:
    return _peak(scene)


@measures(
    "connector_rest_temperature",
    "lowest temperature of the connector without load (else at the beginning of the load), half an hour and more after any load, "
    "within three hours before the latest occurrence",
    unit="°C",
    low=-60,
    high=300,
)
def connector_rest_temperature(scene: Scene) -> Reading | None:
    columns = _columns(scene, scene.device_id)
    if columns is None:
        return None
    mask = (columns.times >= scene.anchor - 3 * HOUR) & (columns.times <= scene.anchor) & ~np.isnan(columns.temperature)
    if scene.connector_id is not None:
        mask &= np.isnan(columns.connectors) | (columns.connectors == scene.connector_id)
    resting = np.flatnonzero(mask & columns.idle)
    now = _now(scene)
    if not len(resting):
        if now is None or now.start < scene.anchor - 3 * HOUR:
            return None
        resting = np.flatnonzero(mask & (columns.times >= now.start - MINUTE) & (columns.times <= now.start + 2 * MINUTE))
        if not len(resting):
            return None
    # what is left of the session before is no rest
    carried = columns.times[columns.active]
    last = np.searchsorted(carried, columns.times[resting], "left") - 1
    rested = (last < 0) | (columns.times[resting] - carried[np.maximum(last, 0)] >= 30 * MINUTE) if len(carried) else last < 0
    resting = resting[rested]
    if not len(resting):
        return None
    place = int(resting[np.argmin(columns.temperature[resting])])
    return Reading(float(columns.temperature[place]), float(columns.times[place]), (columns.table.source(int(columns.rows[place])),))


@measures("connector_over_ambient", "connector temperature at its highest around the latest occurrence, minus the ambient", unit="K")
def connector_over_ambient(scene: Scene) -> Reading | None:
    peak, outside = _peak(scene), ambient_temperature(scene)
    if peak is None or outside is None:
        return None
    return Reading(float(peak.value) - float(outside.value), peak.at, few([*peak.sources, *outside.sources]))


@measures(
    "hot_current_share_of_rated",
    "highest current within 30 minutes before the connector was hottest, as a share of the connector's greatest current",
    unit="%",
    low=0,
)
def hot_current_share_of_rated(scene: Scene) -> Reading | None:
    greatest = scene.metadata("product.max_current_a")
    peak = _peak(scene)
    if greatest is None or peak is None or float(greatest.value) <= 0:
        return None
    moment = scene.anchor if peak.at is None else peak.at
    current = scene.readings("current").between(moment - 30 * MINUTE, moment + MINUTE)
    if len(current):
        place = int(np.argmax(np.abs(current.values)))
        return Reading(100.0 * abs(float(current.values[place])) / float(greatest.value), moment, few([current.source(place), *greatest.sources]))
    told = scene.detail_number(r"^(?!.*(limit|rated|max)).*\b(current|amps?)\b")
    if told is None:
        return None
    return Reading(100.0 * abs(float(told.value)) / float(greatest.value), told.at, few([*told.sources, *greatest.sources]))


@measures(
    "minutes_to_hot",
    "minutes from the start of the load until the connector had made two thirds (63%) of its rise, in the session at the "
    "fault; known from eight degrees of rise",
    unit="min",
    low=0,
)
def minutes_to_hot(scene: Scene) -> Reading | None:
    now = _now(scene)
    if now is None or now.peak != now.peak:
        return None
    readings = scene.readings("temperature").between(now.start - MINUTE, now.at)
    if len(readings) < 4 or float(readings.times[0]) > now.start + 10 * MINUTE:
        return None
    begin = float(np.min(readings.values[:3]))
    if now.peak - begin < 8.0:
        return None
    place = int(np.argmax(readings.values >= begin + 0.632 * (now.peak - begin)))
    spacing = float(np.median(np.diff(readings.times)))
    if spacing > 12 * MINUTE:
        return None
    current = scene.readings("current").between(now.start - MINUTE, now.at)
    carrying = current.times[np.abs(current.values) > 3.0]
    start = max(now.start, float(carrying[0])) if len(carrying) else now.start
    return readings.reading(max(0.0, (float(readings.times[place]) - start) / MINUTE), float(readings.times[place]), [0, place])


@measures("minutes_from_start_to_hot_fault", "median minutes from the start of a session to the occurrence in it", unit="min", low=0)
def minutes_from_start_to_hot_fault(scene: Scene) -> Reading | None:
    found: list[float] = []
    sources: list[Source] = []
    for time in scene.times[-50:]:
        for session in reversed(scene.sessions()):
            if session.start <= time and (session.end is None or session.end >= time - MINUTE) and time - session.start < DAY / 2:
                found.append((time - session.start) / MINUTE)
                sources.append(session.source)
                break
    return Reading(float(np.median(found)), scene.anchor, few(sources)) if found else None


def _correlation(one: Floats, two: Floats) -> float | None:
    if len(one) < 8 or np.std(one) < 1e-6 or np.std(two) < 1e-6:
        return None
    return float(np.corrcoef(one, two)[0, 1])


def _smoothed(times: Floats, values: Floats, constant: float) -> Floats:
    """First-order lag with a time constant in seconds, the way a heated mass follows its source."""
    out = np.empty(len(values))
    state = float(values[0]) if len(values) else 0.0
    steps = np.diff(times, prepend=times[:1])
    shares = 1.0 - np.exp(-np.clip(steps, 0.0, None) / constant)
    for place, (value, share) in enumerate(zip(values.tolist(), shares.tolist(), strict=True)):
        state += share * (value - state)
        out[place] = state
    return out


@measures(
    "connector_load_correlation",
    "how the connector's temperature goes with the square of its current (lagged by five minutes) in the six hours up to the "
    "latest occurrence; known where the current varies by a tenth",
    unit="1",
    low=-1,
    high=1,
)
def connector_load_correlation(scene: Scene) -> Reading | None:
    heat = scene.readings("temperature").between(scene.anchor - 6 * HOUR, scene.anchor + 30 * MINUTE)
    flow = scene.readings("current").between(scene.anchor - 6 * HOUR, scene.anchor + 30 * MINUTE)
    rows = np.intersect1d(heat.rows, flow.rows)
    if len(rows) < 12:
        return None
    heat, flow = heat.at_rows(rows), flow.at_rows(rows)
    if len(rows) > 2000:
        return None
    squared = np.minimum(np.abs(flow.values), 1e5) ** 2
    if np.std(np.abs(flow.values)) < 0.1 * max(1.0, float(np.mean(np.abs(flow.values)))) or np.ptp(heat.values) < 5.0:
        return None
    value = _correlation(heat.values, _smoothed(heat.times, squared, 5 * MINUTE))
    return None if value is None else heat.reading(value)


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
    rows = np.intersect1d(volts.rows, flow.rows)
    if len(rows) < 10:
        return None
    volts, flow = volts.at_rows(rows), flow.at_rows(rows)
    magnitude = np.abs(flow.values)
    usual = float(np.median(magnitude[magnitude > 3.0])) if (magnitude > 3.0).any() else 0.0
    level = float(np.median(np.abs(volts.values)))
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
        told = _session_number(session, r"\b((vehicle|ev|car)\b.*\btemp|inlet\b.*\btemp)", r"\bac\b|ambient|limit")
        if told == told:
            inlet = Reading(told, None, (session.source,))
    peak = _peak(scene)
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
            for path, value in flat(fault.record.fields.get("data") or {})
            if re.search(r"\btemp|\bt\b|\b(c|celsius)$", path)
            and re.search(r"\b(pins?\d?|contacts?\d?|plus|minus|pos|neg|positive|negative|dc\+|l[123]|sensors?|probes?)\b", path)
            and not re.search(r"ambient|cabinet|module|limit|vehicle|inlet|board", path)
            and (number := as_number(value)) is not None
        ]
        if len(values) >= 2:
            found = Reading(max(values) - min(values), fault.time, (fault.source,))
    return found


@measures(
    "reported_contact_resistance",
    "contact resistance in mΩ as the fault's details, a command's result or the session give it",
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
    found: Reading | None = None
    for source, data in told:
        for path, value in flat(data):
            number = as_number(value)
            if number is not None and number >= 0 and re.search(r"\b(contact|pin|connector)\b.*\b(resistance|r)\b", path):
                said = str(value).lower() if isinstance(value, str) else ""
                if re.search(r"\b(mohm|m ohm|milli ?ohms?|m ω|mω)\b", path) or re.search(r"m\s?(ohm|ω|Ω)|milli", said):
                    found = Reading(number, scene.anchor, (source,))
                elif re.search(r"\b(uohm|u ohm|micro ?ohms?|µohm)\b", path):
                    found = Reading(number / 1000.0, scene.anchor, (source,))
    return found


# Against the neighbours and the charger's other connectors


@measures(
    "site_peers_with_code_same_day",
    "other chargers of the site that reported the code within twelve hours of the latest occurrence; known where the site has "
    "other chargers in the bundle",
    unit="1",
    low=0,
)
def site_peers_with_code_same_day(scene: Scene) -> Reading | None:
    neighbours = {r.fields["device_id"] for r in scene.neighbours}
    if not neighbours:
        return None
    hit = {f.device_id: f.source for f in scene.faults("own") if f.device_id in neighbours and abs(f.time - scene.anchor) <= DAY / 2}
    sources = list(hit.values()) or list(scene.sources("devices", scene.neighbours))
    return Reading(float(len(hit)), scene.anchor, few(sources))


def _alike(one: Load, two: Load) -> bool:
    """Whether two loads carried about the same current (else power); true where that is not known of both."""
    for mine, theirs in ((one.amps, two.amps), (one.power, two.power)):
        if mine == mine and theirs == theirs and mine > 0:
            return bool(0.65 <= theirs / mine <= 1.55)
    return True


def _hard_enough(now: Load | None, other: Load) -> bool:
    """Whether another load was as high that it would have heated too; true where that is not known."""
    if now is None:
        return True
    for mine, theirs in ((now.amps, other.amps), (now.power, other.power)):
        if mine == mine and theirs == theirs and mine > 0:
            return bool(theirs / mine >= 0.6)
    return True


def _rise(load: Load) -> float:
    return load.peak - load.ambient


def _scaled(now: Load, other: Load) -> float | None:
    """The peak another load would have had at the current (else power) of this one; None where that is not known.

    A rise goes with the square of the current. Loads too small to be scaled up to this one say nothing.
    """
    if other.peak != other.peak:
        return None
    for mine, theirs in ((now.amps, other.amps), (now.power, other.power)):
        if mine == mine and theirs == theirs and mine > 0 and theirs > 0:
            ratio = mine / theirs
            if ratio > 1.8:
                return None
            aired = now.ambient == now.ambient and other.ambient == other.ambient
            begun = now.first == now.first and other.first == other.first
            base = (now.ambient, other.ambient) if aired else (min(now.first, other.first),) * 2 if begun else (20.0, 20.0)
            return base[0] + (other.peak - base[1]) * min(ratio, 1.8) ** 2
    return None


def _as_hot(now: Load | None, other: Load) -> bool | None:
    """Whether another load heated its connector like the one at the fault, both brought to the same current."""
    if now is not None and now.peak == now.peak and other is not now:
        scaled = _scaled(now, other)
        if scaled is not None:
            return True if scaled >= now.peak - 6.0 else False if scaled < now.peak - 10.0 else other.hot or None
    if other.hot:
        return True
    return False if other.hot is False and _hard_enough(now, other) else None


def _gap_to(scene: Scene, rivals: list[Load], within: float) -> Reading | None:
    """How much hotter the incident's load got than loads alike at about the same time, over ambient where known of all."""
    now = _now(scene)
    if now is None or now.peak != now.peak:
        return None
    near = [x for x in rivals if x.peak == x.peak and _alike(now, x) and x.start <= now.end + within and x.end >= now.start - within]
    if not near:
        return None
    together = [x for x in near if x.start <= now.end and x.end >= now.start]
    if together:
        # side by side the air is the same: plain temperatures tell more than two ambient sensors
        value = now.peak - float(np.median([x.peak for x in together]))
        near = together
    elif now.ambient == now.ambient and all(x.ambient == x.ambient for x in near):
        value = _rise(now) - float(np.median([_rise(x) for x in near]))
    else:
        value = now.peak - float(np.median([x.peak for x in near]))
    return Reading(value, now.at, few([*now.sources, *(s for x in near for s in x.sources)]))


def _peers(scene: Scene) -> list[Record]:
    """The neighbours of the same model; all of the site where the model is not known."""
    mine = scene.about("model")
    alike = [r for r in scene.neighbours if mine is None or r.fields.get("model") in (None, mine)]
    return alike[:24]


@measures(
    "peers_connector_gap",
    "how much hotter the connector was than the median of same-model neighbours' connectors under a load alike (0.65 to 1.55 "
    "of the current, else power) at the same time, else within six hours, else in the chargers' metadata",
    unit="K",
)
def peers_connector_gap(scene: Scene) -> Reading | None:
    rivals = [x for record in _peers(scene) for x in _loads(scene, record.fields["device_id"])]
    found = _gap_to(scene, rivals, 6 * HOUR)
    if found is not None:
        return found
    own = _peak(scene)
    others = [r for record in _peers(scene) if (r := _snapshot(scene, record.fields["device_id"], None)) is not None]
    if own is None or not others:
        return None
    return Reading(
        float(own.value) - float(np.median([float(r.value) for r in others])), own.at,
        few([*own.sources, *(s for r in others for s in r.sources)]),
    )  # fmt: skip


@measures(
    "other_connector_gap",
    "how much hotter the connector was than the charger's other connectors under a load alike at the same time, else within "
    "three days, else in the charger's metadata",
    unit="K",
)
def other_connector_gap(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    rivals = [x for x in _loads(scene, scene.device_id) if x.connector is not None and x.connector != scene.connector_id]
    found = _gap_to(scene, rivals, 3 * DAY)
    if found is not None:
        return found
    own, other = _peak(scene), _snapshot(scene, scene.device_id, scene.connector_id, other=True)
    if own is None or other is None:
        return None
    return Reading(float(own.value) - float(other.value), own.at, few([*own.sources, *other.sources]))


@measures(
    "standing_connector_gap",
    "median, over earlier loads within 30 days, of how much more this connector rose than another connector of the charger or a "
    "same-model neighbour under a load alike within two hours, brought to the current at the fault; from two pairs",
    unit="K",
)
def standing_connector_gap(scene: Scene) -> Reading | None:
    now = _now(scene)
    rivals = [x for x in _loads(scene, scene.device_id) if scene.connector_id is not None and x.connector not in (None, scene.connector_id)]
    rivals += [x for record in _peers(scene) for x in _loads(scene, record.fields["device_id"])]
    rivals = [x for x in rivals if x.peak == x.peak]
    starts = np.array([x.start for x in rivals])
    values: list[float] = []
    sources: list[Source] = []
    for mine in _here(scene)[-60:]:
        if mine is now or mine.peak != mine.peak or not scene.anchor - 30 * DAY <= mine.start <= scene.anchor or not len(starts):
            continue
        if now is not None and mine.end >= now.start:
            continue
        near = [rivals[i] for i in np.flatnonzero(np.abs(starts - mine.start) <= 2 * HOUR) if _alike(mine, rivals[i])]
        expected = [value for x in near if (value := _scaled(mine, x)) is not None]
        ratio = now.amps / mine.amps if now is not None and now.amps == now.amps and mine.amps == mine.amps and mine.amps > 0 else 1.0
        if expected and ratio <= 2.5:
            values.append((mine.peak - float(np.median(expected))) * max(ratio, 0.5) ** 2)
            sources += [*mine.sources, *near[0].sources]
    return Reading(float(np.median(values)), scene.anchor, few(sources)) if len(values) >= 2 else None


@measures(
    "other_connectors_cool_loads",
    "sessions on the charger's other connectors within seven days before and a day after the latest occurrence that neither "
    "reported the code nor came near its limit",
    unit="1",
    low=0,
)
def other_connectors_cool_loads(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    near = [
        x for x in _loads(scene, scene.device_id)
        if x.connector not in (None, scene.connector_id) and scene.anchor - 7 * DAY <= x.end and x.start <= scene.anchor + DAY
    ]  # fmt: skip
    if not near:
        return None
    cool = [x for x in near if not x.hot and _as_hot(_now(scene), x) is False]
    return Reading(float(len(cool)), scene.anchor, few([s for x in near for s in x.sources]))


@measures(
    "other_connectors_hot_loads",
    "sessions on the charger's other connectors within seven days before and a day after the latest occurrence that reported "
    "the code or came within five degrees of its limit",
    unit="1",
    low=0,
)
def other_connectors_hot_loads(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    near = [
        x for x in _loads(scene, scene.device_id)
        if x.connector not in (None, scene.connector_id) and scene.anchor - 7 * DAY <= x.end and x.start <= scene.anchor + DAY
    ]  # fmt: skip
    hot = [x for x in near if x.hot]
    return Reading(float(len(hot)), scene.anchor, few([s for x in (hot or near) for s in x.sources])) if near else None


# Which vehicle


def _vin(scene: Scene) -> str | None:
    def load() -> str | None:
        for time in reversed(scene.times):
            for x in reversed(_here(scene)):
                if x.vin and x.start - MINUTE <= time <= x.end + 10 * MINUTE:
                    return x.vin
        for path, value, _ in scene.details():
            if re.search(r"\bvin\b", path) and isinstance(value, str) and value.strip():
                return value.strip()
        session = scene.session
        return None if session is None else session.vin

    found: str | None = scene.once("thermal vin", load)
    return found


def _elsewhere(scene: Scene) -> list[Load]:
    """The loads of the incident's vehicle on other connectors and chargers."""

    def load() -> list[Load]:
        vin = _vin(scene)
        if vin is None:
            return []
        table = scene.observations["charging_records"]
        texts = table.texts("vehicle_info.vin")
        devices = {table.records[row].fields["device_id"] for row, text in enumerate(texts) if text == vin}
        for record in scene.observations["events"].records:
            if record.fields["event_type"] == "start" and vin in str(record.fields.get("data") or ""):
                devices.add(record.fields["device_id"])
        here = (scene.device_id, scene.connector_id)
        return [
            x for device in sorted(devices)[:50] for x in _loads(scene, device)
            if x.vin == vin and (x.device, x.connector) != here and not (x.device == here[0] and None in (x.connector, here[1]))
        ]  # fmt: skip

    found: list[Load] = scene.once("thermal elsewhere", load)
    return found


@measures(
    "vehicle_hot_elsewhere",
    "other connectors or chargers on which this vehicle's sessions reported the code or came within five degrees of its limit",
    unit="1",
    low=0,
)
def vehicle_hot_elsewhere(scene: Scene) -> Reading | None:
    known = [x for x in _elsewhere(scene) if x.hot is not None]
    hot = [x for x in known if x.hot]
    if not known:
        return None
    return Reading(float(len({(x.device, x.connector) for x in hot})), scene.anchor, few([s for x in (hot or known) for s in x.sources]))


@measures(
    "vehicle_cool_elsewhere",
    "sessions of this vehicle on other connectors or chargers, none of them hot; zero where one was",
    unit="1",
    low=0,
)
def vehicle_cool_elsewhere(scene: Scene) -> Reading | None:
    known = [x for x in _elsewhere(scene) if x.hot or _as_hot(_now(scene), x) is not None]
    if not known:
        return None
    cool = 0 if any(x.hot or _as_hot(_now(scene), x) for x in known) else len(known)
    return Reading(float(cool), scene.anchor, few([s for x in known for s in x.sources]))


@measures(
    "vehicle_excess_elsewhere",
    "median of how much hotter connectors elsewhere got with this vehicle than with others at a load alike, over ambient "
    "where known",
    unit="K",
)
def vehicle_excess_elsewhere(scene: Scene) -> Reading | None:
    found: list[float] = []
    sources: list[Source] = []
    for mine in _elsewhere(scene):
        rivals = [
            x for x in _loads(scene, mine.device)
            if x.vin not in (None, mine.vin) and x.connector == mine.connector and x.peak == x.peak and _alike(mine, x)
        ]  # fmt: skip
        if mine.peak == mine.peak and rivals:
            found.append(_excess(mine, rivals))
            sources += [*mine.sources, *rivals[-1].sources]
    return Reading(float(np.median(found)), scene.anchor, few(sources)) if found else None


def _excess(mine: Load, rivals: Sequence[Load]) -> float:
    if mine.ambient == mine.ambient and all(x.ambient == x.ambient for x in rivals):
        return _rise(mine) - float(np.median([_rise(x) for x in rivals]))
    return mine.peak - float(np.median([x.peak for x in rivals]))


@measures(
    "vehicle_excess_here",
    "how much hotter the connector got with this vehicle than the median of at least two sessions of other vehicles at a load "
    "alike here, brought to the same current (the four nearest in time within 21 days)",
    unit="K",
)
def vehicle_excess_here(scene: Scene) -> Reading | None:
    now, vin = _now(scene), _vin(scene)
    if now is None or now.peak != now.peak or vin is None:
        return None
    rivals = [
        x for x in _here(scene)
        if x.vin not in (None, vin) and x.peak == x.peak and abs(x.start - now.start) <= 21 * DAY
        and (_scaled(now, x) is not None or (_alike(now, x) and now.amps != now.amps and now.power != now.power))
    ]  # fmt: skip
    # the nearest in time, since a contact or a cooling that gets worse heats later sessions more
    rivals = sorted(rivals, key=lambda x: abs(x.start - now.start))[:4]
    if len(rivals) < 2:
        return None
    expected = [value if (value := _scaled(now, x)) is not None else x.peak for x in rivals]
    value = now.peak - float(np.median(expected))
    return Reading(value, now.at, few([*now.sources, *(s for x in rivals for s in x.sources)]))


@measures(
    "other_vehicles_hot_here",
    "other vehicles whose sessions here within 14 days before and seven after the latest occurrence heated the connector as "
    "much, brought to the same current (within six degrees), or where that is not known reported the code or came near its limit",
    unit="1",
    low=0,
)
def other_vehicles_hot_here(scene: Scene) -> Reading | None:
    return _others_here(scene, hot=True)


@measures(
    "other_vehicles_cool_here",
    "other vehicles whose sessions here within 14 days before and seven after the latest occurrence stayed ten degrees cooler, "
    "brought to the same current, or where that is not known were cool at no less than 0.6 of the load",
    unit="1",
    low=0,
)
def other_vehicles_cool_here(scene: Scene) -> Reading | None:
    return _others_here(scene, hot=False)


def _others_here(scene: Scene, *, hot: bool) -> Reading | None:
    vin = _vin(scene)
    if vin is None:
        return None
    near = [
        (x, like) for x in _here(scene)
        if x.vin not in (None, vin)
        and scene.anchor - 14 * DAY <= x.end
        and x.start <= scene.anchor + 7 * DAY
        and (like := _as_hot(_now(scene), x)) is not None
    ]  # fmt: skip
    if not near:
        return None
    heated = {x.vin for x, like in near if like}
    counted = heated if hot else {x.vin for x, _ in near} - heated
    return Reading(float(len(counted)), scene.anchor, few([s for x, _ in near for s in x.sources]))


def _other_loads_here(scene: Scene, *, hot: bool) -> Reading | None:
    now = _now(scene)
    near = [
        (x, like) for x in _here(scene)
        if x is not now and scene.anchor - 14 * DAY <= x.end and x.start <= scene.anchor + 7 * DAY
        and not (now is not None and x.start <= now.end and x.end >= now.start)
        and (like := _as_hot(now, x)) is not None
    ]  # fmt: skip
    if not near:
        return None
    counted = [x for x, like in near if like == hot]
    return Reading(float(len(counted)), scene.anchor, few([s for x in (counted or [x for x, _ in near]) for s in x.sources]))


@measures(
    "other_hot_loads_here",
    "other loads of the connector within 14 days before and seven after the latest occurrence that heated it as much, brought "
    "to the same current (within six degrees), or where that is not known reported the code or came near its limit",
    unit="1",
    low=0,
)
def other_hot_loads_here(scene: Scene) -> Reading | None:
    return _other_loads_here(scene, hot=True)


@measures(
    "other_cool_loads_here",
    "other loads of the connector in the same time that stayed ten degrees cooler, brought to the same current, or where that is "
    "not known were cool at no less than 0.6 of the load",
    unit="1",
    low=0,
)
def other_cool_loads_here(scene: Scene) -> Reading | None:
    return _other_loads_here(scene, hot=False)


def _faulting(scene: Scene) -> list[tuple[str, Source]]:
    """The vehicle at each occurrence, where known."""

    def load() -> list[tuple[str, Source]]:
        found: list[tuple[str, Source]] = []
        for fault in scene.incidence.faults[-200:]:
            known = [x for x in _here(scene) if x.vin and x.start - MINUTE <= fault.time <= x.end + 10 * MINUTE]
            if known:
                found.append((str(known[-1].vin), fault.source))
                continue
            for path, value in flat(fault.record.fields.get("data") or {}):
                if re.search(r"\bvin\b", path) and isinstance(value, str) and value.strip():
                    found.append((value.strip(), fault.source))
                    break
        return found

    result: list[tuple[str, Source]] = scene.once("thermal faulting", load)
    return result


@measures("faulting_vehicles", "different vehicles at the occurrences whose vehicle is known", unit="1", low=0)
def faulting_vehicles(scene: Scene) -> Reading | None:
    found = _faulting(scene)
    return Reading(float(len({vin for vin, _ in found})), scene.anchor, few([s for _, s in found])) if found else None


@measures("occurrences_with_vehicle", "occurrences whose vehicle is known", unit="1", low=0)
def occurrences_with_vehicle(scene: Scene) -> Reading | None:
    found = _faulting(scene)
    return Reading(float(len(found)), scene.anchor, few([s for _, s in found])) if found else None


# Heating of a contact: rise for the square of the current, over time


def _heatings(loads: Iterable[Load]) -> list[tuple[float, float, Load]]:
    """(moment, rise over the square of the current, load), by current where every load has it, else by power, else the rise."""
    known = [x for x in loads if x.peak == x.peak and (x.at - x.start >= 5 * MINUTE or x.at == x.start or x.first != x.first)]
    if not known:
        return []
    aired = [x for x in known if x.ambient == x.ambient]
    begun = [x for x in known if x.first == x.first]
    use_air = len(aired) >= 0.7 * len(known)
    known = aired if use_air else begun if len(begun) >= 0.7 * len(known) else known
    flowing = [x for x in known if x.amps == x.amps and x.amps > 5.0]
    powered = [x for x in known if x.power == x.power and x.power > 1.0]
    found = []
    for x in flowing if len(flowing) >= 0.7 * len(known) else powered if len(powered) >= 0.7 * len(known) else known:
        base = x.ambient if use_air else x.first if x.first == x.first and len(begun) >= 0.7 * len(known) else 20.0
        drive = x.amps if len(flowing) >= 0.7 * len(known) else x.power if len(powered) >= 0.7 * len(known) else 100.0
        rise = x.peak - base
        if rise > 1.0:
            found.append((x.at, rise / (drive / 100.0) ** 2, x))
    # a trickle at the end of a charge divides by almost nothing
    drives = [x.amps if x.amps == x.amps else x.power for _, _, x in found]
    usual = float(np.nanmedian(drives)) if drives and not np.all(np.isnan(drives)) else float("nan")
    if usual == usual:
        found = [
            item for item, drive in zip(found, drives, strict=True)
            if drive != drive or 0.5 * usual <= drive <= 2.0 * usual
        ]  # fmt: skip
    return sorted(found, key=lambda item: (item[0], item[1]))


def _growth(loads: Iterable[Load], moment: float) -> Reading | None:
    found = [item for item in _heatings(loads) if moment - HISTORY <= item[0] <= moment + DAY]
    if len(found) < 5 or found[-1][0] - found[0][0] < 4 * DAY:
        return None
    third = max(2, len(found) // 3)
    early, late = float(np.median([v for _, v, _ in found[:third]])), float(np.median([v for _, v, _ in found[-third:]]))
    if early <= 0:
        return None
    return Reading(late / early, found[-1][0], few([s for _, _, x in (found[0], found[-1]) for s in x.sources]))


@measures(
    "contact_heating_growth",
    "rise of the connector for the square of its current, median of the latest third of the loads within 60 days over that of "
    "the earliest third, without the load at the fault where there are six others; from five loads over four days",
    unit="1",
    low=0,
)
def contact_heating_growth(scene: Scene) -> Reading | None:
    here, now = _here(scene), _now(scene)
    # one hot session at the end is no growth: where there are enough others, they decide
    before = _growth([x for x in here if x is not now], scene.anchor) if len(here) >= 7 else None
    return before or _growth(here, scene.anchor)


@measures(
    "contact_heating_steadiness",
    "rank correlation of that rise with time over at least six loads on four days and more (1: it grows from load to load)",
    unit="1",
    low=-1,
    high=1,
)
def contact_heating_steadiness(scene: Scene) -> Reading | None:
    found = [item for item in _heatings(_here(scene)) if scene.anchor - HISTORY <= item[0] <= scene.anchor + DAY]
    if len(found) < 6 or found[-1][0] - found[0][0] < 4 * DAY:
        return None
    values = np.array([value for _, value, _ in found])
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)
    value = float(np.corrcoef(np.arange(len(found)), ranks)[0, 1])
    return Reading(value, found[-1][0], few([s for _, _, x in (found[0], found[-1]) for s in x.sources]))


@measures(
    "contact_heating_growth_other_vehicles",
    "the same growth over the loads of other vehicles than the one at the fault",
    unit="1",
    low=0,
)
def contact_heating_growth_other_vehicles(scene: Scene) -> Reading | None:
    vin = _vin(scene)
    if vin is None:
        return None
    return _growth([x for x in _here(scene) if x.vin not in (None, vin)], scene.anchor)


@measures(
    "contact_heating_growth_other_connectors",
    "the same growth over the loads of the charger's other connectors",
    unit="1",
    low=0,
)
def contact_heating_growth_other_connectors(scene: Scene) -> Reading | None:
    if scene.connector_id is None:
        return None
    return _growth([x for x in _loads(scene, scene.device_id) if x.connector not in (None, scene.connector_id)], scene.anchor)


@measures(
    "contact_heating_now",
    "rise for the square of the current in the load at the fault over the median of at least three earlier loads here, from "
    "60 days to half a day before",
    unit="1",
    low=0,
)
def contact_heating_now(scene: Scene) -> Reading | None:
    now = _now(scene)
    if now is None:
        return None
    found = _heatings(_here(scene))
    mine = [v for _, v, x in found if x is now]
    past = [(v, x) for at, v, x in found if now.start - HISTORY <= at <= now.start - DAY / 2]
    if not mine or len(past) < 3:
        return None
    return Reading(mine[0] / float(np.median([v for v, _ in past])), now.at, few([*now.sources, *past[-1][1].sources, *past[0][1].sources]))


_PINS = re.compile(r"\b(pins?|contacts?|connectors?|plug|cable|gun)\b")
_RENEWED = re.compile(r"\b(clean\w*|replac\w*|polish\w*|exchang\w*|renew\w*|swapp\w*|new|isopropyl|wiped)\b")


def _visits(scene: Scene, *patterns: re.Pattern[str]) -> list[tuple[float, Source]]:
    found = []
    for visit in scene.records("service_visits"):
        text = words_of(str(visit.fields.get("work") or ""))
        if visit.time is not None and all(pattern.search(text) for pattern in patterns):
            found.append((visit.time, scene.source("service_visits", visit)))
    return found


@measures(
    "contact_heating_change_at_visit",
    "rise for the square of the current after a visit that cleaned or renewed the connector, over that before it (medians of "
    "up to five loads on each side)",
    unit="1",
    low=0,
)
def contact_heating_change_at_visit(scene: Scene) -> Reading | None:
    found = _heatings(_here(scene))
    for time, source in reversed(_visits(scene, _PINS, _RENEWED)):
        before = [v for at, v, _ in found if at < time][-5:]
        after = [v for at, v, _ in found if at > time][:5]
        if len(before) >= 2 and len(after) >= 2:
            return Reading(float(np.median(after) / np.median(before)), time, (source,))
    return None


@measures("days_since_connector_renewed", "days from the last visit that cleaned or renewed the connector to the latest occurrence", unit="days", low=0)
def days_since_connector_renewed(scene: Scene) -> Reading | None:
    earlier = [(time, source) for time, source in _visits(scene, _PINS, _RENEWED) if time <= scene.anchor]
    return Reading((scene.anchor - earlier[-1][0]) / DAY, earlier[-1][0], (earlier[-1][1],)) if earlier else None


@measures(
    "site_surroundings_mention",
    "a topic of the fault's vocabulary in name, location or description of site and charger",
    kind="text",
    many=True,
)
def site_surroundings_mention(scene: Scene) -> Iterable[Reading]:
    told: list[tuple[Source, Any]] = []
    for name, record in (("sites", scene.site), ("devices", scene.device)):
        if record is not None:
            said = {key: record.raw.get(key) for key in ("name", "location", "address", "description", "note", "notes", "tags")}
            told.append((Source(name, record.index, None), said))
    return scene.mentions(told)


@measures(
    "plug_cycles",
    "how often the connector has been used: plug or mating cycles in the fault's details, else the contactor's latest count",
    unit="cycles",
    low=0,
)
def plug_cycles(scene: Scene) -> Reading | None:
    told = scene.detail_number(r"\b(plug|mating|insertion|connector)\b.*\b(cycles?|count)\b")
    return told or scene.readings("component_health.contactor_cycles").between(scene.anchor - HISTORY, scene.anchor + DAY).last()


@measures(
    "earlier_alarm_mention",
    "a topic of the fault's vocabulary in alarms of the charger from 30 days to ten minutes before the latest occurrence",
    kind="text",
    many=True,
)
def earlier_alarm_mention(scene: Scene) -> Iterable[Reading]:
    alarms = scene.events("alarm", which="all", start=scene.anchor - 30 * DAY, end=scene.anchor - 10 * MINUTE)
    return scene.mentions([(scene.source("events", alarm), alarm.fields.get("data")) for alarm in alarms])


# Fan


@measures(
    "fan_speed_while_hot",
    "median cabinet fan speed in the ten (else 30) minutes up to the latest occurrence that has readings, else the last within six "
    "hours, else the one its details give",
    unit="rpm",
    low=0,
)
def fan_speed_while_hot(scene: Scene) -> Reading | None:
    speed = scene.readings("component_health.cooling_fan_rpm", which="all")
    # a fan that has just stopped is still fast on average
    near = scene.near(speed, 10 * MINUTE, 2 * MINUTE)
    near = near if len(near) >= 3 else scene.near(speed, 30 * MINUTE, 2 * MINUTE)
    if len(near):
        return near.median()
    told = scene.detail_number(r"\bfan\b.*\b(rpm|speed)\b", r"\brpm\b")
    return told or speed.between(scene.anchor - 6 * HOUR, scene.anchor + 2 * MINUTE).last()


@measures(
    "fan_status_while_hot",
    "the charger's last word on its fan within six hours before and 30 minutes after the latest occurrence",
    kind="text",
    choices=("ok", "warning", "fault"),
)
def fan_status_while_hot(scene: Scene) -> Reading | None:
    return scene.words("component_health.cooling_fan_status", which="all").between(scene.anchor - 6 * HOUR, scene.anchor + 30 * MINUTE).last()


def _heat(scene: Scene) -> Series:
    """The temperature that the fault is about: the cabinet's, else the connector's."""
    if scene.incidence.code == CABINET_CODE:
        return _cabinet_series(scene, scene.device_id)
    own = scene.readings("temperature")
    return Series(own.table, own.times, own.values, own.rows)


@measures(
    "warming_while_fan_slow",
    "how much faster the temperature rose while the fan was under three quarters of its usual speed than while it was not, in "
    "twelve hours up to the latest occurrence; from three readings of each",
    unit="K/min",
)
def warming_while_fan_slow(scene: Scene) -> Reading | None:
    heat = _heat(scene).window(scene.anchor - DAY / 2, scene.anchor + MINUTE)
    speed = scene.readings("component_health.cooling_fan_rpm", which="all").between(scene.anchor - DAY / 2, scene.anchor + MINUTE)
    if len(heat.times) < 8 or len(speed) < 6 or len(heat.times) > 20_000:
        return None
    # over two minutes and more, so that the sensor's last digit is not taken for a slope
    after = np.searchsorted(heat.times, heat.times + 2 * MINUTE - 1.0, "left")
    valid = np.flatnonzero(after < len(heat.times))
    begin, end = valid, after[valid]
    spans = heat.times[end] - heat.times[begin]
    near = spans <= 20 * MINUTE
    begin, end, spans = begin[near], end[near], spans[near]
    slopes = (heat.values[end] - heat.values[begin]) / (spans / MINUTE)
    series = Series(speed.table, speed.times, speed.values, speed.rows)
    turning = series.at((heat.times[begin] + heat.times[end]) / 2.0, 20 * MINUTE)
    usual = float(np.percentile(speed.values, 90))
    slow, fast = turning < 0.75 * usual, turning >= 0.75 * usual
    if slow.sum() < 3 or fast.sum() < 3 or usual <= 0:
        return None
    return speed.reading(float(np.mean(slopes[slow]) - np.mean(slopes[fast])))


@measures(
    "fan_slow_share_while_hot",
    "share of the fan's readings under 1000 rpm in the two hours up to the latest occurrence while what overheated was within "
    "twelve degrees of its highest; from five readings",
    unit="%",
    low=0,
    high=100,
)
def fan_slow_share_while_hot(scene: Scene) -> Reading | None:
    peak = _cabinet_peak(scene) if scene.incidence.code == CABINET_CODE else _peak(scene)
    if peak is None:
        return None
    speed = scene.readings("component_health.cooling_fan_rpm", which="all").between(scene.anchor - 2 * HOUR, scene.anchor + MINUTE)
    if not len(speed):
        return None
    warm = _heat(scene).at(speed.times, 10 * MINUTE) >= float(peak.value) - 12.0
    if warm.sum() < 5:
        return None
    return speed.reading(100.0 * float(np.mean(speed.values[warm] < 1000.0)))


@measures(
    "fan_speed_vs_peers",
    "fan speed in the half hour up to the latest occurrence as a share of the median of same-model neighbours' at the same time",
    unit="%",
    low=0,
)
def fan_speed_vs_peers(scene: Scene) -> Reading | None:
    path = "component_health.cooling_fan_rpm"
    start, end = scene.anchor - 30 * MINUTE, scene.anchor + 2 * MINUTE
    own = scene.readings(path, which="all").between(start, end)
    theirs = [near for r in _peers(scene) if len(near := scene.readings(path, which="all", device=r.fields["device_id"]).between(start, end))]
    turning = [float(np.median(near.values)) for near in theirs if np.median(near.values) > 200.0]
    if not len(own) or not turning:
        return None
    found = own.reading(100.0 * float(np.median(own.values)) / float(np.median(turning)))
    return Reading(found.value, found.at, few([*found.sources, *(near.source(0) for near in theirs)]))


@measures(
    "fan_speed_vs_past",
    "fan speed in the hour up to the latest occurrence as a share of its median while turning, from 60 days to half a day "
    "before (else from a day to two hours before)",
    unit="%",
    low=0,
)
def fan_speed_vs_past(scene: Scene) -> Reading | None:
    speed = scene.readings("component_health.cooling_fan_rpm", which="all")
    now = scene.near(speed, HOUR, 2 * MINUTE)
    if not len(now):
        return None
    for start, end in ((HISTORY, DAY / 2), (DAY, 2 * HOUR)):
        past = speed.between(scene.anchor - start, scene.anchor - end)
        past = past.where(lambda values: values > 200.0)
        if len(past) >= 5:
            usual = float(np.median(past.values))
            return now.reading(100.0 * float(np.median(now.values)) / usual)
    return None


_FAN = re.compile(r"\b(fans?|cooling|ventilator)\b")


@measures("fan_fault_unrepaired", "days from the last F-0601 to the latest occurrence, where no visit since mentions the fan's exchange", unit="days", low=0)
def fan_fault_unrepaired(scene: Scene) -> Reading | None:
    earlier = [fault for fault in scene.faults(FAN_CODE, device=scene.device_id) if fault.time <= scene.anchor]
    if not earlier or any(earlier[-1].time < time <= scene.anchor for time, _ in _visits(scene, _FAN, _RENEWED)):
        return None
    return Reading((scene.anchor - earlier[-1].time) / DAY, earlier[-1].time, few([fault.source for fault in earlier]))


@measures("days_since_fan_renewed", "days from the last visit that cleaned or renewed the fan to the latest occurrence", unit="days", low=0)
def days_since_fan_renewed(scene: Scene) -> Reading | None:
    earlier = [(time, source) for time, source in _visits(scene, _FAN, _RENEWED) if time <= scene.anchor]
    return Reading((scene.anchor - earlier[-1][0]) / DAY, earlier[-1][0], (earlier[-1][1],)) if earlier else None


@measures("days_since_cabinet_fault", "days from the last F-0204 of this charger to the latest occurrence", unit="days", low=0)
def days_since_cabinet_fault(scene: Scene) -> Reading | None:
    earlier = [f for f in scene.faults(CABINET_CODE, device=scene.device_id) if f.time <= scene.anchor + HOUR]
    if not earlier or scene.incidence.code == CABINET_CODE:
        return None
    return Reading(max(0.0, (scene.anchor - earlier[-1].time) / DAY), earlier[-1].time, few([f.source for f in earlier]))


# Cabinet: temperature, load and fan on one grid of time


@dataclass(frozen=True)
class Frame:
    """A charger's cabinet on a grid of time: temperature, ambient (°C) and load (kW); NaN where not known."""

    table: Table
    rows: Rows
    times: Floats
    width: float
    cabinet: Floats
    ambient: Floats
    load: Floats
    rest: Floats  # seconds without load up to the end of the cell
    anchor: float

    def cells(self, start: float, end: float) -> np.ndarray:
        """Which cells lie from start to end."""
        return (self.times >= start) & (self.times <= end)

    @property
    def excess(self) -> Floats:
        """Cabinet over ambient; the bare temperature where the ambient is not known at all."""
        return self.cabinet if np.isnan(self.ambient).all() else self.cabinet - self.ambient


def _cabinet_series(scene: Scene, device: str) -> Series:
    """The cabinet's temperature; where no record has it, the sensors that stand in for it."""

    def load() -> Series:
        own = _series(scene, device, "cabinet_temperature")
        paths = ["component_health.internal_temps.control_board", "component_health.internal_temps.power_module"]
        if scene.incidence.code == CABINET_CODE:
            paths = ["temperature", *paths]
        for path in paths:
            if len(own.times):
                return own
            own = _series(scene, device, path)
        return own

    found: Series = scene.shared_once(("thermal cabinet", device, scene.incidence.code == CABINET_CODE), load)
    return found


def _binned(cells: np.ndarray, values: Floats, count: int) -> Floats:
    known = ~np.isnan(values)
    total = np.bincount(cells[known], weights=values[known], minlength=count)
    number = np.bincount(cells[known], minlength=count)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _frame(scene: Scene, device: str) -> Frame | None:
    kind = scene.incidence.code == CABINET_CODE
    found: Frame | None = scene.shared_once(("thermal frame", device, kind, scene.anchor), lambda: _make_frame(scene, device))
    return found


def _make_frame(scene: Scene, device: str) -> Frame | None:
    cabinet = _cabinet_series(scene, device)
    columns = _columns(scene, device)
    sessions = scene.sessions(which="all", device=device)
    table = scene.observations["telemetry"]
    spans = [cabinet.times[[0, -1]]] if len(cabinet.times) else []
    if columns is not None:
        spans.append(columns.times[[0, -1]])
    if sessions:
        spans.append(np.array([sessions[0].start, max(s.end or s.start + HOUR for s in sessions)]))
    if not spans:
        return None
    start, end = float(min(s[0] for s in spans)), float(max(s[1] for s in spans))
    start, end = max(start, scene.anchor - HISTORY), min(end, scene.anchor + 2 * DAY)
    if end <= start:
        return None
    every = 5 * MINUTE
    if columns is not None and len(columns.times) > 2:
        steps = np.diff(np.unique(columns.times))
        every = float(np.clip(np.median(steps), every, HOUR)) if len(steps) else every
    width = max(every, (end - start) / 20_000)
    count = int((end - start) / width) + 1

    def place(times: Floats) -> tuple[np.ndarray, np.ndarray]:
        inside = (times >= start) & (times <= end)
        return np.minimum(((times[inside] - start) / width).astype(np.intp), count - 1), inside

    times: Floats = np.asarray(start + width * (np.arange(count) + 0.5), dtype=np.float64)
    cells, inside = place(cabinet.times)
    warm = _binned(cells, cabinet.values[inside], count)
    load = np.full(count, np.nan)
    rows = cabinet.rows[inside]
    if columns is not None:
        rows = rows if len(rows) else columns.rows
        numbers = np.unique(columns.connectors[~np.isnan(columns.connectors)])
        masks = [columns.connectors == n for n in numbers] if len(numbers) else [np.ones(len(columns.rows), dtype=bool)]
        for mask in masks:
            cells, inside = place(columns.times[mask])
            part = _held(_binned(cells, columns.power[mask][inside], count), 2)
            load = np.where(np.isnan(part), load, np.nan_to_num(load) + part)
    if np.isnan(load).all() or not (load > 0).any():
        powered = [s for s in sessions if (s.avg_power or s.max_power or s.energy) is not None]
        if powered:
            load = np.zeros(count)
            for s in powered:
                stop = s.end if s.end is not None else min(s.start + DAY / 2, max(scene.anchor, s.start))
                hours = max((stop - s.start) / HOUR, 1e-3)
                power = s.avg_power if s.avg_power is not None else s.energy / hours if s.energy is not None else s.max_power
                load[(times >= s.start) & (times <= stop)] += abs(power or 0.0)
    top = _rating(scene, device)[1]
    quiet = 0.03 * top if top is not None else max(1.0, 0.03 * float(np.nanmax(load))) if not np.isnan(load).all() else 1.0
    resting = load <= quiet
    # chargers report seldom or not at all while they rest, so a gap before a cell without load counts as rest
    numbers_of = np.arange(count)
    busy = np.maximum.accumulate(np.where(load > quiet, numbers_of, -1))
    first = int(np.argmax(resting)) if resting.any() else 0
    rest = np.where(resting, (numbers_of - np.where(busy >= 0, busy, first - 1)) * width, 0.0)
    ambient = _ambient(scene, device).at(times)
    return Frame(table, rows, times, width, warm, ambient, load, rest, scene.anchor)


def _held(values: Floats, cells: int) -> Floats:
    """Gaps of at most so many cells take the value before them."""
    out = values.copy()
    for _ in range(cells):
        gap = np.isnan(out[1:]) & ~np.isnan(out[:-1])
        out[1:][gap] = out[:-1][gap]
    return out


def _rating(scene: Scene, device: str) -> tuple[float | None, float | None]:
    """Continuous rating and rated power in kW; the latter else from the model's name."""
    record = scene.devices.get(device)
    if record is None:
        return None, None
    lasting = as_number(scene.about("product.continuous_rating_kw", record))
    rated = as_number(scene.about("product.rated_power_kw", record))
    if rated is None:
        match = re.search(r"[AD]C-?(\d{1,4})", str(record.fields.get("model") or ""), re.IGNORECASE)
        rated = float(match.group(1)) if match else None
    return (lasting if lasting and lasting > 0 else None), (rated if rated and rated > 0 else lasting if lasting and lasting > 0 else None)


def _cabinet_peak(scene: Scene) -> Reading | None:
    def load() -> Reading | None:
        series = _cabinet_series(scene, scene.device_id)
        named = len(_series(scene, scene.device_id, "cabinet_temperature").times) > 0
        standing_in = scene.incidence.code == CABINET_CODE and len(_series(scene, scene.device_id, "temperature").times) > 0
        for time in reversed(scene.times) if named or standing_in else ():
            near = series.window(time - 30 * MINUTE, time + 5 * MINUTE)
            if not len(near.times):
                near = series.window(time - 2 * HOUR, time + HOUR)
            if len(near.times):
                place = int(np.argmax(near.values))
                return Reading(float(near.values[place]), float(near.times[place]), _sources(near.table, near.rows[place : place + 1]))
        patterns = [r"^(?!.*(ambient|limit|threshold|module|board)).*(\b(cabinet|enclosure|internal|inside|cab)\b.*\b(temp|c$)|\bt cab)"]
        if scene.incidence.code == CABINET_CODE:
            patterns.append(r"^(?!.*(ambient|limit|threshold|module|board|connector|inlet|outlet)).*\btemp")
        return scene.detail_number(*patterns)

    found: Reading | None = scene.once("thermal cabinet peak", load)
    return found


@measures(
    "cabinet_temperature",
    "highest cabinet temperature within 30 minutes (else two hours) before the latest occurrence that has readings, else the "
    "one its details give",
    unit="°C",
    low=-60,
    high=300,
)
def cabinet_temperature(scene: Scene) -> Reading | None:
    return _cabinet_peak(scene)


@measures("cabinet_over_ambient", "highest cabinet temperature around the latest occurrence, minus the ambient", unit="K")
def cabinet_over_ambient(scene: Scene) -> Reading | None:
    peak, outside = _cabinet_peak(scene), ambient_temperature(scene)
    if peak is None or outside is None:
        return None
    return Reading(float(peak.value) - float(outside.value), peak.at, few([*peak.sources, *outside.sources]))


def _own_frame(scene: Scene) -> Frame | None:
    return _frame(scene, scene.device_id)


def _reading(frame: Frame, value: float, mask: np.ndarray, moment: float) -> Reading:
    """A value measured on some cells of a frame, with records of that time as its sources."""
    cells = np.flatnonzero(mask)
    if not len(cells) or not len(frame.rows):
        return Reading(float(value), moment, ())
    known = frame.table.times[frame.rows]
    ends = np.searchsorted(known, [frame.times[cells[0]] - frame.width / 2, frame.times[cells[-1]] + frame.width / 2])
    rows = frame.rows[int(ends[0]) : max(int(ends[1]), int(ends[0]) + 1)]
    return Reading(float(value), moment, _sources(frame.table, [rows[0], rows[-1]] if len(rows) else []))


# Load


def _load_before(scene: Scene, span: float = HOUR) -> tuple[float, Frame, np.ndarray] | None:
    frame = _own_frame(scene)
    if frame is None:
        return None
    for time in reversed(scene.times):
        mask = frame.cells(time - span - frame.width / 2, time + frame.width / 2) & ~np.isnan(frame.load)
        if mask.any():
            # a shutdown ends the load at the fault: the cells of the fault itself may hold less
            return float(np.mean(frame.load[mask])), frame, mask
    return None


def _load_share(scene: Scene, rating: float | None) -> Reading | None:
    if rating is None:
        return None
    found = _load_before(scene)
    if found is None:
        told = scene.detail_number(r"^(?!.*(limit|rated|rating|max)).*\b(total|output|load|concurrent)\b.*\b(power|kw)\b")
        return None if told is None else Reading(100.0 * abs(float(told.value)) / rating, told.at, told.sources)
    load, frame, mask = found
    return _reading(frame, 100.0 * load / rating, mask, scene.anchor)


@measures(
    "load_share_of_continuous",
    "mean power of all connectors in the hour up to the latest occurrence, as a share of the cabinet's continuous rating",
    unit="%",
    low=0,
)
def load_share_of_continuous(scene: Scene) -> Reading | None:
    return _load_share(scene, _rating(scene, scene.device_id)[0])


@measures(
    "load_share_of_rated",
    "mean power of all connectors in the hour up to the latest occurrence, as a share of the rated power (else the model "
    "name's figure); known where no continuous rating is given",
    unit="%",
    low=0,
)
def load_share_of_rated(scene: Scene) -> Reading | None:
    lasting, rated = _rating(scene, scene.device_id)
    return _load_share(scene, rated) if lasting is None else None


def _minutes_above(scene: Scene, power: float | None) -> Reading | None:
    frame = _own_frame(scene)
    if frame is None or power is None:
        return None
    for time in reversed(scene.times):
        mask = frame.cells(time - 4 * HOUR, time + frame.width / 2) & ~np.isnan(frame.load)
        if mask.sum() * frame.width >= 20 * MINUTE:
            above = mask & (frame.load >= power)
            return _reading(frame, float(above.sum()) * frame.width / MINUTE, mask, time)
    return None


@measures(
    "minutes_above_continuous_rating",
    "minutes in the four hours up to the latest occurrence with the power of all connectors at or over the continuous rating",
    unit="min",
    low=0,
)
def minutes_above_continuous_rating(scene: Scene) -> Reading | None:
    return _minutes_above(scene, _rating(scene, scene.device_id)[0])


@measures(
    "minutes_near_rated_power",
    "minutes in the four hours up to the latest occurrence with the power of all connectors at 90% of the rated power or more; "
    "known where no continuous rating is given",
    unit="min",
    low=0,
)
def minutes_near_rated_power(scene: Scene) -> Reading | None:
    lasting, rated = _rating(scene, scene.device_id)
    return _minutes_above(scene, 0.9 * rated) if lasting is None and rated is not None else None


@measures(
    "idle_minutes_before_cabinet_fault",
    "median over the latest 20 occurrences of the minutes without load on any connector (3% of the rated power at most) up to ten "
    "minutes before",
    unit="min",
    low=0,
)
def idle_minutes_before_cabinet_fault(scene: Scene) -> Reading | None:
    frame = _own_frame(scene)
    if frame is None:
        return None
    found: list[float] = []
    for time in scene.times[-20:]:
        mask = frame.cells(time - 10 * MINUTE - 1.5 * frame.width, time - 10 * MINUTE) & ~np.isnan(frame.load)
        if mask.any():
            found.append(float(frame.rest[mask][-1]) / MINUTE)
    if not found:
        return None
    return _reading(frame, float(np.median(found)), frame.cells(scene.anchor - HOUR, scene.anchor), scene.anchor)


@measures(
    "load_vs_past",
    "mean power of all connectors in the hour up to the latest occurrence over the usual high one (90th percentile while loaded) "
    "from 60 days to four days before",
    unit="1",
    low=0,
)
def load_vs_past(scene: Scene) -> Reading | None:
    found = _load_before(scene)
    if found is None:
        return None
    load, frame, mask = found
    past = frame.load[frame.cells(scene.anchor - HISTORY, scene.anchor - 4 * DAY) & (frame.load > 1.0)]
    return _reading(frame, load / float(np.percentile(past, 90)), mask, scene.anchor) if len(past) >= 6 else None


@measures(
    "commanded_limit_share_of_continuous",
    "the last power limit in kW set by command within 30 days before the latest occurrence, as a share of the continuous rating",
    unit="%",
    low=0,
)
def commanded_limit_share_of_continuous(scene: Scene) -> Reading | None:
    lasting, rated = _rating(scene, scene.device_id)
    if lasting is None:
        return None
    for command in reversed(scene.records("commands")):
        if command.time is None or not 0.0 <= scene.anchor - command.time <= 30 * DAY or command.fields.get("status") in ("failed", "rejected"):
            continue
        if not re.search(r"limit|profile|power|schedule|load", command.fields["command"]):
            continue
        for path, value in flat(command.fields.get("params")):
            number = as_number(value)
            if number is None or number <= 0 or not re.search(r"\b(limit|power|kw|max)\b", path):
                continue
            if re.search(r"\b(percent|pct)\b", path):
                number = number * rated / 100.0 if rated is not None else 0.0
            elif re.search(r"\b(w|watts?)\b", path) or number > 5000.0:
                number /= 1000.0
            if number > 0:
                return Reading(100.0 * number / lasting, command.time, (scene.source("commands", command),))
    return None


# The cabinet's behaviour


RESTED = 90 * MINUTE
"""Rest after which a cabinet has given off its heat (our judgement: three to four time constants of a ventilated cabinet)."""


@measures(
    "cabinet_idle_excess",
    "median cabinet temperature over ambient after at least 90 minutes without load, within three days around the latest "
    "occurrence",
    unit="K",
)
def cabinet_idle_excess(scene: Scene) -> Reading | None:
    frame = _own_frame(scene)
    if frame is None or np.isnan(frame.ambient).all():
        return None
    value = frame.cabinet - frame.ambient
    mask = frame.cells(scene.anchor - 3 * DAY, scene.anchor + DAY) & (frame.rest >= RESTED) & ~np.isnan(value)
    return _reading(frame, float(np.median(value[mask])), mask, scene.anchor) if mask.sum() >= 2 else None


@measures(
    "cabinet_idle_temperature",
    "highest cabinet temperature after at least 90 minutes without load, within three days around the latest occurrence",
    unit="°C",
)
def cabinet_idle_temperature(scene: Scene) -> Reading | None:
    frame = _own_frame(scene)
    if frame is None:
        return None
    mask = frame.cells(scene.anchor - 3 * DAY, scene.anchor + DAY) & (frame.rest >= RESTED) & ~np.isnan(frame.cabinet)
    return _reading(frame, float(np.max(frame.cabinet[mask])), mask, scene.anchor) if mask.sum() >= 2 else None


@measures(
    "cabinet_load_correlation",
    "how the cabinet over ambient goes with the power of all connectors, lagged by 30 minutes, within the seven days up to the "
    "latest occurrence; known from four hours in which the power varies",
    unit="1",
    low=-1,
    high=1,
)
def cabinet_load_correlation(scene: Scene) -> Reading | None:
    frame = _own_frame(scene)
    if frame is None:
        return None
    # up to the fault: what the charger cuts then comes from the heat and not the other way round
    mask = frame.cells(scene.anchor - 7 * DAY, scene.anchor) & ~np.isnan(frame.excess) & ~np.isnan(frame.load)
    if mask.sum() < 12 or np.ptp(frame.times[mask]) < 4 * HOUR:
        return None
    load = frame.load[mask]
    if np.std(load) < 0.2 * max(1.0, float(np.max(load))):
        return None
    if np.ptp(frame.excess[mask]) < 5.0:
        # a reading that stands still while the load comes and goes for hours does not follow it
        still = np.ptp(frame.cabinet[mask]) < 1.0 and mask.sum() * frame.width >= 6 * HOUR
        return _reading(frame, 0.0, mask, scene.anchor) if still else None
    value = _correlation(frame.excess[mask], _smoothed(frame.times[mask], load, 30 * MINUTE))
    return None if value is None else _reading(frame, value, mask, scene.anchor)


def _loaded(frame: Frame) -> np.ndarray:
    """Cells under steady substantial load, within a fifth of that of the last day, for half an hour where data are dense."""
    known = frame.load[~np.isnan(frame.load)]
    if not len(known) or known.max() <= 0:
        return np.zeros(len(frame.times), dtype=bool)
    high = float(np.percentile(known[known > 0], 90))
    lately = frame.load[(frame.times >= frame.anchor - DAY) & (frame.times <= frame.anchor) & (np.nan_to_num(frame.load) >= 0.3 * high)]
    usual = float(np.median(lately)) if len(lately) else float(np.median(known[known >= 0.3 * high]))
    busy = (np.nan_to_num(frame.load) >= 0.8 * usual) & (np.nan_to_num(frame.load) <= 1.25 * usual)
    back = int(30 * MINUTE / frame.width)
    steady = busy.copy()
    for shift in range(1, back + 1):
        steady[shift:] &= busy[:-shift]
    return steady & ~np.isnan(frame.excess)


def _per_load(frame: Frame, mask: np.ndarray) -> Floats:
    """Cabinet over ambient scaled to the usual load (losses go with a power of the load between one and two)."""
    usual = float(np.median(frame.load[mask]))
    scale = np.clip((usual / np.maximum(frame.load[mask], 1e-6)) ** 1.5, 0.7, 1.4)
    return np.asarray(frame.excess[mask] * scale, dtype=np.float64)


def _trend(frame: Frame, mask: np.ndarray, values: Floats, moment: float) -> Reading | None:
    """Change from the first to the last quarter of the days, from the medians of each day."""
    times = frame.times[mask]
    if len(times) < 6 or times[-1] - times[0] < 1.5 * DAY:
        return None
    days = np.floor(times / DAY)
    unique = np.unique(days)
    if len(unique) < 3:
        return None
    medians = np.array([np.median(values[days == day]) for day in unique])
    part = max(1, len(medians) // 4)
    return _reading(frame, float(np.median(medians[-part:]) - np.median(medians[:part])), mask, moment)


@measures(
    "cabinet_loaded_growth",
    "change of the cabinet over ambient under load, scaled to equal load, from the first to the last quarter of the days with "
    "load within 60 days; from three days",
    unit="K",
)
def cabinet_loaded_growth(scene: Scene) -> Reading | None:
    frame = _own_frame(scene)
    if frame is None:
        return None
    mask = _loaded(frame) & frame.cells(scene.anchor - HISTORY, scene.anchor + HOUR)
    return _trend(frame, mask, _per_load(frame, mask), scene.anchor) if mask.any() else None


@measures(
    "cabinet_idle_growth",
    "change of the cabinet over ambient after at least 90 minutes of rest, from the first to the last quarter of the days "
    "within 60 days; from three days",
    unit="K",
)
def cabinet_idle_growth(scene: Scene) -> Reading | None:
    frame = _own_frame(scene)
    if frame is None or np.isnan(frame.ambient).all():
        return None
    mask = (frame.rest >= RESTED) & ~np.isnan(frame.excess) & frame.cells(scene.anchor - HISTORY, scene.anchor + HOUR)
    return _trend(frame, mask, frame.excess[mask], scene.anchor) if mask.any() else None


def _step(scene: Scene) -> tuple[float, float, Frame, np.ndarray] | None:
    def load() -> tuple[float, float, Frame, np.ndarray] | None:
        frame = _own_frame(scene)
        if frame is None:
            return None
        mask = _loaded(frame) & frame.cells(scene.anchor - HISTORY, scene.anchor + HOUR)
        times = frame.times[mask]
        if len(times) < 6 or times[-1] - times[0] < DAY:
            return None
        values = _per_load(frame, mask)
        days = np.floor(times / DAY)
        unique = np.unique(days)
        medians = np.array([np.median(values[days == day]) for day in unique])
        if len(medians) < 4:
            return None
        best, moment = 0.0, 0.0
        for cut in range(2, len(medians) - 1):
            change = float(np.median(medians[cut:]) - np.median(medians[:cut]))
            inside = max(np.median(np.abs(medians[cut:] - np.median(medians[cut:]))), np.median(np.abs(medians[:cut] - np.median(medians[:cut]))))
            if change > best and change > 4.0 * inside:
                best, moment = change, float(unique[cut]) * DAY
        return (best, moment, frame, mask) if best > 0 else None

    found: tuple[float, float, Frame, np.ndarray] | None = scene.once("thermal step", load)
    return found


@measures(
    "cabinet_loaded_step",
    "sudden rise of the cabinet over ambient at equal load from one day to the next that then stays, at least four times the "
    "scatter before and after, within 60 days",
    unit="K",
)
def cabinet_loaded_step(scene: Scene) -> Reading | None:
    found = _step(scene)
    return None if found is None else _reading(found[2], found[0], found[3], found[1])


@measures("days_from_visit_to_cabinet_step", "days from the last visit before that sudden rise to it", unit="days", low=0)
def days_from_visit_to_cabinet_step(scene: Scene) -> Reading | None:
    found = _step(scene)
    if found is None:
        return None
    visits = [v for v in scene.records("service_visits") if v.time is not None and v.time <= found[1] + DAY]
    if not visits:
        return None
    return Reading(max(0.0, (found[1] - (visits[-1].time or 0.0)) / DAY), found[1], (scene.source("service_visits", visits[-1]),))


@measures(
    "cabinet_excess_vs_past",
    "cabinet over ambient in the hour up to the latest occurrence minus its median from 60 days to half a day before at a "
    "load alike (0.85 to 1.2)",
    unit="K",
)
def cabinet_excess_vs_past(scene: Scene) -> Reading | None:
    found = _load_before(scene)
    if found is None:
        return None
    load, frame, now = found
    now = now & ~np.isnan(frame.excess)
    past = frame.cells(scene.anchor - HISTORY, scene.anchor - DAY / 2) & ~np.isnan(frame.excess) & ~np.isnan(frame.load)
    past &= (frame.load >= 0.85 * load) & (frame.load <= 1.2 * load) if load > 1.0 else frame.rest >= RESTED
    if not now.any() or past.sum() < 4:
        return None
    return _reading(frame, float(np.percentile(frame.excess[now], 75) - np.percentile(frame.excess[past], 75)), now, scene.anchor)


@measures(
    "cabinet_fastest_change",
    "greatest change of the cabinet's reading per minute, over a minute or between readings up to ten minutes apart, within a "
    "day around the latest occurrence; changes of five degrees and more",
    unit="K/min",
    low=0,
)
def cabinet_fastest_change(scene: Scene) -> Reading | None:
    series = _cabinet_series(scene, scene.device_id).window(scene.anchor - DAY, scene.anchor + HOUR)
    if len(series.times) < 4:
        return None
    after = np.searchsorted(series.times, series.times + MINUTE - 1.0, "left")
    valid = after < len(series.times)
    begin, end = np.flatnonzero(valid), after[valid]
    spans = series.times[end] - series.times[begin]
    near = spans <= 10 * MINUTE
    begin, end, spans = begin[near], end[near], spans[near]
    if not len(begin):
        return None
    changes = np.abs(series.values[end] - series.values[begin])
    rates = np.where(changes >= 5.0, changes / (spans / MINUTE), 0.0)
    place = int(np.argmax(rates))
    rows = [int(series.rows[begin[place]]), int(series.rows[end[place]])]
    return Reading(float(rates[place]), float(series.times[end[place]]), _sources(series.table, rows))


@measures(
    "cabinet_flutter",
    "standard deviation of the cabinet's reading around its running median of five, in the three hours up to the latest "
    "occurrence",
    unit="K",
    low=0,
)
def cabinet_flutter(scene: Scene) -> Reading | None:
    series = _cabinet_series(scene, scene.device_id).window(scene.anchor - 3 * HOUR, scene.anchor + 10 * MINUTE)
    if len(series.times) < 10 or np.median(np.diff(series.times)) > 6 * MINUTE:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(series.values, 5)
    rest = series.values[2:-2] - np.median(windows, axis=1)
    return Reading(float(np.std(rest)), float(series.times[-1]), _sources(series.table, series.rows[[0, -1]]))


INTERNAL = ("power_module", "control_board", "ac_inlet", "dc_outlet")


def _internals(scene: Scene) -> tuple[float, list[Source]] | None:
    """The highest of the other sensors in the cabinet around the latest occurrence that has any (medians of 30 minutes)."""

    def load() -> tuple[float, list[Source]] | None:
        medians: list[float] = []
        sources: list[Source] = []
        # at the moment of the cabinet's peak: power that was cut since has cooled the modules faster than the cabinet
        peak = _cabinet_peak(scene)
        moment = scene.anchor if peak is None or peak.at is None else peak.at
        for name in INTERNAL:
            column = scene.readings(f"component_health.internal_temps.{name}", which="all")
            near = column.between(moment - 15 * MINUTE, moment + 2 * MINUTE)
            near = near if len(near) else scene.near(column, 30 * MINUTE, 10 * MINUTE)
            if len(near):
                medians.append(float(np.percentile(near.values, 90)))
                sources += [near.source(0), near.source(-1)]
        table = scene.observations["telemetry"]
        rows = table.by_device.get(scene.device_id)
        modules: dict[Any, list[float]] = {}
        if rows is not None:
            times = table.times[rows]
            chosen = rows[(times >= moment - 15 * MINUTE) & (times <= moment + 2 * MINUTE)]
            if not len(chosen):
                chosen = rows[(times >= scene.anchor - 30 * MINUTE) & (times <= scene.anchor + 10 * MINUTE)]
            for row in chosen[-60:]:
                for module in table.records[int(row)].fields.get("power_modules") or []:
                    value = None if not isinstance(module, dict) else as_number(module.get("temperature"))
                    if value is not None:
                        modules.setdefault(module.get("index"), []).append(value)
                        if len(sources) < 8:
                            sources.append(table.source(int(row)))
        medians += [float(np.percentile(values, 90)) for values in modules.values()]
        if not medians:
            told = scene.detail_number(r"^(?!.*(limit|threshold)).*\b(module|control board|heat ?sink|igbt|inverter|pcb)\b.*\b(temp|c$)")
            if told is not None:
                medians, sources = [float(told.value)], list(told.sources)
        return (max(medians), sources) if medians else None

    found: tuple[float, list[Source]] | None = scene.once("thermal internals", load)
    return found


@measures(
    "internal_temperature",
    "the hottest of the other sensors in the cabinet (power modules, control board, inlet, outlet) when the cabinet was "
    "hottest around the latest occurrence, or as its details give it",
    unit="°C",
)
def internal_temperature(scene: Scene) -> Reading | None:
    found = _internals(scene)
    return None if found is None else Reading(found[0], scene.anchor, few(found[1]))


@measures("internal_over_ambient", "the hottest of the other sensors in the cabinet, minus the ambient", unit="K")
def internal_over_ambient(scene: Scene) -> Reading | None:
    found, outside = _internals(scene), ambient_temperature(scene)
    if found is None or outside is None:
        return None
    return Reading(found[0] - float(outside.value), scene.anchor, few([*found[1], *outside.sources]))


@measures(
    "cabinet_internal_gap",
    "the cabinet sensor around the latest occurrence minus the hottest of the other sensors in the cabinet",
    unit="K",
)
def cabinet_internal_gap(scene: Scene) -> Reading | None:
    found, peak = _internals(scene), _cabinet_peak(scene)
    series = _cabinet_series(scene, scene.device_id)
    if found is None or peak is None:
        return None
    if len(series.times) and not len(_series(scene, scene.device_id, "cabinet_temperature").times):
        return None  # the cabinet's reading is itself one that stands in for it
    return Reading(float(peak.value) - found[0], peak.at, few([*peak.sources, *found[1]]))


@measures(
    "board_over_module",
    "the hotter of control board and AC inlet minus the hottest power module, medians of 30 minutes around the latest "
    "occurrence",
    unit="K",
)
def board_over_module(scene: Scene) -> Reading | None:
    def middle(name: str) -> Reading | None:
        path = f"component_health.internal_temps.{name}"
        return scene.near(scene.readings(path, which="all"), 30 * MINUTE, 10 * MINUTE).median()

    module = middle("power_module")
    boards = [r for r in (middle("control_board"), middle("ac_inlet")) if r is not None]
    if module is None or not boards:
        return None
    hottest = max(boards, key=lambda r: float(r.value))
    return Reading(float(hottest.value) - float(module.value), hottest.at, few([*hottest.sources, *module.sources]))


@measures(
    "cooling_half_time",
    "median minutes in which the cabinet loses half of its temperature over ambient after a load ends and stays off, within 30 "
    "days up to two days after the latest occurrence",
    unit="min",
    low=0,
)
def cooling_half_time(scene: Scene) -> Reading | None:
    frame = _own_frame(scene)
    if frame is None or frame.width > 20 * MINUTE or np.isnan(frame.ambient).all():
        return None
    excess = frame.cabinet - frame.ambient
    found: list[float] = []
    ends = np.flatnonzero((frame.rest[1:] > 0) & (frame.rest[:-1] == 0)) + 1
    ends = ends[(frame.times[ends] >= scene.anchor - 30 * DAY) & (frame.times[ends] <= scene.anchor + 2 * DAY)]
    for place in ends[-40:]:
        begin = excess[place - 1]
        if not begin >= 8.0:
            continue
        later = frame.times[place:] - frame.times[place - 1]
        quiet = (later <= 4 * HOUR) & (frame.rest[place:] > 0)
        quiet &= np.cumprod(frame.rest[place:] > 0).astype(bool)
        low = np.flatnonzero(quiet & (excess[place:] <= 0.5 * begin))
        if len(low):
            found.append(float(later[low[0]]) / MINUTE)
        elif quiet.any() and later[quiet][-1] >= HOUR and not np.isnan(excess[place:][quiet]).all():
            found.append(float(later[quiet][-1]) / MINUTE)
    if not found:
        return None
    return _reading(frame, float(np.median(found)), frame.cells(scene.anchor - DAY, scene.anchor + DAY), scene.anchor)


def _relative(scene: Scene, device: str, load: float) -> float:
    """Load as a share of the rated power where that is known, so that models can be compared."""
    rated = _rating(scene, device)[1]
    return load / rated if rated else load


@measures(
    "cabinet_peers_gap",
    "how much hotter the cabinet was in the hour up to the latest occurrence than the median of neighbours of the same model at "
    "a load alike (0.65 to 1.55) at the same time, else within three days (then over ambient)",
    unit="K",
)
def cabinet_peers_gap(scene: Scene) -> Reading | None:
    found = _load_before(scene)
    frame = _own_frame(scene)
    if frame is None:
        return None
    for span, base in ((HOUR, False), (3 * DAY, True)):
        values: list[float] = []
        sources: list[Source] = []
        own_values = frame.excess if base else frame.cabinet
        now = frame.cells(scene.anchor - HOUR - frame.width / 2, scene.anchor + frame.width / 2) & ~np.isnan(own_values)
        if not now.any():
            return None
        for record in _peers(scene):
            device = record.fields["device_id"]
            theirs = _frame(scene, device)
            if theirs is None or np.isnan(theirs.cabinet).all() or (base and np.isnan(theirs.ambient).all() != np.isnan(frame.ambient).all()):
                continue
            mask = theirs.cells(scene.anchor - span - theirs.width / 2, scene.anchor + theirs.width / 2)
            mask &= ~np.isnan(theirs.cabinet)
            if found is not None and not np.isnan(theirs.load[mask]).all():
                mine = _relative(scene, scene.device_id, found[0])
                if not base and mask.any():
                    ratio = _relative(scene, device, float(np.nanmean(theirs.load[mask]))) / max(mine, 1e-9)
                    if mine > 0.02 and not 0.65 <= ratio <= 1.55:
                        continue
                elif mine > 0.02:
                    share = theirs.load / (_rating(scene, device)[1] or 1.0)
                    mask &= (share >= 0.65 * mine) & (share <= 1.55 * mine)
            if mask.any():
                value = (theirs.excess if base else theirs.cabinet)[mask]
                value = value[~np.isnan(value)]
                if len(value):
                    values.append(float(np.percentile(value, 75)))
                    sources += _reading(theirs, 0.0, mask, scene.anchor).sources[:1]
        if values:
            own = float(np.percentile(own_values[now], 75))
            return Reading(own - float(np.median(values)), scene.anchor, few([*_reading(frame, 0.0, now, scene.anchor).sources, *sources]))
    return None


@measures(
    "cabinet_idle_peers_gap",
    "how much hotter the cabinet is than the median of neighbours of the same model after at least 90 minutes without load on "
    "either, within three days around the latest occurrence",
    unit="K",
)
def cabinet_idle_peers_gap(scene: Scene) -> Reading | None:
    def rested(device: str) -> tuple[float, Frame, np.ndarray] | None:
        frame = _frame(scene, device)
        if frame is None:
            return None
        mask = frame.cells(scene.anchor - 3 * DAY, scene.anchor + DAY) & (frame.rest >= RESTED) & ~np.isnan(frame.excess)
        return (float(np.median(frame.excess[mask])), frame, mask) if mask.sum() >= 2 else None

    mine = rested(scene.device_id)
    if mine is None:
        return None
    bare = np.isnan(mine[1].ambient).all()
    theirs = [f for r in _peers(scene) if (f := rested(r.fields["device_id"])) is not None and np.isnan(f[1].ambient).all() == bare]
    if not theirs:
        return None
    found = _reading(mine[1], mine[0] - float(np.median([value for value, _, _ in theirs])), mine[2], scene.anchor)
    more = [s for _, frame, mask in theirs for s in _reading(frame, 0.0, mask, scene.anchor).sources[:1]]
    return Reading(found.value, found.at, few([*found.sources, *more]))


@measures(
    "calibration_change",
    "median cabinet reading in the hour after a completed sensor calibration minus that in the hour before, within 30 days",
    unit="K",
)
def calibration_change(scene: Scene) -> Reading | None:
    series = _cabinet_series(scene, scene.device_id)
    for command in reversed(scene.records("commands")):
        moment = command.fields.get("updated_at") or command.fields.get("created_at")
        if "calibrat" not in command.fields["command"] or command.fields.get("status") not in ("completed", None) or moment is None:
            continue
        time = epoch(moment)
        before, after = series.window(time - HOUR, time - 1.0), series.window(time + 1.0, time + HOUR)
        if abs(time - scene.anchor) <= 30 * DAY and len(before.times) >= 2 and len(after.times) >= 2:
            value = float(np.median(after.values) - np.median(before.values))
            return Reading(value, time, few([scene.source("commands", command), *_sources(series.table, after.rows[:1])]))
    return None


def _sensor_at_check(scene: Scene) -> Reading | None:
    """What the cabinet's sensor said when somebody measured the cabinet; else around the latest occurrence."""
    series = _cabinet_series(scene, scene.device_id)
    checks = [
        r for r in scene.records("check_results")
        if r.time is not None and words_of(str(r.fields["check_id"])) == "ir thermometer"
    ]  # fmt: skip
    for check in reversed(checks):
        near = series.window((check.time or 0.0) - 20 * MINUTE, (check.time or 0.0) + 20 * MINUTE)
        if len(near.times):
            return Reading(float(np.median(near.values)), check.time, _sources(near.table, near.rows))
    return _cabinet_peak(scene)


@measures("cabinet_reading_less_6", "the cabinet sensor's reading when the cabinet was measured by hand (else at the fault), less 6 K", unit="°C")
def cabinet_reading_less_6(scene: Scene) -> Reading | None:
    found = _sensor_at_check(scene)
    return None if found is None else Reading(float(found.value) - 6.0, found.at, found.sources)


@measures("cabinet_reading_less_12", "the cabinet sensor's reading when the cabinet was measured by hand (else at the fault), less 12 K", unit="°C")
def cabinet_reading_less_12(scene: Scene) -> Reading | None:
    found = _sensor_at_check(scene)
    return None if found is None else Reading(float(found.value) - 12.0, found.at, found.sources)
