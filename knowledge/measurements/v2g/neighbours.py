"""Measurements of other chargers at the loss: who lost sync too, who held it, who noticed something else."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ....engine.facts import Source
from ...fleet.chargers import NONE
from ...observations import Rows
from ...readings import DAY, HOUR, MINUTE, Reading, few
from ...scene import FaultEvent, Scene
from ..registry import measures
from .discharges import discharges_of
from .evidence import number_of
from .occurrences import LOSS, TOGETHER, happenings, is_here, latest_times, meets_occurrence
from .records import in_sync, sampled, sources_of_rows
from .supply import nominal_voltages, voltage_off
from .vehicles import discharging_chargers

MOST_AREA_CHARGERS = 200
"""Chargers of other sites of a grid area that are looked at, those with a loss first (our judgement: more change no count that
a rule asks for)."""


@dataclass(frozen=True, slots=True)
class _Peer:
    """What another charger of the site or area did at the loss: seconds to its own loss, or how it ran through."""

    device_id: str
    at_site: bool
    gap: float | None
    held: bool
    charged: bool
    wavered: bool
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class _Course:
    """What a charger's telemetry around one occurrence shows, and the rows that show it."""

    gap: float | None = None
    held: bool = False
    charged: bool = False
    wavered: bool = False
    rows: Rows = field(default_factory=lambda: NONE)


def _peers(scene: Scene) -> list[_Peer]:
    def load() -> list[_Peer]:
        here = {record.fields["device_id"] for record in scene.neighbours}
        devices = sorted(here.union(_area_chargers(scene)))
        return [_peer(scene, device, device in here, scene.faults(LOSS, device=device)) for device in devices]

    return scene.once("v2g-peers", load)


def _in_area(scene: Scene, device: str) -> bool:
    """Whether another charger stands in the site's grid area."""
    return device != scene.device_id and _area_of(scene, device) == scene.area and scene.area is not None


def _area_of(scene: Scene, device: str) -> str | None:
    return scene.fleet.area_of(scene.fleet.site_of(device))


def _area_chargers(scene: Scene) -> list[str]:
    """The chargers of other sites of the grid area that reported a loss, or may discharge; of many the first ones."""
    if scene.area is None:
        return []

    def load() -> dict[str | None, list[str]]:
        found: dict[str | None, list[str]] = {}
        for device in [
            *dict.fromkeys(fault.device_id for fault in scene.faults(LOSS)),
            *discharging_chargers(scene.fleet),
        ]:
            found.setdefault(_area_of(scene, device), []).append(device)
        return found

    chargers = scene.fleet.once(("v2g chargers by area",), load).get(scene.area, [])
    return [device for device in chargers if not scene.is_near(device)][:MOST_AREA_CHARGERS]


def _peer(scene: Scene, device: str, at_site: bool, losses: list[FaultEvent]) -> _Peer:
    gaps, sources = [], []
    if losses:
        gap, nearest = min(
            ((min(abs(f.time - t) for t in latest_times(scene)), f) for f in losses), key=lambda pair: pair[0]
        )
        gaps.append(gap)
        sources.append(nearest.source)
    followed = scene.is_near(device) and device in scene.observations["telemetry"].by_device
    latest = latest_times(scene)[-3:] if followed else ()
    courses = [_course(scene, device, time) for time in latest]
    gaps += [course.gap for course in courses if course.gap is not None]
    for course in courses:
        sources.extend(sources_of_rows(scene, course.rows))
    soonest = min(gaps, default=None)
    held = any(course.held for course in courses)
    if not held and (soonest is None or soonest > TOGETHER):
        through = [
            d for d in discharges_of(scene, device)
            if d.start < scene.anchor - MINUTE and d.end > scene.anchor + 2 * MINUTE
        ]  # fmt: skip
        held = bool(through)
        sources += [d.source for d in through]
    wavered = any(course.wavered for course in courses)
    held = held and not wavered and (soonest is None or soonest > 5 * MINUTE)
    return _Peer(device, at_site, soonest, held, any(course.charged for course in courses), wavered, few(sources))


def _course(scene: Scene, device: str, time: float) -> _Course:
    table = scene.observations["telemetry"]
    before = sampled(scene, device, time - 5 * MINUTE, time - 0.001, 120)
    after = sampled(scene, device, time, time + 5 * MINUTE, 120)
    around = np.concatenate([before, after])
    delays = np.abs(table.times[around] - time)

    def reporting(status: str, within: float) -> Rows:
        """The places of those around that report a status near the occurrence."""
        return np.flatnonzero(table.one_of("inverter_sync_status", (status,), around) & (delays <= within))

    lost = reporting("lost", 2 * MINUTE)
    if len(lost):
        return _Course(gap=float(delays[lost].min()), rows=around[lost[:1]])
    if not len(before) or not len(after):
        return _Course()
    unsynced = reporting("unsynced", TOGETHER)
    if len(unsynced) and in_sync(scene, before).any() and table.one_of("state", ("discharging",), before).any():
        return _Course(wavered=True, rows=around[unsynced[:1]])
    held = bool(in_sync(scene, np.array([before[-1], after[0], after[-1]])).all())
    met = np.array([before[-1], after[0]])
    charged = bool(table.one_of("state", ("charging",), met).all())
    return _Course(held=held, charged=charged, rows=met if held else NONE)


def _number_of(scene: Scene, peers: list[_Peer]) -> Reading | None:
    return Reading(float(len(peers)), scene.anchor, few([s for p in peers for s in p.sources])) if peers else None


@measures(
    "peer_loss_gap",
    "seconds between a loss of sync on another charger of the site or area and the nearest occurrence here",
    unit="s",
    low=0,
)
def peer_loss_gap(scene: Scene) -> Reading | None:
    lost = [p for p in _peers(scene) if p.gap is not None and p.gap <= HOUR]
    if not lost:
        return None
    nearest = min(lost, key=lambda p: (p.gap or 0.0, p.device_id))
    return Reading(nearest.gap or 0.0, scene.anchor, nearest.sources)


@measures(
    "peers_lost_together",
    "other chargers of the site or area that lost sync within a minute of an occurrence here; known where one did",
    unit="1",
    low=0,
)
def peers_lost_together(scene: Scene) -> Reading | None:
    return _number_of(scene, [p for p in _peers(scene) if p.gap is not None and p.gap <= TOGETHER])


@measures(
    "share_of_losses_with_peers",
    "of at least three occurrences, the share within a minute of a loss that another charger of the site or area reported; known where "
    "one did at any of them",
    unit="%",
    low=0,
    high=100,
)
def share_of_losses_with_peers(scene: Scene) -> Reading | None:
    times = latest_times(scene)
    theirs = [fault for peer in _peers(scene) for fault in scene.faults(LOSS, device=peer.device_id)]
    met = {t: f for t in times for f in theirs if abs(f.time - t) <= TOGETHER}
    if len(times) < 3 or not met:
        return None
    return Reading(100.0 * len(met) / len(times), scene.anchor, few([fault.source for fault in met.values()]))


@measures(
    "peers_wavered_together",
    "other chargers of the site or area that ran unsynced for a moment within a minute of an occurrence, without losing sync; "
    "known where one did",
    unit="1",
    low=0,
)
def peers_wavered_together(scene: Scene) -> Reading | None:
    return _number_of(scene, [p for p in _peers(scene) if p.wavered])


@measures(
    "site_sessions_ended_together",
    "sessions on other chargers of the site that ended within 15 s of an occurrence; known where one did",
    unit="1",
    low=0,
)
def site_sessions_ended_together(scene: Scene) -> Reading | None:
    neighbours = [record.fields["device_id"] for record in scene.neighbours]
    sessions = [session for device in neighbours for session in scene.sessions(which="all", device=device)]
    return number_of(scene, [s for s in sessions if s.end is not None and meets_occurrence(scene, s.end, 15.0)])


@measures(
    "site_peers_held_sync",
    "other chargers of the site that stayed in sync, or went on discharging, through the loss; known where one did",
    unit="1",
    low=0,
)
def site_peers_held_sync(scene: Scene) -> Reading | None:
    return _number_of(scene, [p for p in _peers(scene) if p.held and p.at_site])


@measures(
    "area_peers_held_sync",
    "chargers of other sites in the grid area that stayed in sync, or went on discharging, through the loss; known where one "
    "did",
    unit="1",
    low=0,
)
def area_peers_held_sync(scene: Scene) -> Reading | None:
    return _number_of(scene, [p for p in _peers(scene) if p.held and not p.at_site])


@measures(
    "site_peers_charged_through",
    "other chargers of the site that went on charging through the loss; known where one did",
    unit="1",
    low=0,
)
def site_peers_charged_through(scene: Scene) -> Reading | None:
    steady = [p for p in _peers(scene) if p.charged and p.at_site]
    records = [scene.devices[p.device_id] for p in steady]
    return Reading(float(len(steady)), scene.anchor, scene.sources("devices", records)) if steady else None


@measures(
    "site_peers_disturbed",
    "other chargers of the site with a fault of another code, or that went offline, within a minute of an occurrence; known "
    "where one did",
    unit="1",
    low=0,
)
def site_peers_disturbed(scene: Scene) -> Reading | None:
    neighbours = {r.fields["device_id"] for r in scene.neighbours}
    others = [
        f
        for device in sorted(neighbours)
        for f in scene.faults(device=device)
        if f.code != LOSS and meets_occurrence(scene, f.time)
    ]
    hit = {fault.device_id for fault in others}
    sources = [fault.source for fault in others]
    for device in sorted(neighbours - hit):
        for record in scene.records("connections", device=device):
            if record.fields["transition"] == "offline" and meets_occurrence(scene, record.time or 0.0):
                hit.add(device)
                sources.append(scene.source("connections", record))
                break
    return Reading(float(len(hit)), scene.anchor, few(sources)) if hit else None


@measures(
    "site_peer_phase_voltage_deviation",
    "largest deviation from the supply's nominal one of a phase voltage at another charger of the site within a minute of the latest "
    "occurrence",
    unit="%",
    low=0,
)
def site_peer_phase_voltage_deviation(scene: Scene) -> Reading | None:
    table = scene.observations["telemetry"]
    best: tuple[float, int] | None = None
    for neighbour in scene.neighbours[:20]:
        device = neighbour.fields["device_id"]
        rows = sampled(scene, device, scene.anchor - MINUTE, scene.anchor + MINUTE, 60)
        phases = [table.numbers(f"phase_details.phase_{phase}.voltage")[rows].tolist() for phase in "abc"]
        for row, *voltages in zip(rows.tolist(), *phases, strict=True):
            # An idle charger may report no voltage at all.
            for voltage in (voltage for voltage in voltages if voltage > 50.0):
                off = voltage_off(voltage, nominal_voltages(scene, scene.device_id, device))
                if off is not None and (best is None or off > best[0]):
                    best = off, row
    return None if best is None else Reading(best[0], float(table.times[best[1]]), (table.source(best[1]),))


@measures(
    "elsewhere_lost_together",
    "chargers outside the site and its known area that lost sync within a minute of an occurrence; known where one did",
    unit="1",
    low=0,
)
def elsewhere_lost_together(scene: Scene) -> Reading | None:
    faults = scene.fleet.faults.within(LOSS, latest_times(scene)[0] - TOGETHER, scene.anchor + TOGETHER)
    hits = [
        f
        for f in faults
        if meets_occurrence(scene, f.time) and not scene.is_near(f.device_id) and not _in_area(scene, f.device_id)
    ]
    return number_of(scene, hits, {f.device_id for f in hits})


def _apart_on_firmware(scene: Scene) -> list[FaultEvent]:
    """Losses of other chargers on this firmware within two weeks that no moment has in common with those here."""
    version = scene.about("firmware_version")
    if version is None:
        return []
    return [
        fault
        for fault in scene.fleet.faults.within(LOSS, scene.anchor - 14 * DAY, scene.anchor + 14 * DAY)
        if fault.device_id != scene.device_id
        and scene.devices.value("firmware_version", fault.device_id) == version
        and not meets_occurrence(scene, fault.time, 10 * MINUTE)
    ]


@measures(
    "sites_losing_sync_apart",
    "other sites with chargers on this firmware that lost sync within two weeks, but not within ten minutes of this charger; "
    "known where there is one",
    unit="1",
    low=0,
)
def sites_losing_sync_apart(scene: Scene) -> Reading | None:
    apart = _apart_on_firmware(scene)
    sites = {scene.fleet.site_of(f.device_id) for f in apart} - {None, scene.site_id}
    return number_of(scene, apart, sites) if sites else None


@measures(
    "models_losing_sync_apart",
    "different vehicle models at the losses on this firmware, this one's included; known from two losses on several chargers",
    unit="1",
    low=0,
)
def models_losing_sync_apart(scene: Scene) -> Reading | None:
    apart = {(f.device_id, f.time) for f in _apart_on_firmware(scene)}
    found = [h for h in happenings(scene) if (h.device_id, h.time) in apart or is_here(scene, h)]
    known = [h for h in found if h.vehicle is not None and (h.vehicle.model or h.vehicle.make)]
    if len({h.device_id for h in known}) < 2:
        return None
    return number_of(
        scene, known, {(h.vehicle.make or "", h.vehicle.model or "") for h in known if h.vehicle is not None}
    )
