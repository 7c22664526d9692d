"""F-0805, session terminated unexpectedly: a session ends that should have gone on."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..chargers import Charger
from ..plan import MINUTE
from ..states import Outage
from ..streams import Floats, Generator, chance
from ..world import SiteWorld, told
from .registry import MOST_COMMON, cause

PULLED, NETWORK, BATTERY, LOCK = (
    f"F-0805/{name}" for name in ("ev-disconnected", "network-outage-abort", "bms-shutdown", "connector-lock-fault")
)


def _moment_within(world: SiteWorld, row: int, rng: Generator) -> float:
    """A moment while a session gives current."""
    sessions = world.sessions
    begin, end = float(sessions.start[row]), float(min(sessions.stop[row], world.plan.end - 4 * MINUTE))
    return float(np.round(begin + rng.uniform(0.15, 0.85) * max(end - begin, MINUTE)))


def _ends(
    world: SiteWorld,
    row: int,
    moment: float,
    cause_id: str,
    reason: str,
    details: dict[str, Any],
    plug_out: float,
    delay: float = 1.0,
) -> None:
    """Let a session end at a moment, with the fault just after it."""
    connector = int(world.sessions.connector[row])
    world.stop_at(row, moment, reason, details or None, plug_out)
    world.look_closely(connector, moment - 30, moment + 3 * MINUTE)
    world.fault(world.charger_of(connector), connector, moment + delay, cause_id, "session ended unexpectedly", details)


@cause(PULLED, weight=MOST_COMMON)
def pulled(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """Somebody unlocks the vehicle and pulls the plug while it charges: out first, the end seconds later."""
    row = world.session_near(charger, moment, 5)
    if row is None:
        return False
    at = _moment_within(world, row, rng)
    reason = str(rng.choice(["ev_disconnected", "other", "unknown"], p=[0.6, 0.25, 0.15]))
    _ends(world, row, at, PULLED, reason, {}, at - float(np.round(rng.uniform(0.3, 2.5), 1)))
    return True


@cause(NETWORK, shared=True)
def network_abort(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The connection is lost for a minute or two and sessions give up; on wire, neighbours meet the same."""
    row = world.session_near(charger, moment, 5)
    if row is None:
        return False
    sessions = world.sessions
    at = _moment_within(world, row, rng)
    away = float(np.round(rng.uniform(15, 150)))
    concerned = [charger]
    if charger.access != "cellular":
        concerned += [
            other
            for other in world.chargers
            if other is not charger and other.access == charger.access and other.place not in world.busy_until
        ]
    for other in concerned:
        world.lose_link(other, Outage(at, at + away, code=1006, noticed_s=12.0))
        for each in world.rows_of(other):
            runs = sessions.start[each] < at < sessions.stop[each] - MINUTE
            if each == row or (runs and chance(rng, 0.5)):
                details = told(rng, 0.3, abort="session state lost")
                out = max(float(sessions.plug_out[each]), at + 4 * MINUTE)
                _ends(world, each, at + float(np.round(rng.uniform(0, 3), 1)), NETWORK, "other", details, out, away + 3)
                world.busy_until[other.place] = at + 60 * MINUTE
    return True


@cause(BATTERY)
def battery_shutdown(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The vehicle takes its current back within half a minute while the plug stays in, here and elsewhere."""
    row = world.session_near(charger, moment, 6)
    if row is None:
        return False
    other = world.elsewhere(row, rng) if chance(rng, 0.5) else None
    if other is not None:
        world.comes_again(row, other)
    details = told(
        rng, 0.4, ev_error=str(rng.choice(["battery temperature", "state of charge implausible", "FAILED_RESS"]))
    )
    for each in (row, other):
        if each is None:
            continue
        at = _moment_within(world, each, rng)
        connector, lasts = int(world.sessions.connector[each]), float(rng.uniform(20, 45))

        def fading(times: Floats, values: Floats, _: Generator, at: float = at, lasts: float = lasts) -> Floats:
            return values * np.clip((at - times) / lasts, 0.02, 1.0)

        for column in ("current", "power"):
            world.override(connector, at - lasts, at, column, fading)
        _ends(world, each, at, BATTERY, "other", details, max(float(world.sessions.plug_out[each]), at + 3 * MINUTE))
    return True


@cause(LOCK)
def lock_fault(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """A lock that lets the plug slip: on one connector, with any vehicle, the plug out and in again within seconds."""
    row = world.session_near(charger, moment, 5)
    if row is None:
        return False
    sessions = world.sessions
    connector = int(sessions.connector[row])
    rows = [each for each in world.rows_of(charger) if sessions.connector[each] == connector and each >= row
            and sessions.stop[each] - sessions.start[each] > 3 * MINUTE and sessions.start[each] < world.plan.end - 10 * MINUTE]  # fmt: skip
    for place, each in enumerate(rows[:12]):
        if place and not chance(rng, 0.4):
            continue
        at = _moment_within(world, each, rng)
        for back in (6.0, 2.0)[: int(rng.integers(1, 3))]:
            world.event(charger, connector, at - back, "plug_out")
            world.event(charger, connector, at - back + 1.5, "plug_in")
            world.override(connector, at - back - 3, at - back + 3, "current", lambda _, values, __: values * 0.0)
        if chance(rng, 0.4):
            world.alarm(charger, connector, at - 1, "connector lock not confirmed")
        out = at + float(np.round(rng.uniform(20, 200)))
        if chance(rng, 0.3):
            world.command(charger, connector, out - 10, "unlock_connector", "failed", 8.0)
        _ends(world, each, at, LOCK, "other", told(rng, 0.25, lock="open"), out)
    return True
