"""Which chargers and connectors of a bundle can be watched, and how to measure them at the moment of the diagnosis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..engine.facts import Fact, RefusedFact
from ..engine.watch_rules import Scope
from .measurements import measure
from .measurements.trends import KNOWN_BY_METADATA
from .observations import Observations
from .scene import FaultEvent, Incidence, Scene
from .survey import FoundIncident

CHARGER: frozenset[Scope] = frozenset({"charger"})
CONNECTOR: frozenset[Scope] = frozenset({"connector"})

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
        known = {record.fields["device_id"] for record in self.observations["devices"].records}
        recorded: set[str] = set()
        for name, table in self.observations.tables.items():
            if name != "devices":
                recorded.update(table.by_device)
        for device in sorted(known | recorded):
            connectors = self._connectors(device) if device in recorded else []
            for connector, scopes in self._parts(connectors).items():
                yield WatchSubject(
                    device, connector, scopes, as_of, self.observations, self.faults, self.shared, device in recorded
                )

    def _parts(self, connectors: Sequence[int]) -> Mapping[int | None, frozenset[Scope]]:
        if not connectors:
            return {None: CHARGER | CONNECTOR}
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
