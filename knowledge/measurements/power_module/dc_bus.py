"""The voltage of the DC bus that the modules share, by telemetry and by what payloads say of it."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from ....engine.facts import Source
from ...readings import DAY, HOUR, MINUTE, Reading, Readings, few, median
from ...scene import Scene
from ..payload import PayloadNumber, decimal, newest, payload_numbers, payload_texts
from ..registry import measures
from .recovery import unaided_returns
from .telemetry import row_source

# By telemetry

FAR_ABOVE = 1.15
"""Bus voltage over its baseline at which inverters protect themselves at the latest (our judgement: data sheets, 110 to 115 %)."""


SURE_RISE = 1.06
"""Times its first reading to which the bus must rise within a record of seconds (our judgement: twice what regulation lets)."""


class Peak(NamedTuple):
    """The bus around one occurrence: when, peak, baseline, typical spacing of the readings, where the peak is from."""

    time: float
    volts: float
    baseline: float
    spacing: float
    source: Source


STANDBY = 0.4
"""Share of its highest level below which a bus is taken not to be energised (our judgement: in standby it is discharged, and no
regulated bus ever stands at twice its level)."""


def _bus(scene: Scene) -> Readings:
    return scene.readings("dc_bus_voltage", which="all").where(lambda volts: volts > 0)


def _energised(scene: Scene) -> Readings:
    """The readings of the bus when it was charged."""
    bus = _bus(scene)
    return bus.at(bus.values >= STANDBY * bus.values.max()) if len(bus) else bus


def _peaks(scene: Scene) -> list[Peak]:
    """The peak at each of the latest twenty occurrences with bus voltage both around and before it."""

    def load() -> list[Peak]:
        bus = _energised(scene)
        found = []
        for time in scene.times[-20:]:
            close, earlier = _close_and_earlier(scene, bus, time)
            if len(close) and len(earlier):
                place = int(np.argmax(close.values))
                gaps = np.diff(np.unique(bus.between(time - 3 * MINUTE, time + MINUTE).times))
                spacing = median(gaps) if len(gaps) else 10 * MINUTE
                volts, baseline = float(close.values[place]), median(earlier.values)
                found.append(Peak(time, volts, baseline, spacing, close.source(place)))
        return found

    return scene.once(("bus peaks",), load)


def _close_and_earlier(scene: Scene, bus: Readings, time: float) -> tuple[Readings, Readings]:
    """The readings around an occurrence, and those before that tell what is usual; none of either where unknown."""
    none = bus.between(1.0, 0.0)
    close = bus.between(time - 3 * MINUTE, time + 15.0)
    if not len(close):
        close = bus.between(time - 10 * MINUTE, time + MINUTE)
    if not len(close):
        return none, none
    earlier = bus.between(time - 2 * HOUR, float(close.times[0]) - 1e-3)
    if len(earlier) > 400:
        earlier = earlier.between(float(earlier.times[-400]), time)
    earlier = _in_same_state(scene, earlier, int(close.rows[0]))
    if len(earlier) < 3:
        week = _away_from_faults(scene, bus.between(time - 7 * DAY, time - 10 * MINUTE))
        earlier = week if len(week) >= 3 else earlier
    if len(earlier) < 3:
        heads = _before_faults(scene, bus)
        if len(heads) >= 3:
            return bus.between(time - JUST_BEFORE_S, time + 15.0), heads
    if len(earlier) >= 3:
        return close, earlier
    # a short record: what went before the last half minute is all there is
    head = close.between(float(close.times[0]), time - 30.0)
    if len(head) >= 5:
        return close.between(time - 30.0 + 1e-3, time + 15.0), head
    # a shorter one shows a rise within it, and where it shows none it may have begun too late
    rises = len(close) >= 3 and close.values.max() >= SURE_RISE * close.values[0]
    return (close.at(slice(1, None)), close.at(slice(0, 1))) if rises else (none, none)


JUST_BEFORE_S = 5.0
"""A load that goes lifts the bus within seconds (our judgement): what was read earlier than that tells what is usual."""


def _away_from_faults(scene: Scene, bus: Readings) -> Readings:
    """The readings that are not within three minutes of an occurrence."""
    times = np.array([-np.inf, *scene.times, np.inf])
    places = times.searchsorted(bus.times)
    nearest = np.minimum(bus.times - times[places - 1], times[places] - bus.times)
    return bus.at(nearest > 3 * MINUTE)


def _before_faults(scene: Scene, bus: Readings) -> Readings:
    """The readings in the three minutes before occurrences but for the last seconds."""
    before = np.zeros(len(bus), dtype=bool)
    for time in scene.times[-20:]:
        before |= (bus.times >= time - 3 * MINUTE) & (bus.times < time - JUST_BEFORE_S)
    return bus.at(before)


def _in_same_state(scene: Scene, earlier: Readings, row: int) -> Readings:
    """Those of the readings whose charger state is that of a telemetry row, where there are at least three."""
    state = scene.observations["telemetry"].texts("state")[row]
    if state is None or not len(earlier):
        return earlier
    same = earlier.where_word("state", state)
    return earlier.at(same) if same.sum() >= 3 else earlier


@measures(
    "dc_bus_peak",
    "highest DC bus voltage in the three minutes up to an occurrence against the median of the two hours before it in the same "
    "state, median over the occurrences that have both",
    unit="%",
    low=0,
)
def dc_bus_peak(scene: Scene) -> Reading | None:
    peaks = [peak for peak in _peaks(scene) if peak.baseline > 0]
    if not peaks:
        return None
    ratio = median([100.0 * peak.volts / peak.baseline for peak in peaks])
    return Reading(ratio, scene.anchor, few([peak.source for peak in peaks]))


@measures(
    "faults_with_bus_far_above",
    "occurrences right before which the DC bus stood at 115 % or more of its baseline, as for the typical peak; known where one has both",
    unit="1",
    low=0,
)
def faults_with_bus_far_above(scene: Scene) -> Reading | None:
    peaks = [peak for peak in _peaks(scene) if peak.baseline > 0]
    high = [peak.source for peak in peaks if peak.volts >= FAR_ABOVE * peak.baseline]
    return Reading(float(len(high)), scene.anchor, few(high or [peak.source for peak in peaks])) if peaks else None


@measures(
    "dc_bus_peak_volts",
    "highest DC bus voltage in the three minutes up to the latest occurrence that has readings, by telemetry or payload",
    unit="V",
    low=0,
)
def dc_bus_peak_volts(scene: Scene) -> Reading | None:
    near = scene.near(_bus(scene), 3 * MINUTE, 15.0).max()
    return near if near is not None else newest(_said_volts(scene))


@measures("dc_bus_spacing", "typical seconds between DC bus readings around the occurrences", unit="s", low=0)
def dc_bus_spacing(scene: Scene) -> Reading | None:
    peaks = _peaks(scene)
    if not peaks:
        return None
    spacing = median([peak.spacing for peak in peaks])
    return Reading(spacing, scene.anchor, few([peak.source for peak in peaks]))


@measures(
    "dc_bus_fell_before_return",
    "whether a module came back unaided only after the DC bus was again below 103 % of its baseline, the bus having been above "
    "it at the fault; known where module status and bus voltage are",
    kind="flag",
)
def dc_bus_fell_before_return(scene: Scene) -> Reading | None:
    peaks = _peaks(scene)
    if not peaks:
        return None
    peak = peaks[-1]
    usual = 1.03 * peak.baseline
    for _, _, returns in unaided_returns(scene):
        for run in returns:
            then = _bus(scene).between(run.start - 10 * MINUTE, run.start + 1.0).last()
            if run.start > peak.time and then is not None:
                sources = few([peak.source, row_source(scene, run.place), *then.sources])
                return Reading(peak.volts > usual and float(then.value) < usual, run.start, sources)
    return None


# By payload

_BUS_KEY = r"\b(dc )?(bus|link)( \w+)?( voltage| volts?| v| peak| vdc)\b|\bv ?dc\b|\bu ?dc\b|\b(peak|max|measured) (bus|dc|link)\b|\bv ?bus\b|\bvbus\b|\bdclink\b|\bdcbus\b|\bhvdc\b|\bhv bus\b|\bdc (bus|link|voltage)\b"
_NO_VOLTS = r"\b(can|current|a|limit|threshold|trip|nominal|rated|ovp|normal|set|setpoint|allowed|baseline|expected|pct|percent|ms|s|min|minimum|before|ripple|output|before fault)\b"


def _said_volts(scene: Scene) -> list[PayloadNumber]:
    """The bus voltages that payloads give, in time order."""
    found = [number for number in payload_numbers(scene, _BUS_KEY, _NO_VOLTS) if number.value > 30.0]
    for time, source, text in payload_texts(scene):
        match = re.search(r"\b(?:bus|(?:dc[- ]?)?link|vdc)\b[^.;]{0,50}?(\d{3,4}(?:[.,]\d+)?) ?v(?:dc|olts?)?\b", text)
        if match is not None:
            found.append(PayloadNumber(time, decimal(match.group(1)), source))
    return sorted(found, key=lambda number: number.time)


def _said_at_fault(scene: Scene) -> PayloadNumber | None:
    """The highest of those told within two minutes before an occurrence or ten seconds after it, else the latest."""
    told = _said_volts(scene)
    near = [number for number in told if any(-2 * MINUTE <= number.time - time <= 10.0 for time in scene.times)]
    return max(near, key=lambda number: number.value) if near else next(reversed(told), None)


def _said_level(scene: Scene, wanted: str, unwanted: str) -> PayloadNumber | None:
    """The latest level that payloads name beside the bus voltage."""
    found = [number for number in payload_numbers(scene, wanted, unwanted) if number.value > 100.0]
    return found[-1] if found else None


_LIMIT_IN_TEXT = re.compile(r"\b(?:limit|max|maximum|trip|threshold|ovp)\b\D{0,12}(\d{3,4}(?:[.,]\d+)?)\b")


def _limit_in_text(scene: Scene) -> PayloadNumber | None:
    """The latest limit of a voltage that a text of the payloads names."""
    found = None
    for time, source, text in payload_texts(scene):
        match = _LIMIT_IN_TEXT.search(text)
        if match is not None:
            found = PayloadNumber(time, decimal(match.group(1)), source)
    return found


@measures(
    "dc_bus_said_share",
    "highest bus voltage in the payloads about an occurrence, else the latest, against the limit named beside it",
    unit="%",
    low=0,
)
def dc_bus_said_share(scene: Scene) -> Reading | None:
    measured = _said_at_fault(scene)
    limit = _said_level(
        scene,
        r"\b(ovp|over ?voltage|trip|limit|threshold|max|maximum|allowed)\b",
        r"\b(can|current|a|ms|s|temp\w*|count\w*|pct|percent)\b|\bpeak\b",
    )
    limit = limit or _limit_in_text(scene)
    if measured is None or limit is None:
        return None
    time, volts, source = measured
    return Reading(100.0 * volts / limit.value, time, few([source, limit.source]))


@measures(
    "dc_bus_said_over_nominal",
    "that voltage against the nominal one named beside it, or else the median in telemetry",
    unit="%",
    low=0,
)
def dc_bus_said_over_nominal(scene: Scene) -> Reading | None:
    measured = _said_at_fault(scene)
    if measured is None:
        return None
    time, volts, source = measured
    nominal = _said_level(
        scene,
        r"\b(bus|dc|link|vdc|voltage|v)\b.*\b(nominal|rated|normal|baseline|expected|setpoint|before)\b|\b(nominal|rated|normal|baseline|expected)\b.*\b(bus|dc|link|vdc|voltage|v)\b",
        r"\b(current|a|can|output|vehicle|ac|mains|grid)\b",
    )
    if nominal is not None:
        return Reading(100.0 * volts / nominal.value, time, few([source, nominal.source]))
    usual = _energised(scene).between(time - DAY, time - 3 * MINUTE).median(5)
    if usual is None:
        return None
    return Reading(100.0 * volts / float(usual.value), time, few([source, *usual.sources]))
