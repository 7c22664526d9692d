"""Incidents whose facts are given instead of measured, for the shipped rules: the engine alone, without records."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from charger_triage.engine.diagnosis import MappedFrom
from charger_triage.engine.facts import Catalogue, Fact, FactType, Source
from charger_triage.engine.knowledge_base import FirmwareIssue, Knowledge, KnowledgeBase, Survey


@dataclass
class GivenIncident:
    """An incident whose facts are given instead of measured."""

    device_id: str
    code: str
    facts: list[Fact]
    connector_id: int | None = 1
    first_seen: float = 0.0
    last_seen: float = 60.0
    occurrences: int = 1
    firmware_version: str | None = None
    mapped_from: MappedFrom | None = None

    def measure(self, fact_names: Iterable[str]) -> Iterable[Fact]:
        """The given facts that rules read."""
        names = frozenset(fact_names)
        return [fact for fact in self.facts if fact.name in names]

    def dossier(self) -> dict[str, Any]:
        """Nothing."""
        return {}


@dataclass
class GivenFacts:
    """The shipped rules over incidents whose facts are given; what `Triage` takes."""

    shipped: Knowledge
    base: KnowledgeBase = field(init=False)

    def __post_init__(self) -> None:
        self.base = self.shipped.base

    def survey(self, records: GivenIncident, as_of: float | None = None) -> Survey:
        """The one incident that is given."""
        return Survey(60.0 if as_of is None else as_of, [records], [])

    def applies(self, issue: FirmwareIssue, version: str | None) -> bool | None:
        """As the shipped knowledge says."""
        return self.shipped.applies(issue, version)


def given_incidents(base: KnowledgeBase, facts: int = 5, seed: int = 1) -> Iterator[GivenIncident]:
    """Incidents of the codes in turn without end, with so many facts whose values are new every time."""
    rng = Random(seed)
    names = {code: sorted(compiled.fact_names) for code, compiled in base.faults.items()}
    number = 0
    while True:
        for code in sorted(base.faults):
            number += 1
            chosen = rng.sample(names[code], facts)
            yield GivenIncident(f"X-{number}", code, [_fact(name, base.catalogue, rng, number) for name in chosen])


def _fact(name: str, catalogue: Catalogue, rng: Random, number: int) -> Fact:
    fact_type = catalogue[name]
    source = (Source("telemetry", number, None),)
    return Fact(name, _value(fact_type, rng, number), fact_type.unit, rng.random() * 60, 1, f"key-{number}", source)


def _value(fact_type: FactType, rng: Random, number: int) -> Any:
    match fact_type.kind:
        case "number":
            low = 0.0 if fact_type.low is None else fact_type.low
            return rng.uniform(low, low + 100.0 if fact_type.high is None else fact_type.high)
        case "flag":
            return rng.random() < 0.5
        case "version":
            assert fact_type.parse is not None
            return fact_type.parse(f"3.{rng.randrange(9)}.{rng.randrange(9)}")
        case _:
            return rng.choice(fact_type.choices) if fact_type.choices else f"text-{number}"


def resident_mb() -> float:
    """Resident memory of this process; its peak where the system does not tell the present."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
