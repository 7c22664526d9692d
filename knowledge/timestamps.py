"""Timestamps as ISO 8601 and databases write them beyond what pydantic's validator of moments reads."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d-?\d)[Tt ]"
    r"(?P<hour>\d\d)(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<decimals>\d+))?)?)?"
    r" ?(?:[Zz]|(?P<sign>[+-])(?P<ahead>\d\d)(?::?(?P<minutes_ahead>\d\d))?)?",
    re.ASCII,
)


def moment_of(text: str) -> datetime | None:
    """The moment of a date and a time of day in ISO 8601: with an offset of hours only (`+02`, as PostgreSQL writes), without
    dashes and colons, of a week's day, with 24:00 for the end of a day or 60 for a leap second (the second after 59).

    Without an offset it is UTC; digits beyond microseconds are cut off. None where it is no such text.
    """
    found = _ISO.fullmatch(text.strip())
    if found is None:
        return None
    hour, minute, second, ahead, minutes_ahead = (
        int(found[part] or 0) for part in ("hour", "minute", "second", "ahead", "minutes_ahead")
    )
    microsecond = int((found["decimals"] or "")[:6].ljust(6, "0"))
    end_of_day = hour == 24 and not (minute or second or microsecond)
    if (hour > 23 and not end_of_day) or minute > 59 or second > 60 or ahead > 23 or minutes_ahead > 59:
        return None
    offset = timedelta(hours=ahead, minutes=minutes_ahead)
    try:
        day = date.fromisoformat(found["day"])
        midnight = datetime(day.year, day.month, day.day, tzinfo=timezone(-offset if found["sign"] == "-" else offset))
        return midnight + timedelta(hours=hour, minutes=minute, seconds=second, microseconds=microsecond)
    except (ValueError, OverflowError):
        return None
