"""Measurements: small functions from a scene to a value with its sources. They measure and never judge: thresholds are
the rules' business."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np

from ...engine._logging import get_logger
from ...engine.facts import Fact, RefusedFact
from ..scene import Scene
from .registry import REGISTRY, Measurement, facts_of

__all__ = ["Measurement", "catalogue", "measure"]

_log = get_logger("measurements")


@cache
def _load() -> None:
    """Import the rooms, so that their measurements are declared."""
    from . import (  # noqa: F401
        beside_checks,
        beside_faults,
        common,
        configuration,
        connectivity,
        contactor,
        fan,
        fleet,
        links,
        power_module,
        session,
        thermal,
        trends,
        v2g,
    )


def catalogue() -> dict[str, Measurement]:
    """Every measurement by the name of its facts."""
    _load()
    return dict(sorted(REGISTRY.items()))


def measure(scene: Scene, fact_names: Iterable[str]) -> list[Fact | RefusedFact]:
    """The facts of these names that a scene holds. What is not known gives no fact.

    A measurement that fails costs its own fact only, and says so.
    """
    _load()
    names = sorted(set(fact_names))
    facts: list[Fact | RefusedFact] = []
    with np.errstate(all="ignore"):
        for name in names:
            measurement = REGISTRY.get(name)
            if measurement is not None:
                try:
                    facts.extend(facts_of(measurement, scene))
                except Exception as error:
                    _log.exception("measurement failed", fact=name, device_id=scene.device_id)
                    facts.append(RefusedFact(Fact(name, ""), f"its measurement failed ({type(error).__name__})"))
    facts.extend(check_facts(scene, names))
    return facts


from .checks import check_facts  # noqa: E402
