"""F-0421, contactor failed to engage: plug-in, authorisation, preparing, then fault without any current."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..chargers import Charger
from ..links import REBOOT_S
from ..plan import DAY, HOUR, MINUTE
from ..states import Outage
from ..streams import Generator, chance
from ..world import SiteWorld, told
from .f0101 import around
from .registry import cause

STUCK, COIL, AUXILIARY, FIRMWARE = (
    f"F-0421/{name}"
    for name in ("contactor-stuck-open", "coil-under-voltage", "aux-contact-dirty", "firmware-feedback-timing")
)
AFFECTED = ("3.0.0", "3.0.1", "3.0.2")
"""Releases with the feedback regression (dictionary F-0421)."""


def _fails(world: SiteWorld, row: int, cause_id: str, details: dict[str, Any], closes: bool, rng: Generator) -> None:
    """Let a start fail; where the contactor does close, the connector is live for the moment that it waits."""
    charger = world.charger_of(int(world.sessions.connector[row]))
    connector, volts = int(world.sessions.connector[row]), float(world.sessions.volts[row]) if charger.is_dc else 230.0
    moment = world.fail_start(row, float(np.round(rng.uniform(60, 240))))
    waits = float(np.round(rng.uniform(2, 6)))
    if closes:
        world.override(connector, moment - waits - 8, moment + 1, "voltage", around(volts, 0.8))
        world.override(connector, moment - waits - 8, moment + 1, "component_health.relay_state", "closed")
    world.override(connector, moment, float(world.sessions.plug_out[row]), "state", "fault")
    world.fault(charger, connector, moment, cause_id, "no contactor feedback in time", details)


def _starts_after(world: SiteWorld, charger: Charger, moment: float, connector: int | None = None) -> list[int]:
    sessions = world.sessions
    return [row for row in world.rows_of(charger)
            if sessions.start[row] >= moment and (connector is None or sessions.connector[row] == connector)
            and sessions.start[row] < world.plan.end - MINUTE]  # fmt: skip


def _first_start(world: SiteWorld, charger: Charger, moment: float) -> int | None:
    """The first session from a moment on, else the last one before it."""
    return next(iter(_starts_after(world, charger, moment)), next(reversed(_starts_after(world, charger, 0.0)), None))


@cause(STUCK)
def stuck_open(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """From one start on the mechanism does not move: every start on this connector fails until it is mended."""
    first = _first_start(world, charger, moment)
    if first is None:
        return False
    connector, begin = int(world.sessions.connector[first]), float(world.sessions.start[first])
    until = world.repair(charger, begin, "replaced the contactor", rng)
    details = told(rng, 0.3, coil_voltage_pct=float(np.round(rng.uniform(97, 103), 1)))
    if chance(rng, 0.5):
        charger.cycles = float(round(charger.model.rated_cycles * rng.uniform(0.6, 1.05)))
    for row in _starts_after(world, charger, begin, connector):
        if world.sessions.start[row] < until:
            _fails(world, row, STUCK, details, closes=False, rng=rng)
    return True


@cause(COIL)
def coil_under_voltage(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """A weak control supply: starts fail on any connector, mostly while another one loads it, with restarts besides."""
    rows = _starts_after(world, charger, moment - 4 * HOUR)
    if not rows:
        return False
    charger.age_days = max(charger.age_days, float(rng.uniform(1200, 2500)))
    details = told(rng, 0.4, coil_supply_v=float(np.round(rng.uniform(17.5, 21), 1)))
    failed = False
    for row in rows[:10]:
        if not failed or chance(rng, 0.45):
            _fails(world, row, COIL, details, closes=False, rng=rng)
            failed = True
    for back in rng.uniform(0.5, 12, int(rng.integers(0, 3))):
        begin = float(np.round(moment + back * HOUR))
        world.stop_sessions(charger, begin, "power_loss")
        world.lose_link(charger, Outage(begin, begin + REBOOT_S, noticed_s=40.0))
    return failed


@cause(AUXILIARY)
def auxiliary_contact(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The contactor closes, the contact that tells so does not: now and then, on one connector, mostly after a rest."""
    first = _first_start(world, charger, moment)
    if first is None:
        return False
    connector = int(world.sessions.connector[first])
    details = told(rng, 0.25, feedback="missing")
    for place, row in enumerate(_starts_after(world, charger, float(world.sessions.start[first]), connector)[:14]):
        if place == 0 or chance(rng, 0.35):
            _fails(world, row, AUXILIARY, details, closes=True, rng=rng)
    return True


def upgrade(world: SiteWorld, charger: Charger, moment: float, version: str) -> None:
    """Let a charger be upgraded to a release; the platform's command says so."""
    charger.firmware = version
    world.command(charger, None, moment, "firmware_upgrade", "completed", 700.0, {"version": version})


def closes_too_early(world: SiteWorld, charger: Charger, moment: float, rng: Generator, share: float = 0.4) -> bool:
    """From a moment on some starts of a charger fail although its contactor closes; whether any did."""
    details = told(rng, 0.25, feedback_window_ms=100)
    failed = False
    for row in _starts_after(world, charger, moment)[:20]:
        if chance(rng, share):
            _fails(world, row, FIRMWARE, details, closes=True, rng=rng)
            failed = True
    return failed


@cause(FIRMWARE, shared=True)
def firmware_feedback(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """An affected release on the chargers of a model at the site: starts fail since its upgrade, whatever the age."""
    version = str(rng.choice(AFFECTED))
    alike = [
        other
        for other in world.chargers
        if other.model_name == charger.model_name and other.place not in world.busy_until
    ]
    upgraded = moment - float(np.round(rng.uniform(2 * HOUR, 5 * DAY)))
    failed = False
    for other in alike:
        upgrade(world, other, upgraded + 60.0 * other.place, version)
        if closes_too_early(world, other, max(upgraded + HOUR, moment - 6 * HOUR), rng):
            world.busy_until[other.place] = moment + 14 * DAY
            failed = True
    return failed
