"""ISO 8601 timestamps in columns: digits turned into microseconds without an object for each.

Only spellings about which there is no doubt are read: `YYYY-MM-DD`, `T` or a blank, `hh:mm:ss`, at most six decimals, and
`Z`, `±hh:mm`, `±hh` or nothing (UTC). What is not read here is for the validator of single records to judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

Bytes = NDArray[np.uint8]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

NOT_READ = np.iinfo(np.int64).min
"""Stands for a text that is no timestamp in one of these spellings."""

_SECONDS = len("2026-05-10T12:00:00")
_DECIMALS = 6
_OFFSET = len("+02:00")
_HOURS = len("+02")
_LONGEST = _SECONDS + 1 + _DECIMALS + _OFFSET
FIRST_SURE_YEAR, LAST_SURE_YEAR = 2, 9998
"""Years whose moments have a place on the calendar in every time zone."""


def microseconds(texts: pl.Series) -> Whole:
    """Microseconds since 1970 UTC of each text, NOT_READ where it is none of these spellings. No text may be null."""
    lengths = texts.str.len_bytes()
    found = np.full(len(texts), NOT_READ, dtype=np.int64)
    for length in lengths.unique().to_list():
        if not _SECONDS <= length <= _LONGEST:
            continue
        places = np.flatnonzero((lengths == length).to_numpy())
        joined = texts.gather(places).str.join("").item()
        letters = np.frombuffer(joined.encode(), dtype=np.uint8).reshape(len(places), length)
        found[places] = _of_one_length(np.ascontiguousarray(letters.T))
    return found


def _of_one_length(letters: Bytes) -> Whole:
    """Timestamps of one length; `letters` has a row for each place in the text."""
    utc = (letters[-1] == ord("Z")) | (letters[-1] == ord("z"))
    offset = ((letters[-_OFFSET] == ord("+")) | (letters[-_OFFSET] == ord("-"))) & (letters[-3] == ord(":")) & ~utc
    hours = (letters[-_HOURS] == ord("+")) | (letters[-_HOURS] == ord("-"))
    found = np.full(letters.shape[1], NOT_READ, dtype=np.int64)
    for zoned, zone in ((utc, 1), (offset, _OFFSET), (hours, _HOURS), (~(utc | offset | hours), 0)):
        if zoned.all():
            return _of_one_spelling(letters, zone)
        if zoned.any():
            found[zoned] = _of_one_spelling(letters[:, zoned], zone)
    return found


def _of_one_spelling(letters: Bytes, zone: int) -> Whole:
    """Timestamps of one length whose zone takes so many letters."""
    length = len(letters) - zone
    decimals = max(0, length - _SECONDS - 1)
    if length < _SECONDS or length == _SECONDS + 1 or decimals > _DECIMALS:
        return np.full(letters.shape[1], NOT_READ, dtype=np.int64)
    digits = letters - np.uint8(ord("0"))
    sound = (letters[4] == ord("-")) & (letters[7] == ord("-")) & (letters[13] == ord(":")) & (letters[16] == ord(":"))
    sound &= (letters[10] == ord("T")) | (letters[10] == ord(" "))

    def number(start: int, end: int) -> NDArray[np.int32]:
        value = np.zeros(letters.shape[1], dtype=np.int32)
        for place in range(start, end):
            np.logical_and(sound, digits[place] <= 9, out=sound)
            value = value * 10 + digits[place]
        return value

    year, month, day = number(0, 4), number(5, 7), number(8, 10)
    hour, minute, second = number(11, 13), number(14, 16), number(17, 19)
    sound &= (year >= FIRST_SURE_YEAR) & (year <= LAST_SURE_YEAR) & (month >= 1) & (month <= 12)
    sound &= (hour <= 23) & (minute <= 59) & (second <= 59)
    months = np.where(sound, year * 12 + month - 1, 0)
    sound &= (day >= 1) & (day <= _MONTH_DAYS[months])
    seconds_of_day = (hour * 60 + minute) * 60 + second
    if zone in (_OFFSET, _HOURS):
        ahead = number(length + 1, length + 3) * 60
        sound &= ahead <= 23 * 60
        if zone == _OFFSET:
            minutes = number(length + 4, length + 6)
            sound &= minutes <= 59
            ahead = ahead + minutes
        seconds_of_day -= np.where(letters[length] == ord("-"), -60, 60) * ahead
    total = (_MONTH_STARTS[months] + day - 1) * 86_400 + seconds_of_day
    total *= 1_000_000
    if decimals:
        sound &= letters[_SECONDS] == ord(".")
        total += number(_SECONDS + 1, length) * np.int64(10 ** (_DECIMALS - decimals))
    return np.where(sound, total, NOT_READ)


_MONTHS = np.arange(-1970 * 12, (LAST_SURE_YEAR + 1 - 1970) * 12 + 1).astype("datetime64[M]")
_MONTH_STARTS = _MONTHS.astype("datetime64[D]").astype(np.int64)
"""Days from 1970 to each month since the year 0."""
_MONTH_DAYS = np.diff(_MONTH_STARTS)
