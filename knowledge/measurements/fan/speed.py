"""The fan's speeds in the records, and how fast it turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....engine.facts import Source
from ...observations import Floats, Table
from ...readings import CHARGING_STATES, DAY, MINUTE, Reading, Readings, few, median
from ...scene import Scene
from ..payload import PayloadNumber, payload_numbers
from ..registry import measures

HISTORY = 120 * DAY
"""How far back the fan's speed is followed (our judgement: bearings wear over months)."""

NOMINAL_RPM = 1800.0
"""The fan's nominal speed (dictionary F-0601)."""

_RPM = r"\b(rpm|fan speed|speed rpm|measured speed|actual speed|rotation\w*)\b"

NOT_MEASURED = r"\b(nominal|expected|target|min|minimum|max|maximum|threshold|rated|command\w*|set|setpoint|limit|pct|percent|drop|delta|peer\w*)\b"
"""Words of a payload's key that tell of a speed other than the fan's own."""


@dataclass(frozen=True)
class Speeds:
    """Fan speeds in time order, with where each came from."""

    times: Floats
    values: Floats
    sources: list[Source | int]
    table: Table

    def __len__(self) -> int:
        return len(self.times)

    @property
    def span(self) -> float:
        """Seconds from the first to the last."""
        return float(self.times[-1] - self.times[0]) if len(self) else 0.0

    def source(self, place: int) -> Source:
        """Where one of them came from; telemetry rows are named only when asked for, which saves their timestamps."""
        named = self.sources[place]
        return self.table.source(named) if isinstance(named, int) else named

    def between(self, start: float, end: float) -> Speeds:
        """Those from start to end."""
        low, high = int(self.times.searchsorted(start, "left")), int(self.times.searchsorted(end, "right"))
        return Speeds(self.times[low:high], self.values[low:high], self.sources[low:high], self.table)

    def median(self) -> float:
        """The middle one."""
        return median(self.values)

    def reading(self, value: float, at: float | None = None) -> Reading:
        """A value computed from them."""
        return Reading(value, float(self.times[-1]) if at is None else at, few([self.source(0), self.source(-1)]))


def speed_column(scene: Scene) -> Readings:
    """The speeds that telemetry gives."""
    return scene.readings("component_health.cooling_fan_rpm", which="all")


def said_speeds(scene: Scene) -> list[PayloadNumber]:
    """The speeds that payloads of faults and alarms give, in time order."""
    return payload_numbers(scene, _RPM, NOT_MEASURED)


def speeds(scene: Scene) -> Speeds:
    """The fan's speeds: by telemetry, and where that holds fewer than five, by the payloads of faults and alarms too.

    Where the fan idles with the charger (idle rows below 80 % of working ones in the earlier half), only working rows are taken.
    """

    def load() -> Speeds:
        readings = speed_column(scene).between(scene.anchor - HISTORY, scene.as_of + 1.0)
        readings = readings.at(np.diff(readings.times, prepend=-np.inf) > 0)
        working = readings.where_word("state", *CHARGING_STATES, None)
        if working.sum() >= 6 and (~working).sum() >= 1:
            at_work, at_rest = readings.at(working), readings.at(~working)
            # by the earlier half: a fan that later stopped following the charger is no other fan
            middle = 0.5 * float(readings.times[0] + readings.times[-1])
            early = [part.between(-np.inf, middle).values for part in (at_rest, at_work)]
            rest, work = early if min(map(len, early)) >= 3 else (at_rest.values, at_work.values)
            if median(rest) < 0.8 * median(work):
                readings = at_work
        table = scene.observations["telemetry"]
        if len(readings) >= 5:
            return Speeds(readings.times, readings.values, readings.rows.tolist(), table)
        measured = zip(readings.times.tolist(), readings.values.tolist(), readings.rows, strict=True)
        found = [PayloadNumber(time, value, table.source(int(row))) for time, value, row in measured]
        found += [number for number in said_speeds(scene) if number.value >= 0]
        found.sort(key=lambda number: (number.time, number.source))
        times = np.array([number.time for number in found])
        return Speeds(times, np.array([number.value for number in found]), [number.source for number in found], table)

    return scene.once(("fan speeds",), load)


def speeds_near_fault(scene: Scene) -> Speeds | None:
    """Speeds within a day of the latest occurrence that has any: at least eight of them."""
    known = speeds(scene)
    for time in reversed(scene.times):
        window = known.between(time - DAY, time + DAY)
        if len(window) >= 8:
            return window
    return None


@measures(
    "fan_speed",
    "median cabinet fan speed in the 30 minutes up to the latest occurrence that has readings",
    unit="rpm",
    low=0,
)
def fan_speed(scene: Scene) -> Reading | None:
    return scene.near(speed_column(scene), 30 * MINUTE, MINUTE).median()


@measures(
    "fan_speed_at_fault",
    "median of the last three speeds from half an hour before to a minute after the latest occurrence that has any, the last of them "
    "not more than five minutes before it",
    unit="rpm",
    low=0,
)
def fan_speed_at_fault(scene: Scene) -> Reading | None:
    for time in reversed(scene.times):
        known = speeds(scene).between(time - 30 * MINUTE, time + MINUTE)
        # what was read long before may have been before the fall
        if len(known) and known.times[-1] >= time - 5 * MINUTE:
            return known.reading(median(known.values[-3:]))
    return None


@measures(
    "fan_low_share",
    "share of speeds below 1800 rpm within a day of the latest occurrence; known from eight readings on",
    unit="%",
    low=0,
    high=100,
)
def fan_low_share(scene: Scene) -> Reading | None:
    known = speeds_near_fault(scene)
    return None if known is None else known.reading(100.0 * float((known.values < NOMINAL_RPM).mean()))
