"""What goes wrong: each documented cause as what one would see of it, and which of them befalls which charger."""

from __future__ import annotations

import numpy as np

from ..plan import DAY, HOUR
from ..streams import chance, stream
from ..world import SiteWorld
from . import (
    f0101,
    f0203,
    f0204,
    f0301,
    f0302,
    f0411,
    f0421,
    f0512,
    f0601,
    f0701,
    f0702,
    f0805,
    undocumented,
)
from .registry import CAUSES, Cause, drawn

__all__ = ["CAUSES", "CODE_MODULES", "Cause", "go_wrong"]

CODE_MODULES = (f0101, f0203, f0204, f0301, f0302, f0411, f0421, f0512, f0601, f0701, f0702, f0805, undocumented)

PAUSE_S = 14 * DAY
"""A charger has one incident in a fortnight (our judgement: so that its story can be told apart from the next)."""

TRIES = 6
"""Causes drawn for a charger until one finds an occasion (our judgement: idle chargers have few)."""


def go_wrong(world: SiteWorld) -> None:
    """Let the chargers of a site meet their incidents, by the plan's share of chargers and days."""
    plan = world.plan
    for day in range(plan.days):
        for charger in world.chargers:
            rng = stream(plan.seed, "incident", world.site.index, charger.place, day)
            if not chance(rng, plan.incident_share):
                continue
            moment = plan.begin + day * DAY + float(np.round(rng.uniform(1.5 * HOUR, 23.5 * HOUR)))
            for _ in range(TRIES):
                if world.busy_until.get(charger.place, -np.inf) > moment:
                    break
                cause = drawn(world, charger, rng)
                if cause is not None and cause.inject(world, charger, moment, rng):
                    world.busy_until[charger.place] = moment + PAUSE_S
