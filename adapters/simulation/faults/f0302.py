"""F-0302, reconnect storm: many reconnects in a short time, each cause with its own rhythm."""

from __future__ import annotations

import numpy as np

from ..chargers import Charger
from ..plan import DAY, MINUTE
from ..states import Outage
from ..streams import Generator, chance
from ..world import SiteWorld
from .registry import MOST_COMMON, cause, cellular_charger

CELLULAR, IDLE, KEEPALIVE, BACKOFF = (
    f"F-0302/{name}"
    for name in ("marginal-cellular", "idle-connection-closed", "keepalive-mismatch", "firmware-backoff-regression")
)
NOTICED_AT = 6
"""The reconnect with which the storm is reported: more than five in ten minutes (dictionary F-0302)."""

BACKOFF_FIRMWARE = "260512.0031"
"""A release made up for the fleets of simulations: no real one is known to have this regression."""


def _storm(world: SiteWorld, charger: Charger, breaks: list[Outage], cause_id: str, rng: Generator) -> bool:
    """Let a charger lose its connection again and again; the fault is reported where it becomes a storm."""
    ends = [outage.end for outage in breaks]
    for outage in breaks:
        world.lose_link(charger, outage)
    for place in range(NOTICED_AT - 1, len(ends)):
        if ends[place] - ends[place - NOTICED_AT + 1] <= 10 * MINUTE:
            details = {"reconnects": place + 1} if chance(rng, 0.4) else None
            world.fault(charger, None, ends[place] + 2, cause_id, "reconnects within a short time", details)
            return True
    return False


@cause(CELLULAR, cellular_charger, MOST_COMMON)
def marginal_cellular(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """A radio link at its edge: irregular breaks, slow handshakes that scatter."""
    charger.signal_dbm = float(round(rng.uniform(-119, -105)))
    breaks, time = [], moment
    for _ in range(int(rng.integers(9, 26))):
        away = float(np.round(rng.exponential(12) + 3))
        breaks.append(Outage(time, time + away, code=1006, handshake_ms=float(np.round(rng.lognormal(7.8, 0.5))),
                             reason="connection reset" if chance(rng, 0.2) else None, noticed_s=2.0))  # fmt: skip
        time += away + float(np.round(rng.exponential(60) + 8))
    return _storm(world, charger, breaks, CELLULAR, rng)


def _regular(moment: float, life_s: float, number: int, reason: str | None, rng: Generator) -> list[Outage]:
    breaks, time = [], moment
    for _ in range(number):
        away = float(np.round(rng.uniform(2, 5), 1))
        breaks.append(
            Outage(
                time,
                time + away,
                code=1006,
                reason=reason,
                handshake_ms=float(np.round(rng.uniform(140, 220))),
                noticed_s=1.0,
            )
        )
        time += away + life_s + float(np.round(rng.normal(0, 0.4), 1))
    return breaks


@cause(IDLE, shared=True)
def idle_connection_closed(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """Something on the way forgets quiet connections: they live equally long while nothing charges."""
    reason = "connection reset by peer" if chance(rng, 0.4) else None
    for other in world.chargers:
        if other is charger or (
            chance(rng, 0.5) and other.access == charger.access and other.place not in world.busy_until
        ):
            quiet = not any(
                world.sessions.start[row] - 60 < moment + 300 < world.sessions.stop[row] for row in world.rows_of(other)
            )
            shift = 0.0 if other is charger else float(np.round(rng.uniform(0, 60)))
            for settings in (other.settings, other.platform_settings):
                settings["websocket_ping_interval_s"] = 240.0
            if quiet or other is charger:
                _storm(world, other, _regular(moment + shift, 75.0, int(rng.integers(8, 20)), reason, rng), IDLE, rng)
                world.busy_until[other.place] = moment + DAY
    return True


@cause(KEEPALIVE)
def keepalive_mismatch(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """Charger and platform expect pings at different intervals: regular ends at a small multiple of one of them."""
    charger.settings["websocket_ping_interval_s"] = float(rng.choice([120, 300, 600]))
    reason = "pong timeout" if chance(rng, 0.4) else None
    return _storm(world, charger, _regular(moment, 60.0, int(rng.integers(9, 30)), reason, rng), KEEPALIVE, rng)


@cause(BACKOFF, shared=True)
def backoff_regression(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """Firmware that tries again at once and for ever: one hiccup becomes a storm, on every charger that has it."""
    for other in world.chargers:
        if other.model_name != charger.model_name or (other is not charger and other.place in world.busy_until):
            continue
        other.firmware = BACKOFF_FIRMWARE
        if other is charger or chance(rng, 0.5):
            time = moment + (0.0 if other is charger else float(np.round(rng.uniform(-5, 5) * 3600)))
            breaks = []
            for _ in range(int(rng.integers(15, 50))):
                time += float(np.round(rng.uniform(3, 9), 1))
                breaks.append(
                    Outage(time, time + 1.0, code=1006, handshake_ms=float(np.round(rng.uniform(150, 260))), quick=True)
                )
                time += 1.0
            _storm(world, other, breaks, BACKOFF, rng)
            world.busy_until[other.place] = moment + DAY
    return True
