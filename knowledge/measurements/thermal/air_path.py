"""The way of the air through the cabinet, as chargers with sensors in it report: what it holds back, and how much goes through."""

from __future__ import annotations

from ...readings import DAY, HOUR, MINUTE, Reading, few, median
from ...scene import Scene
from ..payload import PayloadNumber, payload_numbers
from ..registry import measures

_PRESSURE = r"\b(filter|inlet|intake|outlet|exhaust|air|vent|vents|grille)\b.*\b(dp|delta p|diff\w* ?pressure|pressure drop|pressure)\b|\bdp pa\b"
_AIRFLOW = r"\bair ?(flow|volume|speed|velocity)\b|\bflow m3 ?h\b|\b(intake|exhaust|air (in|out))\b.*\bflow\b"
_BOUND = r"\b(limit|max|min|threshold|nominal|rated|expected|normal|alarm|warn\w*|cable|connector|bay)\b"

FEWEST = 4
"""Reports from which on the earlier ones stand for what is usual (our judgement)."""


def _against_earlier(scene: Scene, wanted: str) -> Reading | None:
    """The median of the reports of the last hour up to the latest occurrence over that of the earlier ones; of a fortnight."""
    told = [
        number
        for number in payload_numbers(scene, wanted, _BOUND)
        if scene.anchor - 14 * DAY <= number.time <= scene.anchor + MINUTE and number.value > 0
    ]
    now = [number for number in told if number.time >= scene.anchor - HOUR]
    before = [number for number in told if number.time < scene.first - HOUR]
    if not now or len(before) < FEWEST:
        return None
    usual = _level(before[: max(FEWEST, len(before) // 3)])
    return Reading(_level(now) / usual, scene.anchor, few([before[0].source, now[-1].source])) if usual > 0 else None


def _level(told: list[PayloadNumber]) -> float:
    return median([number.value for number in told])


@measures(
    "air_pressure_drop_growth",
    "pressure drop over a filter, intake or grille that the charger reported in the hour up to the latest occurrence, over that of the "
    "earliest third of at least four reports within a fortnight up to an hour before the first one",
    unit="times",
    low=0,
)
def air_pressure_drop_growth(scene: Scene) -> Reading | None:
    return _against_earlier(scene, _PRESSURE)


@measures(
    "airflow_against_earlier",
    "airflow that the charger reported in the hour up to the latest occurrence, over that of its earlier reports, chosen likewise",
    unit="times",
    low=0,
)
def airflow_against_earlier(scene: Scene) -> Reading | None:
    return _against_earlier(scene, _AIRFLOW)
