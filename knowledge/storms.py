"""Reconnect storms as the dictionary has them: many reconnects of one charger within a few minutes."""

from __future__ import annotations

from .observations import Table
from .readings import MINUTE

STORM_RECONNECTS = 5
"""More reconnects than this within STORM_WINDOW_S are a storm (dictionary F-0302)."""

STORM_WINDOW_S = 10 * MINUTE
"""The window of a reconnect storm (dictionary F-0302)."""


def reconnects(connections: Table, device: str) -> list[float]:
    """When the charger reconnected (epoch seconds): each `reconnect`, and each `online` after an `offline` or another
    `online` that no `reconnect` announced."""
    rows = connections.by_device.get(device)
    if rows is None:
        return []
    transitions = connections.texts("transition")
    times = []
    before: str | None = None
    for row in rows:
        transition = transitions[row]
        if transition == "reconnect" or (transition == "online" and before in ("offline", "online")):
            times.append(float(connections.times[row]))
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
