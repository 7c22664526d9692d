"""What a charger is: where it stands, what it may carry and how hot it may get, and which neighbours are like it."""

from __future__ import annotations

import re
from typing import NamedTuple

from ...observations import Record
from ...scene import Scene
from ...texts import as_number

CONNECTOR_CODE, CABINET_CODE, FAN_CODE = "F-0203", "F-0204", "F-0601"

WARNING_AC, WARNING_DC = 65.0, 75.0
"""Connector temperatures at which power is throttled (dictionary F-0203)."""

MOST_PEERS = 24
"""Neighbours that are compared (our judgement: more do not move a median)."""


class Rating(NamedTuple):
    """What a charger may give, in kW: for hours, and at most."""

    continuous: float | None
    rated: float | None


def about_the_cabinet(scene: Scene) -> bool:
    """Whether the incident is one of the cabinet, not of a connector."""
    return scene.incidence.code == CABINET_CODE


def site_of(scene: Scene, device: str) -> str | None:
    """The site a charger stands at."""
    return scene.fleet.site_of(device)


def rating_of(scene: Scene, device: str) -> Rating:
    """A charger's ratings; the rated power else from the model's name, else the continuous rating."""
    record = scene.devices.get(device)
    if record is None:
        return Rating(None, None)
    lasting = as_number(scene.about("product.continuous_rating_kw", record))
    rated = as_number(scene.about("product.rated_power_kw", record))
    if rated is None:
        match = re.search(r"[AD]C-?(\d{1,4})", str(record.fields.get("model") or ""), re.IGNORECASE)
        rated = float(match.group(1)) if match else None
    lasting = lasting if lasting and lasting > 0 else None
    return Rating(lasting, rated if rated and rated > 0 else lasting)


def delivers_dc(scene: Scene, device: str) -> bool | None:
    """Whether a charger delivers direct current: from its product data, else from its model's name; None where neither tells."""
    record = scene.devices.get(device)
    if record is None:
        return None
    kind = scene.about("product.current_type", record)
    if kind is None:
        name = str(record.fields.get("model") or "").upper()
        kind = "DC" if "DC" in name else "AC" if "AC" in name else None
    return None if kind is None else bool(kind == "DC")


def connector_limit(scene: Scene, device: str) -> float:
    """The temperature at which a charger's connectors give less power; that of DC where the kind is not known."""
    return WARNING_AC if delivers_dc(scene, device) is False else WARNING_DC


def peers(scene: Scene) -> list[Record]:
    """The neighbours of the same model; all of the site where the model is not known."""
    mine = scene.about("model")
    return [r for r in scene.neighbours if mine is None or r.fields.get("model") in (None, mine)][:MOST_PEERS]
