"""Times as logs and payloads write them, in epoch seconds; and how far a log's clock is from UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from ...knowledge.observations import parse_timestamp

QUARTER_HOUR = 900.0

SAME_MOMENT_S = 120.0
"""What is told and what is logged of one moment differ by no more than this.

Our judgement: a charger's clock drifts by seconds between two heartbeats, and a message travels for seconds at most.
"""

SUMMER_TIME_S = 3600.0
"""By how much clocks change for summer time."""

FURTHEST_ZONE_S = 14 * 3600.0
"""The largest offset of a time zone from UTC (Kiribati)."""

EARLIEST = datetime(2012, 1, 1, tzinfo=UTC).timestamp()
"""Times before this come from a clock that was never set (our judgement: OCPP over WebSocket is younger)."""

LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
"""Times after this come from a clock that was set wrongly (our judgement)."""

AHEAD_S = 86_400.0
"""By how much a message may tell of a later time than it was logged at.

Our judgement: none tells of what has not happened; a day covers every time zone that a log does not name.
"""

OLDEST_REPORT_S = 366 * 86_400.0
"""How old what a message tells may be (our judgement: chargers keep for weeks what they cannot send; beyond, their clock was
never set)."""

_DATED = re.compile(
    rb"(?<!\d)(?:(\d{4})[-/](\d\d)[-/](\d\d)|(\d\d)\.(\d\d)\.(\d{4}))[T\s]+(\d\d):(\d\d):(\d\d)"
    rb"(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d(?!\d))?"
)
_EPOCH = re.compile(rb"^\W{0,3}(1\d{9})(?:(\d{3}|\d{6}|\d{9})(?!\d)|\.(\d{1,9})|(?!\d))")


def logged_time(text: bytes) -> tuple[float | None, bool, bytes]:
    """The first time in a text, whether it names no zone, and the text without it."""
    found = _DATED.search(text)
    if found is None:
        found = _EPOCH.match(text)
        if found is None:
            return None, False, text
        seconds, millis, fraction = found.groups()
        since = float(seconds) + float(b"0." + (millis or fraction or b"0"))
        return plausible(since), False, text[found.end() :]
    year, month, day, first, second, third, hour, minute, seconds, fraction, zone = found.groups()
    date = (year, month, day) if year is not None else (third, second, first)
    moment = _seconds(*date, hour, minute, seconds)
    if moment is None:
        return None, False, text
    if fraction:
        moment += float(b"0." + fraction)
    if zone and zone != b"Z":
        offset = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        moment += offset if zone[:1] == b"-" else -offset
    told = moment if EARLIEST <= moment <= LATEST else None
    return told, zone is None, text[: found.start()] + text[found.end() :]


def plausible(moment: float | None) -> float | None:
    """A moment, or None where only a clock that was never set, or was set wrongly, tells it."""
    return moment if moment is not None and EARLIEST <= moment <= LATEST else None


def without_times(text: bytes) -> bytes:
    """A text without any time in it."""
    return _DATED.sub(b"", text)


@lru_cache(maxsize=4096)
def _seconds(year: bytes, month: bytes, day: bytes, hour: bytes, minute: bytes, second: bytes) -> float | None:
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp()


def told_time(value: Any) -> float | None:
    """A time in a payload, epoch seconds; one without an offset is UTC by the standard.

    None where it is no time, or one that only a clock which was never set tells.
    """
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        told: float | None = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        told = parse_timestamp(value)
    return plausible(told)


def believed(told: float | None, arrived: float | None) -> float | None:
    """When something happened: as its message tells, unless that cannot be so by the time at which it arrived."""
    if told is None or arrived is None:
        return arrived if told is None else told
    return told if arrived - OLDEST_REPORT_S <= told <= arrived + AHEAD_S else arrived


def iso(moment: float) -> str:
    """A moment as records hold it: ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class Clock:
    """How far the times without a zone in a log are ahead of UTC: whole quarters of an hour, from what frames tell."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.ahead_s = ahead_s
        self._votes: dict[float, int] = {}

    def utc(self, moment: float | None, zoneless: bool) -> float | None:
        """A logged time in UTC."""
        return moment - self.ahead_s if zoneless and moment is not None else moment

    def vote(self, logged: float, told: float) -> None:
        """Take into account that a moment logged at one time (as corrected so far) was told as another."""
        ahead = _whole_quarters(logged - told)
        if ahead is not None:
            self._votes[self.ahead_s + ahead] = self._votes.get(self.ahead_s + ahead, 0) + 1

    @property
    def elected(self) -> float:
        """The offset that most of what was told agrees with (of several the smallest)."""
        return max(self._votes, key=lambda ahead: (self._votes[ahead], -abs(ahead)), default=self.ahead_s)

    def check(self, logged: float, told: float) -> None:
        """Follow a change to or from summer time: what was logged of a moment is an hour off what was told of it."""
        ahead = _whole_quarters(logged - told)
        if ahead is not None and abs(ahead) == SUMMER_TIME_S:
            self.ahead_s += ahead


def _whole_quarters(difference: float) -> float | None:
    quarters = round(difference / QUARTER_HOUR) * QUARTER_HOUR
    return quarters if abs(difference - quarters) <= SAME_MOMENT_S and abs(quarters) <= FURTHEST_ZONE_S else None
