"""Sites: what kind of place, where, how many chargers, over which network.

The shares and ranges below are our judgement of a public and commercial European fleet; they are there to look like one
and to load a reader, and nothing is concluded from them.
"""

from __future__ import annotations

from dataclasses import dataclass

from .plan import FleetPlan
from .streams import Generator, pick, stream

SITES_PER_AREA = 12
"""Neighbouring sites on one grid area (our judgement; small enough that most areas of a small fleet are whole)."""

AREAS_PER_REGION = 8
"""Areas that share a climate (our judgement)."""


@dataclass(frozen=True)
class Use:
    """How connectors of one current type are used: sessions a day, hours at which they begin, minutes parked."""

    sessions_a_day: float
    by_hour: str
    minutes: tuple[float, float]


@dataclass(frozen=True)
class SiteKind:
    """A kind of place: its models by share, its size, its way to the platform, its use."""

    share: float
    size: tuple[int, int]
    models: dict[str, float]
    access: dict[str, float]
    ac: Use | None
    dc: Use | None
    v2g_share: float
    names: tuple[str, ...]


BY_HOUR: dict[str, tuple[int, ...]] = {
    "through the day": (2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 10, 11, 12, 11, 11, 12, 13, 13, 11, 9, 7, 5, 4, 3),
    "shop hours": (0, 0, 0, 0, 0, 0, 1, 3, 6, 9, 12, 13, 12, 11, 11, 12, 13, 13, 11, 8, 4, 2, 1, 0),
    "work begins": (0, 0, 0, 0, 0, 2, 9, 20, 18, 8, 4, 3, 4, 5, 3, 2, 1, 1, 1, 0, 0, 0, 0, 0),
    "evening": (2, 1, 0, 0, 0, 1, 2, 3, 3, 3, 3, 3, 4, 4, 5, 7, 10, 14, 16, 14, 11, 8, 6, 4),
    "shift ends": (1, 1, 1, 1, 2, 3, 3, 2, 1, 1, 2, 3, 5, 5, 4, 5, 9, 14, 14, 9, 5, 4, 3, 2),
}
"""Weights of the hours (UTC) at which vehicles arrive (our judgement of the usual shapes)."""

KINDS: dict[str, SiteKind] = {
    "motorway": SiteKind(
        0.14, (4, 16), {"TP-DC180": 0.5, "TP-DC360": 0.5}, {"ethernet": 0.45, "cellular": 0.55},
        None, Use(3.9, "through the day", (14, 42)), 0.0, ("Services", "Motorway", "Junction"),
    ),
    "retail": SiteKind(
        0.22, (2, 10), {"TP-AC22": 0.35, "TP-DC60": 0.35, "TP-DC180": 0.3}, {"ethernet": 0.6, "cellular": 0.35, "wifi": 0.05},
        Use(1.8, "shop hours", (40, 130)), Use(3.1, "shop hours", (18, 55)), 0.1, ("Retail Park", "Market", "Shopping Centre"),
    ),
    "workplace": SiteKind(
        0.24, (4, 30), {"TP-AC22": 0.92, "TP-DC60": 0.08}, {"ethernet": 0.75, "wifi": 0.15, "cellular": 0.1},
        Use(0.95, "work begins", (180, 540)), Use(1.5, "work begins", (30, 90)), 0.15, ("Office", "Campus", "Works"),
    ),
    "depot": SiteKind(
        0.14, (6, 30), {"TP-AC22": 0.25, "TP-DC60": 0.33, "TP-DC180": 0.36, "TP-DC360": 0.06}, {"ethernet": 0.8, "cellular": 0.2},
        Use(0.9, "shift ends", (240, 600)), Use(1.4, "shift ends", (60, 240)), 0.65, ("Depot", "Logistics Park", "Fleet Yard"),
    ),
    "kerbside": SiteKind(
        0.18, (1, 4), {"TP-AC22": 1.0}, {"cellular": 0.95, "ethernet": 0.05},
        Use(1.0, "evening", (120, 660)), None, 0.0, ("Street", "Square", "Lane"),
    ),
    "hotel": SiteKind(
        0.08, (2, 8), {"TP-AC22": 0.8, "TP-DC60": 0.2}, {"ethernet": 0.5, "wifi": 0.3, "cellular": 0.2},
        Use(0.8, "evening", (300, 700)), Use(1.5, "evening", (30, 70)), 0.05, ("Hotel", "Ferry Terminal", "Golf Club"),
    ),
}  # fmt: skip

_TOWNS = ("Alder", "Birch", "Cedar", "Elm", "Fern", "Hazel", "Holly", "Ivy", "Juniper", "Linden", "Maple", "Oak",
          "Pine", "Rowan", "Sorrel", "Thorn", "Willow", "Yew")  # fmt: skip


@dataclass(frozen=True)
class Site:
    """One site as it was drawn; its chargers come from chargers.py."""

    index: int
    site_id: str
    name: str
    kind: SiteKind
    chargers: int
    area: str
    region: int
    access: str
    signal_dbm: float
    microclimate_k: float

    @property
    def slot(self) -> int:
        """The site's place within its area."""
        return self.index % SITES_PER_AREA


def site_at(plan: FleetPlan, index: int) -> Site:
    """The site with this number, the same for every size of the fleet."""
    rng = stream(plan.seed, "site", index)
    kind = KINDS[pick(rng, {name: kind.share for name, kind in KINDS.items()})]
    area = index // SITES_PER_AREA
    return Site(
        index=index,
        site_id=f"S-{index + 1:05d}",
        name=f"{_TOWNS[int(rng.integers(len(_TOWNS)))]} {kind.names[int(rng.integers(len(kind.names)))]} {index + 1}",
        kind=kind,
        chargers=_size(rng, kind),
        area=f"GA-{area + 1:04d}",
        region=area // AREAS_PER_REGION,
        access=pick(rng, kind.access),
        signal_dbm=float(round(rng.normal(-81, 7))),
        microclimate_k=float(rng.uniform(-1.5, 1.5)),
    )


def _size(rng: Generator, kind: SiteKind) -> int:
    """How many chargers: small sites are more common than large ones."""
    low, high = kind.size
    return int(low + (high - low) * rng.beta(1.1, 2.2) + 0.5)
