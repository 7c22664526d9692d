"""Fault events, the incidents they make, and all faults of a bundle as they are looked up: by code, by charger, by time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any, overload

from ...engine.diagnosis import MappedFrom
from ...engine.facts import Source
from ..observations import Record


@dataclass(frozen=True, slots=True)
class FaultEvent:
    """A fault that a charger reported: when, where, which code (normalised), and the record.

    `mapped_from` is the code of another standard that it reported instead of a documented one.
    """

    device_id: str
    connector_id: int | None
    code: str
    time: float
    source: Source
    record: Record
    mapped_from: MappedFrom | None = field(default=None, compare=False)

    @property
    def said(self) -> dict[str, Any]:
        """What its record holds of it beside the code: message and details."""
        return {key: value for key, value in self.record.data.items() if key != "fault_code"}


@dataclass(frozen=True)
class Incidence:
    """Where and when an incident happened: the times of its fault events (epoch seconds, ascending) and their records.

    An incident that no event stands behind (a lost heartbeat) has the moment it was noticed as its only time, and in
    `raised_from` the records that it was seen in.
    """

    device_id: str
    connector_id: int | None
    code: str
    times: tuple[float, ...]
    faults: tuple[FaultEvent, ...]
    raised_from: tuple[Source, ...] = ()


_time_of = attrgetter("time")


class Faults(Sequence[FaultEvent]):
    """All faults of a bundle, by time. What is looked up is indexed once; pickled are only the events."""

    def __init__(self, events: Iterable[FaultEvent] = ()) -> None:
        """Take fault events in order of time."""
        self._events = list(events)

    @overload
    def __getitem__(self, place: int) -> FaultEvent: ...
    @overload
    def __getitem__(self, place: slice) -> list[FaultEvent]: ...
    def __getitem__(self, place: int | slice) -> FaultEvent | list[FaultEvent]:
        return self._events[place]

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[FaultEvent]:
        return iter(self._events)

    def __getstate__(self) -> dict[str, object]:
        return {"_events": self._events}

    @cached_property
    def _index(self) -> dict[tuple[str | None, str | None], list[FaultEvent]]:
        index: dict[tuple[str | None, str | None], list[FaultEvent]] = {}
        for fault in self._events:
            for key in ((fault.code, None), (None, fault.device_id), (fault.code, fault.device_id)):
                index.setdefault(key, []).append(fault)
        return index

    def of(self, code: str | None = None, device: str | None = None) -> list[FaultEvent]:
        """The faults of a code, of a charger, or of both, by time; all where neither is given."""
        return self._events if code is None and device is None else self._index.get((code, device), [])

    def within(self, code: str, start: float, end: float) -> list[FaultEvent]:
        """The faults of a code from start to end (epoch seconds), both included, by time."""
        found = self.of(code)
        return found[bisect_left(found, start, key=_time_of) : bisect_right(found, end, key=_time_of)]

    def without(self, left_out: Container[int]) -> Faults:
        """The same without the events of these identities (`id`)."""
        return _Without(self, left_out)


class _Without(Faults):
    """Faults without a few; only what is asked for is gone through."""

    def __init__(self, faults: Faults, left_out: Container[int]) -> None:
        self._faults = faults
        self._left_out = left_out
        self._found: dict[tuple[str | None, str | None], list[FaultEvent]] = {}

    @cached_property
    def _events(self) -> list[FaultEvent]:  # type: ignore[override]
        return self._kept(self._faults)

    def __getstate__(self) -> dict[str, object]:
        return {"_faults": Faults(self._events), "_left_out": frozenset(), "_found": {}}

    def _kept(self, faults: Iterable[FaultEvent]) -> list[FaultEvent]:
        return [fault for fault in faults if id(fault) not in self._left_out]

    def of(self, code: str | None = None, device: str | None = None) -> list[FaultEvent]:
        if (code, device) not in self._found:
            self._found[code, device] = self._kept(self._faults.of(code, device))
        return self._found[code, device]
