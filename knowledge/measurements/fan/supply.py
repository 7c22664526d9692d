"""What feeds the fan: its supply as payloads give it, other signs of a weak supply, the mains."""

from __future__ import annotations

import re

import numpy as np

from ...readings import DAY, HOUR, MINUTE, Reading, few
from ...scene import FaultEvent, Scene
from ...texts import as_number, flat, words_of
from ..common import work_text
from ..mains import PHASE_NOMINAL_V, grid_excursions, phase_voltages
from ..payload import PayloadNumber, decimal, newest, payload_numbers, payload_texts
from ..registry import measures
from .reports import FAN_CODE

LOW_AUXILIARY_SUPPLY = "F-0421"

NOMINAL_VOLTS = (12.0, 24.0, 48.0, 115.0, 230.0)
"""Voltages that cabinet fans are built for (our judgement from fan catalogues)."""

_WANTED = r"\b(supply|rail|aux|auxiliary|psu|vcc|vdd|vin|vbus|v24|v12|v48|u24|u12|u48|v ?fan|fan v|fan volt\w*|fan voltage|24 ?v|12 ?v|48 ?v|input voltage|voltage v)\b"
_UNWANTED = r"\b(nominal|rated|expected|min|max|minimum|maximum|threshold|limit|target|current|a|ma|temp\w*|rpm|ripple|mains|grid|ac|dc bus|dc|coil|ms|s|drop|count|pwm|duty|pct|percent|logic|cpu|modem|display)\b"
_RATED = r"\b(nominal|rated|expected|target)\b.*\b(v|volt\w*|supply|rail)\b|\b(v|volt\w*|supply|rail)\b.*\b(nominal|rated|expected|target)\b"
_VOLTS_IN_TEXT = re.compile(
    r"(?<!bench )\b(?:supply|supplied|rail|aux\w*|psu|fan voltage)\b[^.;]{0,40}?(\d{1,3}(?:[.,]\d+)?) ?v(?:dc|olts?)?\b"
)
_VOLTS_THERE = re.compile(
    r"(\d{1,3}(?:[.,]\d+)?) ?v(?:dc|olts?)? (?:at|on|across|into|in)\b[^.;,]{0,20}\b(?:plugs?|connectors?|fans?|terminals?|board|rail|supply|psu|unit)\b"
)
_VOLTS_OF_LABEL = re.compile(r"\W{1,3}(?:\w+ ){0,2}?(\d{1,3}(?:[.,]\d+)?) ?v(?:dc|olts?)?\b")
"""A measured voltage behind the name of a rail: the second figure of "24V: 21.0 V"."""

_RATED_IN_TEXT = re.compile(
    r"\b(?:nominal|rated|instead of|of|expected|should be)\b[^.;]{0,12}?(\d{1,3}(?:[.,]\d+)?) ?v(?:dc|olts?)?\b"
)


def _nominal(volts: float) -> float:
    """The nominal voltage nearest to a measured one."""
    return min(NOMINAL_VOLTS, key=lambda nominal: abs(np.log(volts / nominal)))


def _plausible(volts: float) -> bool:
    """Whether a number can be the voltage of a fan's supply."""
    return 4.0 <= volts <= 300.0


def _supplies(scene: Scene) -> list[PayloadNumber]:
    """Fan supply in percent of its nominal value, by payloads and the work of visits, in time order."""
    shares = payload_numbers(
        scene,
        r"\b(supply|rail|voltage|volt|v)\b.*\b(pct|percent)\b",
        r"\b(min|max|threshold|limit|duty|pwm)\b",
        answers=True,
    )
    found = [share for share in shares if 5.0 <= share.value <= 200.0]
    named = payload_numbers(scene, _RATED, r"\b(mains|grid|ac|rpm|a|current|pct)\b", answers=True)
    rated = [number.value for number in named if _plausible(number.value)]
    for time, volts, source in payload_numbers(scene, _WANTED, _UNWANTED, answers=True):
        if _plausible(volts):
            found.append(PayloadNumber(time, 100.0 * volts / (rated[-1] if rated else _nominal(volts)), source))
    visits = [
        (visit.time, scene.source("service_visits", visit), work_text(visit).lower())
        for visit in scene.records("service_visits")
        if visit.time is not None and visit.time >= scene.anchor - 60 * DAY
    ]
    for time, source, text in [*payload_texts(scene, answers=True), *visits]:
        share = _supply_in_text(text)
        if share is not None:
            found.append(PayloadNumber(time, share, source))
    return sorted(found, key=lambda number: number.time)


def _supply_in_text(text: str) -> float | None:
    """The supply that a text tells of, in percent of what it calls nominal, else of the nearest nominal voltage."""
    match = _VOLTS_IN_TEXT.search(text) or _VOLTS_THERE.search(text)
    if match is None:
        return None
    volts = decimal(match.group(1))
    measured = _VOLTS_OF_LABEL.match(text, match.end()) if volts in NOMINAL_VOLTS else None
    if measured is not None and 0.4 <= decimal(measured.group(1)) / volts <= 1.2:
        return 100.0 * decimal(measured.group(1)) / volts
    named = _RATED_IN_TEXT.search(text)
    base = _nominal(max(volts, 0.1)) if named is None else decimal(named.group(1))
    return 100.0 * volts / base if volts >= 4.0 and base >= 4.0 else None


@measures(
    "fan_supply_share",
    "latest supply voltage of the fan in the payloads, against the nominal one they name or else the nearest common one",
    unit="%",
    low=0,
)
def fan_supply_share(scene: Scene) -> Reading | None:
    return newest(_supplies(scene))


@measures(
    "fan_supply_fall",
    "fall of the fan's supply from the first to the last of at least three payloads that give it",
    unit="%",
)
def fan_supply_fall(scene: Scene) -> Reading | None:
    found = _supplies(scene)
    if len(found) < 3 or found[0].value <= 0:
        return None
    lost = 100.0 * (1.0 - found[-1].value / found[0].value)
    return Reading(lost, found[-1].time, few([number.source for number in found]))


# Other signs of a weak supply


def _other_faults(scene: Scene) -> list[FaultEvent]:
    """The charger's faults of other codes within 30 days of the latest occurrence."""
    return [
        fault
        for fault in scene.faults(device=scene.device_id)
        if fault.code != FAN_CODE and abs(fault.time - scene.anchor) <= 30 * DAY
    ]


@measures(
    "low_supply_elsewhere",
    "lowest supply or coil voltage, against the nearest nominal one, in the details of the charger's other faults within 30 days",
    unit="%",
    low=0,
)
def low_supply_elsewhere(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for fault in _other_faults(scene):
        for path, value in flat(fault.record.data):
            share = _supply_under(path, value)
            if share is not None and (best is None or share < float(best.value)):
                best = Reading(share, fault.time, (fault.source,))
    return best


def _supply_under(path: str, value: object) -> float | None:
    """A supply or coil voltage that a fault's details give, in percent of the nearest nominal one."""
    number = as_number(value)
    if number is None or not re.search(r"\b(coil|supply|rail|aux\w*|v24|v12|v48|24v|12v|48v|psu)\b", path):
        return None
    if re.search(r"\b(current|a|ohms?|resistance|ms|s|count|temp\w*|n|rated|nominal|min|max|limit)\b", path):
        return None
    if re.search(r"\b(pct|percent)\b", path):
        return number
    return 100.0 * number / _nominal(number) if _plausible(number) else None


@measures(
    "low_supply_faults",
    "F-0421 of this charger within 30 days before or after the latest occurrence; known where it reported any code but F-0601 then",
    unit="1",
    low=0,
)
def low_supply_faults(scene: Scene) -> Reading | None:
    faults = _other_faults(scene)
    if not faults:
        return None
    hits = [fault for fault in faults if fault.code == LOW_AUXILIARY_SUPPLY]
    return Reading(float(len(hits)), scene.anchor, few([fault.source for fault in hits or faults]))


@measures(
    "unasked_restarts",
    "connection records, of any transition, from seven days before to an hour after the latest occurrence whose reason names a brown-out, "
    "a loss of power, a reset or a boot; known where there are connection records then",
    unit="1",
    low=0,
)
def unasked_restarts(scene: Scene) -> Reading | None:
    records = [
        record
        for record in scene.records("connections")
        if record.time is not None and scene.anchor - 7 * DAY <= record.time <= scene.anchor + HOUR
    ]
    if not records:
        return None
    power = re.compile(r"brown|power (on|loss|fail|cycle)|under ?voltage|reset|boot")
    hits = [record for record in records if power.search(words_of(str(record.fields.get("reason") or "")))]
    return Reading(float(len(hits)), scene.anchor, scene.sources("connections", hits or records))


# The mains


@measures(
    "mains_level",
    "median phase voltage of the lowest phase within the hour up to the latest occurrence that has readings, against 230 V",
    unit="%",
    low=0,
)
def mains_level(scene: Scene) -> Reading | None:
    best: Reading | None = None
    for readings in phase_voltages(scene):
        volts = readings.where(lambda values: (values > 100.0) & (values < 300.0))
        median = scene.near(volts, HOUR, MINUTE).median(3)
        if median is not None and (best is None or float(median.value) < float(best.value)):
            best = median
    if best is None:
        return None
    return Reading(float(best.value) / (PHASE_NOMINAL_V / 100.0), best.at, best.sources)


@measures(
    "grid_low_before_fault",
    "lowest grid voltage recorded for the site or its area in the six hours up to an occurrence, against 230 or 400 V",
    unit="%",
    low=0,
)
def grid_low_before_fault(scene: Scene) -> Reading | None:
    found = grid_excursions(scene, 6 * HOUR, MINUTE)
    if not found:
        return None
    lowest = min(found, key=lambda excursion: (excursion.percent, excursion.time))
    return Reading(lowest.percent, lowest.time, (lowest.source,))
