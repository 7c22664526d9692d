"""Counters of the cycles that contactors and inverters make: where one was set back."""

from __future__ import annotations

import numpy as np

from ..readings import Readings

KEPT = 0.9
"""What a counter that was not set back shows at least of what it had shown (our judgement: a restart loses less than a tenth,
and what is set back begins near zero)."""


def last_reset(counts: Readings) -> int | None:
    """The place of the last reading before a counter was set back, so that it fell by more than a tenth; None where it never was.

    It was not where it jumps back to what it had shown, nor where a jump up came before and it goes on from there: what lies
    between are stray readings.
    """
    before, after = counts.values[:-1], counts.values[1:]
    falls, rises = np.flatnonzero(after < KEPT * before), np.flatnonzero(before < KEPT * after)
    jumped_to = np.zeros(len(after))
    jumped_to[rises] = after[rises]
    highest_later = np.maximum.accumulate(jumped_to[::-1])[::-1][falls]
    left_at = np.append(np.nan, before[rises])[rises.searchsorted(falls)]
    is_back = highest_later >= before[falls]
    goes_on = (KEPT * after[falls] <= left_at) & (left_at <= after[falls])
    resets = falls[~(is_back | goes_on)]
    return int(resets[-1]) if len(resets) else None


def since_last_reset(counts: Readings) -> tuple[Readings, bool]:
    """The readings since a counter was last set back, and whether it ever was."""
    place = last_reset(counts)
    return (counts, False) if place is None else (counts.at(slice(place + 1, None)), True)
