"""What single records tell: samples of telemetry and the way their energy flows, changes of state, commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...observations import Floats, Record, Rows, epoch
from ...scene import Scene

FLOWING_KW = 0.2
"""Power from which energy flows rather than a meter's noise (our judgement)."""


def rows_between(scene: Scene, device: str, start: float, end: float) -> Rows:
    """The telemetry rows of a charger from start to end."""
    rows, times = scene.once(("telemetry rows", device), lambda: _rows_of(scene, device))
    if not len(times) or end < times[0] or start > times[-1]:
        return rows[:0]
    return rows[int(times.searchsorted(start, "left")) : int(times.searchsorted(end, "right"))]


def _rows_of(scene: Scene, device: str) -> tuple[Rows, Floats]:
    table = scene.observations["telemetry"]
    rows = table.by_device.get(device, np.empty(0, dtype=np.intp))
    return rows, table.times[rows]


def samples(scene: Scene, device: str, start: float, end: float, most: int = 400) -> list[Record]:
    """Telemetry of a charger from start to end, evenly thinned to about so many records."""
    return scene.observations["telemetry"].records_at(sampled(scene, device, start, end, most))


def sampled(scene: Scene, device: str, start: float, end: float, most: int = 400) -> Rows:
    """The telemetry rows of these records."""
    rows = rows_between(scene, device, start, end)
    return rows[:: len(rows) // most + 1] if len(rows) > most else rows


def of_connector(scene: Scene, connector: int | None, rows: Rows) -> Rows:
    """Of some telemetry rows those that may be of a connector, as `same_connector` says."""
    if not connector:
        return rows
    named = scene.observations["telemetry"].connectors[rows]
    chosen: Rows = rows[np.isnan(named) | (named == connector)]
    return chosen


def outflow(scene: Scene, rows: Rows) -> tuple[Rows, NDArray[np.bool_]]:
    """Those of some telemetry rows that say whether energy flows out of the vehicle, as `flows_out` says, and what they say."""
    table = scene.observations["telemetry"]
    power = table.numbers("power")[rows]
    discharging = table.one_of("state", ("discharging",), rows)
    metered = ~np.isnan(power)
    told = metered | ~table.one_of("state", (None,), rows)
    out = np.where(metered, (power < -FLOWING_KW) | (discharging & (power > FLOWING_KW)), discharging)
    return rows[told], out[told]


def own_samples(scene: Scene, start: float, end: float) -> list[Record]:
    """Telemetry of the incident's connector, and what names none, from start to end."""
    found = samples(scene, scene.device_id, start, end, 720)
    return [r for r in found if same_connector(scene.connector_id, r.fields.get("connector_id"))]


def same_connector(one: int | None, other: int | None) -> bool:
    """Whether two records may be of one connector: they are unless they name different ones (0 is the charger itself)."""
    return not one or not other or one == other


def flows_out(fields: Mapping[str, Any]) -> bool | None:
    """Whether a telemetry record shows energy flowing out of the vehicle; None where it does not say."""
    power, state = fields.get("power"), fields.get("state")
    if power is not None:
        return bool(power < -FLOWING_KW or (state == "discharging" and power > FLOWING_KW))
    return None if state is None else bool(state == "discharging")


def in_sync(fields: Mapping[str, Any]) -> bool:
    """Whether a telemetry record shows the inverter in step; where it lacks the status, whether the connector discharges."""
    status = fields.get("inverter_sync_status")
    if status is not None:
        return bool(status == "synced" and fields.get("state") != "fault")
    return fields.get("state") == "discharging"


def state_change(event: Record) -> tuple[str, str]:
    """The states a state event names as left and as entered, in lower case; empty where it does not say."""
    data = event.fields.get("data") or {}
    return str(data.get("from") or "").lower(), str(data.get("to") or "").lower()


def asks_for_discharge(command: Record) -> bool:
    """Whether a command tells the charger to discharge: by its name, or to start something whose parameters speak of it."""
    name = str(command.fields["command"]).lower()
    told = f"{name} {command.fields.get('params') or ''}".lower() if "start" in name else name
    return "discharg" in told or "v2g" in told


def asked_at(command: Record) -> float | None:
    """When a command was given."""
    moment = command.fields.get("created_at") or command.fields.get("updated_at")
    return None if moment is None else epoch(moment)
