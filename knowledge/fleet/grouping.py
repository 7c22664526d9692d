"""Rows of many chargers reduced charger by charger, by Polars."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

ROWS_TOGETHER = 8
"""Rows of one charger that stand together on average, from which on runs of rows are reduced instead of chargers (our
judgement: Polars takes a third of the time for rows that it need not look for, and what is left is small beside them)."""

_KEY = "charger or run of its rows"


class ByCharger:
    """Rows of many chargers, to be reduced charger by charger.

    Where the rows of a charger stand apart there may be several rows of figures of it: they must be such that those of parts
    can be merged.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        """Take rows with a `device_id` (text)."""
        import polars as pl

        self.columns = frame.columns
        runs = frame.get_column("device_id").rle_id()
        together = frame.height > 0 and int(runs[-1]) * ROWS_TOGETHER < frame.height
        # groups of a key that is known to be sorted are not looked for
        key = runs.rename(_KEY).set_sorted() if together else pl.col("device_id").alias(_KEY)
        self._rows = frame.lazy().with_columns(key)

    def reduced(self, figures: Iterable[pl.Expr], of: pl.Expr | None = None) -> pl.DataFrame:
        """Figures of the rows of each charger, or `of` those that pass a test; `named` tells whose they are."""
        rows = self._rows if of is None else self._rows.filter(of)
        # the streaming engine, Polars' default, takes several times as long for runs
        return rows.group_by(_KEY).agg(figures).collect(engine="in-memory")

    def named(self, *reduced: pl.DataFrame) -> pl.DataFrame:
        """Figures by `device_id`, of all chargers; null where there are none of a charger."""
        together = self._names.lazy()
        for each in reduced:
            together = together.join(each.lazy(), on=_KEY, how="left", nulls_equal=True)
        return together.drop(_KEY).collect(engine="in-memory")

    @cached_property
    def _names(self) -> pl.DataFrame:
        import polars as pl

        return self.reduced([pl.col("device_id").first()])
