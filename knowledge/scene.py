"""A scene: one incident with everything the records hold around it, as measurements read it."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from operator import attrgetter, itemgetter
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from ..engine.facts import Source, Version
from ..engine.knowledge_base import Fault
from .firmware import parse_firmware
from .fleet.chargers import NONE, Chargers
from .fleet.figures import OFFLINE
from .fleet.reported_faults import FaultEvent, Incidence
from .fleet.tables import FleetTables, fleet_of
from .observations import Floats, Observations, Record, Rows, Table, at_path, epoch, plain_json
from .readings import MINUTE, Reading, Readings, Words, ends, few
from .records import leaves
from .sessions import Session, sessions_of
from .texts import affirmed, as_number, flat
from .topics import topics_of

__all__ = ["FLEET", "INCIDENCES", "FaultEvent", "Incidence", "Said", "Scene", "Which", "Whose", "payload_of"]

Which = Literal["own", "all", "others"]
Loaded = TypeVar("Loaded")
Detail = float | str | bool


INCIDENCES = "incidences"
"""Where the survey leaves the documented incidents of each charger, among what the scenes of a bundle share."""

FLEET = "fleet"
"""Where the survey leaves the tables of the whole fleet, among what the scenes of a bundle share."""

Whose = Record | Literal["own"] | None
"""Whose metadata is meant: the incident's own charger, another's record, or a record that is not there."""


MOST_TIMES = 20
"""Occurrences, the latest, around which messages of the charger are looked at (our judgement: enough to see what they have in common)."""


class Said(NamedTuple):
    """What one record says: when (epoch seconds), where it stands, and what."""

    time: float
    source: Source
    data: Any


class Scene:
    """One incident and the records around it.

    Measurements read it through a few verbs: `readings` and `words` give a column of one charger, `records` a list,
    `near` cuts to the latest occurrence that has data, `mentions` finds a fault's vocabulary in texts. Telemetry and
    heartbeats are at hand of the chargers of its site only; what is asked of all chargers, `fleet` answers.
    """

    def __init__(
        self,
        observations: Observations,
        incidence: Incidence,
        faults: Sequence[FaultEvent],
        entry: Fault | None = None,
        shared: dict[Any, Any] | None = None,
    ) -> None:
        self.incidence = incidence
        self.entry = entry
        self._bundle = {} if shared is None else shared
        if FLEET not in self._bundle:
            self._bundle[FLEET] = fleet_of(observations, faults)
        self.fleet: FleetTables = self._bundle[FLEET]
        self.observations, self.shared = self._of_site(observations)
        self._cache: dict[Any, Any] = {}

    def _of_site(self, observations: Observations) -> tuple[Observations, dict[Any, Any]]:
        """The records that the incidents of one site see, and what they share besides the fleet."""
        site = self.fleet.site_of(self.device_id)
        key = ("seen from", "charger", self.device_id) if site is None else ("seen from", "site", site)
        if key not in self._bundle:
            self._bundle[key] = (self.fleet.seen_from(self.device_id, observations), {})
        found: tuple[Observations, dict[Any, Any]] = self._bundle[key]
        return found

    # Who, where, when

    @property
    def device_id(self) -> str:
        """The charger."""
        return self.incidence.device_id

    @property
    def connector_id(self) -> int | None:
        """The connector; None where the fault is the whole charger's, or not said."""
        return self.incidence.connector_id

    @property
    def times(self) -> tuple[float, ...]:
        """The occurrences, epoch seconds, ascending."""
        return self.incidence.times

    @property
    def anchor(self) -> float:
        """The latest occurrence."""
        return self.incidence.times[-1]

    @property
    def first(self) -> float:
        """The earliest occurrence."""
        return self.incidence.times[0]

    @cached_property
    def as_of(self) -> float:
        """The moment of the diagnosis."""
        moment = self.observations.as_of
        return self.anchor if moment is None else moment

    @cached_property
    def device(self) -> Record | None:
        """The charger's metadata."""
        return self.devices.get(self.device_id)

    @property
    def devices(self) -> Chargers:
        """Metadata of all chargers by id."""
        return self.fleet.chargers

    @cached_property
    def site_id(self) -> str | None:
        """The charger's site."""
        site: str | None = self.about("site_id")
        return site

    @cached_property
    def site(self) -> Record | None:
        """The site's record."""
        return self.fleet.site(self.site_id)

    @cached_property
    def area(self) -> str | None:
        """The site's grid area."""
        return None if self.site is None else self.site.fields.get("area")

    @cached_property
    def neighbours(self) -> list[Record]:
        """The other chargers of the site."""
        if self.site_id is None:
            return []
        chargers = self.fleet.chargers
        here = self._shared(("chargers",), lambda: chargers.records(chargers.having("site_id", self.site_id)))
        return [record for record in here if record.fields["device_id"] != self.device_id]

    def is_near(self, device: str) -> bool:
        """Whether a charger is this one or another of its site, so that its telemetry and heartbeats are at hand."""
        return device == self.device_id or (self.site_id is not None and self.fleet.site_of(device) == self.site_id)

    @cached_property
    def firmware(self) -> Version | None:
        """The charger's firmware version, where it is of a known scheme."""
        text = self.about("firmware_version")
        return parse_firmware(text) if isinstance(text, str) else None

    def about(self, path: str, device: Whose = "own") -> Any:
        """A field of the charger's metadata by its dotted path, or of another's; None where field or record are unknown."""
        if isinstance(device, str) and path in leaves("devices"):
            return self.fleet.chargers.value(path, self.device_id)
        record = self.device if isinstance(device, str) else device
        return None if record is None else at_path(record.fields, path)

    def metadata(self, path: str, device: Whose = "own") -> Reading | None:
        """The same as a reading with its source; timestamps as epoch seconds."""
        value = self.about(path, device)
        if value is None or isinstance(value, (list, dict)):
            return None
        if isinstance(value, datetime):
            value = epoch(value)
        index = device.index if isinstance(device, Record) else self.fleet.chargers.index(self.device_id, path)
        return None if index is None else Reading(value, None, (Source("devices", index, None),))

    @property
    def is_dc(self) -> bool | None:
        """Whether the charger delivers direct current: from its product data, else from its model's name."""
        kind = self.about("product.current_type")
        if kind is None:
            model = str(self.about("model") or "").upper()
            kind = "DC" if "DC" in model else "AC" if "AC" in model else None
        return None if kind is None else bool(kind == "DC")

    # Columns and lists

    def telemetry_rows(self, start: float, end: float, *, device: str | None = None) -> Rows:
        """The places of one charger's telemetry records from start to end (epoch seconds), both included, in time order."""
        device_id = self.device_id if device is None else device
        table = self.observations["telemetry"]

        def load() -> tuple[Rows, Floats]:
            rows = table.by_device.get(device_id, NONE)
            return rows, table.times[rows]

        rows, times = self.once(("telemetry rows", device_id), load)
        if not len(times) or end < times[0] or start > times[-1]:
            return rows[:0]
        return rows[int(times.searchsorted(start, "left")) : int(times.searchsorted(end, "right"))]

    def _rows(self, table: Table, device: str | None, which: Which, connector: int | None = None) -> Rows:
        """The places of one charger's records in a list, in time order; parameters as in `readings`."""
        device_id = self.device_id if device is None else device
        rows = table.by_device.get(device_id)
        if rows is None:
            return np.empty(0, dtype=np.intp)
        if connector is None and (which == "all" or self.connector_id is None):
            return rows
        connectors = table.connectors[rows]
        if connector is not None:
            mask = connectors == connector
        elif which == "others":
            mask = ~np.isnan(connectors) & (connectors != self.connector_id)
        else:
            mask = np.isnan(connectors) | (connectors == self.connector_id)
        chosen: Rows = rows[mask]
        return chosen

    def readings(
        self, path: str, *, which: Which = "own", device: str | None = None, connector: int | None = None,
        table: str = "telemetry",
    ) -> Readings:  # fmt: skip
        """Known numbers of a column of one charger, in time order.

        `which="own"` is the incident's connector (and records that name none), "all" the whole charger, "others" its
        other connectors; `connector` names one explicitly.
        """
        source = self.observations[table]

        def load() -> Readings:
            rows = self._rows(source, device, which, connector)
            times, values = source.times[rows], source.numbers(path)[rows]
            unknown = np.isnan(values) | np.isnan(times)
            if not unknown.any():
                return Readings(source, times, values, rows)
            return Readings(source, times[~unknown], values[~unknown], rows[~unknown])

        return self._once((table, path, which, device, connector), load)

    def words(
        self, path: str, *, which: Which = "own", device: str | None = None, connector: int | None = None,
        table: str = "telemetry",
    ) -> Words:  # fmt: skip
        """Known words of a column of one charger, in time order; parameters as in `readings`."""
        source = self.observations[table]

        def load() -> Words:
            rows = self._rows(source, device, which, connector)
            found = source.texts_at(path, rows)
            if None in found:
                rows = rows[[word is not None for word in found]]
            return Words(source, source.times[rows], [word for word in found if word is not None], rows)

        return self._once(("words", table, path, which, device, connector), load)

    def beats(self, device: str | None = None, *, offline: bool = False) -> Words:
        """The heartbeats of one charger with their status, empty where unknown: those that do not say it is offline, or those
        that do, which are the platform's word and no beat."""
        source = self.observations["heartbeats"]
        device_id = self.device_id if device is None else device

        def load() -> tuple[list[str | None], Rows]:
            rows = self._rows(source, device_id, "all")
            return source.texts_at("status", rows), rows

        def split() -> Words:
            status, rows = self._shared(("heartbeat status", device_id), load)
            said = np.array([word == OFFLINE for word in status], dtype=bool)
            chosen = np.flatnonzero((said if offline else ~said) & ~np.isnan(source.times[rows]))
            words = [status[place] or "" for place in chosen.tolist()]
            return Words(source, source.times[rows][chosen], words, rows[chosen])

        return self._shared(("beats", device_id, offline), split)

    def records(self, table: str, *, device: str | None = None, which: Which = "all") -> list[Record]:
        """The records of a list of one charger, in time order; `which` as in `readings`."""
        source = self.observations[table]
        return self._once(
            ("records", table, device, which),
            lambda: source.records_at(self._rows(source, device, which)),
        )

    def records_between(self, table: str, start: float, end: float, *, device: str | None = None) -> list[Record]:
        """The records of a list of one charger from start to end (epoch seconds), both included, in time order."""
        source = self.observations[table]
        rows = self._rows(source, device, "all")
        times = source.times[rows]
        return source.records_at(rows[times.searchsorted(start, "left") : times.searchsorted(end, "right")])

    def records_nearest(self, table: str, moment: float, most: int, *, within: tuple[float, float]) -> list[Record]:
        """The records of the incident's connector in a list that are nearest to a moment (epoch seconds), of equally near
        ones the earlier, at most so many, between two moments; in time order."""
        source = self.observations[table]
        rows = self._rows(source, None, "own")
        times = source.times[rows]
        there = rows[(times >= within[0]) & (times <= within[1])]
        order = np.argsort(np.abs(source.times[there] - moment), kind="stable")
        return source.records_at(np.sort(there[order[:most]]))

    def events(
        self, *types: str, which: Which = "own", device: str | None = None, start: float | None = None,
        end: float | None = None,
    ) -> list[Record]:  # fmt: skip
        """Events of one charger of the given types (all where none is given) from start to end, in time order."""
        found, times = self._once(("events", types, device, which), lambda: self._timed_events(types, device, which))
        first = 0 if start is None else bisect_left(times, start)
        return found[first : len(times) if end is None else bisect_right(times, end)]

    def _timed_events(self, types: Sequence[str], device: str | None, which: Which) -> tuple[list[Record], list[float]]:
        """Events of one charger of the given types that have a time, in time order, and their times."""
        found, times = [], []
        for record in self.records("events", device=device, which=which):
            if record.time is not None and (not types or record.fields["event_type"] in types):
                found.append(record)
                times.append(record.time)
        return found, times

    def source(self, table: str, record: Record) -> Source:
        """Where a record came from."""
        return self.observations[table].source_of(record)

    def sources(self, table: str, records: Iterable[Record]) -> tuple[Source, ...]:
        """Where some records came from; of many, the first and the last."""
        ordered = sorted({record.index: record for record in records}.values(), key=attrgetter("index"))
        return tuple(self.source(table, record) for record in ends(ordered))

    def connectors(self) -> list[int]:
        """The charger's connectors as its metadata, telemetry and events name them, ascending."""

        def load() -> list[int]:
            found: set[int] = set()
            for item in self.about("connectors") or []:
                number = item.get("connector_id") if isinstance(item, Mapping) else item
                if isinstance(number, int) and not isinstance(number, bool) and number > 0:
                    found.add(number)
            for name in ("telemetry", "events", "charging_records"):
                table = self.observations[name]
                rows = table.by_device.get(self.device_id)
                if rows is not None:
                    numbers = table.connectors[rows]
                    found.update(int(n) for n in np.unique(numbers[~np.isnan(numbers)]))
            return sorted(found)

        return self._once(("connectors",), load)

    def is_recorded(self, device: str) -> bool:
        """Whether telemetry, charging records or events hold anything of a charger, and not only its metadata."""
        return any(device in self.observations[name].by_device for name in ("telemetry", "charging_records", "events"))

    # Windows

    def occurrence_near(self, moment: float, within: float) -> float | None:
        """The last occurrence that is at most `within` seconds from a moment."""
        place = bisect_right(self.times, moment + within) - 1
        return self.times[place] if place >= 0 and self.times[place] >= moment - within else None

    def near(self, readings: Readings, before: float, after: float) -> Readings:
        """The readings from `before` seconds before to `after` seconds after the latest occurrence that has any."""
        for time in reversed(self.times):
            window = readings.between(time - before, time + after)
            if len(window):
                return window
        return readings.between(1.0, 0.0)

    def occurrence_with(self, readings: Readings, before: float, after: float) -> float | None:
        """The latest occurrence that has readings around it."""
        for time in reversed(self.times):
            if len(readings.between(time - before, time + after)):
                return time
        return None

    # Sessions

    def sessions(self, *, which: Which = "own", device: str | None = None) -> list[Session]:
        """Charging and discharging sessions of one charger in time order; `which` as in `readings`."""
        device_id = self.device_id if device is None else device
        found = self._of_charger(("sessions", device_id), device_id, lambda: sessions_of(self.observations, device_id))
        if which == "all" or self.connector_id is None:
            return found
        if which == "others":
            return [s for s in found if s.connector_id is not None and s.connector_id != self.connector_id]
        return [s for s in found if s.connector_id is None or s.connector_id == self.connector_id]

    @cached_property
    def session(self) -> Session | None:
        """The session the latest occurrence belongs to: running then, else the nearest that ended at most five minutes before or
        began at most one after; of several that are running the last."""
        for time in reversed(self.times):
            candidates = [s for s in self.sessions() if s.start - MINUTE <= time and s.over_by >= time - 5 * MINUTE]
            if candidates:
                nearest: Session = min(reversed(candidates), key=partial(_seconds_away, time))
                return nearest
        return None

    # Faults elsewhere

    def faults(self, code: str | None = None, *, device: str | None = None) -> list[FaultEvent]:
        """Fault events in the bundle, of one code (the incident's own where `code` is "own") and one charger."""
        return self.fleet.faults.of(self.incidence.code if code == "own" else code, device)

    @property
    def incidences(self) -> Sequence[Incidence]:
        """The documented incidents of this charger as the survey found them, this one among them."""
        found: Mapping[str, Sequence[Incidence]] = self._bundle.get(INCIDENCES, {})
        return found.get(self.device_id, ())

    # Texts

    def told(self) -> list[Said]:
        """What the fault events carry, in time order: message and details; alarms of the charger within ten minutes, and its messages
        and problems of its parts that are no documented code within two."""

        def load() -> list[Said]:
            recent = self.times[-MOST_TIMES:]
            events = [
                message
                for time in recent
                for message in self.events("ocpp", "log", which="own", start=time - 2 * MINUTE, end=time + 2 * MINUTE)
                if message.data
            ]
            for time in self.times:
                events += self.events("alarm", which="own", start=time - 10 * MINUTE, end=time + 10 * MINUTE)
            found = [Said(event.time or 0.0, self.source("events", event), event.data) for event in events]
            found += [Said(fault.time, fault.source, fault.said) for fault in self.incidence.faults]
            found += [
                Said(fault.time, fault.source, fault.said)
                for fault in self.faults(device=self.device_id)
                if not fault.code.startswith("F-")
                and fault.connector_id in (None, self.connector_id)
                and self.occurrence_near(fault.time, 2 * MINUTE) in recent
            ]
            each_once = {each.source: each for each in found}
            return sorted(each_once.values(), key=itemgetter(0, 1))

        return self._once(("payload",), load)

    def payload(self) -> list[tuple[Source, Any]]:
        """The same without the times."""
        return self._once(("payload texts",), lambda: [(each.source, each.data) for each in self.told()])

    def details(self) -> Iterator[tuple[str, Any, Source]]:
        """Every value in the payload with its words as a key path, `coil_supply_v` as "coil supply v"."""
        for source, data in self.payload():
            for path, value in flat(data):
                yield path, value, source

    def latest_first(self, said: Iterable[Said]) -> list[Said]:
        """What was said of the latest occurrence before what was of earlier ones, and of one occurrence what its fault says before
        what stands around it, the latest of that first."""
        faults = {fault.source for fault in self.incidence.faults}

        def place(each: Said) -> tuple[float, bool, float, Source]:
            is_own = each.source in faults
            occurrence = None if is_own else self.occurrence_near(each.time, 10 * MINUTE)
            return each.time if occurrence is None else occurrence, is_own, each.time, each.source

        return sorted(said, key=place, reverse=True)

    def latest_said(self, read: Callable[[Any], Detail | None], said: Iterable[Said] | None = None) -> Reading | None:
        """What `read` makes of the latest record of the payload (see `latest_first`) that it makes anything of, or of the first of
        other texts; at that record's time."""
        if said is None:
            said = self._once(("payload", "latest first"), lambda: self.latest_first(self.told()))
        for time, source, data in said:
            found = read(data)
            if found is not None:
                return Reading(found, time, (source,))
        return None

    def latest_detail(
        self, read: Callable[[str, Any], Detail | None], said: Iterable[Said] | None = None
    ) -> Reading | None:
        """The same where `read` takes the words of a key and its value; of several in one record the last."""

        def last(data: Any) -> Detail | None:
            found = [detail for path, value in flat(data) if (detail := read(path, value)) is not None]
            return found[-1] if found else None

        return self.latest_said(last, said)

    def detail_number(self, *patterns: str) -> Reading | None:
        """The number in the payload whose key's words match one of the regular expressions; of several the latest, as in
        `latest_detail`."""

        def number(path: str, value: Any) -> float | None:
            return as_number(value) if any(re.search(pattern, path) for pattern in patterns) else None

        return self.latest_detail(number)

    def mentions(self, texts: Iterable[tuple[Source, Any]]) -> list[Reading]:
        """The topics of the fault's vocabulary that texts or structured details mention and do not deny; without those that only
        reports are asked for."""
        return [] if self.entry is None else self._mentions(texts, topics_of(self.entry).beside_reports)

    def mentions_of_visits(self, visits: Iterable[Record]) -> list[Reading]:
        """The topics of the fault's vocabulary that the work of service visits mentions and does not deny."""
        if self.entry is None:
            return []
        of_report = topics_of(self.entry).of_report

        def topics(visit: Record) -> set[str]:
            return {topic for sentence in affirmed(visit.fields.get("work")) for topic in of_report(sentence)}

        return self.by_topic(
            (topic, self.source("service_visits", visit))
            for visit in visits
            for topic in self._once(("visit topics", visit.index), partial(topics, visit))
        )

    def mentions_of_reports(self, reports: Iterable[tuple[Source, Any]]) -> list[Reading]:
        """The topics of the fault's vocabulary that reports, of service visits and others, mention and do not deny."""
        return [] if self.entry is None else self._mentions(reports, topics_of(self.entry).of_report)

    def _mentions(
        self, texts: Iterable[tuple[Source, Any]], mentioned: Callable[[str], Iterable[str]]
    ) -> list[Reading]:
        return self.by_topic(
            (topic, source) for source, data in texts for sentence in affirmed(data) for topic in mentioned(sentence)
        )

    def by_topic(self, told: Iterable[tuple[str, Source]]) -> list[Reading]:
        """One reading for each topic that some records tell of, in order of the topics' names."""
        found: dict[str, list[Source]] = {}
        for topic, source in told:
            found.setdefault(topic, []).append(source)
        return [Reading(topic, self.anchor, few(sources), key=topic) for topic, sources in sorted(found.items())]

    # Caching

    def _once(self, key: Any, load: Callable[[], Loaded]) -> Loaded:
        if key not in self._cache:
            self._cache[key] = load()
        found: Loaded = self._cache[key]
        return found

    def _shared(self, key: Any, load: Callable[[], Loaded]) -> Loaded:
        """What all incidents of one site have in common is computed once."""
        if key not in self.shared:
            self.shared[key] = load()
        found: Loaded = self.shared[key]
        return found

    def _of_charger(self, key: Any, device: str, load: Callable[[], Loaded]) -> Loaded:
        return self._shared(key, load) if self.is_near(device) else self.fleet.recent(key, load)

    def once(self, key: Any, load: Callable[[], Loaded]) -> Loaded:
        """A value that several measurements of this incident share."""
        return self._once(("measurement", key), load)

    def shared_once(self, key: Any, load: Callable[[], Loaded]) -> Loaded:
        """A value that all incidents of this site share; the key must name everything it depends on."""
        return self._shared(("measurement", key), load)

    def once_of(self, device: str, key: Any, load: Callable[[], Loaded]) -> Loaded:
        """A value of a charger, which may be of another site; it is shared by all incidents that ask for it.

        Of a charger of another site it must not depend on more than the lists of the whole fleet hold.
        """
        return self._of_charger(("measurement", key, device), device, load)


def _seconds_away(moment: float, session: Session) -> float:
    """Seconds between a moment and a session; 0 while it ran."""
    return max(session.start - moment, moment - session.over_by, 0.0)


def payload_of(record: Record) -> Any:
    """The record as fed, safe to write as JSON; its members in an order that does not depend on how they were fed."""
    return _ordered(plain_json(dict(record.raw)))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [*map(_ordered, value)] if isinstance(value, list) else value
