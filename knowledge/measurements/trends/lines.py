"""Lines through daily values: how steep, how sure, where they stand, and when they reach a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ....engine.facts import Source
from ...observations import Floats, Rows
from ...readings import DAY, MINUTE, Reading, Readings, few, median
from ...scene import Scene

STALE = 14 * DAY
"""A line that ends earlier before the diagnosis tells nothing of the present (our judgement: two weeks)."""

FEWEST = 6
"""Values from which on a line is drawn (our judgement: of five the Mann-Kendall Z cannot pass 2.3)."""

MOST = 200
"""Values of which each pair is looked at (our judgement: twenty thousand pairs take a millisecond)."""

SHORTEST = 4.5 * DAY
"""What a line spans at least (our judgement: six daily values, the first late and the last early in the day)."""


@dataclass(frozen=True)
class Line:
    """A line by Theil and Sen through values in time order.

    `slope` is a day; `level` is where the line stands at the last value, at `end` (epoch seconds), `start` where it stands
    at the first; `score` is the Mann-Kendall Z, above zero where the values rise. Of 4,000 series that do not change,
    one reaches 3.5 by chance.
    """

    slope: float
    level: float
    start: float
    score: float
    end: float
    sources: tuple[Source, ...]

    def reading(self, value: float) -> Reading:
        """A value computed from it, with the first and the last record as sources."""
        return Reading(float(value), self.end, self.sources)

    def reaches(self, threshold: float, as_of: float) -> float | None:
        """When it reaches a threshold (epoch seconds, not before the diagnosis).

        None where it is level, moves away, or stands beyond it.
        """
        away = threshold - self.level
        if self.slope == 0.0 or away == 0.0 or (away > 0) != (self.slope > 0):
            return None
        return max(as_of, self.end + away / self.slope * DAY)


def telemetry_days(scene: Scene) -> float:
    """Days from the charger's first telemetry record to its last, which no column of it can exceed."""

    def load() -> float:
        table = scene.observations["telemetry"]
        rows = table.by_device.get(scene.device_id)
        return 0.0 if rows is None or not len(rows) else float(table.times[rows[-1]] - table.times[rows[0]]) / DAY

    return scene.once("days of telemetry", load)


def telemetry_dates(scene: Scene) -> int:
    """The days (UTC) from that of the charger's first telemetry record to that of its last, both counted."""
    table = scene.observations["telemetry"]
    rows = table.by_device.get(scene.device_id)
    if rows is None or not len(rows):
        return 0
    return int(table.times[rows[-1]] // DAY - table.times[rows[0]] // DAY) + 1


def telemetry_spans_a_line(scene: Scene) -> bool:
    """Whether the charger's telemetry is long enough for a line through any column of it."""
    return telemetry_days(scene) * DAY >= SHORTEST


def spans_a_line(readings: Readings) -> bool:
    """Whether readings are as many, and as far apart, as a line needs: days of them need not be formed else."""
    return len(readings) >= FEWEST and float(readings.times[-1] - readings.times[0]) >= SHORTEST


def daily_line(readings: Readings, as_of: float) -> Line | None:
    """The line through one value a day of some readings; None where `line_through` gives none."""
    return line(daily(readings), as_of) if spans_a_line(readings) else None


def line(readings: Readings, as_of: float) -> Line | None:
    """The line through some readings; None where `line_through` gives none."""
    if not spans_a_line(readings):
        return None
    sources = few([readings.source(0), readings.source(-1)])
    return line_through(readings.times, readings.values, sources, as_of)


def line_through(times: Floats, values: Floats, sources: tuple[Source, ...], as_of: float) -> Line | None:
    """The line through some values in time order, or their daily medians where they are more than MOST.

    None where they are few, within less than five days, or stale.
    """
    if len(values) > MOST:
        places, values = median_places(times, values)
        times = times[places]
    if len(values) < FEWEST or times[-1] < as_of - STALE or times[-1] - times[0] < SHORTEST:
        return None
    days = (times - times[-1]) / DAY
    early, late = np.triu_indices(len(values), 1)
    apart = days[late] - days[early]
    changes = values[late] - values[early]
    slope = median(changes[apart > 0] / apart[apart > 0])
    level = median(values - slope * days)
    start = level + slope * float(days[0])
    return Line(slope, level, start, _mann_kendall(days, values, changes), float(times[-1]), sources)


def _mann_kendall(days: Floats, values: Floats, changes: Floats) -> float:
    """Mann-Kendall's Z with the corrections for ties, for continuity, and for values that follow the one before them."""
    number = len(values)
    _, ties = np.unique(values, return_counts=True)
    variance = (number * (number - 1) * (2 * number + 5) - float(np.sum(ties * (ties - 1) * (2 * ties + 5)))) / 18.0
    persistence = _persistence(days, values)
    variance *= (1.0 + persistence) / (1.0 - persistence)
    balance = float(np.sign(changes).sum())
    return 0.0 if variance <= 0 else float((balance - np.sign(balance)) / np.sqrt(variance))


def _persistence(days: Floats, values: Floats) -> float:
    """How much each value follows the one before: the autocorrelation at lag one of what a cubic leaves, from 0 to 0.8.

    Weather and use last for days, and make unchanging series look as if they rose or fell (Yue and Wang 2004); a cubic
    is taken off first so that a trend that bends (a steady fall does, in logarithms) is not taken for it, and its bias in
    short series is mended (Marriott and Pope 1954, a coefficient more for each of its terms).
    """
    number = len(values)
    terms = np.vander(days / max(1.0, float(np.ptp(days))), 4)
    rest = values - terms @ np.linalg.lstsq(terms, values, rcond=None)[0]
    spread = float(np.sum(rest**2))
    if spread <= (1e-6 * float(np.max(np.abs(values)))) ** 2 * number:
        return 0.0
    seen = float(np.sum(rest[1:] * rest[:-1])) / spread
    return float(np.clip((number * seen + 4.0) / (number - 5.0), 0.0, 0.8))


def day_slices(times: Floats) -> list[slice]:
    """Where each day (UTC) of ascending times begins and ends."""
    starts = np.flatnonzero(np.diff(np.floor(times / DAY), prepend=-np.inf))
    return [slice(start, stop) for start, stop in pairwise([*starts.tolist(), len(times)])]


def median_places(times: Floats, values: Floats) -> tuple[Rows, Floats]:
    """Of each day the place of the value nearest to its median, and the median."""
    places, medians = [], []
    for day in day_slices(times):
        middle = median(values[day])
        places.append(day.start + int(np.argmin(np.abs(values[day] - middle))))
        medians.append(middle)
    return np.array(places, dtype=np.intp), np.array(medians, dtype=np.float64)


def daily(readings: Readings) -> Readings:
    """One value a day (UTC): the median, at the time and in the record of the reading nearest to it."""
    if not len(readings):
        return readings
    places, medians = median_places(readings.times, readings.values)
    return Readings(readings.table, readings.times[places], medians, readings.rows[places])


def days_spanned(readings: Readings) -> int:
    """The days (UTC) from that of the first reading to that of the last, both counted."""
    return int(readings.times[-1] // DAY - readings.times[0] // DAY) + 1 if len(readings) else 0


CLOCKS_DIFFER = 10 * MINUTE
"""How long after the diagnosis records belong to it (our judgement: clocks differ by minutes)."""


def latest(scene: Scene) -> float:
    """The last moment that belongs to the diagnosis."""
    return scene.anchor + CLOCKS_DIFFER


def recent(scene: Scene, readings: Readings, reach: float) -> Readings:
    """The readings from `reach` seconds before the diagnosis to its end."""
    return readings.between(scene.anchor - reach, latest(scene))


def days_until(scene: Scene, moment: Reading | None) -> Reading | None:
    """Days from the diagnosis to a moment in epoch seconds."""
    if moment is None:
        return None
    return Reading((float(moment.value) - scene.anchor) / DAY, moment.at, moment.sources)
