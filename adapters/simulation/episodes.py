"""What befalls a whole fleet: a bad firmware rollout, and an excursion of an area's grid. Drawn from the seed alone, so that
every site knows of them without asking another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .faults.f0421 import FIRMWARE, closes_too_early, upgrade
from .faults.f0701 import GRID, lose_grid, tell_grid
from .plan import DAY, HOUR, FleetPlan
from .streams import chance, stream
from .world import SiteWorld

ROLLOUT_MODEL = "TP-DC180"
ROLLOUT_VERSION = "3.0.1"
"""A release with the feedback regression (dictionary F-0421)."""

ROLLOUT_SHARE = 0.12
"""Sites that the rollout has reached when it is stopped (our judgement)."""

ROLLOUT_FAILING = 0.12
"""Starts that fail on the release (our judgement: enough to be noticed, too few to stop the business at once)."""

GRID_SHARE = 0.25
"""Areas whose grid leaves the envelope once in the days of the plan (our judgement, high enough to be seen in a small fleet)."""


@dataclass(frozen=True)
class Rollout:
    """A bad firmware rollout: when it began."""

    begin: float


def rollout_of(plan: FleetPlan) -> Rollout:
    """The rollout of a fleet: it began some hours after the first midnight."""
    rng = stream(plan.seed, "rollout")
    return Rollout(plan.begin + float(np.round(rng.uniform(0.5, 6) * HOUR)))


def befall(world: SiteWorld) -> None:
    """Let the fleet's episodes reach a site, as far as the plan's causes allow."""
    plan = world.plan
    if plan.incident_share <= 0:
        return
    if not plan.causes or FIRMWARE in plan.causes:
        _roll_out(world)
    if not plan.causes or GRID in plan.causes:
        _disturb_grid(world)


def _roll_out(world: SiteWorld) -> None:
    rng = stream(world.plan.seed, "rollout", world.site.index)
    if not chance(rng, ROLLOUT_SHARE):
        return
    begin = rollout_of(world.plan).begin
    for charger in world.chargers:
        if charger.model_name == ROLLOUT_MODEL and not charger.v2g:
            upgraded = begin + 120.0 * charger.place
            upgrade(world, charger, upgraded, ROLLOUT_VERSION)
            if closes_too_early(world, charger, upgraded + 0.5 * HOUR, rng, ROLLOUT_FAILING):
                world.busy_until[charger.place] = world.plan.end


def _disturb_grid(world: SiteWorld) -> None:
    """The area's grid leaves the envelope in an evening, when vehicles discharge."""
    rng = stream(world.plan.seed, "grid", world.site.area)
    if not chance(rng, GRID_SHARE):
        return
    day = int(rng.integers(world.plan.days))
    moment = world.plan.begin + day * DAY + float(np.round(rng.uniform(15, 21) * HOUR))
    tell_grid(world, moment, rng, area=world.site.area)
    for charger in lose_grid(world, moment, stream(world.plan.seed, "grid", world.site.area, world.site.slot)):
        world.busy_until[charger.place] = moment + HOUR
