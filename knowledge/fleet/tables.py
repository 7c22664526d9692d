"""The fleet behind an incident: what measurements ask of all chargers, indexed once, and the records that one charger sees.

A bundle may hold 100,000 chargers. Whatever an incident needs of them is looked up here by what they have in common, so that
its cost does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...engine.facts import Source
from ..observations import Floats, Observations, Record, Rows, Table
from .chargers import NONE, Chargers, places_by_value
from .figures import Figures
from .reported_faults import FaultEvent, Faults

Loaded = TypeVar("Loaded")

NEAR_ONLY = ("telemetry", "heartbeats")
"""The lists of which an incident sees its own site's records only; of others it reads figures."""

MOST_RECENT = 1_000
"""Chargers of other sites of which what was worked out is kept, of each kind (our judgement: some megabytes)."""


class FleetTables:
    """All chargers of a data set, as the incidents of all of them share it.

    Indexes are built when they are first asked for. In a fleet the observations hold no telemetry and no heartbeats but those
    that `fault_events` needs; `faults` and `figures` are then given, else they are read from the observations.
    """

    def __init__(self, observations: Observations, faults: Faults, figures: Figures | None = None) -> None:
        self.observations = observations
        self.faults = faults
        self.figures = Figures.measured(observations) if figures is None else figures
        self._lists = _Lists(observations)
        self._cache: dict[Any, Any] = {}
        self._recent: dict[Any, dict[Any, tuple[Any]]] = {}

    def with_faults(self, faults: Faults) -> FleetTables:
        """The same chargers with other faults."""
        found = copy(self)
        found.faults, found._cache, found._recent = faults, {}, {}
        return found

    def once(self, key: Hashable, load: Callable[[], Loaded]) -> Loaded:
        """A value that the incidents of all chargers share; the key must name everything it depends on.

        It must not read telemetry or heartbeats.
        """
        if key not in self._cache:
            self._cache[key] = load()
        found: Loaded = self._cache[key]
        return found

    def recent(self, key: tuple[Hashable, ...], load: Callable[[], Loaded]) -> Loaded:
        """The same of one of many, the last part of the key: kept while later ones do not push it out, so that memory stays
        bounded."""
        kind = self._recent.setdefault(key[:-1], {})
        found = kind.get(key[-1])
        if found is None:
            found = (load(),)
            while len(kind) >= MOST_RECENT:
                # a copy, since another thread may change it meanwhile
                kind.pop(next(iter(list(kind)), None), None)
            kind[key[-1]] = found
        value: Loaded = found[0]
        return value

    def carried(self, event_type: str) -> Iterator[tuple[str, Any]]:
        """The charger and the data of each event of a type."""
        events = self.observations["events"]
        rows = events.rows_with("event_type", event_type)
        return zip(events.values_at("device_id", rows), events.values_at("data", rows), strict=True)

    @property
    def chargers(self) -> Chargers:
        """The metadata of all chargers."""
        return self._lists.chargers

    def rows(self, name: str, path: str, value: Hashable) -> Rows:
        """The places in a list of the records that have this value at a dotted path, ascending."""
        return self.groups(name, path).get(value, NONE)

    def groups(self, name: str, path: str) -> Mapping[Hashable, Rows]:
        """The places in a list of the records by the value they have at a dotted path."""
        return self._lists.rows(name, path)

    def site(self, site_id: str | None) -> Record | None:
        """The record of a site; the first one where there are several."""
        rows = NONE if site_id is None else self.rows("sites", "site_id", site_id)
        return self.observations["sites"].records[int(rows[0])] if len(rows) else None

    def area_of(self, site_id: str | None) -> str | None:
        """The grid area of a site, where its record names one."""
        rows = NONE if site_id is None else self.rows("sites", "site_id", site_id)
        area: str | None = self.observations["sites"].values("area")[int(rows[0])] if len(rows) else None
        return area

    def sites_of_area(self, area: str) -> list[str]:
        """The sites in a grid area."""
        names = self.observations["sites"].values("site_id")
        return sorted({names[row] for row in self.rows("sites", "area", area)})

    @cached_property
    def one_site(self) -> bool:
        """Whether the records know of one site at most, by the list of sites and by what chargers say of theirs."""
        return len({*self.groups("sites", "site_id"), *self.chargers.groups("site_id")}) <= 1

    def site_of(self, device: str) -> str | None:
        """The site of a charger."""
        site: str | None = self.chargers.value("site_id", device)
        return site

    def company(self, device: str) -> Sequence[str]:
        """A charger and the others of its site, in order."""
        site = self.site_of(device)
        if site is None:
            return [device]
        return [self.chargers.ids[place] for place in self.chargers.having("site_id", site)]

    def in_use(self, places: Rows, start: float, end: float) -> NDArray[np.bool_]:
        """Which of some chargers the records know to have been in use between two moments.

        That is, whether the time from the first to the last of their events, charging records and telemetry meets it.
        """
        return _meeting(self._in_use, places, start, end)

    def heard(self, places: Rows, start: float, end: float) -> NDArray[np.bool_]:
        """Which of some chargers the records know to have been there between two moments: `in_use`, or by their connections and
        heartbeats likewise."""
        return _meeting(self._heard, places, start, end)

    @cached_property
    def _in_use(self) -> tuple[Floats, Floats]:
        return self._spans(("events", "charging_records"), ("telemetry",))

    @cached_property
    def _heard(self) -> tuple[Floats, Floats]:
        first, last = self._spans(("connections",), ("heartbeats",))
        return np.minimum(first, self._in_use[0]), np.maximum(last, self._in_use[1])

    def _spans(self, lists: Sequence[str], reduced: Sequence[str]) -> tuple[Floats, Floats]:
        """The first and the last moment of each charger's records, of some lists and of some that figures stand for."""
        first, last = (np.full(len(self.chargers), at) for at in (np.inf, -np.inf))
        for name in lists:
            table = self.observations[name]
            times = table.times
            for device, rows in table.by_device.items():
                place = self.chargers.place(device)
                if place is not None:
                    first[place] = min(first[place], times[rows[0]])
                    last[place] = max(last[place], times[rows[-1]])
        for name in reduced:
            for figure, column, pick in ((f"{name}_from", first, min), (f"{name}_until", last, max)):
                for device, moment in self.figures.columns[figure].items():
                    place = self.chargers.place(device)
                    if place is not None:
                        column[place] = pick(column[place], moment)
        return first, last

    def seen_from(self, device: str, observations: Observations) -> Observations:
        """What an incident of a charger sees of some observations: of telemetry and heartbeats its site's, of the grid and the
        weather what concerns its site."""
        near = self.company(device)
        site = self.site_of(device)
        tables = dict(observations.tables)
        for name in NEAR_ONLY:
            tables[name] = _of_chargers(tables[name], near)
        if not self.one_site:
            for name in ("grid", "environment"):
                tables[name] = self._around(name, site, tables[name])
        return Observations(tables, observations.as_of, observations.problems)

    def _around(self, name: str, site: str | None, table: Table) -> Table:
        """What a list tells of the grid or the weather at a site."""

        def load() -> Table:
            if name == "grid":
                return table.part(np.array(sorted(self._grid_rows(site)), dtype=np.intp))
            return table.part(NONE if site is None else self.rows(name, "site_id", site))

        return self.recent((name, site), load) if table is self.observations[name] else load()

    def _grid_rows(self, site: str | None) -> Iterable[int]:
        """The grid records that name the site, its area, a site of its area, or nothing."""
        area = self.area_of(site)
        sites = {site, *(self.sites_of_area(area) if area is not None else ())} - {None}
        found = {int(row) for each in sites for row in self.rows("grid", "site_id", each)}
        found |= {int(row) for each in (area, site) if each is not None for row in self.rows("grid", "area", each)}
        return found | self._lists.placeless


def _meeting(spans: tuple[Floats, Floats], places: Rows, start: float, end: float) -> NDArray[np.bool_]:
    """Which of some spans (their beginnings and their ends) meet the time between two moments."""
    first, last = spans
    return np.asarray((first[places] <= end) & (last[places] >= start))


class _Lists:
    """The record lists of a data set with the indexes over them."""

    def __init__(self, observations: Observations) -> None:
        self._observations = observations
        self._rows: dict[tuple[str, str], Mapping[Hashable, Rows]] = {}

    @cached_property
    def chargers(self) -> Chargers:
        return Chargers(self._observations["devices"])

    def rows(self, name: str, path: str) -> Mapping[Hashable, Rows]:
        if (name, path) not in self._rows:
            self._rows[name, path] = places_by_value(self._observations[name].values(path))
        return self._rows[name, path]

    @cached_property
    def placeless(self) -> frozenset[int]:
        """The grid records that name neither site nor area."""
        grid = self._observations["grid"]
        places = zip(grid.values("site_id"), grid.values("area"), strict=True)
        return frozenset(row for row, (site, area) in enumerate(places) if site is None and area is None)


class _OfChargers(Table):
    """A list that knows the records of some chargers only; their places stay."""

    def __init__(self, table: Table, by_device: Mapping[str, Rows]) -> None:
        super().__init__(table.name)
        self._table = table
        self._by_device = by_device

    @property
    def by_device(self) -> Mapping[str, Rows]:
        return self._by_device

    @property
    def records(self) -> Sequence[Record]:
        return self._table.records

    @property
    def times(self) -> Floats:
        return self._table.times

    @property
    def connectors(self) -> Floats:
        return self._table.connectors

    def numbers(self, path: str) -> Floats:
        return self._table.numbers(path)

    def texts(self, path: str) -> Sequence[str | None]:
        return self._table.texts(path)

    def values(self, path: str) -> Sequence[Any]:
        return self._table.values(path)

    def until(self, as_of: float) -> Table:
        return _of_chargers(self._table.until(as_of), list(self._by_device))

    def texts_at(self, path: str, rows: Rows) -> list[str | None]:
        return self._table.texts_at(path, rows)

    def one_of(self, path: str, words: Container[str | None], rows: Rows) -> NDArray[np.bool_]:
        return self._table.one_of(path, words, rows)

    def parts_at(self, path: str, part: str, rows: Rows) -> tuple[Rows, list[Any]]:
        return self._table.parts_at(path, part, rows)

    def part(self, rows: Rows) -> Table:
        return self._table.part(rows)

    def records_at(self, rows: Rows) -> list[Record]:
        return self._table.records_at(rows)

    def indices(self, rows: Rows) -> NDArray[np.int64]:
        return self._table.indices(rows)

    def source(self, row: int) -> Source:
        return self._table.source(row)


def _of_chargers(table: Table, devices: Sequence[str]) -> Table:
    by_device = table.by_device
    known = {device: by_device[device] for device in devices if device in by_device}
    return table if len(known) == len(by_device) else _OfChargers(table, known)


@dataclass(frozen=True)
class FleetShare(Observations):
    """One share of a fleet: all small lists, and the telemetry and heartbeats of some sites.

    Only incidents of `chargers` are looked for, whose sites' telemetry and heartbeats must be there as a whole; everything
    else is asked of `fleet`.
    """

    fleet: FleetTables
    chargers: frozenset[str]


def fleet_of(observations: Observations, faults: Iterable[FaultEvent]) -> FleetTables:
    """The fleet that some observations are a share of, else their own with these faults."""
    if isinstance(observations, FleetShare):
        return observations.fleet
    return FleetTables(observations, faults if isinstance(faults, Faults) else Faults(faults))
