"""Record lists as they gather: plain records with dotted names, made into frames of one schema."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from .streams import Floats

MOMENT = pl.Datetime("ms", "UTC")
JSON = pl.Object
"""Marks a column of free-form values: JSON text in Parquet and CSV, JSON in JSON lines."""

Schema = dict[str, Any]

SCHEMAS: dict[str, Schema] = {
    "sites": {"site_id": pl.String, "name": pl.String, "power_capacity": pl.Float64, "area": pl.String,
              "network.status": pl.String, "network.since": MOMENT},
    "devices": {"device_id": pl.String, "sn": pl.String, "model": pl.String, "manufacturer": pl.String, "firmware_version": pl.String,
                "status": pl.String, "connectors": JSON, "last_heartbeat": MOMENT, "site_id": pl.String, "online_since": MOMENT,
                "offline_since": MOMENT, "v2g_capable": pl.Boolean, "ocpp_version": pl.String, "product.rated_power_kw": pl.Float64,
                "product.continuous_rating_kw": pl.Float64, "product.current_type": pl.String, "product.phases": pl.Int64,
                "product.max_current_a": pl.Float64, "connectivity.type": pl.String, "connectivity.signal_strength_dbm": pl.Float64,
                "lifecycle.activation_date": MOMENT, "lifecycle.usage_duration_days": pl.Float64, "lifecycle.manufacturing_batch": pl.String,
                "certificates.tls_not_after": MOMENT},
    "events": {"timestamp": MOMENT, "device_id": pl.String, "event_type": pl.String, "connector_id": pl.Int64, "data": JSON},
    "heartbeats": {"timestamp": MOMENT, "device_id": pl.String, "status": pl.String, "fault_code": pl.String},
    "charging_records": {"record_id": pl.String, "device_id": pl.String, "connector_id": pl.Int64, "start_time": MOMENT, "end_time": MOMENT,
                         "energy": pl.Float64, "max_power": pl.Float64, "avg_power": pl.Float64, "stop_reason": pl.String, "details": JSON,
                         "vehicle_info.vin": pl.String, "vehicle_info.make": pl.String, "vehicle_info.model": pl.String,
                         "vehicle_info.firmware": pl.String, "vehicle_info.soc_start": pl.Float64, "vehicle_info.soc_end": pl.Float64},
    "connections": {"timestamp": MOMENT, "device_id": pl.String, "transition": pl.String, "clean_close": pl.Boolean, "close_code": pl.Int64,
                    "handshake_ms": pl.Float64, "reason": pl.String},
    "commands": {"command_id": pl.String, "device_id": pl.String, "connector_id": pl.Int64, "command": pl.String, "params": JSON,
                 "status": pl.String, "created_at": MOMENT, "updated_at": MOMENT, "result": JSON},
    "configurations": {"timestamp": MOMENT, "device_id": pl.String, "config_profile_id": pl.String, "expected_config_profile_id": pl.String,
                       "running_config": pl.String, "expected_config": pl.String, "profile_schema_version": pl.String,
                       "firmware_schema_version": pl.String, "last_push.status": pl.String, "last_push.at": MOMENT,
                       "settings.heartbeat_interval_s": pl.Float64, "settings.websocket_ping_interval_s": pl.Float64,
                       "platform_settings.heartbeat_interval_s": pl.Float64, "platform_settings.websocket_ping_interval_s": pl.Float64,
                       "base_url_changed_at": MOMENT},
    "service_visits": {"timestamp": MOMENT, "device_id": pl.String, "work": pl.String, "manual_override": pl.Boolean},
    "grid": {"timestamp": MOMENT, "site_id": pl.String, "area": pl.String, "kind": pl.String, "voltage_v": pl.Float64,
             "frequency_hz": pl.Float64, "duration_s": pl.Float64},
    "environment": {"timestamp": MOMENT, "site_id": pl.String, "ambient_c": pl.Float64},
}  # fmt: skip
"""The columns of each small list: those of the wire format that a simulated fleet fills."""

TRUTH: Schema = {
    "device_id": pl.String,
    "connector_id": pl.Int64,
    "fault_code": pl.String,
    "cause_id": pl.String,
    "timestamp": MOMENT,
}
"""The true causes, one row a fault as it was reported: charger, connector (null where it is the whole charger's), code, cause, when."""


def moments(times: Floats | list[float | None]) -> pl.Series:
    """Epoch seconds as moments of a frame; what is None or NaN is null."""
    seconds = np.array(
        [np.nan if time is None else time for time in times] if isinstance(times, list) else times, dtype=np.float64
    )
    whole = np.round(np.nan_to_num(seconds) * 1000).astype(np.int64)
    return pl.Series(whole).cast(MOMENT).set(pl.Series(np.isnan(seconds)), None)


def frame_of(schema: Schema, records: list[dict[str, Any]]) -> pl.DataFrame:
    """Records with dotted names as a frame; free-form values as JSON text."""
    columns = []
    for name, dtype in schema.items():
        values = [record.get(name) for record in records]
        if dtype == MOMENT:
            columns.append(moments(values).alias(name))
        elif dtype == JSON:
            columns.append(pl.Series(name, [_json(value) for value in values], dtype=pl.String))
        else:
            columns.append(pl.Series(name, values, dtype=dtype))
    return pl.DataFrame(columns)


def _json(value: Any) -> str | None:
    import orjson

    return None if value is None else orjson.dumps(value).decode()
