"""A configuration that is not the one assigned, though no fault tells so."""

from __future__ import annotations

from ...readings import HOUR, Reading, few
from ...scene import Scene
from ..configuration.snapshots import Snapshot, snapshots
from ..registry import measures
from .lines import latest


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
