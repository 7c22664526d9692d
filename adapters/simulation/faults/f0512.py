"""F-0512, configuration profile mismatch: what runs is not what the platform assigned; the charger gives less than it should."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..chargers import Charger
from ..plan import DAY, HOUR, MINUTE
from ..states import Outage
from ..streams import Generator, chance
from ..world import SiteWorld
from .registry import cause

OVERRIDE, PUSH, SCHEMA = (
    f"F-0512/{name}" for name in ("local-override", "interrupted-push", "schema-version-mismatch")
)


def _hash(rng: Generator) -> str:
    return f"{int(rng.integers(16**8)):08x}"


def _configured(world: SiteWorld, charger: Charger, moment: float, running: str, expected: str, **more: Any) -> None:
    """Tell what a charger runs and what the platform expects of it."""
    fields = {"config_profile_id": charger.profile, "expected_config_profile_id": charger.profile, "running_config": running,
              "expected_config": expected, "profile_schema_version": "7", "firmware_schema_version": "7",
              "settings__heartbeat_interval_s": 30.0, "platform_settings__heartbeat_interval_s": 30.0, **more}  # fmt: skip
    if moment < world.plan.end:
        world.add("configurations", timestamp=moment, device_id=charger.device_id, **fields)


def _limited(world: SiteWorld, charger: Charger, begin: float, rng: Generator) -> None:
    """Let a charger give less than the assigned profile allows in all sessions from a moment on."""
    level = float(rng.uniform(0.4, 0.75))
    for row in world.rows_of(charger):
        start = float(world.sessions.start[row])
        if start >= begin:
            world.hold_down(row, start, level)


@cause(OVERRIDE)
def local_override(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """Somebody changed the settings on site; what is expected stays, what runs does not."""
    visited = moment - float(np.round(rng.uniform(0.3, 9) * HOUR))
    before, after = _hash(rng), _hash(rng)
    pushed = world.plan.begin - float(np.round(rng.uniform(10, 60) * DAY))
    done = {"last_push__status": "completed", "last_push__at": pushed}
    _configured(world, charger, visited - 6 * HOUR, before, before, **done)
    _configured(world, charger, moment - 20, after, before, **done)
    if chance(rng, 0.8):
        work = str(
            rng.choice(
                ["reduced the current on request of the site", "inspection, settings adapted", "replaced a breaker"]
            )
        )
        world.visit(charger, visited, work, True if chance(rng, 0.6) else None)
    world.fault(charger, None, moment, OVERRIDE, "running configuration is not the assigned one")
    _limited(world, charger, visited, rng)
    return True


@cause(PUSH)
def interrupted_push(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The platform assigned a new profile and its push broke off; the charger runs the one before."""
    before, after = _hash(rng), _hash(rng)
    broke = moment - float(np.round(rng.uniform(3, 40) * MINUTE))
    older = world.plan.begin - float(np.round(rng.uniform(20, 80) * DAY))
    _configured(world, charger, broke - 5 * HOUR, before, before, last_push__status="completed", last_push__at=older)
    _configured(world, charger, moment - 20, before, after, last_push__status="interrupted" if chance(rng, 0.7) else None, last_push__at=broke,
                expected_config_profile_id=f"{charger.profile}b" if chance(rng, 0.7) else charger.profile)  # fmt: skip
    result = {"error": "connection lost"} if chance(rng, 0.6) else None
    world.command(charger, None, broke - 40, "push_config", "failed", 40.0, None, result)
    if chance(rng, 0.7):
        world.lose_link(
            charger, Outage(broke, broke + float(np.round(rng.uniform(20, 180))), code=1006, noticed_s=10.0)
        )
    world.fault(charger, None, moment, PUSH, "running configuration is not the assigned one")
    _limited(world, charger, broke, rng)
    return True


@cause(SCHEMA, shared=True)
def schema_mismatch(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """Profile and firmware follow different versions of the schema; a complete push does not mend it."""
    versions = {"profile_schema_version": "8", "firmware_schema_version": "7"}
    if chance(rng, 0.4):
        versions = {"profile_schema_version": "7", "firmware_schema_version": "8"}
        world.command(charger, None, moment - float(np.round(rng.uniform(1, 30) * HOUR)), "firmware_upgrade", "completed", 700.0,
                      {"version": charger.firmware})  # fmt: skip
    for other in world.chargers:
        alike = (
            other.firmware == charger.firmware
            and other.model_name == charger.model_name
            and other.place not in world.busy_until
        )
        if other is charger or (alike and chance(rng, 0.5)):
            at = moment + 90.0 * (other.place - charger.place)
            told = {name: value for name, value in versions.items() if chance(rng, 0.8)}
            _configured(world, other, at - 20, _hash(rng), _hash(rng), last_push__status="completed", last_push__at=at - 12 * MINUTE,
                        **{**dict.fromkeys(versions), **told})  # fmt: skip
            world.fault(other, None, at, SCHEMA, "running configuration is not the assigned one")
            world.busy_until[other.place] = moment + 14 * DAY
    return True
