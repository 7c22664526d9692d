"""Figures: what measurements read of the telemetry and heartbeats of chargers at other sites, one number a charger.

Telemetry and heartbeats of the own site are read themselves. Those of all others would be too many for a data set of
100,000 chargers, so they are reduced: in memory from the record lists, in a fleet batch by batch in one scan. Both give the
same numbers, however the records are divided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..observations import Observations, Table
from .grouping import per_charger

if TYPE_CHECKING:
    import polars as pl

Reduction = Literal["earliest", "latest", "newest"]
"""The time of the earliest or the latest record (epoch seconds), or the newest believable value of a column."""

OFFLINE = "offline"
"""The status of a heartbeat by which the platform says that the charger is offline: no beat."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number a charger: of which list, reduced how.

    Of records of one moment the largest value counts. `unless` is a status whose records do not count; values outside
    `low` to `high` are not believed.
    """

    name: str
    list: str
    reduction: Reduction
    path: str = "timestamp"
    unless: str | None = None
    low: float = -np.inf
    high: float = np.inf


FIGURES = (
    Figure("telemetry_from", "telemetry", "earliest"),
    Figure("telemetry_until", "telemetry", "latest"),
    Figure("heartbeats_from", "heartbeats", "earliest"),
    Figure("heartbeats_until", "heartbeats", "latest"),
    Figure("beat_until", "heartbeats", "latest", unless=OFFLINE),
    # judgement: counters below zero or beyond 100 million cycles are not believed
    Figure("contactor_cycles", "telemetry", "newest", "component_health.contactor_cycles", low=0.0, high=1e8),
    Figure("contactor_max_cycles", "telemetry", "newest", "component_health.contactor_max_cycles", low=1e-9),
)
"""All figures but one: `offline_from`, the earliest heartbeat that says offline after the newest beat."""

OFFLINE_FROM = "offline_from"


@dataclass(frozen=True)
class Figures:
    """The figures of all chargers: for each name the chargers of which it is known."""

    columns: Mapping[str, Mapping[str, float]]

    def of(self, name: str, device: str) -> float | None:
        """A figure of one charger; None where it is not known. Raises KeyError for a name that is no figure."""
        return self.columns[name].get(device)

    def __reduce__(self) -> tuple[type[Figures], tuple[dict[str, dict[str, float]]]]:
        """Pickled are the figures, not the lists that they are measured on."""
        return Figures, ({name: dict(column) for name, column in self.columns.items()},)

    @classmethod
    def measured(cls, observations: Observations) -> Figures:
        """The figures of record lists held in memory, each reduced when it is first asked for."""
        return cls(_Measured(observations))


class _Measured(Mapping[str, Mapping[str, float]]):
    def __init__(self, observations: Observations) -> None:
        self._observations = observations
        self._found: dict[str, Mapping[str, float]] = {}

    @cached_property
    def _loads(self) -> Mapping[str, Callable[[], Mapping[str, float]]]:
        loads: dict[str, Callable[[], Mapping[str, float]]] = {
            figure.name: lambda figure=figure: _reduced(self._observations[figure.list], figure)  # type: ignore[misc]
            for figure in FIGURES
        }
        return {**loads, OFFLINE_FROM: lambda: _offline_from(self._observations["heartbeats"], self["beat_until"])}

    def __getitem__(self, name: str) -> Mapping[str, float]:
        if name not in self._found:
            self._found[name] = self._loads[name]()
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loads)

    def __len__(self) -> int:
        return len(self._loads)


def _reduced(table: Table, figure: Figure) -> dict[str, float]:
    values = table.numbers(figure.path) if figure.reduction == "newest" else table.times
    kept = (values >= figure.low) & (values <= figure.high)
    if figure.unless is not None:
        kept &= ~_says(table, figure.unless)
    found: dict[str, float] = {}
    for device, every in table.by_device.items():
        rows = every[kept[every]]
        if not len(rows):
            continue
        column = values[rows]
        match figure.reduction:
            case "earliest":
                found[device] = float(column.min())
            case "latest":
                found[device] = float(column.max())
            case "newest":
                times = table.times[rows]
                found[device] = float(column[times == times.max()].max())
    return found


def _says(table: Table, status: str) -> NDArray[np.bool_]:
    words = table.texts("status")
    return np.fromiter((word == status for word in words), dtype=bool, count=len(words))


def _offline_from(table: Table, beats: Mapping[str, float]) -> dict[str, float]:
    said = _says(table, OFFLINE)
    if not said.any():
        return {}
    found: dict[str, float] = {}
    for device, every in table.by_device.items():
        times = table.times[every[said[every]]]
        later = times[times > beats.get(device, -np.inf)]
        if len(later):
            found[device] = float(later.min())
    return found


# Of many batches, by Polars


def partial_figures(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """What some records of a list (`telemetry` or `heartbeats`) come to, one row a charger (several where its rows stand apart).

    The frame has a `device_id` (text), `timestamp` (moments in UTC), and what there is of the columns that FIGURES name by
    their dotted paths and `status`; it may hold any records of any chargers.
    """
    import polars as pl

    figures = [figure for figure in FIGURES if figure.list == name]
    # laid out before they are reduced: many times as fast as the same within each group
    time = pl.col("timestamp").dt.epoch("us") / 1e6
    held = [time.alias(_MOMENT), *(pl.col(path) for path in ("device_id", "status") if path in frame.columns)]
    for figure in (each for each in figures if each.reduction == "newest" and each.path in frame.columns):
        believed = pl.when(pl.col(figure.path).is_between(figure.low, figure.high))
        held.append(believed.then(pl.col(figure.path).cast(pl.Float64)).alias(figure.name))
        held.append(believed.then(time).alias(_at(figure)))
    there, frame = set(frame.columns), frame.select(held)
    moment = pl.col(_MOMENT)
    columns: list[pl.Expr] = []
    for figure in figures:
        kept: pl.Expr | None = None
        if figure.unless is not None and "status" in frame.columns:
            kept = pl.col("status").ne_missing(pl.lit(figure.unless))
        match figure.reduction:
            case "earliest":
                columns.append(_of_those(moment, kept).min().alias(figure.name))
            case "latest":
                columns.append(_of_those(moment, kept).max().alias(figure.name))
            case "newest" if figure.path in there:
                value, at = pl.col(figure.name), pl.col(_at(figure))
                columns += [value.filter(at == at.max()).max(), at.max()]
            case "newest":
                columns += [pl.lit(None, pl.Float64).alias(column) for column in (figure.name, _at(figure))]
    if name == "heartbeats":
        said = pl.col("status") == OFFLINE if "status" in frame.columns else pl.lit(False)
        columns.append(moment.filter(said.fill_null(False)).unique().sort().alias(OFFLINE_FROM))
    return per_charger(frame, columns)


_MOMENT = "epoch seconds"


def _of_those(moment: pl.Expr, kept: pl.Expr | None) -> pl.Expr:
    return moment if kept is None else moment.filter(kept)


def _at(figure: Figure) -> str:
    return f"{figure.name} at"


def merged_figures(partials: Iterable[tuple[str, pl.DataFrame]]) -> Figures:
    """The figures of all chargers from the parts of their lists (name, `partial_figures`), in any order and number."""
    import polars as pl

    parts: dict[str, list[pl.DataFrame]] = {}
    for name, part in partials:
        parts.setdefault(name, []).append(part)
    columns: dict[str, dict[str, float]] = {figure.name: {} for figure in FIGURES}
    columns[OFFLINE_FROM] = {}
    for name, frames in parts.items():
        together = pl.concat(frames, how="diagonal_relaxed")
        figures = [figure for figure in FIGURES if figure.list == name]
        whole = together.group_by("device_id").agg(_merged(figure).alias(figure.name) for figure in figures)
        for figure in figures:
            columns[figure.name] = _known(whole, figure.name)
        if name == "heartbeats":
            said = together.select("device_id", OFFLINE_FROM).explode(OFFLINE_FROM).drop_nulls()
            later = said.join(whole.select("device_id", "beat_until"), on="device_id").filter(
                pl.col("beat_until").is_null() | (pl.col(OFFLINE_FROM) > pl.col("beat_until"))
            )
            columns[OFFLINE_FROM] = _known(later.group_by("device_id").agg(pl.col(OFFLINE_FROM).min()), OFFLINE_FROM)
    return Figures(columns)


def _merged(figure: Figure) -> pl.Expr:
    import polars as pl

    match figure.reduction:
        case "earliest":
            return pl.col(figure.name).min()
        case "latest":
            return pl.col(figure.name).max()
        case "newest":
            return pl.col(figure.name).filter(pl.col(_at(figure)) == pl.col(_at(figure)).max()).max()


def _known(frame: pl.DataFrame, name: str) -> dict[str, float]:
    known = frame.select("device_id", name).drop_nulls().sort("device_id")
    return dict(zip(known["device_id"].to_list(), known[name].to_list(), strict=True))
