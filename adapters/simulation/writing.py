"""Writing: record lists as files that `fleet` and `diagnose` read, in bounded memory and with the same bytes each time.

Small lists are one file each. Telemetry and heartbeats are one file each (`none`), or folders by site or by date.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import polars as pl

from .lists import JSON, MOMENT, SCHEMAS, frame_of

ROWS_A_PART = 400_000
"""Telemetry rows of a site that are gathered for one file (our judgement: some 120 MB)."""

ROWS_WAITING = 500_000
"""Rows of all dates gathered before a part of each is written (our judgement: some 150 MB)."""

RECORDS_A_PART = 20_000
"""Records of a small list gathered before they are written (our judgement: some 20 MB of Python objects)."""


class FileFormat(StrEnum):
    """How record lists are written."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


class Partition(StrEnum):
    """How telemetry and heartbeats are divided."""

    SITE = "site"
    DATE = "date"
    NONE = "none"


class ListFile:
    """One file that grows frame by frame; Parquet is gathered from parts at the end."""

    def __init__(self, path: Path, file_format: FileFormat) -> None:
        self.path, self.format = path, file_format
        self._parts: list[Path] = []
        self._begun = False

    def append(self, frame: pl.DataFrame) -> None:
        """Add rows."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.format is FileFormat.PARQUET:
            part = self.path.with_name(f".{self.path.name}.{len(self._parts):06d}")
            frame.write_parquet(part, compression="uncompressed", statistics=False)
            self._parts.append(part)
            return
        with self.path.open("ab" if self._begun else "wb") as file:
            if self.format is FileFormat.CSV:
                _as_csv(frame).write_csv(file, include_header=not self._begun, datetime_format="%Y-%m-%dT%H:%M:%S%.3fZ")
            else:
                file.write(_as_json_lines(frame))
        self._begun = True

    def finish(self) -> None:
        """Make the file whole."""
        if not self._parts:
            return
        pl.scan_parquet(self._parts, glob=False).sink_parquet(self.path, row_group_size=250_000, maintain_order=True)
        for part in self._parts:
            part.unlink()


def write_whole(frame: pl.DataFrame, path: Path, file_format: FileFormat) -> None:
    """Write a file at once."""
    if file_format is FileFormat.PARQUET:
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path, compression="zstd", compression_level=1, row_group_size=250_000)
    else:
        ListFile(path, file_format).append(frame)


class FleetWriter:
    """Takes the records of one site after another and writes them under a folder."""

    def __init__(self, folder: Path, file_format: FileFormat, partition: Partition) -> None:
        self.folder, self.format, self.partition = folder, file_format, partition
        self.rows: dict[str, int] = {}
        self._gathered: dict[str, list[dict[str, Any]]] = {name: [] for name in SCHEMAS}
        self._files: dict[str, ListFile] = {}
        self._dates: dict[tuple[str, str], list[pl.DataFrame]] = {}
        self._parts: dict[tuple[str, str], int] = {}
        self._waiting = 0

    def take(self, lists: dict[str, list[dict[str, Any]]], site: str, telemetry: Iterator[pl.DataFrame]) -> None:
        """Take the records of a site."""
        for name, records in lists.items():
            if name == "heartbeats":
                continue
            self._gathered[name].extend(records)
            if len(self._gathered[name]) >= RECORDS_A_PART:
                self._write_gathered(name)
        self._divided(
            "heartbeats", site, iter([frame_of(SCHEMAS["heartbeats"], _in_order(lists.get("heartbeats", [])))])
        )
        self._divided("telemetry", site, telemetry)

    def finish(self) -> None:
        """Write what is left."""
        for name in SCHEMAS:
            if name != "heartbeats" and self._gathered[name]:
                self._write_gathered(name)
        self._write_dates()
        for file in self._files.values():
            file.finish()

    def _write_gathered(self, name: str) -> None:
        records = self._gathered[name]
        self._gathered[name] = []
        self._file(name).append(frame_of(SCHEMAS[name], records))
        self.rows[name] = self.rows.get(name, 0) + len(records)

    def _file(self, name: str) -> ListFile:
        if name not in self._files:
            self._files[name] = ListFile(self.folder / f"{name}.{self.format}", self.format)
        return self._files[name]

    def _divided(self, name: str, site: str, frames: Iterator[pl.DataFrame]) -> None:
        of_site: list[pl.DataFrame] = []
        for frame in frames:
            if not len(frame):
                continue
            self.rows[name] = self.rows.get(name, 0) + len(frame)
            if self.partition is Partition.NONE:
                self._file(name).append(frame)
            elif self.partition is Partition.SITE:
                of_site.append(frame)
                if sum(map(len, of_site)) >= ROWS_A_PART:
                    self._write_site(name, site, of_site)
                    of_site = []
            else:
                self._by_date(name, frame)
        if of_site:
            self._write_site(name, site, of_site)

    def _write_site(self, name: str, site: str, frames: list[pl.DataFrame]) -> None:
        self._write_part(name, f"site={site}", pl.concat(frames))

    def _by_date(self, name: str, frame: pl.DataFrame) -> None:
        date = pl.col("timestamp").dt.date().cast(pl.String).alias("date")
        for (day,), rows in frame.with_columns(date).group_by("date", maintain_order=True):
            self._dates.setdefault((name, str(day)), []).append(rows.drop("date"))
        self._waiting += len(frame)
        if self._waiting >= ROWS_WAITING:
            self._write_dates()

    def _write_dates(self) -> None:
        for (name, date), frames in sorted(self._dates.items()):
            self._write_part(name, f"date={date}", pl.concat(frames))
        self._dates, self._waiting = {}, 0

    def _write_part(self, name: str, folder: str, frame: pl.DataFrame) -> None:
        number = self._parts[name, folder] = self._parts.get((name, folder), -1) + 1
        part = "part" if not number else f"part-{number:04d}"
        write_whole(frame, self.folder / name / folder / f"{part}.{self.format}", self.format)


def _in_order(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(records, key=lambda record: (record["device_id"], record["timestamp"]))


def _as_csv(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists of modules as JSON text: CSV holds no nested values."""
    if "power_modules" not in frame.columns:
        return frame
    texts = [
        None if value is None else json.dumps(value.to_list(), separators=(",", ":"))
        for value in frame["power_modules"]
    ]
    return frame.with_columns(pl.Series("power_modules", texts, dtype=pl.String))


def _as_json_lines(frame: pl.DataFrame) -> bytes:
    """Rows as JSON lines, dotted columns nested, what is unknown left out, JSON text as JSON."""
    import orjson

    free = {name for name, dtype in _free_form().items() if name in frame.columns and dtype}
    moments = [name for name, dtype in frame.schema.items() if dtype == MOMENT]
    told = frame.with_columns(pl.col(moments).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
    paths = {name: name.split(".") for name in told.columns}
    lines = []
    for row in told.iter_rows(named=True):
        record: dict[str, Any] = {}
        for name, value in row.items():
            if value is None:
                continue
            inner = record
            *parents, last = paths[name]
            for parent in parents:
                inner = inner.setdefault(parent, {})
            inner[last] = orjson.Fragment(value) if name in free else value
        lines.append(orjson.dumps(record))
    return b"\n".join([*lines, b""])


def _free_form() -> dict[str, bool]:
    """Columns whose text is JSON."""
    return {name: dtype == JSON for schema in SCHEMAS.values() for name, dtype in schema.items() if dtype == JSON}
