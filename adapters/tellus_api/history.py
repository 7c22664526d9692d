"""A sliding history: the latest records of each charger, bounded in time and number, as the diagnosis needs them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from ...knowledge.observations import parse_timestamp
from ...knowledge.records import TIME_FIELD
from .answers import ONE_A_KEY, id_in

SPAN_S = 86_400.0
"""Seconds that records are kept behind the charger's newest (judgement: a shift and the day before; runbooks ask for the
last ten fault events, which a charger with a fault gives within hours). Sessions have no such bound, only a number."""

KEPT = {"telemetry": 3000, "heartbeats": 240, "events": 1000, "charging_records": 500}
"""Records kept of a list and charger (judgement: 3,000 readings are two hours of two connectors at one in 5 s; 240
heartbeats the same time at the dictionary's 30 s; 500 sessions a busy connector's two months)."""

BEAT_S = 30.0
"""Frames that come closer than the dictionary's heartbeat interval count as one sign of life."""

MAX_OTHERS = 200
"""Chargers that are not watched whose events are kept as context (judgement: a region's)."""

_NEAR_ONLY = {"telemetry", "heartbeats"}
_UNBOUND_IN_TIME = {"devices", "sites", "charging_records"}


class _Shelf:
    """One list of one charger: the newest records, one a key where the list has one."""

    def __init__(self, name: str) -> None:
        self._key = ONE_A_KEY.get(name)
        self._time = TIME_FIELD.get(name, "timestamp")
        self._bound_in_time = name not in _UNBOUND_IN_TIME
        self._most = KEPT.get(name, 1)
        self._entries: deque[tuple[float | None, Mapping[str, Any]]] = deque()
        self.newest: float | None = None

    def put(self, record: Mapping[str, Any]) -> None:
        time = parse_timestamp(record.get(self._time)) if self._time else None
        if self._out_of_span(time):
            return
        if self._key is not None:
            name = id_in(record, self._key)
            self._entries = deque(entry for entry in self._entries if id_in(entry[1], self._key) != name)
        self._entries.append((time, record))
        if time is not None and (self.newest is None or time > self.newest):
            self.newest = time
        while len(self._entries) > self._most:
            self._entries.popleft()

    def _out_of_span(self, time: float | None) -> bool:
        if not self._bound_in_time:
            return False
        return time is None or (self.newest is not None and time < self.newest - SPAN_S)

    def records(self) -> Iterable[Mapping[str, Any]]:
        return (record for time, record in self._entries if not self._out_of_span(time))


class History:
    """The latest records of some chargers and of those around them. Bounds: SPAN_S, KEPT, MAX_OTHERS."""

    def __init__(self, watched: Iterable[str]) -> None:
        self._watched = set(watched)
        self._shelves: dict[str, dict[str, _Shelf]] = {}
        self._sites: dict[str, Mapping[str, Any]] = {}
        self._beat: dict[str, float] = {}

    def put(self, name: str, record: Mapping[str, Any]) -> bool:
        """Take a record of a list; false where it is of a charger beyond those that are kept.

        A reading, heartbeat or event without a time is passed over: no diagnosis could use it.
        """
        if name == "sites":
            self._sites[str(id_in(record, "site_id"))] = record
            return True
        device = str(id_in(record, "device_id"))
        known = device in self._shelves or device in self._watched
        if not known and len(self._shelves) >= len(self._watched) + MAX_OTHERS:
            return False
        lists = self._shelves.setdefault(device, {})
        lists.setdefault(name, _Shelf(name)).put(record)
        return True

    def alive(self, device: str, timestamp: float, text: Any) -> None:
        """Note that a charger was heard of at a moment: that is as good as a heartbeat."""
        if timestamp - self._beat.get(device, -BEAT_S) >= BEAT_S:
            self._beat[device] = timestamp
            self.put("heartbeats", {"timestamp": text, "device_id": device, "status": "online"})

    def newest(self, device: str) -> float | None:
        """The time of a charger's newest event, reading or heartbeat, epoch seconds."""
        lists = self._shelves.get(device, {})
        times = [lists[name].newest for name in ("events", "telemetry", "heartbeats") if name in lists]
        return max((time for time in times if time is not None), default=None)

    def around(self, device: str) -> dict[str, list[Mapping[str, Any]]]:
        """All of a charger and of its site's chargers; of the others what they are, their events and their sessions.

        The lists are copies: another thread may read them while more records come.
        """
        site = self._site_of(device)
        found: dict[str, list[Mapping[str, Any]]] = {"sites": list(self._sites.values())}
        for other, lists in self._shelves.items():
            near = other == device or (site is not None and self._site_of(other) == site)
            for name, shelf in lists.items():
                if near or name not in _NEAR_ONLY:
                    found.setdefault(name, []).extend(shelf.records())
        return found

    def _site_of(self, device: str) -> str | None:
        shelf = self._shelves.get(device, {}).get("devices")
        return next((id_in(record, "site_id") for record in shelf.records()), None) if shelf is not None else None
