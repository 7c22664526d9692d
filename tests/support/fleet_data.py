"""A small fleet made of the shipped examples, and the layouts in which a data set of it can lie on disk."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from charger_triage.adapters.files import read_bundle
from charger_triage.knowledge.observations import Observations, observe, plain_json
from charger_triage.knowledge.records import TIME_FIELD

EXAMPLES = Path(__file__).parents[2] / "examples"
MOMENT = "2026-05-12T12:00:00Z"
FREE_FORM = frozenset({"data", "params", "result", "details", "location", "value", "connectors", "power_modules"})
"""Fields whose values are written as JSON text where a layout has no nesting."""

Record = dict[str, Any]
Lists = dict[str, list[Record]]


@cache
def example_fleet() -> Lists:
    """The records of all examples (their sites renamed apart), and faults of other kinds on chargers of a site and of none."""
    lists: Lists = {}
    for path in sorted(EXAMPLES.iterdir()):
        if (path.is_dir() and path.name.startswith("f")) or path.suffix in (".json", ".zip"):
            for name, table in read_bundle(path).observations.tables.items():
                lists.setdefault(name, []).extend(_of_example(record.raw, path.stem) for record in table.records)
    lists["devices"] += [
        {"device_id": "ALONE", "model": "TP-AC22", "firmware_version": "3.0.1"},
        {"device_id": "OCPP-1", "site_id": "other", "model": "TP-DC60", "last_heartbeat": MOMENT},
        {"device_id": "OCPP-2", "site_id": "other", "model": "TP-DC60"},
    ]
    lists["sites"].append({"site_id": "other", "area": "west"})
    lists["events"] += [
        _fault("ALONE", 1, "F-0421", coil_supply_v=24.1),
        _fault("ALONE", 2, "F-9999", note="ärgerlich"),
        _fault("OCPP-1", 1, "PowerSwitchFailure"),
    ]
    lists["heartbeats"] += [
        {"timestamp": "2026-05-12T11:59:40Z", "device_id": "OCPP-2", "status": "fault", "fault_code": "F-0601"},
        {"timestamp": "2026-05-12T11:59:10Z", "device_id": "OCPP-2", "status": "online", "fault_code": 0},
        {"timestamp": "2026-05-12T11:59:50Z", "device_id": "ALONE", "status": "online"},
    ]
    lists["telemetry"] += [
        {"timestamp": f"2026-05-12T11:{minute:02}:00Z", "device_id": "OCPP-1", "connector_id": 1, "state": "charging",
         "voltage": 400 + minute, "current": 12.5, "component_health": {"cooling_fan_rpm": 2100}}
        for minute in range(60)
    ]  # fmt: skip
    return lists


def _of_example(raw: Mapping[str, Any], example: str) -> Record:
    record = dict(plain_json(dict(raw)))
    return {**record, "site_id": f"{example}/{record['site_id']}"} if record.get("site_id") else record


def _fault(device: str, connector: int, code: str, **details: Any) -> Record:
    return {
        "timestamp": "2026-05-12T11:30:00Z", "device_id": device, "connector_id": connector, "event_type": "fault",
        "data": {"fault_code": code, "fault_message": "seen", "details": details},
    }  # fmt: skip


def whole(lists: Lists) -> Observations:
    """The fleet as one bundle in memory."""
    return observe(lists)


# Layouts


def one_file_a_list(lists: Lists, folder: Path) -> None:
    """Parquet, one file for each list."""
    for name, records in lists.items():
        _parquet(records, folder / f"{name}.parquet")


def by_site_and_date(lists: Lists, folder: Path) -> None:
    """Parquet by site where a list's records name a charger, within it by date; telemetry of old rows first."""
    sites = {record["device_id"]: record.get("site_id") for record in lists["devices"]}
    for name, records in lists.items():
        for (site, date), some in _parted(records, lambda r, n=name: (sites.get(r.get("device_id", "")), _date(n, r))):  # type: ignore[misc]
            where = folder / name / f"site={_quoted(site)}" / f"date={date}"
            _parquet(list(reversed(some)), where / "part.parquet")


def by_date_as_csv(lists: Lists, folder: Path) -> None:
    """CSV by date, half of the files packed."""
    for name, records in lists.items():
        for place, (date, some) in enumerate(_parted(records, lambda r, n=name: _date(n, r))):  # type: ignore[misc]
            _csv(some, folder / f"{name}-{date}.csv{'.gz' if place % 2 else ''}")


def shuffled_json_lines(lists: Lists, folder: Path) -> None:
    """JSON lines in three files a list, rows dealt out like cards."""
    for name, records in lists.items():
        for hand in range(3):
            path = folder / "raw" / name / f"{hand}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{json.dumps(record)}\n" for record in records[hand::3]), encoding="utf-8")


LAYOUTS: Mapping[str, Callable[[Lists, Path], None]] = {
    "one file a list": one_file_a_list,
    "by site and date": by_site_and_date,
    "by date as CSV": by_date_as_csv,
    "JSON lines": shuffled_json_lines,
}


def _parted(records: Iterable[Record], key: Callable[[Record], Any]) -> list[tuple[Any, list[Record]]]:
    parts: dict[Any, list[Record]] = {}
    for record in records:
        parts.setdefault(key(record), []).append(record)
    return sorted(parts.items(), key=lambda part: str(part[0]))


def _date(name: str, record: Record) -> str:
    field = TIME_FIELD.get(name, "timestamp")
    return str(record.get(field) or "never")[:10]


def _quoted(site: str | None) -> str:
    return "__HIVE_DEFAULT_PARTITION__" if site is None else site.replace("/", "%2F")


def _flat(record: Mapping[str, Any], prefix: str = "") -> Record:
    found: Record = {}
    for key, value in record.items():
        if isinstance(value, dict) and key not in FREE_FORM:
            found.update(_flat(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = json.dumps(value) if isinstance(value, (dict, list)) else value
    return found


def _parquet(records: list[Record], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = [_flat(record) for record in records]
    columns: dict[str, list[Any]] = {}
    for name in dict.fromkeys(name for record in flat for name in record):
        values = [record.get(name) for record in flat]
        mixed = len({type(value) for value in values if value is not None} - {int, float}) > 1 or (
            any(isinstance(value, str) for value in values) and any(isinstance(value, (int, float)) for value in values)
        )
        columns[name] = [None if value is None else str(value) for value in values] if mixed else values
    pl.DataFrame(columns, strict=False).write_parquet(path)


def _csv(records: list[Record], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = [_flat(record) for record in records]
    with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for record in flat for name in record)))
        writer.writeheader()
        writer.writerows(flat)
