"""Measurements over the neighbours: the same code on a firmware, a site or a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..observations import Rows
from ..readings import DAY, HOUR, Reading, ends, few
from ..scene import FaultEvent, Scene
from .registry import measures

CLUSTER_WINDOW = 7 * DAY
"""Days within which the same code on several chargers is one cluster (runbook, firmware-cluster check)."""


def same_code_nearby(scene: Scene, window: float) -> dict[str, list[FaultEvent]]:
    """Fault events of the incident's code on any charger within so many seconds of the latest occurrence, by charger."""

    def load() -> dict[str, list[FaultEvent]]:
        found: dict[str, list[FaultEvent]] = {}
        for fault in scene.fleet.faults.within(scene.incidence.code, scene.anchor - window, scene.anchor + window):
            found.setdefault(fault.device_id, []).append(fault)
        return found

    return scene.once(("same code nearby", window), load)


def in_use(scene: Scene, places: Rows) -> NDArray[np.bool_]:
    """Which of some chargers (places in `scene.fleet.chargers`) were in use within seven days of the latest occurrence."""
    return scene.fleet.in_use(places, scene.anchor - CLUSTER_WINDOW, scene.anchor + CLUSTER_WINDOW)


def heard(scene: Scene, places: Rows, window: float = CLUSTER_WINDOW) -> NDArray[np.bool_]:
    """Which of some chargers were heard within so many seconds of the latest occurrence."""
    return scene.fleet.heard(places, scene.anchor - window, scene.anchor + window)


def reported(scene: Scene, places: Rows, window: float = CLUSTER_WINDOW) -> NDArray[np.bool_]:
    """Which of some chargers reported the code within so many seconds of the latest occurrence."""

    def load() -> NDArray[np.bool_]:
        found = np.zeros(len(scene.fleet.chargers), dtype=bool)
        found[scene.fleet.chargers.places(same_code_nearby(scene, window))] = True
        return found

    return np.asarray(scene.once(("reported the code", window), load)[places])


def without_own(scene: Scene, places: Rows) -> Rows:
    """Some chargers without the incident's."""
    own = scene.fleet.chargers.place(scene.device_id)
    found: Rows = places[places != own]
    return found


def _count(scene: Scene, faults: dict[str, list[FaultEvent]], devices: Sequence[str]) -> Reading:
    sources = sorted((faults[device][0].source for device in devices), key=attrgetter("list", "index"))
    return Reading(float(len(devices)), scene.anchor, few(ends(sources)))


def _cluster(scene: Scene) -> tuple[dict[str, list[FaultEvent]], list[str]]:
    """The chargers that reported the code within seven days, and those of them on this charger's firmware version."""
    faults = same_code_nearby(scene, CLUSTER_WINDOW)
    version = scene.about("firmware_version")
    return faults, [d for d in faults if _firmware_of(scene, d) == version]


def _firmware_of(scene: Scene, device: str) -> Any:
    return scene.fleet.chargers.value("firmware_version", device)


@measures(
    "devices_with_code_on_firmware",
    "chargers on this charger's firmware version, itself included, that reported the code within seven days",
    unit="1",
    low=0,
)
def devices_with_code_on_firmware(scene: Scene) -> Reading | None:
    if scene.about("firmware_version") is None:
        return None
    faults, alike = _cluster(scene)
    return _count(scene, faults, alike) if alike else None


@measures(
    "sites_with_code_on_firmware",
    "distinct sites of the chargers on this firmware version that reported the code within seven days",
    unit="1",
    low=0,
)
def sites_with_code_on_firmware(scene: Scene) -> Reading | None:
    if scene.about("firmware_version") is None:
        return None
    faults, alike = _cluster(scene)
    sites = {scene.fleet.site_of(d) for d in alike} - {None}
    if not sites:
        return None
    return Reading(float(len(sites)), scene.anchor, _count(scene, faults, alike).sources)


@measures(
    "firmware_peers_without_code_share",
    "of at least three other chargers on this firmware version, the share in percent that did not report the code within "
    "seven days although they were in use then, by the first and the last of their events, telemetry and charging records",
    unit="%",
    low=0,
    high=100,
)
def firmware_peers_without_code_share(scene: Scene) -> Reading | None:
    alike = _others_on_firmware(scene)
    if alike is None:
        return None
    peers = alike[in_use(scene, alike)]
    if len(peers) < 3:
        return None
    clean = int((~reported(scene, peers)).sum())
    return Reading(100.0 * clean / len(peers), scene.anchor, scene.fleet.chargers.sources(peers))


def _others_on_firmware(scene: Scene) -> Rows | None:
    """The other chargers on this charger's firmware version; None where that is not known."""
    version = scene.about("firmware_version")
    return None if version is None else without_own(scene, scene.fleet.chargers.having("firmware_version", version))


@measures(
    "share_of_code_on_firmware",
    "of at least three chargers that reported the code within seven days and whose firmware is known, the share in percent "
    "that runs this charger's version",
    unit="%",
    low=0,
    high=100,
)
def share_of_code_on_firmware(scene: Scene) -> Reading | None:
    version = scene.about("firmware_version")
    faults = same_code_nearby(scene, CLUSTER_WINDOW)
    known = [d for d in faults if _firmware_of(scene, d) is not None]
    if version is None or len(known) < 3:
        return None
    alike = [d for d in known if _firmware_of(scene, d) == version]
    return Reading(100.0 * len(alike) / len(known), scene.anchor, _count(scene, faults, known).sources)


SEEN_BEFOREHAND = 10.0
"""Chargers of each model on other versions that the rate of a code is taken to be known of beforehand (our judgement: as many as
a small site has, so that a handful of records says little of a rate and a fleet's says all)."""

RATE_BEFOREHAND = 0.01
"""The share of chargers that report a documented code within a week, as it is taken to be beforehand (our judgement: codes are
rarer than that in a fleet, and no check of a cluster is passed by one report among a hundred)."""


FEWEST_COMPARED = 3
"""Chargers on other versions that make a comparison (our judgement: as for the shares in percent; of two nothing can be told)."""


@dataclass(frozen=True)
class _Versions:
    """Chargers that were heard or reported the code, by their firmware: the others on this charger's version, those on other
    versions, and those of each that reported the code; `model_of` numbers the model of every charger."""

    here: Rows
    hit_here: Rows
    elsewhere: Rows
    hit_elsewhere: Rows
    model_of: NDArray[np.intp]

    def by_model(self, places: Rows) -> NDArray[np.intp]:
        return np.bincount(self.model_of[places], minlength=int(self.model_of.max(initial=0)) + 1)

    @property
    def compared(self) -> Rows:
        """Those on other versions that are of a model which is found on this one."""
        found: Rows = self.elsewhere[np.isin(self.model_of[self.elsewhere], self.model_of[self.here])]
        return found


def _versions(scene: Scene, window: float) -> _Versions | None:
    """None where this charger's version is not known."""
    version = scene.about("firmware_version")
    if version is None:
        return None

    def load() -> _Versions:
        chargers = scene.fleet.chargers
        alike = chargers.having("firmware_version", version)
        unlike = np.setdiff1d(chargers.known("firmware_version"), alike, assume_unique=True)
        kinds = chargers.groups("model")
        model_of = np.full(len(chargers), len(kinds), dtype=np.intp)  # of the unknown ones
        for number, places in enumerate(kinds.values()):
            model_of[places] = number
        here, hit_here = _seen_and_hit(scene, without_own(scene, alike), window)
        elsewhere, hit_elsewhere = _seen_and_hit(scene, unlike, window)
        return _Versions(here, hit_here, elsewhere, hit_elsewhere, model_of)

    return scene.once(("versions", window), load)


_INCIDENCE_RATIO = (
    "other chargers on this firmware version that reported the code within {}, over as many as would have if it were as frequent as "
    "among the same models on other versions (standardised incidence ratio); of chargers that were heard then; known where another "
    "one on this version was, and at least three of these models on other versions"
)


@measures("code_incidence_ratio_on_firmware", _INCIDENCE_RATIO.format("seven days"), unit="1", low=0)
def code_incidence_ratio_on_firmware(scene: Scene) -> Reading | None:
    return _incidence_ratio(scene, CLUSTER_WINDOW)


@measures("fortnight_incidence_ratio_on_firmware", _INCIDENCE_RATIO.format("14 days"), unit="1", low=0)
def fortnight_incidence_ratio_on_firmware(scene: Scene) -> Reading | None:
    return _incidence_ratio(scene, 14 * DAY)


def _incidence_ratio(scene: Scene, window: float) -> Reading | None:
    versions = _versions(scene, window)
    if versions is None or not len(versions.here) or len(versions.compared) < FEWEST_COMPARED:
        return None
    known_hits = versions.by_model(versions.hit_elsewhere) + SEEN_BEFOREHAND * RATE_BEFOREHAND
    rates = known_hits / (versions.by_model(versions.elsewhere) + SEEN_BEFOREHAND)
    expected = float((versions.by_model(versions.here) * rates).sum())
    chargers = scene.fleet.chargers
    found = [chargers.ids[place] for place in versions.hit_here.tolist()]
    sources = _count(scene, same_code_nearby(scene, window), found).sources
    return Reading(len(found) / expected, scene.anchor, sources or chargers.sources(versions.here))


@measures(
    "chargers_compared_on_other_firmware",
    "chargers on other firmware versions that were heard within seven days and are of a model found among the others on this version; "
    "known where another one on this version was heard",
    unit="1",
    low=0,
)
def chargers_compared_on_other_firmware(scene: Scene) -> Reading | None:
    versions = _versions(scene, CLUSTER_WINDOW)
    if versions is None or not len(versions.here):
        return None
    compared = versions.compared
    told = compared if len(compared) else versions.here
    return Reading(float(len(compared)), scene.anchor, scene.fleet.chargers.sources(told))


@measures(
    "code_share_on_firmware",
    "of the other chargers on this firmware version that were heard within seven days, the share in percent that reported the code",
    unit="%",
    low=0,
    high=100,
)
def code_share_on_firmware(scene: Scene) -> Reading | None:
    versions = _versions(scene, CLUSTER_WINDOW)
    if versions is None or not len(versions.here):
        return None
    hit = versions.hit_here
    sources = scene.fleet.chargers.sources(hit if len(hit) else versions.here)
    return Reading(100.0 * len(hit) / len(versions.here), scene.anchor, sources)


def _seen_and_hit(scene: Scene, places: Rows, window: float) -> tuple[Rows, Rows]:
    """Those of some chargers that were heard or reported the code within so many seconds of the latest occurrence, and those of
    them that reported it."""
    hit = reported(scene, places, window)
    return places[hit | heard(scene, places, window)], places[hit]


@measures(
    "peers_heard_on_firmware",
    "other chargers on this firmware version that were heard within seven days; known where the version is",
    unit="1",
    low=0,
)
def peers_heard_on_firmware(scene: Scene) -> Reading | None:
    others = _others_on_firmware(scene)
    if others is None:
        return None
    chargers, peers = scene.fleet.chargers, others[heard(scene, others)]
    told = peers if len(peers) else chargers.places((scene.device_id,))
    return Reading(float(len(peers)), scene.anchor, chargers.sources(told))


@measures(
    "site_peers_with_code",
    "other chargers of the site that reported the code within an hour of the latest occurrence; known where the site has "
    "other chargers in the bundle",
    unit="1",
    low=0,
)
def site_peers_with_code(scene: Scene) -> Reading | None:
    if not scene.neighbours:
        return None
    faults = same_code_nearby(scene, HOUR)
    hit = [r.fields["device_id"] for r in scene.neighbours if r.fields["device_id"] in faults]
    if not hit:
        return Reading(0.0, scene.anchor, scene.sources("devices", scene.neighbours))
    return _count(scene, faults, hit)


def _other_connectors_with_code(scene: Scene, within: float) -> Reading | None:
    """Other connectors of this charger that reported the code within so many seconds of the latest occurrence."""
    if scene.connector_id is None or not [c for c in scene.connectors() if c != scene.connector_id]:
        return None
    faults = [
        fault
        for fault in scene.faults("own", device=scene.device_id)
        if fault.connector_id not in (None, scene.connector_id) and abs(fault.time - scene.anchor) <= within
    ]
    number = len({fault.connector_id for fault in faults})
    sources = [fault.source for fault in faults] or [f.source for f in scene.incidence.faults]
    return Reading(float(number), scene.anchor, few(sources))


@measures(
    "other_connectors_with_code",
    "other connectors of this charger that reported the code within seven days of the latest occurrence; known where the "
    "charger has others",
    unit="1",
    low=0,
)
def other_connectors_with_code(scene: Scene) -> Reading | None:
    return _other_connectors_with_code(scene, CLUSTER_WINDOW)


@measures(
    "other_connectors_with_code_in_month",
    "other connectors of this charger that reported the code within 30 days of the latest occurrence; known where the charger has "
    "others",
    unit="1",
    low=0,
)
def other_connectors_with_code_in_month(scene: Scene) -> Reading | None:
    return _other_connectors_with_code(scene, 30 * DAY)
