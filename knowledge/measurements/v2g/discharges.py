"""Discharges: where and when energy flowed out of vehicles, by sessions and by telemetry."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ....engine.facts import Source
from ...readings import HOUR, MINUTE
from ...scene import Scene
from ...sessions import Session
from ...texts import as_number, flat, words_of
from .occurrences import the_vehicle
from .payload import LIMIT_KEY
from .records import FLOWING_KW, outflow, sampled
from .vehicles import Vehicle, chargers_with, session_vehicle

_OUTWARD = re.compile(r"\b(discharg\w*|v2g|export\w*|feed in|to grid|bidirectional|v2h|v2x)\b")
_OUTWARD_ENERGY = re.compile(
    r"\b(discharg\w*|export\w*|v2g|to grid|fed in)\b.*\b(energy|kwh|wh)\b|\benergy (out|exported|discharged|to grid)\b"
)


_PLANNED = re.compile(
    r"\b(target|goal|plan\w*|request\w*|required|schedul\w*|offer\w*|available|remaining|capacity|reserve\w*|forecast"
    r"|price|cost|tariff|rate)\b"
)
"""Keys whose numbers are what was wanted, possible or paid rather than what flowed."""


@dataclass(frozen=True, slots=True)
class Discharge:
    """Energy that flowed out of a vehicle: where, from when to when, of which vehicle, at which states of charge."""

    device_id: str
    start: float
    end: float
    vehicle: Vehicle | None
    soc: float | None
    soc_end: float | None
    source: Source
    connector_id: int | None = None


def moved_energy_out(scene: Scene, session: Session) -> bool | None:
    """Whether a session moved energy out of the vehicle; None where its records do not say."""
    outward = False
    told: list[float] = []
    for path, value in flat(session.details) if session.details is not None else ():
        number = as_number(value)
        bound = LIMIT_KEY.search(path) or _PLANNED.search(path)
        if number is not None and not bound and _OUTWARD_ENERGY.search(path):
            told.append(abs(number))
        if (
            isinstance(value, str)
            and _OUTWARD.search(words_of(value))
            and re.search(r"\b(mode|direction|type|kind|service|flow)\b", path)
        ):
            outward = True
        if value is True and _OUTWARD.search(path):
            outward = True
    energy = session.energy
    if max(told, default=0.0) > 0.1 or (energy is not None and energy < -0.1):
        return True
    if any(power is not None and power < -FLOWING_KW for power in (session.avg_power, session.max_power)):
        return True
    if told:
        return False
    if outward and energy is not None and energy > 0.1:
        return True
    if session.soc_start is not None and session.soc_end is not None and session.soc_end <= session.soc_start - 2:
        return True
    end = session.end if session.end is not None else session.start + 12 * HOUR
    rows = sampled(scene, session.device_id, session.start, end, 120, session.connector_id)
    if len(rows):
        _, flowing = outflow(scene, rows)
        if len(flowing):
            return bool(flowing.sum() >= min(2, len(flowing)))
    return False if energy is not None else None


def discharges_of(scene: Scene, device: str) -> list[Discharge]:
    """The discharges that a charger's sessions show; of chargers of other sites without what telemetry would tell."""

    def load() -> list[Discharge]:
        sessions = scene.sessions(which="all", device=device)
        return [_discharge(scene, session) for session in sessions if moved_energy_out(scene, session)]

    return scene.once_of(device, "v2g-discharges", load)


def discharges(scene: Scene) -> list[Discharge]:
    """The discharges of the site's chargers, and of others that had the incident's vehicle or one of its model, by time."""

    def load() -> list[Discharge]:
        devices = {*scene.fleet.company(scene.device_id), *chargers_with(scene, the_vehicle(scene))}
        found = [discharge for device in devices for discharge in discharges_of(scene, device)]
        return sorted(found, key=lambda d: (d.start, d.device_id, d.source))

    return scene.once("v2g-discharges", load)


def _discharge(scene: Scene, session: Session) -> Discharge:
    start, end, soc, soc_end = session.start, session.end or session.start, session.soc_start, session.soc_end
    # Within a long stay, telemetry tells when energy really flowed.
    until = session.end or session.start + 12 * HOUR
    told, out = outflow(scene, sampled(scene, session.device_id, session.start, until, connector=session.connector_id))
    flowing = told[out]
    if len(flowing):
        table = scene.observations["telemetry"]
        charged = table.numbers("soc")[flowing]
        start, end = table.times[flowing[0]].item(), table.times[flowing[-1]].item()
        soc = soc if np.isnan(charged[0]) else charged[0].item()
        soc_end = soc_end if np.isnan(charged[-1]) else charged[-1].item()
    vehicle = session_vehicle(scene, session)
    return Discharge(session.device_id, start, end, vehicle, soc, soc_end, session.source, session.connector_id)


def discharging_runs(scene: Scene) -> list[tuple[float, float, bool]]:
    """Runs of discharging on this connector: start, end, and whether the record before shows that they began there."""

    def load() -> list[tuple[float, float, bool]]:
        rows = np.union1d(scene.words("state").rows, scene.readings("power").rows).astype(np.intp)
        table = scene.observations["telemetry"]
        told, flows = outflow(scene, rows)
        discharging = flows | table.one_of("state", ("discharging",), told)
        runs: list[tuple[float, float, bool]] = []
        before: tuple[float, bool] | None = None
        for time, out in zip(table.times[told].tolist(), discharging.tolist(), strict=True):
            if out and before is not None and before[1] and time - before[0] <= HOUR:
                runs[-1] = (runs[-1][0], time, runs[-1][2])
            elif out:
                seen = before is not None and not before[1] and time - before[0] <= 5 * MINUTE
                runs.append((time, time, seen))
            before = (time, out)
        return runs

    return scene.once("v2g-runs", load)
