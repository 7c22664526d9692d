"""What load the cabinet carried before the fault, against its ratings, its own past and what was set by command."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from ....engine.facts import Source
from ...readings import DAY, HOUR, MINUTE, Reading, few, median, percentile
from ...scene import Scene
from ...texts import as_number, flat, words_of
from ..registry import measures
from .cabinet_frame import Frame, own_frame
from .chargers import rating_of
from .remembered import once_an_incident
from .telemetry import HISTORY, columns_of, known

LOSSES_GO_BY = 1.0, 1.5
"""Powers of the load between which heat goes (our judgement: one of what is always on, near two of resistance)."""

SETTLES_BETWEEN = 15 * MINUTE, 45 * MINUTE
"""Time constants between which a cabinet follows its load (our judgement: a ventilated one quickly, a closed one slowly)."""


MOST_UNTOLD = 0.25
"""Share of an hour in which a connector may charge without telling a power while the hour's load counts as known (our judgement: what is
missing then changes the mean by less than the bands of the rules)."""


class LoadBefore(NamedTuple):
    """The mean power of all connectors in the hour up to an occurrence, and the cells it was read from."""

    power: float
    frame: Frame
    cells: np.ndarray
    time: float


@once_an_incident
def load_before(scene: Scene) -> LoadBefore | None:
    """The load in the hour up to the latest occurrence that has any known."""
    frame = own_frame(scene)
    if frame is None:
        return None
    for time in reversed(scene.times):
        hour = frame.cells(time - HOUR - frame.width / 2, time + frame.width / 2)
        cells = hour & ~np.isnan(frame.load)
        if cells.any() and np.mean(frame.untold[hour]) <= MOST_UNTOLD:
            return LoadBefore(float(np.mean(frame.load[cells])), frame, cells, time)
    return None


class CarriedBefore(NamedTuple):
    """The mean power of all connectors in the half hour up to an occurrence and in its last cell, and the cells of the hour before.

    What a cabinet has carried for half an hour heats it; at the beginning of a load it is as cool as it was.
    """

    power: float
    last: float
    frame: Frame
    cells: np.ndarray

    def alike(self, frame: Frame, least: float, most: float, scale: float = 1.0) -> np.ndarray:
        """The cells of a frame up to which its cabinet had carried within shares of that power, times a scale, and carried about
        as much in the cell itself (0.65 to 1.55); all where it carried next to none."""
        if self.power <= 1.0:
            return np.ones(len(frame.times), dtype=bool)
        carried = (frame.carried >= least * self.power * scale) & (frame.carried <= most * self.power * scale)
        return carried & (frame.load >= 0.65 * self.last * scale) & (frame.load <= 1.55 * self.last * scale)


@once_an_incident
def carried_before(scene: Scene) -> CarriedBefore | None:
    """What the cabinet had carried just before the latest occurrence that has any load known."""
    found = load_before(scene)
    if found is None:
        return None
    frame, cells = found.frame, found.cells
    if frame.width <= 10 * MINUTE:
        # the cell of the fault mixes the power before it with none after it
        whole = cells & (frame.times <= found.time - frame.width / 2)
        cells = whole if whole.any() else cells
    return CarriedBefore(float(frame.carried[cells][-1]), float(frame.load[cells][-1]), frame, cells)


class _LoadAt(NamedTuple):
    """The power of all connectors together just before an occurrence, and the records it was read from."""

    power: float
    time: float
    sources: tuple[Source, ...]


@once_an_incident
def _loads_at_faults(scene: Scene) -> list[_LoadAt]:
    """The load just before each of the latest 20 occurrences of which it is known."""
    return [found for time in scene.times[-20:] if (found := _load_at(scene, time)) is not None]


def _load_at(scene: Scene, time: float) -> _LoadAt | None:
    """Each connector's median power in the five minutes before, else its last within 15; else that of the sessions."""
    columns = columns_of(scene, scene.device_id)
    total, sources = 0.0, []
    if columns is not None:
        # the charger cuts the power as it reports, so the last second tells nothing
        low, high = np.searchsorted(columns.times, [time - 15 * MINUTE, time - 1.0])
        for mine in columns.with_power(np.arange(low, high)):
            late = mine[columns.times[mine] >= time - 5 * MINUTE]
            late = late if len(late) else mine[-1:]
            total += median(columns.power[late])
            sources.append(columns.table.source(int(columns.rows[late[-1]])))
    if not sources:
        for session in scene.sessions(which="all"):
            if session.avg_power is None or session.end is None:
                continue
            if session.start <= time - 2 * MINUTE and session.end >= time - MINUTE:
                total += abs(session.avg_power)
                sources.append(session.source)
    if sources:
        return _LoadAt(total, time, few(sources)) if known(total) else None
    frame = own_frame(scene)
    if frame is None:
        return None
    # records that lie farther apart tell the load of a cell at best
    cells = np.flatnonzero(frame.cells(time - 1.5 * frame.width, time + frame.width / 2) & ~np.isnan(frame.load))[-1:]
    if not len(cells):
        return None
    mask = np.zeros(len(frame.times), dtype=bool)
    mask[cells] = True
    return _LoadAt(float(frame.load[cells[0]]), time, frame.sources(mask))


@measures(
    "load_at_cabinet_fault_share_of_continuous",
    "power of all connectors in the last minutes before an occurrence, as a share of the cabinet's continuous rating: median "
    "over the latest 20 occurrences",
    unit="%",
    low=0,
)
def load_at_cabinet_fault_share_of_continuous(scene: Scene) -> Reading | None:
    return _share_at_faults(scene, 50.0, 1)


@measures(
    "least_load_at_cabinet_faults_share_of_continuous",
    "the same, but the lower decile over these occurrences; known from three",
    unit="%",
    low=0,
)
def least_load_at_cabinet_faults_share_of_continuous(scene: Scene) -> Reading | None:
    return _share_at_faults(scene, 10.0, 3)


def _share_at_faults(scene: Scene, percent: float, count: int) -> Reading | None:
    """A percentile of the loads just before the occurrences, as a share of the continuous rating."""
    rating = rating_of(scene, scene.device_id).continuous
    found = _loads_at_faults(scene)
    if rating is None or len(found) < count:
        return None
    share = 100.0 * percentile([one.power for one in found], percent) / rating
    return Reading(share, found[-1].time, few([source for one in found for source in one.sources]))


def _load_share(scene: Scene, rating: float | None) -> Reading | None:
    """The load before the fault, else the one its details tell, as a share of a rating."""
    if rating is None:
        return None
    found = load_before(scene)
    if found is None:
        told = scene.detail_number(
            r"^(?!.*(limit|rated|rating|max)).*\b(total|output|load|concurrent)\b.*\b(power|kw)\b"
        )
        return None if told is None else Reading(100.0 * abs(float(told.value)) / rating, told.at, told.sources)
    return found.frame.reading(100.0 * found.power / rating, found.cells)


@measures(
    "load_share_of_continuous",
    "mean power of all connectors in the hour up to the latest occurrence, as a share of the cabinet's continuous rating",
    unit="%",
    low=0,
)
def load_share_of_continuous(scene: Scene) -> Reading | None:
    return _load_share(scene, rating_of(scene, scene.device_id).continuous)


@measures(
    "load_share_of_rated",
    "mean power of all connectors in the hour up to the latest occurrence, as a share of the rated power (else the model "
    "name's figure); known where no continuous rating is given",
    unit="%",
    low=0,
)
def load_share_of_rated(scene: Scene) -> Reading | None:
    lasting, rated = rating_of(scene, scene.device_id)
    return _load_share(scene, rated) if lasting is None else None


def _minutes_above(scene: Scene, power: float | None) -> Reading | None:
    """Minutes at or over a power in the four hours up to the latest occurrence with 20 minutes known."""
    frame = own_frame(scene)
    if frame is None or power is None:
        return None
    for time in reversed(scene.times):
        mask = frame.cells(time - 4 * HOUR, time + frame.width / 2) & ~np.isnan(frame.load)
        if mask.sum() * frame.width >= 20 * MINUTE:
            above = mask & (frame.load >= power)
            return frame.reading(float(above.sum()) * frame.width / MINUTE, mask, time)
    return None


@measures(
    "minutes_above_continuous_rating",
    "minutes in the four hours up to the latest occurrence with the power of all connectors at or over the continuous rating",
    unit="min",
    low=0,
)
def minutes_above_continuous_rating(scene: Scene) -> Reading | None:
    return _minutes_above(scene, rating_of(scene, scene.device_id).continuous)


@measures(
    "minutes_near_rated_power",
    "minutes in the four hours up to the latest occurrence with the power of all connectors at 90% of the rated power or more; "
    "known where no continuous rating is given",
    unit="min",
    low=0,
)
def minutes_near_rated_power(scene: Scene) -> Reading | None:
    lasting, rated = rating_of(scene, scene.device_id)
    return _minutes_above(scene, 0.9 * rated) if lasting is None and rated is not None else None


@measures(
    "idle_minutes_before_cabinet_fault",
    "median over the latest 20 occurrences of the minutes without load on any connector (3% of the rated power at most) up to ten "
    "minutes before",
    unit="min",
    low=0,
)
def idle_minutes_before_cabinet_fault(scene: Scene) -> Reading | None:
    frame = own_frame(scene)
    if frame is None:
        return None
    found: list[float] = []
    cells = np.zeros(len(frame.times), dtype=bool)
    for time in scene.times[-20:]:
        mask = frame.cells(time - 10 * MINUTE - 1.5 * frame.width, time - 10 * MINUTE) & ~np.isnan(frame.load)
        if mask.any():
            found.append(float(frame.rest[mask][-1]) / MINUTE)
            cells |= mask
    if not found:
        return None
    return frame.reading(median(found), cells)


@measures(
    "load_vs_past",
    "mean power of all connectors in the hour up to the latest occurrence over the usual high one (90th percentile while loaded) "
    "from 60 days to four days before",
    unit="1",
    low=0,
)
def load_vs_past(scene: Scene) -> Reading | None:
    found = load_before(scene)
    if found is None:
        return None
    load, frame, mask, _ = found
    past = frame.load[frame.cells(scene.anchor - HISTORY, scene.anchor - 4 * DAY) & (frame.load > 1.0)]
    return frame.reading(load / percentile(past, 90), mask) if len(past) >= 6 else None


_LIMIT = re.compile(r"^(?!.*\b(energy|k?wh|soc|time|duration|seconds?|minutes?)\b).*\b(limit|power|kw|max)\b")
_UNIT_BESIDE = re.compile(r"^(.*?) ?\b((charging )?rate |power |limit )?units?$")
_UNITS = {
    "percent": re.compile(r"\b(percent|pct)\b|%"),
    "kw": re.compile(r"\b(kw|kilowatts?)\b"),
    "w": re.compile(r"\b(w|watts?)\b"),
    "a": re.compile(r"\b(amps?|amperes?|current)\b|\ba$"),
}

MOST_OF_RATING = 3.0
"""How many times the continuous rating a limit without a unit may be in kW (our judgement: above that it is given in W)."""


def _unit_in(words: str) -> str | None:
    return next((unit for unit, named in _UNITS.items() if named.search(words)), None)


def _commanded_power(command: str, params: Any, lasting: float, rated: float | None) -> float | None:
    """The power limit (kW) that the parameters of a command set, by the unit that its key, its text, a key beside it or the command
    names; a limit in amperes tells no power."""
    told = [*flat(params)]
    beside = {found[1]: str(value) for path, value in told if (found := _UNIT_BESIDE.match(path))}
    for path, value in told:
        number = as_number(value)
        if number is None or number <= 0 or not _LIMIT.search(path):
            continue
        said = re.sub(r"[\d.,]+", " ", value) if isinstance(value, str) else ""
        around = max((stem for stem in beside if path.startswith(stem)), key=len, default=None)
        texts = (path, said.lower(), "" if around is None else beside[around].lower(), words_of(command))
        unit = next((unit for text in texts if (unit := _unit_in(text)) is not None), None)
        if unit is None:
            unit = "kw" if number <= MOST_OF_RATING * lasting else "w"
        if unit == "percent" and rated is not None:
            return number * rated / 100.0
        if unit in ("kw", "w"):
            return number if unit == "kw" else number / 1000.0
    return None


@measures(
    "commanded_limit_share_of_continuous",
    "the last limit that a command set as a power (kW, W, percent of the rated power) within 30 days before the latest occurrence, as a "
    "share of the continuous rating",
    unit="%",
    low=0,
)
def commanded_limit_share_of_continuous(scene: Scene) -> Reading | None:
    lasting, rated = rating_of(scene, scene.device_id)
    if lasting is None:
        return None
    for command in reversed(scene.records("commands")):
        if (
            command.time is None
            or not 0.0 <= scene.anchor - command.time <= 30 * DAY
            or command.fields.get("status") in ("failed", "rejected")
        ):
            continue
        if not re.search(r"limit|profile|power|schedule|load", command.fields["command"]):
            continue
        power = _commanded_power(command.fields["command"], command.fields.get("params"), lasting, rated)
        if power is not None:
            return Reading(100.0 * power / lasting, command.time, (scene.source("commands", command),))
    return None
