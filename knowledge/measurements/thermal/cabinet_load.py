"""What load the cabinet carried before the fault, against its ratings, its own past and what was set by command."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from ...readings import DAY, HOUR, MINUTE, Reading
from ...scene import Scene, as_number, flat
from ..registry import measures
from .cabinet_frame import Frame, own_frame
from .chargers import rating_of
from .remembered import once_an_incident
from .telemetry import HISTORY


class LoadBefore(NamedTuple):
    """The mean power of all connectors in the hour up to an occurrence, and the cells it was read from."""

    power: float
    frame: Frame
    cells: np.ndarray


@once_an_incident
def load_before(scene: Scene) -> LoadBefore | None:
    """The load in the hour up to the latest occurrence that has any known."""
    frame = own_frame(scene)
    if frame is None:
        return None
    for time in reversed(scene.times):
        cells = frame.cells(time - HOUR - frame.width / 2, time + frame.width / 2) & ~np.isnan(frame.load)
        if cells.any():
            return LoadBefore(float(np.mean(frame.load[cells])), frame, cells)
    return None


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
    return frame.reading(float(np.median(found)), cells)


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
    load, frame, mask = found
    past = frame.load[frame.cells(scene.anchor - HISTORY, scene.anchor - 4 * DAY) & (frame.load > 1.0)]
    return frame.reading(load / float(np.percentile(past, 90)), mask) if len(past) >= 6 else None


@measures(
    "commanded_limit_share_of_continuous",
    "the last power limit in kW set by command within 30 days before the latest occurrence, as a share of the continuous rating",
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
        for path, value in flat(command.fields.get("params")):
            number = as_number(value)
            if number is None or number <= 0 or not re.search(r"\b(limit|power|kw|max)\b", path):
                continue
            if re.search(r"\b(percent|pct)\b", path):
                number = number * rated / 100.0 if rated is not None else 0.0
            elif re.search(r"\b(w|watts?)\b", path) or number > 5000.0:
                number /= 1000.0
            if number > 0:
                return Reading(100.0 * number / lasting, command.time, (scene.source("commands", command),))
    return None
