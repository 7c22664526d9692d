"""Reconnect storms as the dictionary has them: many reconnects of one charger within a few minutes."""

from __future__ import annotations

from math import inf

from .observations import Table
from .readings import MINUTE

STORM_RECONNECTS = 5
"""More reconnects than this within STORM_WINDOW_S are a storm (dictionary F-0302)."""

STORM_WINDOW_S = 10 * MINUTE
"""The window of a reconnect storm (dictionary F-0302)."""


SAME_CONNECTION_S = 10.0
"""A `reconnect` and an `online` this close are one connection told twice (our judgement)."""

_UP = frozenset(("online", "reconnect"))


def reconnects(connections: Table, device: str) -> list[float]:
    """When the charger reconnected (epoch seconds): each `reconnect`, and each `online` after an `offline` or another `online`;
    an `online` and a `reconnect` that tell of one connection count once."""
    rows = connections.by_device.get(device)
    if rows is None:
        return []
    transitions = connections.texts("transition")
    times: list[float] = []
    before: str | None = None
    up_since = -inf
    for row in rows:
        transition, time = transitions[row], float(connections.times[row])
        told_twice = {before, transition} == _UP and time - up_since <= SAME_CONNECTION_S
        is_reconnect = transition == "reconnect" or (transition == "online" and before in ("offline", "online"))
        if is_reconnect and not (told_twice and times[-1:] == [up_since]):
            times.append(time)
        if transition in _UP and not told_twice:
            up_since = time
        before = transition
    return times


def storm_times(connections: Table, device: str) -> list[float]:
    """The reconnects that are part of a storm; empty where there is none."""
    rows = connections.by_device.get(device)
    if rows is None or len(rows) <= STORM_RECONNECTS:
        return []
    logged = connections.times[rows]
    if not (logged[STORM_RECONNECTS:] - logged[:-STORM_RECONNECTS] <= STORM_WINDOW_S).any():
        return []
    times = reconnects(connections, device)
    stormy: set[int] = set()
    start = 0
    for end, time in enumerate(times):
        while time - times[start] > STORM_WINDOW_S:
            start += 1
        if end - start + 1 > STORM_RECONNECTS:
            stormy.update(range(start, end + 1))
    return sorted({times[place] for place in stormy})
