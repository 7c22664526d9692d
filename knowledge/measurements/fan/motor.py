"""The fan's motor as payloads give it: current, running hours, vibration, heat of its driver."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...readings import Reading, few, median
from ...scene import Scene
from ...texts import as_number, words_of
from ..payload import PayloadNumber, newest, payload_numbers, payload_texts, payloads_and_answers
from ..registry import measures

_CURRENT = r"\b(fan|motor|winding|phase|supply) (motor )?current\b|\bcurrent (a|ma|draw)\b|\bi ?fan\b|\bfan (a|ma)\b|^(details )?current$"


def _currents(scene: Scene) -> list[PayloadNumber]:
    unwanted = r"\b(nominal|rated|expected|typical|normal|limit|threshold|max|min|baseline|peer\w*)\b"
    return payload_numbers(scene, _CURRENT, unwanted, answers=True)


@measures(
    "fan_current_share",
    "latest current of the fan in the payloads against the rated one named beside it",
    unit="%",
    low=0,
)
def fan_current_share(scene: Scene) -> Reading | None:
    shares = payload_numbers(scene, r"\bcurrent\b.*\b(pct|percent)\b", r"\b(limit|threshold|max|min)\b", answers=True)
    if shares:
        return newest(shares)
    measured = _currents(scene)
    rated = payload_numbers(
        scene,
        r"\bcurrent\b.*\b(nominal|rated|expected|typical|normal|baseline)\b|\b(nominal|rated|expected|typical|normal|baseline)\b.*\bcurrent\b",
        answers=True,
    )
    if not measured or not rated or rated[-1].value <= 0 or measured[-1].value < 0:
        return None
    share = 100.0 * measured[-1].value / rated[-1].value
    return Reading(share, measured[-1].time, few([measured[-1].source, rated[-1].source]))


@measures(
    "fan_current_rise",
    "rise of the fan's current from the first to the last of at least three payloads that give it",
    unit="%",
)
def fan_current_rise(scene: Scene) -> Reading | None:
    measured = _currents(scene)
    if len(measured) < 3 or measured[0].value <= 0:
        return None
    rise = 100.0 * (measured[-1].value / measured[0].value - 1.0)
    return Reading(rise, measured[-1].time, few([number.source for number in measured]))


@measures("fan_runtime", "running hours of the fan that a payload gives", unit="h", low=0)
def fan_runtime(scene: Scene) -> Reading | None:
    found = payload_numbers(
        scene,
        r"\b(run ?time|running|operating|service|runtime counter)\b( hours| h| hrs| counter)?|\bfan hours\b|\bhours\b",
        r"\b(since|last|limit|rated|design|life|expected|min|s|ms|days|replacement)\b",
        answers=True,
    )
    return newest(found, low=0.0)


@measures("fan_vibration", "vibration of the fan that a payload gives", unit="mm/s", low=0)
def fan_vibration(scene: Scene) -> Reading | None:
    return newest(
        payload_numbers(scene, r"\bvibration\b", r"\b(limit|threshold|max|baseline|normal|g|hz)\b", answers=True),
        low=0.0,
    )


@measures(
    "fan_driver_temperature", "temperature of the fan's driver that a payload gives", unit="°C", low=-60, high=300
)
def fan_driver_temperature(scene: Scene) -> Reading | None:
    found = payload_numbers(
        scene, r"\b(driver|ic|mosfet|output stage)\b.*\b(temp\w*|c)\b", r"\b(limit|threshold|max)\b", answers=True
    )
    return newest(found, low=-60.0, high=300.0)


_DUTY = r"\b(pct|percent|duty|pwm)\b"
_COMMANDED = r"\b(cmd|command\w*|set|setpoint|demand\w*|request\w*|target|asked)\b"
_PUT_OUT = r"\b(out|output|actual|measured|delivered|feedback)\b"
_NO_DUTY = r"\b(rpm|speed|v|volt\w*|supply|rail|current|temp\w*|load|limit|threshold|max|min)\b"
_BOTH_WRITTEN = re.compile(
    r"\b(?:cmd|command\w*|set\w*|asked|demand\w*)\b\D{0,20}(\d{1,3}) ?%?\D{0,20}\bout\w*\b\D{0,12}(\d{1,3}) ?%"
)


_SPEED = re.compile(r"\b(rpm|speed)\b(?!.*\b(nominal|rated|limit|threshold|min|max|target|set|before|ago)\b)")
_ASKED = re.compile(rf"\b(duty|pwm)\b|({_COMMANDED}|\bfan\b).*\b(pct|percent)\b|\b(pct|percent)\b.*{_COMMANDED}")
_NOT_ASKED = re.compile(rf"{_NO_DUTY}|{_PUT_OUT}|\b(soc|humidity|health|energy|power)\b")

MOST_NESTED = 6
"""Levels of nested data that are looked through for duties (our judgement: self tests nest two or three)."""

LEAST_CHANGE = 25.0
"""Points of duty by which two speeds must lie apart to be compared (our judgement: a tenth of a fan's range is within its scatter)."""


def _duties_with_speeds(data: Any, depth: int = 0) -> Iterator[tuple[float, float]]:
    """Duty in percent and speed in rpm, wherever one object of nested data gives both."""
    if isinstance(data, Mapping):
        numbers = [
            (words_of(str(key)), number) for key, value in data.items() if (number := as_number(value)) is not None
        ]
        duties = [number for words, number in numbers if _ASKED.search(words) and not _NOT_ASKED.search(words)]
        found = [number for words, number in numbers if _SPEED.search(words)]
        if len(duties) == 1 and len(found) == 1 and 10.0 <= duties[0] <= 100.0 and found[0] > 0:
            yield duties[0], found[0]
    inner = data.values() if isinstance(data, Mapping) else data if isinstance(data, (list, tuple)) else ()
    if depth < MOST_NESTED:
        for each in inner:
            yield from _duties_with_speeds(each, depth + 1)


@measures(
    "fan_response_to_duty",
    "relative change of the fan's speed between the least and the greatest duty that payloads and answers of commands give a speed "
    "at, over the relative change of the duty; known where these lie 25 points apart",
    unit="%",
    low=0,
)
def fan_response_to_duty(scene: Scene) -> Reading | None:
    told = [
        (duty, speed, payload)
        for payload in payloads_and_answers(scene)
        for duty, speed in _duties_with_speeds(payload.data)
    ]
    if not told:
        return None
    least, greatest = min(duty for duty, _, _ in told), max(duty for duty, _, _ in told)
    if greatest - least < LEAST_CHANGE:
        return None
    slow, fast = (median([speed for duty, speed, _ in told if duty == asked]) for asked in (least, greatest))
    response = 100.0 * (fast / slow - 1.0) / (greatest / least - 1.0)
    return Reading(max(0.0, response), told[-1][2].time, few([payload.source for _, _, payload in told]))


@measures(
    "fan_output_share",
    "latest duty that the stage which drives the fan puts out in the payloads, against the one it is commanded",
    unit="%",
    low=0,
)
def fan_output_share(scene: Scene) -> Reading | None:
    pairs = [
        (time, float(match[1]), float(match[2]), source)
        for time, source, text in payload_texts(scene, answers=True)
        if (match := _BOTH_WRITTEN.search(text)) is not None
    ]
    commanded = payload_numbers(scene, rf"{_COMMANDED}.*{_DUTY}|{_DUTY}.*{_COMMANDED}", _NO_DUTY, answers=True)
    put_out = payload_numbers(
        scene, rf"{_PUT_OUT}.*{_DUTY}|{_DUTY}.*{_PUT_OUT}", rf"{_NO_DUTY}|{_COMMANDED}", answers=True
    )
    if commanded and put_out:
        pairs.append((put_out[-1].time, commanded[-1].value, put_out[-1].value, put_out[-1].source))
    known = [pair for pair in pairs if 20.0 <= pair[1] <= 100.0 and 0.0 <= pair[2] <= 110.0]
    if not known:
        return None
    time, wanted, given, source = max(known, key=lambda pair: (pair[0], pair[3]))
    return Reading(100.0 * given / wanted, time, (source,))
