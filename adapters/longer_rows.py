"""Rows of CSV with more cells than the header: read as they stand, but never without a word."""

from __future__ import annotations

from collections.abc import Sequence

HOW_TO_MEND = "write decimals with a point, and put cells that hold the separator in quotes"
"""What to do about such rows: most come of a cell that was cut in two."""


def first_beyond(row: Sequence[str], columns: int) -> str | None:
    """The first cell of a row that stands beyond the columns of the header and is not blank; None where there is none."""
    return next((cell for cell in row[columns:] if cell.strip()), None)
