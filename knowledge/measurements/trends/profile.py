"""A configuration that is not the one assigned, though no fault tells so."""

from __future__ import annotations

import numpy as np

from ...readings import HOUR, Reading, few
from ...scene import Scene
from ..configuration.snapshots import Snapshot, snapshots
from ..registry import measures
from .lines import latest
from .ranges import Known, Range, ranged


def _compared(scene: Scene) -> list[Snapshot]:
    return [shot for shot in snapshots(scene) if shot.matches is not None and shot.time <= latest(scene)]


@measures(
    "hours_of_mismatch",
    "hours that the running configuration has differed from the assigned one up to the diagnosis, by the configuration records; "
    "zero where the newest matches",
    unit="h",
    low=0,
)
def hours_of_mismatch(scene: Scene) -> Reading | None:
    shots = _compared(scene)
    if not shots:
        return None
    wrong: list[Snapshot] = []
    for shot in reversed(shots):
        if shot.matches:
            break
        wrong.append(shot)
    if not wrong:
        return Reading(0.0, shots[-1].time, (shots[-1].source,))
    since = wrong[-1]
    return Reading(max(0.0, scene.anchor - since.time) / HOUR, since.time, few([since.source, wrong[0].source]))


# Range


def _mismatch_range(known: Known) -> Range:
    """No longer than there are configuration records."""
    hours = np.full(len(known.devices), np.nan)
    for place, moments in known.moments("configurations"):
        hours[place] = np.inf if np.isnan(moments[-1]) else max(0.0, known.as_of - moments[0]) / HOUR
    return Range.where(~np.isnan(hours), 0.0, hours)


ranged(_mismatch_range, "hours_of_mismatch", columns=())
