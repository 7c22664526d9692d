"""The parts that batches write: each a file that is there as a whole or not at all, named after what it covers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from .manifest import write_file
from .plan import Batch
from .rows import HYPOTHESES, WATCHES

PART: Mapping[str, Any] = {
    "site_id": pl.String, "device_id": pl.String, "incidents": pl.Int64, "failure": pl.String, "diagnosis": pl.String,
    "hypotheses": pl.List(pl.Struct(dict(HYPOTHESES))), "watches": pl.List(pl.Struct(dict(WATCHES))),
}  # fmt: skip
"""The columns of a part, a row a charger: what it came to in JSON and in rows, or why it could not be diagnosed."""

_NAME = re.compile(r"(\d{6})-(\d{6})-(\d{6})\.parquet")


@dataclass(frozen=True, order=True)
class Part:
    """Chargers of a batch that are done: from which place among those of the batch, and how many."""

    batch: int
    offset: int
    chargers: int

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.batch:06d}-{self.offset:06d}-{self.chargers:06d}.parquet"


def write_part(folder: Path, batch: Batch, frame: pl.DataFrame) -> Part:
    """Write what came of a batch."""
    part = Part(batch.number, batch.offset, len(batch.chargers))
    write_file(folder / part.name, frame.write_parquet)
    return part


def parts_in(folder: Path) -> list[Part]:
    """The parts in a folder, in the order of the chargers, each charger in one only; what was left unfinished is none."""
    names = (_NAME.fullmatch(path.name) for path in folder.iterdir())
    return in_order(Part(int(name[1]), int(name[2]), int(name[3])) for name in names if name is not None)


def in_order(parts: Iterable[Part]) -> list[Part]:
    """Parts in the order of the chargers, each charger in one only."""
    found: list[Part] = []
    # a batch may have been done as a whole by one worker and in halves by others, when the first was thought to be dead
    for part in sorted(parts, key=lambda part: (part.batch, part.offset, -part.chargers)):
        if not found or (part.batch, part.offset) >= (found[-1].batch, found[-1].offset + found[-1].chargers):
            found.append(part)
    return found


def missing(batches: Iterable[Batch], parts: Iterable[Part]) -> Iterator[Batch]:
    """What of some batches no part covers."""
    done: dict[int, list[Part]] = {}
    for part in parts:
        done.setdefault(part.batch, []).append(part)
    for batch in batches:
        at = 0
        for part in done.get(batch.number, ()):
            if part.offset > at:
                yield batch.part(at, part.offset)
            at = part.offset + part.chargers
        if at < len(batch.chargers):
            yield batch.part(at, len(batch.chargers))
