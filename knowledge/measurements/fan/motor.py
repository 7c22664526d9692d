"""The fan's motor as payloads give it: current, running hours, vibration, heat of its driver."""

from __future__ import annotations

from ...readings import Reading, few
from ...scene import Scene
from ..payload import PayloadNumber, newest, payload_numbers
from ..registry import measures

_CURRENT = r"\b(fan|motor|winding|phase|supply) (motor )?current\b|\bcurrent (a|ma|draw)\b|\bi ?fan\b|\bfan (a|ma)\b|^(details )?current$"


def _currents(scene: Scene) -> list[PayloadNumber]:
    unwanted = r"\b(nominal|rated|expected|typical|normal|limit|threshold|max|min|baseline|peer\w*)\b"
    return payload_numbers(scene, _CURRENT, unwanted)


@measures(
    "fan_current_share",
    "latest current of the fan in the payloads against the rated one named beside it",
    unit="%",
    low=0,
)
def fan_current_share(scene: Scene) -> Reading | None:
    shares = payload_numbers(scene, r"\bcurrent\b.*\b(pct|percent)\b", r"\b(limit|threshold|max|min)\b")
    if shares:
        return newest(shares)
    measured = _currents(scene)
    rated = payload_numbers(
        scene,
        r"\bcurrent\b.*\b(nominal|rated|expected|typical|normal|baseline)\b|\b(nominal|rated|expected|typical|normal|baseline)\b.*\bcurrent\b",
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
    )
    return newest(found, low=0.0)


@measures("fan_vibration", "vibration of the fan that a payload gives", unit="mm/s", low=0)
def fan_vibration(scene: Scene) -> Reading | None:
    return newest(payload_numbers(scene, r"\bvibration\b", r"\b(limit|threshold|max|baseline|normal|g|hz)\b"), low=0.0)


@measures(
    "fan_driver_temperature", "temperature of the fan's driver that a payload gives", unit="°C", low=-60, high=300
)
def fan_driver_temperature(scene: Scene) -> Reading | None:
    found = payload_numbers(
        scene, r"\b(driver|ic|mosfet|output stage)\b.*\b(temp\w*|c)\b", r"\b(limit|threshold|max)\b"
    )
    return newest(found, low=-60.0, high=300.0)
