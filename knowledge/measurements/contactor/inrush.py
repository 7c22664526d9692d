"""What flowed when the contactor closed: start currents, reported peaks, how well the output was pre-charged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ...readings import DAY, HOUR, MINUTE, Reading, Readings, median, percentile
from ...scene import Scene
from ..common import current_of_a_phase
from ..registry import measures
from .loads import rated_current
from .payload import Figure, figures, latest_figure, said_sound
from .series import largest, strongest


def _currents(scene: Scene) -> list[Readings]:
    paths = (
        "phase_details.phase_a.current",
        "phase_details.phase_b.current",
        "phase_details.phase_c.current",
        "dc_bus_current",
    )
    return [found for found in (current_of_a_phase(scene), *map(scene.readings, paths)) if len(found)]


@measures(
    "seconds_from_start_to_fault",
    "seconds from the start of the session at the first occurrence to it",
    unit="s",
    low=0,
)
def seconds_from_start_to_fault(scene: Scene) -> Reading | None:
    sessions = [
        s
        for s in scene.sessions()
        if scene.first - DAY <= s.start <= scene.first and s.over_by >= scene.first - 5 * MINUTE
    ]
    return Reading(scene.first - sessions[-1].start, scene.first, (sessions[-1].source,)) if sessions else None


@measures(
    "start_current_peak",
    "highest current from ten seconds before to two minutes after a session's start in the day before the first occurrence, or "
    "around that occurrence where the connector was preparing just before, in percent of the charger's largest current",
    unit="%",
    low=0,
)
def start_current_peak(scene: Scene) -> Reading | None:
    rated = rated_current(scene)
    if rated is None:
        return None
    starts = {s.start for s in scene.sessions() if scene.first - DAY <= s.start <= scene.first}
    starts |= {e.time or 0.0 for e in scene.events("start", which="own", start=scene.first - DAY, end=scene.first)}
    if "preparing" in scene.words("state").between(scene.first - 10.0, scene.first).values:
        starts.add(scene.first)
    latest = sorted(starts, reverse=True)[:20]
    windows = [column.between(start - 10.0, start + 2 * MINUTE) for column in _currents(scene) for start in latest]
    peak = largest(strongest(window) for window in windows if len(window))
    return None if peak is None else replace(peak, value=100.0 * float(peak.value) / rated)


@measures(
    "current_spike",
    "highest current in the day up to a minute after the first occurrence over the 95th percentile of at least ten currents "
    "above 1 A in the 60 days up to then, itself and its neighbours in time left out",
    unit="times",
    low=0,
)
def current_spike(scene: Scene) -> Reading | None:
    def spike(column: Readings) -> Reading | None:
        window = column.between(scene.first - DAY, scene.first + MINUTE)
        if not len(window):
            return None
        place = int(np.argmax(np.abs(window.values)))
        moment = float(window.times[place])
        usual = column.between(scene.first - 60 * DAY, scene.first + MINUTE)
        rest = np.abs(usual.values[(np.abs(usual.times - moment) > 20.0) & (np.abs(usual.values) > 1.0)])
        if len(rest) < 10:
            return None
        ratio = abs(float(window.values[place])) / max(1.0, percentile(rest, 95))
        return window.reading(ratio, moment, [place])

    return largest(spike(column) for column in _currents(scene))


_PEAK = r"inrush|\bin rush\b|peak|\bi ?pk\b|\bpk\b|surge|ma(ke|king) current|spike|\bi ?max\b|max current|transient|clos(e|ing) (current|i\b)|i close|current at close"
_NO_PEAK = r"voltage|power|energy|temp|cycles|count|duration|\btime\b|\bms$|\bs$|\bv$|\bkw$|limit|rated|rating|spec|allowed|threshold"
_RATING = r"limit|max allowed|rated|rating|spec|allowed|threshold|capacity|withstand|nominal|permitted"


def _peaks(scene: Scene, without: str) -> list[Figure]:
    """Peak currents that details or texts report."""
    found = figures(scene, _PEAK, without, ("a", "ka", None))
    return [figure for figure in found if figure.number > 0 and figure.time <= scene.anchor + HOUR]


LEAST_OF_LOAD = 0.5
"""Share of the charger's largest current below which a peak stresses no contactor that carries it (our judgement)."""


def _stresses(scene: Scene, amps: float) -> bool:
    """Whether a peak is one at all beside what the contactor carries, by its rating, else by the currents that were measured."""
    rated = rated_current(scene)
    carried = [float(np.max(np.abs(column.values))) for column in _currents(scene)] if rated is None else [rated]
    return amps >= LEAST_OF_LOAD * max(carried, default=0.0)


@measures(
    "inrush_against_usual",
    "highest peak current reported within two days before the first occurrence up to the latest one, over the median of at least "
    "three other reported peaks; known where it is at least half of the charger's largest current",
    unit="times",
    low=0,
)
def inrush_against_usual(scene: Scene) -> Reading | None:
    peaks = _peaks(scene, _NO_PEAK)
    recent = [peak for peak in peaks if peak.time >= scene.first - 2 * DAY]
    if not recent:
        return None
    top = max(recent, key=lambda peak: peak.amps)
    # the same record often gives its peak twice, under a key and in a sentence
    others = [peak.amps for peak in peaks if (peak.source, peak.time, peak.amps) != (top.source, top.time, top.amps)]
    return top.reading(top.amps / median(others)) if len(others) >= 3 and _stresses(scene, top.amps) else None


@measures("inrush_ok", "what details say of the inrush or peak current: whether it was sound", kind="flag")
def inrush_ok(scene: Scene) -> Reading | None:
    return said_sound(
        scene,
        r"inrush|in rush|peak current|make current",
        r"fault|error|fail|exceed|alarm|trip|high|warning|event|detected",
    )


@measures(
    "inrush_level",
    "inrush or peak current that details or texts report, in percent of the contactor's rating they name, else of the charger's "
    "largest current",
    unit="%",
    low=0,
)
def inrush_level(scene: Scene) -> Reading | None:
    level = latest_figure(
        scene,
        r"(inrush|peak|surge|make current).*(pct|percent|ratio|times|multiple|factor)",
        r"power|voltage",
        ("pct", "ratio", "times", None),
    )
    if level is not None:
        # a small number called a percentage is a multiple all the same
        return level.reading(level.number * (1.0 if level.unit == "pct" and level.number > 20.0 else 100.0))
    peaks = _peaks(scene, rf"{_RATING}|voltage|power|energy|temp|cycles|\b(count|duration|time)\b")
    if not peaks:
        return None
    top = max(peaks, key=lambda peak: peak.amps)
    ratings = figures(scene, _RATING, r"voltage|power|cycles|life|time|temp", ("a", "ka"))
    named = [rating.amps for rating in ratings if rating.source == top.source and rating.number > 0]
    scale = named[-1] if named else rated_current(scene)
    return None if scale is None else top.reading(100.0 * top.amps / scale)


_PRECHARGE = r"pre ?charg"


def _since_day_before(scene: Scene, found: Iterable[Figure]) -> list[Figure]:
    """Those from the day before the first occurrence to an hour after the latest."""
    return [figure for figure in found if scene.first - DAY <= figure.time <= scene.anchor + HOUR]


@measures(
    "precharge_level",
    "how far the output was pre-charged when the contactor closed, in percent, as details or texts report; the lowest of the day "
    "before the first occurrence and since",
    unit="%",
    low=0,
)
def precharge_level(scene: Scene) -> Reading | None:
    shares = _since_day_before(
        scene,
        figures(
            scene,
            _PRECHARGE,
            r"time|\bms\b|limit|min|required|threshold|target|nominal|resistor|\ba\b|current",
            ("pct", "ratio"),
        ),
    )
    if shares:
        lowest = min(shares, key=lambda share: share.percent)
        return lowest.reading(lowest.percent)
    told = _since_day_before(
        scene,
        figures(
            scene,
            _PRECHARGE,
            r"time|limit|threshold|target|nominal|resistor|gap|diff|delta|required|set ?point|battery|bus|vehicle",
            ("v",),
        ),
    )
    if not told:
        return None
    goals = figures(scene, r"target|battery|vehicle|set ?point|required|dc bus|ev voltage|requested", None, ("v",))
    named = {goal.source: goal.number for goal in goals if goal.number > 0}
    levels = [
        voltage.reading(100.0 * voltage.number / named[voltage.source]) for voltage in told if voltage.source in named
    ]
    return min(levels, key=lambda level: float(level.value), default=None)


@measures(
    "voltage_gap_at_close",
    "voltage difference across the contactor at the moment it closed, as details or texts report",
    unit="V",
    low=0,
)
def voltage_gap_at_close(scene: Scene) -> Reading | None:
    told = latest_figure(
        scene,
        r"\b(dv|du)\b|(delta|gap|diff\w*|across|mismatch).*(v|voltage|volts)|(voltage|v) (delta|gap|diff\w*|mismatch)",
        r"limit|max|allowed|threshold|coil|phase",
        ("v", None),
    )
    return None if told is None else told.reading(abs(told.number))


@measures("precharge_ok", "what details say of the pre-charge: whether it was sound", kind="flag")
def precharge_ok(scene: Scene) -> Reading | None:
    return said_sound(scene, _PRECHARGE, r"fault|error|fail|skip|bypass|abort|incomplete")
