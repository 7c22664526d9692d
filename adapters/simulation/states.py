"""What things at a site go through: a charger away from the platform, power modules in trouble, heat by the minute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .streams import Floats


@dataclass(frozen=True)
class Outage:
    """A charger away from the platform from `begin` until before `end` (epoch seconds).

    `quick` marks a reconnect without an offline of its own. `reason` and codes are what the platform noted.
    """

    begin: float
    end: float
    clean: bool = False
    code: int | None = 1006
    reason: str | None = None
    handshake_ms: float = 180.0
    quick: bool = False
    noticed_s: float = 20.0


@dataclass(frozen=True)
class ModuleTrouble:
    """Modules of a charger (from 1) that are in `status` from `begin` until before `end`."""

    charger: int
    begin: float
    end: float
    modules: tuple[int, ...]
    status: str


@dataclass
class Heat:
    """Temperatures in °C and fan speeds in rpm by the minute: `connector` by connector, `cabinet` and `fan` by charger."""

    times: Floats
    ambient: Floats
    connector: Floats
    cabinet: Floats
    fan: Floats
    load: Floats

    def first_above(self, temperatures: Floats, limit: float, begin: float, end: float) -> float | None:
        """When a temperature first passes a limit within a span; None where it does not."""
        over = np.flatnonzero((temperatures > limit) & (self.times >= begin) & (self.times < end))
        return float(self.times[over[0]]) if len(over) else None
