"""The end of TLS certificates: the charger's own, others' that end with it, and those of its manufacturing batch."""

from __future__ import annotations

import re
from functools import partial
from itertools import islice
from typing import Any

from ...observations import Record, parse_timestamp
from ...readings import DAY, HOUR, Reading
from ...scene import Scene, Whose
from ..fleet import without_own
from ..registry import measures
from .history import Told, metadata_moment
from .loss import connections_since, lost_at
from .peers import (
    MAX_PEERS,
    Fate,
    counted,
    counted_share,
    fates_among,
    gone_among,
    gone_within_a_day,
    heard_on_among,
    lost_among,
    told_of,
)

_CERTIFICATE_END = re.compile(
    r"\b(not after|cert\w* (expir\w+|valid (until|to)|end)|tls (expir\w+|valid until)|expires? (at|on))\b"
)


def _end_in_metadata(scene: Scene, device: Whose = "own") -> float | None:
    """The end of the charger's certificate (or another's) by its metadata."""
    return metadata_moment(scene, "certificates.tls_not_after", device)


def _certificate_end(scene: Scene) -> Told | None:
    """The end of the charger's certificate, by its metadata or else by a date in the payload."""
    known = scene.metadata("certificates.tls_not_after")
    if known is not None:
        return Told(float(known.value), known.sources)
    told = scene.latest_detail(_end_in_details)
    return None if told is None else Told(float(told.value), told.sources)


def _end_in_details(path: str, value: Any) -> float | None:
    """The date under a key of the payload that names a certificate's end."""
    dated = isinstance(value, str) and re.match(r"^\d{4}-\d\d-\d\d", value) is not None
    return parse_timestamp(value) if dated and _CERTIFICATE_END.search(path) else None


@measures(
    "days_from_certificate_expiry_to_loss",
    "days from the end of the charger's TLS certificate to the latest loss; negative where it was still valid then",
    unit="days",
)
def days_from_certificate_expiry_to_loss(scene: Scene) -> Reading | None:
    end = _certificate_end(scene)
    return None if end is None else Reading((lost_at(scene) - end.time) / DAY, end.time, end.sources)


@measures(
    "connections_since_certificate_expiry",
    "connections made from a minute after the charger's certificate ended until the loss; known where it had ended and the "
    "connection history reaches back before that",
    unit="1",
    low=0,
)
def connections_since_certificate_expiry(scene: Scene) -> Reading | None:
    end = _certificate_end(scene)
    return None if end is None or end.time >= lost_at(scene) else connections_since(scene, end.time)


# Others whose certificate ends with this one's


def _ending_with(scene: Scene, moment: float) -> list[Record]:
    """The other chargers whose certificate ends within an hour of a moment, in order; of many the first ones."""
    places = without_own(scene, scene.devices.between("certificates.tls_not_after", moment - HOUR, moment + HOUR))
    return scene.devices.records(places[:MAX_PEERS])


def _fates_alike(scene: Scene, moment: float) -> list[Fate]:
    return fates_among(scene, _ending_with(scene, moment))


@measures(
    "certificate_peers_lost",
    "other chargers whose certificate ends within an hour of this one's and that fell silent within five minutes of it",
    unit="1",
    low=0,
)
def certificate_peers_lost(scene: Scene) -> Reading | None:
    own = _end_in_metadata(scene)
    return None if own is None else lost_among(scene, _fates_alike(scene, own))


@measures(
    "certificate_peers_heard_on",
    "other chargers whose certificate ends within an hour of this one's, that connected since its end and were heard on after "
    "this one fell silent",
    unit="1",
    low=0,
)
def certificate_peers_heard_on(scene: Scene) -> Reading | None:
    own = _end_in_metadata(scene)
    return None if own is None else heard_on_among(scene, _fates_alike(scene, own), own)


@measures(
    "certificate_peers_gone",
    "other chargers whose certificate ends within an hour of this one's and that are offline since a moment after that",
    unit="1",
    low=0,
)
def certificate_peers_gone(scene: Scene) -> Reading | None:
    own = _end_in_metadata(scene)
    return None if own is None else gone_among(scene, _ending_with(scene, own), own)


# The manufacturing batch

BATCH = "lifecycle.manufacturing_batch"


def _others_by_batch(scene: Scene, *, same: bool) -> list[Record]:
    """Other chargers known to be of the same manufacturing batch, or of another, in order; of many the first ones."""
    own = scene.about(BATCH)
    if own is None:
        return []
    if same:
        return scene.devices.records(without_own(scene, scene.devices.having(BATCH, own))[:MAX_PEERS])
    return scene.devices.records(islice(scene.devices.differing(BATCH, own), MAX_PEERS))


def _gone_by_batch(scene: Scene, *, same: bool) -> tuple[list[Record], list[Record]]:
    """Those of the same batch, or of others, that went offline within a day of the loss, and all of which that is known."""
    return scene.once(
        ("gone by batch", same),
        lambda: told_of(_others_by_batch(scene, same=same), partial(gone_within_a_day, scene)),
    )


@measures(
    "days_from_batch_certificate_expiry_to_loss",
    "where the charger's own certificate is not known, days from the end of a certificate of the same manufacturing batch to "
    "the latest loss (the one nearest to it)",
    unit="days",
)
def days_from_batch_certificate_expiry_to_loss(scene: Scene) -> Reading | None:
    if _certificate_end(scene) is not None:
        return None
    ends = [
        (end, record)
        for record in _others_by_batch(scene, same=True)
        if (end := _end_in_metadata(scene, record)) is not None
    ]
    if not ends:
        return None
    lost = lost_at(scene)
    end, record = min(ends, key=lambda pair: (abs(pair[0] - lost), pair[1].fields["device_id"]))
    return Reading((lost - end) / DAY, end, scene.sources("devices", [record]))


@measures(
    "batch_mates_gone",
    "other chargers of the same manufacturing batch that are offline since a moment within a day of the loss; known where it "
    "is known of any of that batch",
    unit="1",
    low=0,
)
def batch_mates_gone(scene: Scene) -> Reading | None:
    return counted(scene, *_gone_by_batch(scene, same=True), lost_at(scene))


@measures(
    "batch_mates_gone_share",
    "of the other chargers of the same manufacturing batch of which it is known, the share in percent that is offline since a "
    "moment within a day of the loss",
    unit="%",
    low=0,
    high=100,
)
def batch_mates_gone_share(scene: Scene) -> Reading | None:
    return counted_share(scene, *_gone_by_batch(scene, same=True), lost_at(scene))


@measures(
    "other_batches_gone_share",
    "of the chargers of other manufacturing batches of which it is known, the share in percent that is offline since a moment "
    "within a day of the loss",
    unit="%",
    low=0,
    high=100,
)
def other_batches_gone_share(scene: Scene) -> Reading | None:
    return counted_share(scene, *_gone_by_batch(scene, same=False), lost_at(scene))
