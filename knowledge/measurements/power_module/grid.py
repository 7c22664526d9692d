"""What the grid did when the modules failed."""

from __future__ import annotations

from ...readings import HOUR, MINUTE, Reading, few
from ...scene import Scene
from ..mains import grid_excursions, phase_voltages
from ..registry import measures

SYNC_LOSS = "F-0701"


@measures(
    "grid_peak_before_fault",
    "highest grid voltage recorded for the site or its area in the ten minutes up to an occurrence, against 230 or 400 V",
    unit="%",
    low=0,
)
def grid_peak_before_fault(scene: Scene) -> Reading | None:
    found = grid_excursions(scene, 10 * MINUTE, 30.0)
    if not found:
        return None
    highest = max(found, key=lambda excursion: (excursion.percent, excursion.time))
    return Reading(highest.percent, highest.time, (highest.source,))


@measures(
    "mains_peak_before_fault",
    "highest phase voltage in the three minutes up to the latest occurrence that has readings, against its median in the six hours before",
    unit="%",
    low=0,
)
def mains_peak_before_fault(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for readings in phase_voltages(scene):
        volts = readings.where(lambda values: values > 50.0)
        time = scene.occurrence_with(volts, 3 * MINUTE, 15.0)
        if time is None:
            continue
        usual = volts.between(time - 6 * HOUR, time - 3 * MINUTE).median(5)
        peak = volts.between(time - 3 * MINUTE, time + 15.0).max()
        if usual is not None and peak is not None:
            ratio = 100.0 * float(peak.value) / float(usual.value)
            if best is None or ratio > float(best.value):
                best = Reading(ratio, peak.at, few([*peak.sources, *usual.sources]))
    return best


@measures(
    "minutes_from_sync_loss",
    "minutes between the nearest F-0701 of this charger or site and an occurrence, within an hour",
    unit="min",
    low=0,
)
def minutes_from_sync_loss(scene: Scene) -> Reading | None:
    here = {scene.device_id, *(record.fields["device_id"] for record in scene.neighbours)}
    best: Reading | None = None
    losses = [fault for device in sorted(here) for fault in scene.faults(SYNC_LOSS, device=device)]
    for fault in sorted(losses, key=lambda fault: (fault.time, fault.device_id, fault.connector_id or 0, fault.source)):
        gap = min(abs(fault.time - time) for time in scene.times)
        if gap <= HOUR and (best is None or gap / MINUTE < float(best.value)):
            best = Reading(gap / MINUTE, fault.time, (fault.source,))
    return best
