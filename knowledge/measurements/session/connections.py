"""When a charger was without connection: by its connection records, by what else tells of it, by gaps in what it sends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....engine.facts import Source
from ...observations import Floats
from ...readings import HOUR, MINUTE, median
from ...scene import FaultEvent, Scene

FEWEST_BEFORE = 4
"""Moments before the one in question that an interval is usual from (our judgement: of three intervals the middle one is)."""


@dataclass(frozen=True)
class Break:
    """A time without connection; `end` is where the charger was back, infinite where that is not known."""

    start: float
    end: float
    source: Source

    def touches(self, start: float, end: float) -> bool:
        """Whether any of it lies between two moments, both included."""
        return self.start <= end and self.end >= start


def _lost_before(beats: Floats, back: float) -> float:
    """When a connection that came back was lost, where nobody recorded it: after the last heartbeat, or not long before."""
    heard = beats[beats < back - 1]
    return float(heard[-1]) if len(heard) and back - heard[-1] <= HOUR else back - MINUTE


def breaks(scene: Scene, device: str | None = None) -> list[Break]:
    """When a charger was without connection, by its connection records."""
    name = scene.device_id if device is None else device

    def load() -> list[Break]:
        found: list[Break] = []
        lost: tuple[float, Source] | None = None
        beats = heartbeat_times(scene, name)
        for record in scene.records("connections", device=name):
            if record.time is None or record.fields["transition"] is None:
                continue
            source = scene.source("connections", record)
            if record.fields["transition"] == "offline":
                lost = lost or (record.time, source)
            elif lost is not None:
                found.append(Break(lost[0], record.time, lost[1]))
                lost = None
            elif record.fields["transition"] == "reconnect":
                found.append(Break(_lost_before(beats, record.time), record.time, source))
        if lost is not None:
            found.append(Break(lost[0], float("inf"), lost[1]))
        return found

    return scene.shared_once(("breaks", name), load)


def told_breaks(scene: Scene) -> list[Break]:
    """The charger's breaks by its connection records, its metadata, its connectivity faults and its heartbeats."""
    found = list(breaks(scene))
    gone, back = scene.metadata("offline_since"), scene.metadata("online_since")
    if gone is not None:
        since = float(gone.value)
        end = float(back.value) if back is not None and float(back.value) >= since else _back_after(scene, since)
        found.append(Break(since, float("inf") if end is None else end, gone.sources[0]))
    elif back is not None:
        beats = heartbeat_times(scene, scene.device_id)
        found.append(Break(_lost_before(beats, float(back.value)), float(back.value), back.sources[0]))
    found += [Break(f.time, f.time, f.source) for f in connectivity_faults(scene, scene.device_id)]
    found += _told_by_heartbeats(scene)
    return sorted(found, key=lambda b: (b.start, b.end, b.source))


def _back_after(scene: Scene, moment: float) -> float | None:
    """When a charger was connected again for the first time after a moment, by its connection records and its heartbeats."""
    told = [
        r.time
        for r in scene.records("connections")
        if r.time is not None and r.time > moment and r.fields["transition"] in ("online", "reconnect")
    ]
    beats = heartbeat_times(scene, scene.device_id)
    later = beats[beats > moment]
    return min([*told, *later[:1].tolist()], default=None)


def _told_by_heartbeats(scene: Scene) -> list[Break]:
    """Times through which the platform's heartbeats say that the charger is offline, each until it was connected again; where
    no return is known, until the last of them."""
    found: list[Break] = []
    said = scene.beats(offline=True)
    back = None
    for place, (time, _) in enumerate(said):
        if found and (back is None or time < back):
            found[-1] = Break(found[-1].start, time if back is None else back, found[-1].source)
            continue
        back = _back_after(scene, time)
        found.append(Break(time, time if back is None else back, said.source(place)))
    return found


def connectivity_faults(scene: Scene, device: str) -> list[FaultEvent]:
    """The faults of a charger that say it lost its connection."""
    return [fault for fault in scene.faults(device=device) if fault.code in ("F-0301", "F-0302")]


def heartbeat_times(scene: Scene, device: str) -> Floats:
    """When a charger's heartbeats came; those by which the platform says it is offline are none."""
    return scene.beats(device).times


def _around(times: Floats, moment: float) -> Floats:
    """What moments lie around one, each once (telemetry is often doubled for two connectors); empty where they are too few."""
    known = times[(times >= moment - 47 * MINUTE) & (times <= moment + 45 * MINUTE)]
    return np.unique(np.round(known, 1)) if len(known) > FEWEST_BEFORE else known[:0]


def overdue(times: Floats, moment: float) -> float | None:
    """For how many seconds the next of a series was overdue at a moment, by its usual interval before; 0 where it was not."""
    known = _around(times, moment)
    early = known[known <= moment]
    if len(early) < FEWEST_BEFORE:
        return None
    return max(0.0, moment - float(early[-1]) - median(np.diff(early)))


def largest_gap(times: Floats, moment: float, after: float, *, sparser_later: bool = False) -> float | None:
    """The largest gap from two minutes before to `after` seconds after a moment, in multiples of the usual interval.

    Where a series may be sparser after the moment by design (telemetry after a session), a gap that reaches beyond it is
    judged by the later pace.
    """
    known = _around(times, moment)
    early, late = known[known <= moment], known[known > moment]
    if len(early) < FEWEST_BEFORE or not len(late):
        return None
    usual = median(np.diff(early))
    following = median(np.diff(late)) if len(late) >= 4 else None
    ratios = []
    starts, stops = known[:-1], known[1:]
    near = (stops >= moment - 2 * MINUTE) & (starts <= moment + after)
    for start, stop in zip(starts[near].tolist(), stops[near].tolist(), strict=True):
        scale = usual
        if stop > moment and sparser_later:
            if following is None and start >= moment - 1.5 * usual:
                continue
            scale = max(usual, following or usual)
        ratios.append((stop - start) / max(scale, 0.5))
    return max(ratios, default=None)


def heartbeat_gap(scene: Scene, device: str, moment: float) -> float | None:
    """The largest gap in a charger's heartbeats from two minutes before to one minute after a moment, in intervals."""
    return largest_gap(heartbeat_times(scene, device), moment, MINUTE)
