"""The rhythm of a reconnect storm: how long connections live, how soon they come back, how they are opened and closed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...observations import Record
from ...readings import DAY, HOUR, Reading, Readings, median
from ...scene import Scene
from ..registry import measures
from .history import History, Span, handshakes, history, logged, most_in_ten_minutes, records_of, relative_spread
from .payload import UNIT, told_close_code, told_seconds

LONGEST_LIFE = HOUR
"""Connections that lived longer are calm between storms and no part of their rhythm (our judgement)."""

FEWEST = 4
"""Connections or delays from which on a rhythm is measured (our judgement: three agree by chance)."""


def storm_window(scene: Scene) -> tuple[float, float]:
    """The time of the storm: an hour around the occurrences, more where too little was logged."""

    def load() -> tuple[float, float]:
        for margin in (HOUR, 6 * HOUR):
            start, end = scene.first - margin, scene.anchor + margin
            if sum(start <= connection.time <= end for connection in history(scene).starts) >= 5:
                return start, end
        return scene.first - DAY, scene.anchor + DAY

    window: tuple[float, float] = scene.once("storm window", load)
    return window


def storm(scene: Scene) -> History:
    """The connections of the storm."""

    def load() -> History:
        start, end = storm_window(scene)
        log = history(scene)
        return History(
            starts=[x for x in log.starts if start <= x.time <= end],
            drops=[x for x in log.drops if start <= x.time <= end],
            lives=[x for x in log.lives if start <= x.end <= end and x.seconds <= LONGEST_LIFE],
            outages=[x for x in log.outages if start <= x.end <= end],
            planned=[x for x in log.planned if start <= x.end <= end],
            delays=[x for x in log.delays if start <= x.end <= end and x.seconds <= LONGEST_LIFE],
            retries=[x for x in log.retries if start <= x.time <= end],
        )

    found: History = scene.once("storm", load)
    return found


def storm_reading(scene: Scene, value: float | None, records: Sequence[Record]) -> Reading | None:
    """A value measured on connection records of the storm; None of None."""
    return None if value is None else Reading(value, scene.anchor, scene.sources("connections", records))


def _seconds(spans: Sequence[Span]) -> list[float]:
    return [span.seconds for span in spans]


# Lives and delays


@measures("connection_life", "median life of at least four connections of the storm", unit="s", low=0)
def connection_life(scene: Scene) -> Reading | None:
    lives = storm(scene).lives
    if len(lives) < FEWEST:
        return told_seconds(
            scene, r"\b(connection|socket|link|websocket|ws) (mean |median |avg )?(life ?time|duration|life|age)\b"
        )
    return storm_reading(scene, median(_seconds(lives)), records_of(lives))


@measures(
    "connection_life_variation",
    "relative spread of at least four connections' lives in the storm: half the distance of their 16th and 84th percentile "
    "over their median",
    unit="1",
    low=0,
)
def connection_life_variation(scene: Scene) -> Reading | None:
    lives = storm(scene).lives
    return storm_reading(scene, relative_spread(_seconds(lives), FEWEST), records_of(lives))


@measures("reconnect_delay", "median time from drop to reconnect over at least four of the storm", unit="s", low=0)
def reconnect_delay(scene: Scene) -> Reading | None:
    delays = storm(scene).delays
    if len(delays) < FEWEST:
        return told_seconds(scene, r"\b(reconnect|retry|back ?off) (delay|interval|wait|gap)\b")
    return storm_reading(scene, median(_seconds(delays)), records_of(delays))


@measures(
    "reconnect_delay_variation",
    "relative spread of at least four delays from drop to reconnect, as for lives; delays of less than three seconds count as three, "
    "since records keep whole seconds",
    unit="1",
    low=0,
)
def reconnect_delay_variation(scene: Scene) -> Reading | None:
    delays = storm(scene).delays
    seconds = [max(3.0, delay) for delay in _seconds(delays)]
    return storm_reading(scene, relative_spread(seconds, FEWEST), records_of(delays))


@measures(
    "reconnect_delay_growth",
    "median ratio of each delay to the one before it over at least four ratios, where delays reach four times the least one; "
    "1 where they do not",
    unit="1",
    low=0,
)
def reconnect_delay_growth(scene: Scene) -> Reading | None:
    delays = storm(scene).delays
    seconds = np.maximum(1.0, _seconds(delays))
    if len(seconds) < FEWEST + 1:
        return None
    growth = median(seconds[1:] / seconds[:-1]) if seconds.max() >= 4 * seconds.min() else 1.0
    return storm_reading(scene, growth, records_of(delays))


@measures("peak_reconnects", "most reconnects within any ten minutes of the storm", unit="1", low=0)
def peak_reconnects(scene: Scene) -> Reading | None:
    starts = storm(scene).starts
    return storm_reading(scene, most_in_ten_minutes(starts), records_of(starts)) if len(starts) >= 2 else None


# Handshakes


def _storm_handshakes(scene: Scene) -> Readings:
    return handshakes(scene).between(*storm_window(scene))


@measures("handshake_duration", "median duration of at least three handshakes of the storm", unit="ms", low=0)
def handshake_duration(scene: Scene) -> Reading | None:
    found = _storm_handshakes(scene).median(3)
    if found is not None:
        return found
    told = told_seconds(
        scene,
        # a timeout or limit is a setting and no duration of a handshake
        rf"\bhandshake\b(?!.*\b(time ?out|limit|threshold|interval)\b).*\b({UNIT}|duration|time|latency)\b",
        bare=0.001,  # milliseconds, as the field handshake_ms is
    )
    return None if told is None else Reading(1000.0 * float(told.value), told.at, told.sources)


@measures(
    "handshake_variation",
    "relative spread of at least four handshake durations of the storm, as for lives",
    unit="1",
    low=0,
)
def handshake_variation(scene: Scene) -> Reading | None:
    readings = _storm_handshakes(scene)
    spread = relative_spread([float(value) for value in readings.values], FEWEST)
    return None if spread is None else readings.reading(spread)


@measures(
    "handshake_rise_in_storm",
    "median handshake duration of the storm over the median of at least five handshakes before it",
    unit="1",
    low=0,
)
def handshake_rise_in_storm(scene: Scene) -> Reading | None:
    start, _ = storm_window(scene)
    readings, before = _storm_handshakes(scene), handshakes(scene).before(start)
    if len(readings) < 3 or len(before) < 5:
        return None
    return readings.reading(median(readings.values) / median(before.values))


@measures(
    "refused_handshakes",
    "close codes 1012 and 1013 (restarting, try again later) among the storm's records, with attempts that "
    "failed while offline",
    unit="1",
    low=0,
)
def refused_handshakes(scene: Scene) -> Reading | None:
    told = [r for r in _storm_records(scene) if r.fields.get("close_code") in (1012, 1013)]
    found = [*told, *records_of(storm(scene).retries)]
    return storm_reading(scene, float(len(found)), found) if found else None


# Closes


def _storm_records(scene: Scene) -> list[Record]:
    return records_of(logged(scene, "connections", *storm_window(scene)))


@measures(
    "clean_close_share",
    "of at least three drops of the storm that say so, the share in percent closed by a closing handshake",
    unit="%",
    low=0,
    high=100,
)
def clean_close_share(scene: Scene) -> Reading | None:
    told = [r for r in _storm_records(scene) if r.fields.get("clean_close") is not None]
    if len(told) < 3:
        return None
    return storm_reading(scene, 100.0 * sum(bool(r.fields["clean_close"]) for r in told) / len(told), told)


@measures("usual_close_code", "the close code of more than half of at least three drops of the storm", unit="1", low=0)
def usual_close_code(scene: Scene) -> Reading | None:
    told = [r for r in _storm_records(scene) if (r.fields.get("close_code") or 0) >= 1000]
    codes = [int(r.fields["close_code"]) for r in told]
    if len(codes) < 3:
        return told_close_code(scene)
    usual = max(sorted(set(codes)), key=codes.count)
    return storm_reading(scene, float(usual), told) if 2 * codes.count(usual) > len(codes) else None
