"""A charger's cabinet on one grid of time: its temperature, the ambient and the power of all connectors together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ....engine.facts import Source
from ...observations import Floats, Rows, Table
from ...readings import DAY, HOUR, MINUTE, Reading, Readings, few, median
from ...scene import Scene
from ...sessions import Session
from .ambient import ambient_at
from .chargers import about_the_cabinet, rating_of
from .remembered import once_an_incident
from .telemetry import HISTORY, Columns, columns_of, lagged_from_rest

RESTED = 90 * MINUTE
"""Rest after which a cabinet has given off its heat (our judgement: three to four time constants of a ventilated cabinet)."""

LONG_RESTED = 6 * HOUR
"""Rest after which even a cabinet with shut vents has given off its heat (our judgement: three to six half times)."""


HEATS_WITHIN = 30 * MINUTE
"""Time in which a cabinet follows its load (our judgement: about one time constant of a ventilated cabinet)."""


@dataclass(frozen=True)
class Frame:
    """A charger's cabinet on a grid of time: temperature, ambient (°C) and load (kW); NaN where not known."""

    table: Table
    rows: Rows  # of the cabinet's temperature
    all_rows: Rows  # of the charger
    sessions: tuple[Session, ...]  # whose power the load was taken from, where telemetry has none
    times: Floats
    width: float
    cabinet: Floats
    ambient: Floats
    load: Floats
    untold: np.ndarray  # in which cells a connector charges that tells no power, so that the load is not known
    rest: Floats  # seconds without load up to the end of the cell
    anchor: float

    def cells(self, start: float, end: float) -> np.ndarray:
        """Which cells lie from start to end."""
        return (self.times >= start) & (self.times <= end)

    @cached_property
    def aired(self) -> bool:
        """Whether the ambient is known at all."""
        return not np.isnan(self.ambient).all()

    @cached_property
    def excess(self) -> Floats:
        """Cabinet over ambient; the bare temperature where the ambient is not known at all."""
        return self.cabinet - self.ambient if self.aired else self.cabinet

    @cached_property
    def carried(self) -> Floats:
        """Mean load of the half hour up to the end of each cell, which its heat goes by; NaN where that of the cell is not known, or
        somewhere in the half hour a connector charged that told no power.

        Chargers report seldom or not at all while they rest, so other cells that tell no load count as without.
        """
        cells = max(1, round(HEATS_WITHIN / self.width))
        total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(self.load))])
        untold = np.concatenate([[0], np.cumsum(self.untold)])
        places = np.arange(1, len(self.load) + 1)
        first = np.maximum(places - cells, 0)
        unknown = np.isnan(self.load) | (untold[places] > untold[first])
        return np.where(unknown, np.nan, (total[places] - total[first]) / (places - first))

    @cached_property
    def _lagged(self) -> dict[float, Floats]:
        return {}

    def lagged(self, constant: float) -> Floats:
        """The load as a cabinet with a time constant in seconds follows it, at rest before the first of the times."""
        if constant not in self._lagged:
            self._lagged[constant] = lagged_from_rest(self.times, self.load, constant)
        return self._lagged[constant]

    @cached_property
    def rested(self) -> np.ndarray:
        """Which cells lie so long after any load that the cabinet has given off its heat."""
        return self.rest >= RESTED

    def sources(self, cells: np.ndarray) -> tuple[Source, ...]:
        """The first and the last record of the time some cells span; where it has none, the nearest before it."""
        chosen = np.flatnonzero(cells)
        if not len(chosen):
            return ()
        start, end = self.times[chosen[0]] - self.width / 2, self.times[chosen[-1]] + self.width / 2
        found: list[Source] = []
        for rows in (self.rows, self.all_rows):
            low, high = np.searchsorted(self.table.times[rows], [start, end])
            if high > low:
                found = [self.table.source(int(row)) for row in (rows[low], rows[high - 1])]
                break
        carried = [s for s in self.sessions if s.start <= end and _end_of(s, self.anchor) >= start]
        found += [s.source for s in (*carried[:1], *carried[-1:])]
        return few(found or self._nearest(start))

    def _nearest(self, moment: float) -> list[Source]:
        """The record a value at rest stands on: the last one before a moment, else the first."""
        rows = self.all_rows if len(self.all_rows) else self.rows
        if len(rows):
            return [self.table.source(int(rows[max(0, int(np.searchsorted(self.table.times[rows], moment)) - 1)]))]
        return [s.source for s in ([s for s in self.sessions if s.start <= moment] or self.sessions[:1])[-1:]]

    def reading(self, value: float, cells: np.ndarray, at: float | None = None) -> Reading:
        """A value measured on some cells, at the latest occurrence where no moment is given."""
        return Reading(float(value), self.anchor if at is None else at, self.sources(cells))


def cabinet_readings(scene: Scene, device: str) -> Readings:
    """The cabinet's temperature; where no record has it, the sensors that stand in for it."""
    # an F-0204 that comes with a charger's only temperature means the cabinet by it
    own = ("cabinet_temperature", "temperature") if about_the_cabinet(scene) else ("cabinet_temperature",)
    inside = ("component_health.internal_temps.control_board", "component_health.internal_temps.power_module")
    columns = (scene.readings(path, which="all", device=device) for path in (*own, *inside))
    return next((column for column in columns if len(column)), scene.readings(own[0], which="all", device=device))


@dataclass(frozen=True)
class _Grid:
    """Cells of equal width from start to end."""

    start: float
    end: float
    width: float
    count: int

    @property
    def times(self) -> Floats:
        """The middle of each cell."""
        return np.asarray(self.start + self.width * (np.arange(self.count) + 0.5), dtype=np.float64)

    def binned(self, times: Floats, values: Floats) -> Floats:
        """The mean of the values in each cell; NaN where there is none."""
        inside = (times >= self.start) & (times <= self.end) & ~np.isnan(values)
        cells = np.minimum(((times[inside] - self.start) / self.width).astype(np.intp), self.count - 1)
        total = np.bincount(cells, weights=values[inside], minlength=self.count)
        number = np.bincount(cells, minlength=self.count)
        return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def own_frame(scene: Scene) -> Frame | None:
    """The frame of the incident's charger."""
    return frame_of(scene, scene.device_id)


@once_an_incident
def frame_of(scene: Scene, device: str) -> Frame | None:
    """The frame of a charger from 60 days before to two days after the latest occurrence; None where nothing is recorded."""
    if not scene.is_recorded(device):
        return None
    cabinet, columns = cabinet_readings(scene, device), columns_of(scene, device)
    sessions = scene.sessions(which="all", device=device)
    grid = _grid_of(scene, cabinet, columns, sessions)
    if grid is None:
        return None
    times = grid.times
    load, untold = np.full(grid.count, np.nan), np.zeros(grid.count, dtype=bool)
    if columns is not None:
        load, untold = _load_in_telemetry(columns, grid, sessions, scene.anchor)
    powered: tuple[Session, ...] = ()
    if not (load > 0).any():
        powered = tuple(s for s in sessions if _power_of(s, scene.anchor) is not None)
        if powered:
            load, untold = _load_in_sessions(powered, times, scene.anchor), np.zeros(grid.count, dtype=bool)
    return Frame(
        table=scene.observations["telemetry"],
        rows=cabinet.between(grid.start, grid.end).rows,
        all_rows=np.empty(0, dtype=np.intp) if columns is None else columns.rows,
        sessions=powered,
        times=times,
        width=grid.width,
        cabinet=grid.binned(cabinet.times, cabinet.values),
        ambient=ambient_at(scene, device, times),
        load=load,
        untold=untold,
        rest=_rest(np.where(untold, np.inf, load), _quiet(load, rating_of(scene, device).rated), grid.width),
        anchor=scene.anchor,
    )


def _grid_of(scene: Scene, cabinet: Readings, columns: Columns | None, sessions: Sequence[Session]) -> _Grid | None:
    """A grid over what is recorded, as wide as records usually lie apart (five minutes to an hour)."""
    spans: list[tuple[float, float]] = []
    if len(cabinet):
        spans.append((float(cabinet.times[0]), float(cabinet.times[-1])))
    if columns is not None:
        spans.append((float(columns.times[0]), float(columns.times[-1])))
    if sessions:
        spans.append((sessions[0].start, max(s.end or s.start + HOUR for s in sessions)))
    if not spans:
        return None
    start = max(min(first for first, _ in spans), scene.anchor - HISTORY)
    end = min(max(last for _, last in spans), scene.anchor + 2 * DAY)
    if end <= start:
        return None
    every = 5 * MINUTE
    if columns is not None and len(columns.times) > 2:
        steps = np.diff(columns.times)
        steps = steps[steps > 0]
        every = min(max(median(steps), every), HOUR) if len(steps) else every
    width = max(every, (end - start) / 20_000)
    return _Grid(start, end, width, int((end - start) / width) + 1)


def _load_in_telemetry(
    columns: Columns, grid: _Grid, sessions: Sequence[Session], anchor: float
) -> tuple[Floats, np.ndarray]:
    """The power of all connectors together, and in which cells one charges that tells nothing, so that it is not known; a connector
    silent for two cells keeps what it had, or what it then tells."""
    load, untold = np.full(grid.count, np.nan), np.zeros(grid.count, dtype=bool)
    telling: dict[float, np.ndarray] = {}
    for places in columns.with_power(np.arange(len(columns.rows))):
        part = _held(grid.binned(columns.times[places], columns.power[places]), 2)
        load = np.where(np.isnan(part), load, np.where(np.isnan(load), 0.0, load) + part)
        telling[float(columns.connectors[places[0]])] = ~np.isnan(_held(part[::-1], 2)[::-1])
    if any(np.isnan(connector) for connector in telling):  # rows of the whole charger tell of all
        return load, untold
    charging = [session for session in sessions if session.connector_id is not None]
    times, all_along = grid.times, np.ones(grid.count, dtype=bool)
    first = times.searchsorted([session.start for session in charging])
    stop = times.searchsorted([_end_of(session, anchor) for session in charging], "right")
    silent = {connector: ~told for connector, told in telling.items()}
    for session, begin, end in zip(charging, first.tolist(), stop.tolist(), strict=True):
        untold[begin:end] |= silent.get(float(session.connector_id or 0), all_along)[begin:end]
    load[untold] = np.nan
    return load, untold


def _end_of(session: Session, anchor: float) -> float:
    """When a session ended; one without an end runs up to the fault, half a day at the most."""
    return session.end if session.end is not None else min(session.start + DAY / 2, max(anchor, session.start))


def _power_of(session: Session, anchor: float) -> float | None:
    """A session's mean power, else that of its energy, else its highest; None where it tells none of them."""
    hours = max((_end_of(session, anchor) - session.start) / HOUR, 1e-3)
    spread = None if session.energy is None else session.energy / hours
    return next((abs(p) for p in (session.avg_power, spread, session.max_power) if p is not None), None)


def _load_in_sessions(sessions: Sequence[Session], times: Floats, anchor: float) -> Floats:
    """The power of all sessions together."""
    load = np.zeros(len(times))
    for session in sessions:
        load[(times >= session.start) & (times <= _end_of(session, anchor))] += _power_of(session, anchor) or 0.0
    return load


def _quiet(load: Floats, rated: float | None) -> float:
    """The power up to which a charger rests: 3% of the rated one, else of the highest."""
    if rated is not None:
        return 0.03 * rated
    return 1.0 if np.isnan(load).all() else max(1.0, 0.03 * float(np.nanmax(load)))


def _rest(load: Floats, quiet: float, width: float) -> Floats:
    """Seconds without load up to the end of each cell."""
    resting = load <= quiet
    # chargers report seldom or not at all while they rest, so a gap before a cell without load counts as rest
    numbers = np.arange(len(load))
    busy = np.maximum.accumulate(np.where(load > quiet, numbers, -1))
    first = int(np.argmax(resting)) if resting.any() else 0
    return np.where(resting, (numbers - np.where(busy >= 0, busy, first - 1)) * width, 0.0)


def _held(values: Floats, cells: int) -> Floats:
    """Gaps of at most so many cells take the value before them."""
    out = values.copy()
    for _ in range(cells):
        gap = np.isnan(out[1:]) & ~np.isnan(out[:-1])
        out[1:][gap] = out[:-1][gap]
    return out
