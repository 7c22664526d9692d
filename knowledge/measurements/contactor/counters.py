"""The contactor's wear: its cycle counter, what it was made for, resets, sessions where nothing counts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ....engine.facts import Source
from ...readings import DAY, HOUR, MINUTE, Reading, Readings, few
from ...scene import Scene
from ..common import age
from ..cycle_counters import KEPT, last_reset, since_last_reset
from ..fleet import CLUSTER_WINDOW, same_code_nearby
from ..registry import measures
from .payload import Figure, figures, leaves
from .visits import COUNTER_RESET, replacement, visits_with

RATED_CYCLES = {True: 100_000.0, False: 60_000.0}
"""Service life of a contactor in cycles, DC and AC (dictionary F-0101); a charger's own figure comes first."""


def _up_to_fault(scene: Scene, column: Readings) -> Readings:
    """What was reported up to ten minutes after the latest occurrence."""
    return column.between(0.0, scene.anchor + 10 * MINUTE)


def _declared_life(scene: Scene, limits: Readings) -> float | None:
    told = _up_to_fault(scene, limits).where(lambda v: v > 0).last()
    return None if told is None else float(told.value)


def _rated_life(scene: Scene) -> float | None:
    """The cycles the contactor is made for: the charger's own figure, else the dictionary's for its kind."""
    declared = _declared_life(scene, scene.readings("component_health.contactor_max_cycles"))
    if declared is not None:
        return declared
    told = figures(
        scene,
        r"(max|rated|limit|life|service|allowed|permitted).*(cycles|operations|ops\b)|(cycles?|operations|ops) (max|limit|rated|allowed|permitted)",
        r"pct|percent|remaining|used",
    )
    usual = None if scene.is_dc is None else RATED_CYCLES[scene.is_dc]
    return next((figure.number for figure in reversed(told) if figure.number >= 1000), usual)


def _rated_life_of(scene: Scene, model: str, device: str) -> float | None:
    """The same of another charger, whose payloads are not read."""
    declared = scene.fleet.figures.of("contactor_max_cycles", device)
    if declared is not None:
        return declared
    told = scene.fleet.chargers.value("product.current_type", device)
    kind = told or ("DC" if "DC" in model.upper() else "AC" if "AC" in model.upper() else None)
    return None if kind is None else RATED_CYCLES[kind == "DC"]


def _reported_counts(scene: Scene) -> Readings:
    counts = _up_to_fault(scene, scene.readings("component_health.contactor_cycles"))
    return counts.where(lambda v: (v >= 0) & (v <= 1e8))


def cycle_counts(scene: Scene) -> Readings:
    """The contactor's counter, up to ten minutes after the latest occurrence.

    It is that of the connector's own records, else of those that name none. Of a fault that names no connector it is the
    highest of all that there are; empty where another is more than a tenth below, since it is not known which one is meant.
    """

    def load() -> Readings:
        reported = _reported_counts(scene)
        counters = reported.by_connector()
        if not counters:
            return reported
        if scene.connector_id is not None:
            return counters[-1]
        newest = [float(counts.values[-1]) for counts in counters]
        most = max(newest)
        return counters[newest.index(most)] if min(newest) >= KEPT * most else reported.at(slice(0))

    return scene.once("contactor cycles", load)


_GROUPED = re.compile(r"(?<![\w-])\d{1,3}(?:[ ,.']\d{3})+(?!\d)|(?<![\w-])\d{4,7}(?!\d)")


def _share_used(figure: Figure) -> float | None:
    """Life used in percent where a key gives a share that is used or left."""
    if 0 <= figure.percent <= 300 and re.search(r"remaining|left", figure.path):
        return max(0.0, 100.0 - figure.percent)
    used = re.search(
        r"used|consumed|\bwear\b|(life|lifetime|cycles?|endurance) (pct|percent|ratio)|of life", figure.path
    )
    return figure.percent if used and 0 < figure.percent <= 300 else None


def _share_spoken(text: str, life: float | None) -> float | None:
    """Life used in percent where a sentence gives cycles, and the rated ones after them or not at all."""
    cycles = [float(re.sub(r"[ ,.']", "", figure)) for figure in _GROUPED.findall(text[:2000])]
    cycles = [count for count in cycles if count >= 1000]
    if len(cycles) > 1:
        return 100.0 * cycles[0] / cycles[1]
    return 100.0 * cycles[0] / life if cycles and life else None


def _told_life_used(scene: Scene, life: float | None) -> Reading | None:
    """Life used in percent as details or texts tell it: a share used or left, or cycles in a sentence."""
    told: Reading | None = None
    for leaf in leaves(scene):
        if leaf.spoken or leaf.time > scene.anchor + HOUR:
            continue
        used = None
        if (
            isinstance(leaf, Figure)
            and re.search(r"life|wear|cycles?\b|endurance", leaf.path)
            and not re.search(r"current|power|load|fan", leaf.path)
        ):
            used = _share_used(leaf)
        elif isinstance(leaf.value, str) and re.search(r"cycle|operation|\bops\b", leaf.value, re.IGNORECASE):
            used = _share_spoken(leaf.value, life)
        if used is not None:
            told = leaf.reading(used)
    return told


def _told_count(scene: Scene) -> Reading | None:
    """The latest cycle count that details give under a key of its own."""
    found = figures(
        scene,
        r"contactor.*(cycles|operations|cycle count)|(^|details )(cycles|cycle count(er)?|operations|switching cycles|op(s|eration)? count|actuations)\b|cycle counter"
        r"|\b(contactor|switch|relay|k\d?) (ops|operations|switchings|strokes)\b",
        r"max|rated|limit|life|service|allowed|permitted|pct|percent|high current|load|per day|since|discharge|said",
    )
    plain = [figure for figure in found if figure.number >= 1 and figure.unit is None]
    return plain[-1].reading(plain[-1].number) if plain else None


@measures(
    "contactor_life_used",
    "the contactor's cycles at the fault in percent of its rated life (the charger's own figure, else 60,000 AC or 100,000 DC): "
    "its counter, with what it had shown before it was set back without a new contactor; unknown where that is not told, and where "
    "the fault names no connector and those of the connectors differ by more than a tenth",
    unit="%",
    low=0,
)
def contactor_life_used(scene: Scene) -> Reading | None:
    life = _rated_life(scene)
    counted = cycle_counts(scene).last() or _told_count(scene)
    if counted is None:
        return _told_life_used(scene, life)
    if life is None or life <= 0:
        return None
    cycles, sources = float(counted.value), list(counted.sources)
    reset = _counter_reset(scene)
    if reset is not None and _new_contactor_at(scene, reset) is None:
        if reset.shown_before is None:
            return None
        cycles, sources = cycles + reset.shown_before, [*sources, reset.source]
    return Reading(100.0 * cycles / life, counted.at, few(sources))


@dataclass(frozen=True, slots=True)
class _CounterReset:
    """When the counter was set back, what it showed before where that is known, and the record."""

    time: float
    shown_before: float | None
    source: Source


def _counter_reset(scene: Scene) -> _CounterReset | None:
    """The last reset that the counter shows; else the last command to reset it; else the last visit that reports one."""
    counts = cycle_counts(scene)
    place = last_reset(counts)
    if place is not None:
        return _CounterReset(float(counts.times[place + 1]), float(counts.values[place]), counts.source(place + 1))
    for command in reversed(scene.records("commands")):
        done = command.fields.get("status") not in ("failed", "rejected", "queued")
        reset = done and command.fields["command"] == "reset_contactor_counter"
        if reset and command.time is not None and command.time <= scene.anchor:
            return _CounterReset(command.time, None, scene.source("commands", command))
    visits = [visit for visit in visits_with(scene, COUNTER_RESET) if visit[0] <= scene.anchor]
    return _CounterReset(visits[-1][0], None, visits[-1][1]) if visits else None


def _new_contactor_at(scene: Scene, reset: _CounterReset) -> tuple[float, Source] | None:
    """The visit within 30 days of a reset that explains it by a new contactor."""
    return replacement(scene, reset.time - 30 * DAY, reset.time + 30 * DAY)


@measures(
    "counter_reset_without_replacement",
    "whether the cycle counter was set back before the fault although no visit report within 30 days of that speaks of a new "
    "contactor; known where a reset shows in the counter, the commands or a visit report",
    kind="flag",
)
def counter_reset_without_replacement(scene: Scene) -> Reading | None:
    reset = _counter_reset(scene)
    if reset is None:
        return None
    replaced = _new_contactor_at(scene, reset)
    sources = (reset.source,) if replaced is None else (reset.source, replaced[1])
    return Reading(replaced is None, reset.time, few(sources))


@measures(
    "sessions_per_day",
    "sessions a day on the connector over the last 90 days; known from six over five days",
    unit="/day",
    low=0,
)
def sessions_per_day(scene: Scene) -> Reading | None:
    recent = [s for s in scene.sessions() if scene.anchor - 90 * DAY <= s.start <= scene.anchor]
    if len(recent) < 6 or scene.anchor - recent[0].start < 5 * DAY:
        return None
    return Reading(len(recent) * DAY / (scene.anchor - recent[0].start), scene.anchor, few([s.source for s in recent]))


@measures(
    "estimated_life_used",
    "what the connector's sessions a day over the charger's age come to, in percent of the contactor's rated life; known only "
    "where neither a counter nor the life that is used was reported",
    unit="%",
    low=0,
)
def estimated_life_used(scene: Scene) -> Reading | None:
    if len(_reported_counts(scene)) or contactor_life_used(scene) is not None:
        return None
    rate, days, life = sessions_per_day(scene), age(scene), _rated_life(scene)
    if rate is None or days is None or life is None:
        return None
    return Reading(100.0 * float(rate.value) * float(days.value) / life, scene.anchor, rate.sources)


@measures(
    "contactor_cycles_per_day",
    "contactor cycles a day: the counter's rise over at least a day since it was last set back, else the counter over the charger's age "
    "where it never was",
    unit="/day",
    low=0,
)
def contactor_cycles_per_day(scene: Scene) -> Reading | None:
    counts, _ = since_last_reset(cycle_counts(scene))
    if not len(counts):
        return None
    span = float(counts.times[-1] - counts.times[0])
    rise = float(counts.values[-1] - counts.values[0])
    if span >= DAY and rise > 0:
        return counts.reading(rise * DAY / span)
    days = age(scene)
    if days is None or float(days.value) < 30 or _counter_reset(scene) is not None:
        return None
    return counts.reading(float(counts.values[-1]) / float(days.value), None, [len(counts) - 1])


@measures(
    "cycles_per_session",
    "rise of the contactor's counter over at least three sessions between its first and last reading, a session",
    unit="1",
    low=0,
)
def cycles_per_session(scene: Scene) -> Reading | None:
    counts = cycle_counts(scene)
    if len(counts) < 2:
        return None
    between = [s for s in scene.sessions() if counts.times[0] <= s.start <= counts.times[-1]]
    rise = float(counts.values[-1] - counts.values[0])
    return counts.reading(rise / len(between)) if len(between) >= 3 and rise > 0 else None


@measures(
    "peers_life_used_without_code",
    "highest contactor life used, in percent, by the newest counter of each of the other chargers of the same model that did not "
    "report the code within seven days of the latest occurrence",
    unit="%",
    low=0,
)
def peers_life_used_without_code(scene: Scene) -> Reading | None:
    model = scene.about("model")
    if model is None:
        return None
    used = scene.fleet.once(("contactor life used", model), lambda: _most_used(scene, model))
    faulty = {scene.device_id, *same_code_nearby(scene, CLUSTER_WINDOW)}
    ids = scene.fleet.chargers.ids
    most = next(((share, place) for share, place in used if ids[place] not in faulty), None)
    return None if most is None else Reading(most[0], None, scene.fleet.chargers.sources([most[1]]))


def _most_used(scene: Scene, model: str) -> list[tuple[float, int]]:
    """The life used, in percent, of the chargers of a model of which it is known, with their places, the highest first."""
    chargers, counted = scene.fleet.chargers, scene.fleet.figures.columns["contactor_cycles"]
    found = []
    for place in chargers.having("model", model).tolist():
        device = chargers.ids[place]
        life = _rated_life_of(scene, model, device) if device in counted else None
        if life:
            found.append((100.0 * counted[device] / life, place))
    return sorted(found, key=lambda used: (-used[0], used[1]))
