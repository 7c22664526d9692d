"""Loads: stretches in which a connector carried current, with what it reached. Put together from sessions, from telemetry
that no session covers, and from the details of faults."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ....engine.facts import Source
from ...observations import Floats, Rows
from ...readings import DAY, HOUR, MINUTE, median
from ...scene import FaultEvent, Scene
from ...sessions import Session
from ...texts import affirmed, flat
from ..elsewhere import vehicle_key
from .ambient import ambient_at
from .chargers import CONNECTOR_CODE, connector_limit
from .payload import CONNECTOR_HEAT, CURRENT, NOT_THE_CONNECTOR, highest_number
from .remembered import once_a_charger, once_an_incident
from .telemetry import Columns, columns_of, known

_UNKNOWN = float("nan")
_NOWHERE: Rows = np.empty(0, dtype=np.intp)

OF_SESSIONS = ("plug_in", "plug_out", "start", "stop")
"""Events of which every session has some."""

RAMP_TELLS = 6
"""Readings in twenty minutes from which on those of a ramp count by the time it takes (our judgement)."""

_HOT_WORDS = re.compile(
    r"\b(over ?temp\w*|over ?heat\w*|thermal\w* (derat|throttl|limit|reduc)\w*|f ?0203|too hot|high temp\w*|temp\w* (high|too high|limit\w*)|"
    r"derat\w*|throttl\w*)"
)
_HOT_KEYS = r"derat|throttl|over ?temp|over ?heat"
_LIMITED_FOR = r"\b(thermal|heat|temperature) limit(ed|ing)? (s|sec|seconds|min|minutes|time|duration|count|events)$"
"""Keys that tell how long, or how often, heat limited a session."""


class Load(NamedTuple):
    """A session or another stretch of load at one connector; NaN for what is not known."""

    device: str
    connector: int | None
    vin: str | None  # as vehicles are told apart by it
    start: float
    end: float
    peak: float  # highest connector temperature, °C
    at: float  # when
    amps: float  # root mean square over the 20 minutes up to the peak
    power: float
    ambient: float
    first: float  # connector temperature when the load began
    hot: bool | None  # the code was reported, or the temperature came within 5 K of the limit; None where unknown
    session: Session | None
    measured: tuple[Source, ...]  # the records beside the session's

    @property
    def sources(self) -> tuple[Source, ...]:
        """The records it was read from."""
        return self.measured if self.session is None else (self.session.source, *self.measured)

    @property
    def place(self) -> tuple[float, int, str, int]:
        """Its start and connector, then the list and index of its first record."""
        if self.session is not None:
            return self.start, self.connector or 0, self.session.table.name, self.session.record.index
        first = self.measured[0] if self.measured else None
        return self.start, self.connector or 0, first.list if first else "", first.index if first else -1

    @property
    def rise(self) -> float:
        """How far the connector got over the ambient."""
        return self.peak - self.ambient


def vehicle_of_session(session: Session | None) -> str | None:
    """The vehicle of a session as vehicles are told apart; None where it is not known."""
    return (vehicle_key(session.vin) or None) if session is not None and session.vin else None


@once_a_charger
def loads_of(scene: Scene, device: str) -> list[Load]:
    """The loads of a charger, by start."""
    if not scene.is_recorded(device):
        return []
    events = scene.observations["events"].by_device.get(device)
    told = (event.time for event in scene.events(*OF_SESSIONS, which="all", device=device))
    charger = _Charger(
        scene=scene,
        device=device,
        columns=columns_of(scene, device),
        sessions=scene.sessions(which="all", device=device),
        faults=scene.faults(CONNECTOR_CODE, device=device),
        limit=connector_limit(scene, device),
        watched=events is not None and len(events) > 0,
        sessions_told=np.array([time for time in told if time is not None], dtype=np.float64),
    )
    return sorted(charger.loads(), key=lambda load: load.place)


@once_a_charger
def loads_by_vehicle(scene: Scene, device: str) -> Mapping[str, Sequence[Load]]:
    """The loads of a charger whose vehicle is known, by vehicle (VIN) and start."""
    found: dict[str, list[Load]] = {}
    for load in loads_of(scene, device):
        if load.vin is not None:
            found.setdefault(load.vin, []).append(load)
    return found


@once_an_incident
def loads_here(scene: Scene) -> list[Load]:
    """The loads on the incident's connector."""
    mine = scene.connector_id
    return [x for x in loads_of(scene, scene.device_id) if mine is None or x.connector in (None, mine)]


@once_an_incident
def loads_on_others(scene: Scene) -> list[Load]:
    """The loads on the charger's other connectors; none where the fault names no connector."""
    mine = scene.connector_id
    return [] if mine is None else [x for x in loads_of(scene, scene.device_id) if x.connector not in (None, mine)]


@once_an_incident
def load_now(scene: Scene) -> Load | None:
    """The load at the latest occurrence that has one."""
    for time in reversed(scene.times):
        near = [x for x in loads_here(scene) if x.start - MINUTE <= time <= x.end + 10 * MINUTE]
        if near:
            return ([x for x in near if known(x.peak)] or near)[-1]
        # records far apart end well before or begin after the fault they belong to
        apart = [x for x in loads_here(scene) if known(x.peak) and x.start - 20 * MINUTE <= time <= x.end + 90 * MINUTE]
        if apart:
            return apart[-1]
    return None


def beginning_is_told(scene: Scene, load: Load) -> bool:
    """Whether records tell when a load began: its session's, or the connector's telemetry within twenty minutes before it. Else it
    may have begun long before the first of them."""
    if load.session is not None:
        return True
    columns = columns_of(scene, load.device)
    if columns is None:
        return False
    before = (columns.times < load.start) & (columns.times >= load.start - 20 * MINUTE)
    return bool((before & columns.may_be_of(load.connector)).any())


class _Carried(NamedTuple):
    """What telemetry or a session's details say of one load; NaN for what they do not."""

    peak: float = _UNKNOWN
    at: float = _UNKNOWN
    first: float = _UNKNOWN
    amps: float = _UNKNOWN
    power: float = _UNKNOWN
    sources: tuple[Source, ...] = ()


class _Told(NamedTuple):
    """What a session's stop reason and details say of its load; NaN for what they do not."""

    hot: bool
    peak: float = _UNKNOWN
    amps: float = _UNKNOWN
    ambient: float = _UNKNOWN


@lru_cache(maxsize=256)
def _told_by_reason(reason: str | None) -> _Told:
    return _Told(bool(_HOT_WORDS.search(" ".join(affirmed({"reason": reason})))))


def _told_by_session(session: Session) -> _Told:
    if session.details is None:
        return _told_by_reason(session.stop_reason)
    details = list(flat(session.details))
    words = " ".join(affirmed({"reason": session.stop_reason, "details": session.details}))
    return _Told(
        hot=bool(_HOT_WORDS.search(words))
        or highest_number(details, _HOT_KEYS, r"grid|site|limit") > 0.0
        or highest_number(details, _LIMITED_FOR, r"grid|site") > 0.0,
        peak=highest_number(details, CONNECTOR_HEAT, NOT_THE_CONNECTOR + "|resistance"),
        amps=highest_number(details, CURRENT, r"limit|rated|offered|requested"),
        ambient=highest_number(details, r"\b(ambient|outside|outdoor)\b", r"over|rise|delta|limit"),
    )


def _rms(values: Floats) -> float:
    """Root mean square of the values over zero."""
    positive = values[~np.isnan(values)]
    positive = positive[positive > 0]
    return float(np.sqrt(np.mean(np.minimum(positive, 1e6) ** 2))) if len(positive) else _UNKNOWN


def _ramped(values: Floats) -> Floats:
    """Few values from where they first reach half of the highest: of readings minutes apart the one on the ramp tells of seconds."""
    if not 2 <= len(values) < RAMP_TELLS or np.isnan(values).all():
        return values
    return values[int(np.argmax(values >= 0.5 * np.nanmax(values))) :]


def _carried(columns: Columns, places: Rows) -> _Carried:
    """What some places of telemetry say of the load they belong to."""
    if not len(places):
        return _Carried()
    temperature, times = columns.temperature[places], columns.times[places]
    peak = at = first = _UNKNOWN
    source = columns.table.source(int(columns.rows[places[-1]]))
    warm = np.flatnonzero(~np.isnan(temperature))
    if len(warm):
        place = int(warm[np.argmax(temperature[warm])])
        peak, at = float(temperature[place]), float(times[place])
        first = float(np.min(temperature[warm[:3]]))
        source = columns.table.source(int(columns.rows[places[place]]))
    last = at if known(at) else float(times[-1])
    recent = (times >= last - 20 * MINUTE) & (times <= last)

    def drive(values: Floats) -> float:
        lately = _rms(_ramped(values[recent]))
        return lately if known(lately) else _rms(values)

    return _Carried(peak, at, first, drive(columns.amps[places]), drive(columns.power[places]), (source,))


@dataclass(frozen=True)
class _Charger:
    """A charger whose loads are put together."""

    scene: Scene
    device: str
    columns: Columns | None
    sessions: list[Session]
    faults: list[FaultEvent]
    limit: float
    watched: bool  # its events are in the bundle, so that a fault not reported did not happen
    sessions_told: Floats  # when events tell of sessions

    def loads(self) -> list[Load]:
        """Sessions, other stretches of load, and faults that tell a temperature neither of these has."""
        taken = np.zeros(0 if self.columns is None else len(self.columns.rows), dtype=bool)
        found: list[Load] = []
        for session in self.sessions:
            end = min(session.over_by, session.start + DAY / 2) if session.end is None else session.end
            places = self._places(session.start, end, session.connector_id)
            if len(places):
                taken[places] = True
            found.append(self._load(places, session.start, end, session.connector_id, session))
        if self.columns is not None:
            found.extend(self._stretches(self.columns, ~taken & self.columns.active))
        for fault in self.faults:
            load = self._told_by(fault, found)
            if load is not None:
                found.append(load)
        return self._aired(found)

    def _aired(self, loads: list[Load]) -> list[Load]:
        """The loads with the ambient where they do not tell one."""
        without = [place for place, load in enumerate(loads) if not known(load.ambient)]
        if without:
            moments = np.array([loads[place].at for place in without], dtype=np.float64)
            for place, ambient in zip(without, ambient_at(self.scene, self.device, moments).tolist(), strict=True):
                loads[place] = loads[place]._replace(ambient=ambient)
        return loads

    def _places(self, start: float, end: float, connector: int | None) -> Rows:
        """Places of the telemetry of a connector from start to end; records that name no connector count."""
        if self.columns is None:
            return _NOWHERE
        times = self.columns.times
        low, high = int(times.searchsorted(start - 30.0, "left")), int(times.searchsorted(end + 30.0, "right"))
        if low >= high:
            return _NOWHERE
        places: Rows = np.arange(low, high, dtype=np.intp)
        if connector is not None:
            named = self.columns.connectors[places]
            places = places[(named == connector) | np.isnan(named)]
        return places

    def _load(self, places: Rows, start: float, end: float, connector: int | None, session: Session | None) -> Load:
        carried = _Carried() if self.columns is None else _carried(self.columns, places)
        peak, at, first, amps, power, measured = carried
        told = _Told(False) if session is None else _told_by_session(session)
        if session is not None:
            if not known(peak):
                peak, at = told.peak, end
            if not known(amps):
                amps = told.amps
            if not known(power):
                # a mean of zero is a mean
                power = next((p for p in (session.avg_power, session.max_power) if p is not None), _UNKNOWN)
        reported = any(
            start - MINUTE <= fault.time <= end + 5 * MINUTE
            and (connector is None or fault.connector_id is None or fault.connector_id == connector)
            for fault in self.faults
        )
        hot: bool | None = None
        if reported or (known(peak) and peak >= self.limit - 5.0) or told.hot:
            hot = True
        elif known(peak) or (self.watched and self._is_told(start, end)):
            hot = False
        return Load(
            self.device, connector, vehicle_of_session(session), start, end, peak,
            at if known(at) else end, amps, power, told.ambient, first, hot, session, measured,
        )  # fmt: skip

    def _is_told(self, start: float, end: float) -> bool:
        """Whether the events in the bundle reach a load: where they tell of other sessions and not of this one, they are of other days."""
        near = self.sessions_told.searchsorted([start - 5 * MINUTE, end + 5 * MINUTE])
        return not len(self.sessions_told) or bool(near[1] > near[0])

    def _stretches(self, columns: Columns, untaken: np.ndarray) -> Iterator[Load]:
        """Runs of telemetry under load that no session covers, connector by connector."""
        for number in np.unique(columns.connectors[~np.isnan(columns.connectors)]).tolist() or [None]:
            places = np.flatnonzero(untaken if number is None else untaken & (columns.connectors == number))
            if not len(places):
                continue
            every = np.diff(columns.times if number is None else columns.times[columns.connectors == number])
            spacing = median(every) if len(every) else HOUR
            longest = min(max(20 * MINUTE, 3.0 * spacing), 3 * HOUR)
            begins = np.flatnonzero(np.diff(columns.times[places]) > longest) + 1
            plugged = columns.times[places].searchsorted(self._plugged(number), "right")
            for run in np.split(places, np.unique([*begins.tolist(), *plugged.tolist()])):
                # of dense records one or two are a passing peak, no load
                if len(run) >= 3 or (len(run) and spacing >= 5 * MINUTE):
                    start, stop = float(columns.times[run[0]]), float(columns.times[run[-1]])
                    yield self._load(run, start, stop, None if number is None else int(number), None)

    def _plugged(self, number: float | None) -> list[float]:
        """When a vehicle was plugged in or out at a connector: what it draws before and after are two loads."""
        connector = None if number is None else int(number)
        events = self.scene.events("plug_in", "plug_out", which="all", device=self.device)
        named = [
            event for event in events if connector is None or event.fields.get("connector_id") in (None, 0, connector)
        ]
        return [event.time for event in named if event.time is not None]

    def _told_by(self, fault: FaultEvent, loads: list[Load]) -> Load | None:
        """The load a fault's details tell of, where no other record gives its temperature."""
        if any(known(x.peak) and x.start - MINUTE <= fault.time <= x.end + 5 * MINUTE for x in loads):
            return None
        told = list(flat(fault.record.data))
        peak = highest_number(told, CONNECTOR_HEAT, NOT_THE_CONNECTOR)
        if not known(peak):
            return None
        return Load(
            device=self.device,
            connector=fault.connector_id,
            vin=next((x.vin for x in loads if x.vin and x.start <= fault.time <= x.end), None),
            start=fault.time,
            end=fault.time,
            peak=peak,
            at=fault.time,
            amps=highest_number(told, CURRENT, r"limit|rated"),
            power=_UNKNOWN,
            ambient=highest_number(told, r"\bambient\b", r"over|rise|delta|limit"),
            first=_UNKNOWN,
            hot=True,
            session=None,
            measured=(fault.source,),
        )
