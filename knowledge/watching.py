"""Which chargers and connectors of a bundle can be watched, and how to measure them at the moment of the diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..engine.facts import Fact, RefusedFact
from ..engine.matching import judgement_of
from ..engine.rules import Pattern
from ..engine.watch_rules import CompiledWatch, Scope
from .fleet.extents import Column, Extents
from .fleet.tables import FleetShare, FleetTables
from .measurements import measure
from .measurements.trends import AS_METADATA, KNOWN_BY_METADATA
from .measurements.trends.ranges import COLUMNS, FROM_LARGE, RANGES, Known, Mask, Range
from .observations import Observations
from .scene import FLEET, FaultEvent, Incidence, Scene
from .survey import FoundIncident

CHARGER: frozenset[Scope] = frozenset({"charger"})
CONNECTOR: frozenset[Scope] = frozenset({"connector"})

EITHER = CHARGER | CONNECTOR

NO_CODE = ""
"""The fault code of a scene in which nothing happened."""


@dataclass(frozen=True)
class WatchSubject:
    """A charger or connector at the moment of the diagnosis (epoch seconds)."""

    device_id: str
    connector_id: int | None
    scopes: frozenset[Scope]
    as_of: float
    observations: Observations
    faults: Sequence[FaultEvent]
    shared: dict[Any, Any]
    recorded: bool

    def scene(self) -> Scene:
        """Everything the records hold around it."""
        incidence = Incidence(self.device_id, self.connector_id, NO_CODE, (self.as_of,), ())
        return Scene(self.observations, incidence, self.faults, None, self.shared)

    def measure(self, fact_names: Iterable[str]) -> Iterable[Fact | RefusedFact]:
        """The facts of these names; of a charger known by its metadata alone only those that metadata can tell."""
        names = set(fact_names) if self.recorded else KNOWN_BY_METADATA.intersection(fact_names)
        return measure(self.scene(), names)


@dataclass(frozen=True)
class WatchSubjects:
    """The chargers of a bundle and their connectors, found when they are first gone through.

    A charger whose records tell no connectors apart is watched as one.
    """

    observations: Observations
    faults: Sequence[FaultEvent] = ()
    shared: dict[Any, Any] = field(default_factory=dict)

    @classmethod
    def beside(cls, incidents: Sequence[FoundIncident], observations: Observations) -> WatchSubjects:
        """Those of the bundle in which these incidents were found; what is computed once for them is shared."""
        if not incidents:
            return cls(observations)
        return cls(observations, incidents[0].faults, incidents[0].shared)

    def __iter__(self) -> Iterator[WatchSubject]:
        yield from self._found

    @cached_property
    def _found(self) -> Sequence[WatchSubject]:
        return [] if self.observations.as_of is None else list(self._find(self.observations.as_of))

    def _find(self, as_of: float) -> Iterator[WatchSubject]:
        tables = self.observations.tables
        others = [table for name, table in tables.items() if name != "devices"]
        for device in chargers_of(self.observations):
            recorded = any(device in table.by_device for table in others)
            connectors = self._connectors(device) if recorded else []
            for connector, scopes in self._parts(connectors).items():
                yield WatchSubject(
                    device, connector, scopes, as_of, self.observations, self.faults, self.shared, recorded
                )

    def _parts(self, connectors: Sequence[int]) -> Mapping[int | None, frozenset[Scope]]:
        if not connectors:
            return {None: EITHER}
        return {None: CHARGER, **dict.fromkeys(connectors, CONNECTOR)}

    def _connectors(self, device: str) -> list[int]:
        """The connectors that telemetry tells apart, or else charging records."""
        for name in ("telemetry", "charging_records"):
            table = self.observations[name]
            rows = table.by_device.get(device)
            if rows is not None:
                named = table.connectors[rows]
                found = [int(number) for number in np.unique(named[~np.isnan(named)])]
                if found:
                    return found
        return []


def chargers_of(observations: Observations) -> list[str]:
    """The chargers that are to be watched, in order: those of a fleet's share, else all that any record names."""
    if isinstance(observations, FleetShare):
        return sorted(observations.chargers)
    known = {device for device in observations["devices"].values("device_id") if device is not None}
    return sorted(known.union(*(table.by_device for name, table in observations.tables.items() if name != "devices")))


# Of a fleet: which chargers need not be looked at


def columns_needed() -> tuple[Column, ...]:
    """The columns of telemetry and heartbeats whose extents tell whether a charger may have an early warning."""
    return tuple(COLUMNS)


SIEVED_AT_ONCE = 10_000
"""Chargers of which columns are laid out at once (our judgement: some ten megabytes)."""


class Sieve:
    """Tells of most chargers, without their telemetry and heartbeats, that no early warning can be raised.

    Of each condition that reads the two large lists it is asked whether the fact can lie in its range at all, of all chargers
    at once; of those that are left it is measured what the small lists tell. Where that says no, watching gives nothing.
    """

    def __init__(self, watches: Iterable[CompiledWatch]) -> None:
        """Take the compiled rules of early warnings."""
        self._rules = [_SievedRule.of(compiled) for compiled in watches]

    def may_warn(self, known: Known) -> Mask:
        """Which chargers may have an early warning, by their small lists and the extents of the large ones."""
        ranges: dict[str, Range] = {}
        found = np.zeros(len(known.devices), dtype=bool)
        for rule in self._rules:
            left = ~found
            for name, wanted in rule.ranged:
                if name not in ranges:
                    ranges[name] = RANGES[name](known)
                left &= ranges[name].meets(*wanted)
            places = np.flatnonzero(left)
            for name, meets in rule.measured:
                places = places[_met(known, name, meets, places.tolist())]
            found[places] = True
        return found


def _met(known: Known, name: str, meets: Callable[[Fact], bool | None], places: Sequence[int]) -> Mask:
    """Of which of some chargers a fact is known that meets a condition."""

    def asked(scene: Scene) -> bool:
        return any(meets(_as_matched(fact)) for fact in measure(scene, (name,)) if isinstance(fact, Fact))

    if name in AS_METADATA:
        return np.array(known.each((AS_METADATA[name],), asked, places), dtype=bool)
    return np.array([asked(known.scene_of(known.devices[place])) for place in places], dtype=bool)


@dataclass(frozen=True)
class _SievedRule:
    """A rule's conditions: on facts that have a range, with the values that they must have, and on those that are measured."""

    ranged: Sequence[tuple[str, tuple[float, float]]]
    measured: Sequence[tuple[str, Callable[[Fact], bool | None]]]

    @classmethod
    def of(cls, compiled: CompiledWatch) -> _SievedRule:
        patterns = compiled.rule.patterns
        whole = compiled.watch.scope == "charger"
        return cls(
            [(pattern.fact_name, _wanted(pattern)) for pattern in patterns if pattern.fact_name in RANGES],
            [
                (pattern.fact_name, _judgement(pattern))
                for pattern in patterns
                # a connector's own facts are not those of the whole charger
                if pattern.fact_name not in FROM_LARGE and whole
            ],
        )


def _as_matched(fact: Fact) -> Fact:
    """A fact with its number as rules read it: to six decimals."""
    if isinstance(fact.value, (int, float)) and not isinstance(fact.value, bool):
        return replace(fact, value=round(float(fact.value), 6))
    return fact


def _judgement(pattern: Pattern) -> Callable[[Fact], bool | None]:
    """A test of what can be told of a condition without the facts of others; a join with one of them cannot."""
    alone = tuple(test for test in pattern.tests if test.earlier is None)
    return judgement_of(Pattern(pattern.fact_name, alone))


def _wanted(pattern: Pattern) -> tuple[float, float]:
    """The values that a condition may be met by, its bounds included."""
    low, high = -np.inf, np.inf
    for test in pattern.tests:
        constant = test.constant
        if test.attribute != "value" or isinstance(constant, bool) or not isinstance(constant, (int, float)):
            continue
        # facts keep six decimals
        if test.operator in (">", ">=", "=="):
            low = max(low, float(constant) - 1e-6)
        if test.operator in ("<", "<=", "=="):
            high = min(high, float(constant) + 1e-6)
    return low, high


def chargers_that_may_warn(
    watches: Iterable[CompiledWatch], fleet: FleetTables, extents: Extents, chargers: Iterable[str]
) -> list[str]:
    """Those of some chargers of a fleet that may have an early warning, in order.

    `fleet` holds the small lists of all chargers, `extents` what their telemetry and heartbeats come to
    (`merged_extents` over `columns_needed()`). Where the moment of the diagnosis is not known, none may.
    """
    as_of = fleet.observations.as_of
    if as_of is None:
        return []
    sieve, found = Sieve(watches), []
    ordered = sorted(set(chargers))
    for start in range(0, len(ordered), SIEVED_AT_ONCE):
        known = known_of(ordered[start : start + SIEVED_AT_ONCE], as_of, fleet, extents)
        found += [known.devices[place] for place in np.flatnonzero(sieve.may_warn(known)).tolist()]
    return found


def known_of(chargers: Sequence[str], as_of: float, fleet: FleetTables, extents: Extents) -> Known:
    """What is known of some chargers of a fleet at a moment (epoch seconds) without telemetry and heartbeats."""

    def scene(device: str) -> Scene:
        # each has its own: what the scenes of a site share would pile up over a fleet
        subject = WatchSubject(device, None, EITHER, as_of, fleet.observations, fleet.faults, {FLEET: fleet}, True)
        return subject.scene()

    return Known(chargers, as_of, fleet, extents, scene)
