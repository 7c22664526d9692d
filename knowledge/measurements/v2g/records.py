"""What single records tell: samples of telemetry and the way their energy flows, changes of state, commands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....engine.facts import Source
from ...observations import Record, Rows, epoch
from ...readings import ends
from ...scene import Scene

FLOWING_KW = 0.2
"""Power from which energy flows rather than a meter's noise (our judgement)."""


def sampled(scene: Scene, device: str, start: float, end: float, most: int = 400, connector: int | None = None) -> Rows:
    """The telemetry rows of a charger from start to end, where a connector is given those that may be of it (as
    `same_connector` says), evenly thinned to about so many."""
    rows = scene.telemetry_rows(start, end, device=device)
    named = scene.observations["telemetry"].connectors[rows]
    if connector:
        may_be = np.isnan(named) | (named == connector)
        rows, named = rows[may_be], named[may_be]
    if len(rows) <= most:
        return rows
    # connectors report in turn, so that every other row may be one connector's: each is thinned by itself
    by_connector = np.argsort(named, kind="stable")
    chosen: Rows = rows[np.sort(by_connector[:: len(rows) // most + 1])]
    return chosen


def own_sampled(scene: Scene, start: float, end: float) -> Rows:
    """The telemetry rows of the incident's connector, and those that name none, from start to end, thinned to about 720."""
    return sampled(scene, scene.device_id, start, end, 720, scene.connector_id)


def flows_out(scene: Scene, rows: Rows) -> NDArray[np.bool_]:
    """In which of some telemetry rows energy flows out of the vehicle, by power, else by state."""
    table = scene.observations["telemetry"]
    power = table.numbers("power")[rows]
    discharging = table.one_of("state", ("discharging",), rows)
    return np.where(np.isnan(power), discharging, (power < -FLOWING_KW) | (discharging & (power > FLOWING_KW)))


def outflow(scene: Scene, rows: Rows) -> tuple[Rows, NDArray[np.bool_]]:
    """Those of some telemetry rows that tell power or state, and in which of them energy flows out of the vehicle."""
    table = scene.observations["telemetry"]
    told = rows[~np.isnan(table.numbers("power")[rows]) | ~table.one_of("state", (None,), rows)]
    return told, flows_out(scene, told)


def sources_of_rows(scene: Scene, rows: Rows) -> tuple[Source, ...]:
    """Where some telemetry rows, in order, came from; of many, the first and the last."""
    table = scene.observations["telemetry"]
    return tuple(table.source(row) for row in ends(rows.tolist()))


def same_connector(one: int | None, other: int | None) -> bool:
    """Whether two records may be of one connector: they are unless they name different ones (0 is the charger itself)."""
    return not one or not other or one == other


def in_sync(scene: Scene, rows: Rows) -> NDArray[np.bool_]:
    """Which of some telemetry rows show the inverter in step; where they lack the status, whether the connector discharges."""
    table = scene.observations["telemetry"]
    untold = table.one_of("inverter_sync_status", (None,), rows)
    synced = table.one_of("inverter_sync_status", ("synced",), rows) & ~table.one_of("state", ("fault",), rows)
    return np.where(untold, table.one_of("state", ("discharging",), rows), synced)


def state_change(event: Record) -> tuple[str, str]:
    """The states a state event names as left and as entered, in lower case; empty where it does not say."""
    return str(event.data.get("from") or "").lower(), str(event.data.get("to") or "").lower()


def asks_for_discharge(command: Record) -> bool:
    """Whether a command tells the charger to discharge: by its name, or to start something whose parameters speak of it."""
    name = str(command.fields["command"]).lower()
    told = f"{name} {command.fields.get('params') or ''}".lower() if "start" in name else name
    return "discharg" in told or "v2g" in told


def asked_at(command: Record) -> float | None:
    """When a command was given."""
    moment = command.fields.get("created_at") or command.fields.get("updated_at")
    return None if moment is None else epoch(moment)
