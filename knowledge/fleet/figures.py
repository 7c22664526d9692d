"""Figures: what measurements read of the telemetry and heartbeats of chargers at other sites, one number a charger.

Telemetry and heartbeats of the own site are read themselves. Those of all others would be too many for a data set of
100,000 chargers, so they are reduced: in memory from the record lists, in a fleet batch by batch in one scan. Both give the
same numbers, however the records are divided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..columns.arrays import texts_of
from ..columns.names import OrderedNames, Pairs
from ..observations import Floats, Observations, Table
from .grouping import ByCharger

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

_NAMED = {figure.name: figure for figure in FIGURES}

NAMES = (*_NAMED, OFFLINE_FROM)
"""What figures are called."""


@dataclass(frozen=True)
class Figures:
    """The figures of all chargers: for each name the chargers of which it is known."""

    columns: Mapping[str, Mapping[str, float]]

    def of(self, name: str, device: str) -> float | None:
        """A figure of one charger; None where it is not known. Raises KeyError for a name that is no figure."""
        return self.columns[name].get(device)

    def __reduce__(self) -> tuple[type[Figures], tuple[dict[str, Mapping[str, float]]]]:
        """Pickled are the figures, not the lists that they are measured on."""
        return Figures, (dict(self.columns),)

    @classmethod
    def measured(cls, observations: Observations) -> Figures:
        """The figures of record lists held in memory, each reduced when it is first asked for."""
        return cls(_Measured(observations))


class NumberByCharger(Mapping[str, float]):
    """A number of each charger of which it is known: of the chargers in the order of `names`, NaN where it is not."""

    def __init__(self, names: OrderedNames, numbers: Floats) -> None:
        self._names = names
        self._numbers = numbers

    def __getitem__(self, device: str) -> float:
        number = self.get(device)
        if number is None:
            raise KeyError(device)
        return float(number)

    def get(self, device: str, default: Any = None) -> Any:
        """The number of a charger, else the default."""
        place = self._names.place(device)
        number = np.nan if place is None else float(self._numbers[place])
        return default if number != number else number

    def items(self) -> Pairs[float]:
        return Pairs(self, self._pairs)

    def _pairs(self) -> Iterator[tuple[str, float]]:
        every = zip(self._names, self._numbers.tolist(), strict=True)
        return ((name, number) for name, number in every if number == number)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._pairs())

    def __len__(self) -> int:
        return int(np.count_nonzero(~np.isnan(self._numbers)))


class _Measured(Mapping[str, Mapping[str, float]]):
    def __init__(self, observations: Observations) -> None:
        self._observations = observations
        self._found: dict[str, Mapping[str, float]] = {}

    def __getitem__(self, name: str) -> Mapping[str, float]:
        if name not in self._found:
            self._found[name] = self._load(name)
        return self._found[name]

    def _load(self, name: str) -> Mapping[str, float]:
        if name == OFFLINE_FROM:
            return _offline_from(self._observations["heartbeats"], self["beat_until"])
        figure = _NAMED[name]
        return _reduced(self._observations[figure.list], figure)

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


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


def partial_figures(name: str, rows: ByCharger) -> pl.DataFrame:
    """What some records of a list (`telemetry` or `heartbeats`) come to, one row a charger (several where its rows stand apart).

    The records have a `timestamp` (moments in UTC), and what there is of the columns that FIGURES name by their dotted paths
    and of `status`; they may be any of any chargers.
    """
    import polars as pl

    figures = [figure for figure in FIGURES if figure.list == name]
    found = [rows.reduced(_reduction(each), _counted(each, rows)) for each in figures if each.path in rows.columns]
    if name == "heartbeats" and "status" in rows.columns:
        offline = [_seconds(pl.col("timestamp").unique().sort()).alias(OFFLINE_FROM)]
        found.append(rows.reduced(offline, pl.col("status") == OFFLINE))
    together = rows.named(*found)
    columns: dict[str, Any] = {column: pl.Float64() for figure in figures for column in _columns(figure)}
    if name == "heartbeats":
        columns[OFFLINE_FROM] = pl.List(pl.Float64)
    return together.with_columns(
        pl.lit(None, dtype).alias(column) for column, dtype in columns.items() if column not in together.columns
    )


def _counted(figure: Figure, rows: ByCharger) -> pl.Expr | None:
    """Whether a record counts; None where all do."""
    import polars as pl

    if figure.reduction == "newest":
        return pl.col(figure.path).is_between(figure.low, figure.high)
    if figure.unless is not None and "status" in rows.columns:
        return pl.col("status").ne_missing(pl.lit(figure.unless))
    return None


def _reduction(figure: Figure) -> list[pl.Expr]:
    """What the records that count come to."""
    import polars as pl

    time = pl.col("timestamp")
    match figure.reduction:
        case "earliest":
            return [_seconds(time.min()).alias(figure.name)]
        case "latest":
            return [_seconds(time.max()).alias(figure.name)]
        case "newest":
            newest = pl.col(figure.path).filter(time == time.max()).max()
            return [newest.cast(pl.Float64).alias(figure.name), _seconds(time.max()).alias(_at(figure))]


def _columns(figure: Figure) -> tuple[str, ...]:
    """The columns of what the records come to."""
    return (figure.name, _at(figure)) if figure.reduction == "newest" else (figure.name,)


def _seconds(moment: pl.Expr) -> pl.Expr:
    return moment.dt.epoch("us") / 1e6


def _at(figure: Figure) -> str:
    return f"{figure.name} at"


def merged_figures(partials: Iterable[tuple[str, pl.DataFrame]]) -> Figures:
    """The figures of all chargers from the parts of their lists (name, `partial_figures`), in any order and number."""
    import polars as pl

    parts: dict[str, list[pl.DataFrame]] = {}
    for name, part in partials:
        parts.setdefault(name, []).append(part)
    whole = pl.DataFrame(schema={"device_id": pl.String})
    for name, frames in parts.items():
        together = pl.concat(frames, how="diagonal_relaxed")
        figures = [figure for figure in FIGURES if figure.list == name]
        found = together.group_by("device_id").agg(_merged(figure).alias(figure.name) for figure in figures)
        if name == "heartbeats":
            said = together.select("device_id", OFFLINE_FROM).explode(OFFLINE_FROM).drop_nulls()
            later = said.join(found.select("device_id", "beat_until"), on="device_id").filter(
                pl.col("beat_until").is_null() | (pl.col(OFFLINE_FROM) > pl.col("beat_until"))
            )
            first = later.group_by("device_id").agg(pl.col(OFFLINE_FROM).min())
            found = found.join(first, on="device_id", how="left")
        whole = whole.join(found, on="device_id", how="full", coalesce=True)
    whole = whole.sort("device_id")
    names = OrderedNames(texts_of(whole["device_id"].to_list()))
    return Figures({name: NumberByCharger(names, _numbers(whole, name)) for name in NAMES})


def _merged(figure: Figure) -> pl.Expr:
    import polars as pl

    match figure.reduction:
        case "earliest":
            return pl.col(figure.name).min()
        case "latest":
            return pl.col(figure.name).max()
        case "newest":
            return pl.col(figure.name).filter(pl.col(_at(figure)) == pl.col(_at(figure)).max()).max()


def _numbers(frame: pl.DataFrame, name: str) -> Floats:
    import polars as pl

    if name not in frame.columns:
        return np.full(frame.height, np.nan)
    return frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
