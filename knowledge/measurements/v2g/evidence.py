"""Readings that stand on found records: their number, and where they came from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol

from ....engine.facts import Source
from ...readings import Reading, few
from ...scene import Scene


class Sourced(Protocol):
    """Anything found in one record."""

    @property
    def source(self) -> Source: ...


def sources_of(*found: Iterable[Sourced]) -> tuple[Source, ...]:
    """Where things were found; of many, the first and the last."""
    return few([item.source for items in found for item in items])


def number_of(scene: Scene, found: Collection[Sourced], different: Collection[Any] | None = None) -> Reading | None:
    """How many were found, or how many `different` ones they come down to; None where nothing was found."""
    if not found:
        return None
    return Reading(float(len(found if different is None else different)), scene.anchor, sources_of(found))


def incident_sources(scene: Scene) -> tuple[Source, ...]:
    """The fault events of the incident."""
    return sources_of(scene.incidence.faults)


def of_incident(scene: Scene, value: float, more: Sequence[Source] = ()) -> Reading | None:
    """What the incident's fault events, and more records where given, come down to; None where no record tells of it."""
    sources = few([*incident_sources(scene), *more])
    return Reading(value, scene.anchor, sources) if sources else None
