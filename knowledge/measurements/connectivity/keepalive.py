"""Keep-alive: the ping intervals of charger and platform, the idle timeout between them, and the lives they give."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ....engine.facts import Source
from ...readings import DAY, HOUR, Reading, Readings, few
from ...scene import Scene
from ...texts import as_number, words_of
from ..registry import measures
from .payload import UNIT, told_seconds
from .storm import connection_life
from .traffic import quiet_before_drop

Owner = Literal["settings", "platform_settings"]
"""Whose configuration: the charger's own, or the platform's for it."""


def _configured_pings(scene: Scene, owner: Owner, device: str | None = None) -> Readings:
    return scene.readings(f"{owner}.websocket_ping_interval_s", table="configurations", device=device)


def configured_ping(scene: Scene, owner: Owner, device: str | None = None) -> Reading | None:
    """The newest configured WebSocket ping interval; for this charger the newest up to a day after the occurrences."""
    column = _configured_pings(scene, owner, device).where(lambda v: v > 0)
    if device is None:
        earlier = column.between(float("-inf"), scene.anchor + DAY)
        column = earlier if len(earlier) else column
    return column.last()


def _charger_ping(scene: Scene) -> Reading | None:
    """The ping interval set on the charger, seconds, by its newest configuration or the payload."""
    return configured_ping(scene, "settings") or told_seconds(
        scene, r"\b(charger|device|local|client|station|evse|cp)\b.*\b(ping|keep ?alive)\b"
    )


def _platform_ping(scene: Scene) -> Reading | None:
    """The ping interval the platform expects, seconds, by the newest configuration or the payload."""
    return configured_ping(scene, "platform_settings") or told_seconds(
        scene, r"\b(platform|server|csms|backend|cloud|expected)\b.*\b(ping|keep ?alive)\b"
    )


def _ping_intervals(scene: Scene) -> list[Reading]:
    """The charger's and the platform's, as far as they are known; both are positive."""
    return [r for r in (_charger_ping(scene), _platform_ping(scene)) if r is not None]


@measures(
    "ping_interval_ratio",
    "the longer of the charger's and the platform's ping interval over the shorter",
    unit="1",
    low=1,
)
def ping_interval_ratio(scene: Scene) -> Reading | None:
    pings = _ping_intervals(scene)
    if len(pings) < 2:
        return None
    low, high = sorted(float(ping.value) for ping in pings)
    return Reading(high / low, pings[0].at, few([source for ping in pings for source in ping.sources]))


@measures(
    "keepalive_interval",
    "the ping interval that keeps the connection busy: the platform's, else the charger's",
    unit="s",
    low=0,
)
def keepalive_interval(scene: Scene) -> Reading | None:
    return _platform_ping(scene) or _charger_ping(scene)


@measures(
    "shortest_ping_interval",
    "the shorter of the charger's and the platform's ping interval, or the one that is known",
    unit="s",
    low=0,
)
def shortest_ping_interval(scene: Scene) -> Reading | None:
    return min(_ping_intervals(scene), key=lambda ping: float(ping.value), default=None)


@measures(
    "life_off_ping_interval",
    "how far the median life of at least four connections is from one, two or three times a ping interval of charger or "
    "platform, in percent of that multiple (the nearest)",
    unit="%",
    low=0,
)
def life_off_ping_interval(scene: Scene) -> Reading | None:
    life = connection_life(scene)
    pings = _ping_intervals(scene)
    if life is None or not pings:
        return None
    off = [abs(float(life.value) / (times * float(ping.value)) - 1) for ping in pings for times in (1, 2, 3)]
    sources = [*life.sources, *(source for ping in pings for source in ping.sources)]
    return Reading(100.0 * min(off), life.at, few(sources))


@measures(
    "days_from_ping_change_to_storm",
    "days from the last change of a configured ping interval, on either end, to the first occurrence",
    unit="days",
    low=0,
)
def days_from_ping_change_to_storm(scene: Scene) -> Reading | None:
    found: list[tuple[float, tuple[Source, ...]]] = []
    owners: tuple[Owner, ...] = ("settings", "platform_settings")
    for owner in owners:
        column = _configured_pings(scene, owner).between(float("-inf"), scene.first + HOUR)
        changed = np.nonzero(np.diff(column.values) != 0)[0] + 1
        if len(changed):
            place = int(changed[-1])
            found.append((float(column.times[place]), (column.source(place - 1), column.source(place))))
    if not found:
        return None
    time, sources = max(found)
    return Reading(max(0.0, scene.first - time) / DAY, time, sources)


# The idle timeout on the way


@measures("nat_timeout_told", "idle timeout of a router, firewall or NAT that the payload tells", unit="s", low=0)
def nat_timeout_told(scene: Scene) -> Reading | None:
    return told_seconds(
        scene,
        r"\b(nat|firewall|router|conntrack|gateway|idle)\b.*\btime ?out\b(?!.*\bcount\b)",
        rf"\bidle (limit|close)\b.*\b{UNIT}\b",
    )


def _nat_timeout(scene: Scene) -> Reading | None:
    """The idle timeout that was found (check nat-timeout) or that the payload tells."""
    for record in reversed(scene.records("check_results")):
        if words_of(str(record.fields["check_id"])) == "nat timeout":
            number = as_number(record.fields["value"])
            if number is not None and number > 0:
                return Reading(number, record.time, (scene.source("check_results", record),))
    return nat_timeout_told(scene)


@measures(
    "life_to_nat_timeout_ratio",
    "median life of at least four connections (or, where it is regular, the quiet time before drops) over the idle timeout "
    "found or told; the nearer to 1",
    unit="1",
    low=0,
)
def life_to_nat_timeout_ratio(scene: Scene) -> Reading | None:
    timeout = _nat_timeout(scene)
    found = [r for r in (connection_life(scene), quiet_before_drop(scene)) if r is not None]
    if timeout is None or not found:
        return None
    ratios = [(float(r.value) / float(timeout.value), r) for r in found]
    ratio, nearest = min(ratios, key=lambda pair: abs(pair[0] - 1))
    return Reading(ratio, nearest.at, few([*nearest.sources, *timeout.sources]))
