"""Chargers: model, firmware, age, what they are rated for and what they report.

Ratings follow the models' names (platform notes); shares, ages and what is reported are our judgement of a grown fleet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np

from .plan import DAY, FleetPlan
from .sites import Site
from .streams import Generator, Places, chance, pick, stream

HEARTBEAT_S = 30.0
"""The vendor's interval of heartbeats (dictionary F-0301)."""


@dataclass(frozen=True)
class Model:
    """A charger model: rating in kW, power modules, what it gives to one connector, and its firmware by share."""

    rated_kw: float
    current_type: str
    modules: int
    max_current_a: float
    two_connectors: float
    rated_cycles: int
    firmware: dict[str, float]
    connector_type: str


MODELS: dict[str, Model] = {
    "TP-AC22": Model(22, "AC", 0, 32, 0.3, 60_000,
                     {"2.8.1": 0.15, "3.0.1": 0.03, "3.0.3": 0.22, "3.1.0": 0.5, "260420.0107": 0.1}, "Type 2"),
    "TP-DC60": Model(60, "DC", 2, 150, 0.4, 100_000,
                     {"2.8.1": 0.1, "3.0.2": 0.03, "3.0.3": 0.27, "3.1.0": 0.5, "260420.0107": 0.1}, "CCS2"),
    "TP-DC180": Model(180, "DC", 6, 400, 1.0, 100_000,
                      {"3.0.1": 0.03, "3.0.3": 0.22, "3.1.0": 0.6, "260420.0107": 0.15}, "CCS2"),
    "TP-DC360": Model(360, "DC", 12, 500, 1.0, 100_000,
                      {"3.1.0": 0.15, "4.0.0": 0.5, "4.1.0": 0.25, "260420.0107": 0.1}, "CCS2"),
}  # fmt: skip
"""Modules of 30 kW each; rated cycles of the contactors from dictionary F-0101. Firmware versions are those that the
dictionary and the platform notes name, and one before them."""

V2G_MODELS = ("TP-DC180", "TP-DC360")
"""Models that have a V2G variant (platform notes)."""

EXTENDED_SHARE = 0.4
"""Chargers that send any of the announced telemetry: less than half (our judgement: it is announced, not there yet)."""

EXTENSION_SHARE = 0.75
"""Of them, how many send a certain part of it (our judgement: firmware versions differ)."""

USUAL_SETTINGS = {"heartbeat_interval_s": HEARTBEAT_S, "websocket_ping_interval_s": 30.0}
"""What charger and platform agree on as a rule (heartbeats: dictionary F-0301; pings: figures.json ws_ping)."""

CHANNELS = ("ambient", "cabinet", "contactor", "dc_bus", "fan", "internal", "isolation", "modules", "phases", "power_limit", "relay")  # fmt: skip
"""Parts of the telemetry that a charger may send or not."""

DC_CHANNELS = ("dc_bus", "isolation", "modules")

FIRST_MODELS_DAYS = 2600
"""Age of the oldest chargers in days (our judgement: seven years)."""


@dataclass
class Charger:
    """One charger. `connectors` are the places of its connectors at the site; what a fault changes may be set anew."""

    place: int
    device_id: str
    model_name: str
    connectors: range
    firmware: str
    v2g: bool
    channels: frozenset[str]
    access: str
    signal_dbm: float
    age_days: float
    batch: str
    certificate_end: float
    cycles: float
    inverter_cycles: float
    isolation_kohm: float
    fan_rpm: float
    inverter_health_pct: float
    tells: dict[str, bool]
    profile: str
    settings: dict[str, float] = field(default_factory=lambda: dict(USUAL_SETTINGS))
    platform_settings: dict[str, float] = field(default_factory=lambda: dict(USUAL_SETTINGS))

    @cached_property
    def model(self) -> Model:
        """The charger's model."""
        return MODELS[self.model_name]

    @property
    def is_dc(self) -> bool:
        """Whether it charges with direct current."""
        return self.model.current_type == "DC"

    @property
    def connector_kw(self) -> float:
        """What one connector gives at most, in kW: a cable of a large charger carries less than all modules give."""
        return min(self.model.rated_kw, 250.0)

    @property
    def continuous_kw(self) -> float:
        """What the cabinet gives for hours, in kW (our judgement: nine tenths of the rating)."""
        return self.model.rated_kw * 0.9

    def metadata(self, plan: FleetPlan, site: Site) -> dict[str, Any]:
        """The device record, as far as the platform knows this charger; status and heartbeats come from its links."""
        activated = datetime.fromtimestamp(plan.begin, UTC) - timedelta(days=round(self.age_days))
        record: dict[str, Any] = {
            "device_id": self.device_id, "sn": f"SN{self.device_id.replace('-', '')}", "model": self.model_name,
            "manufacturer": "Tellus", "firmware_version": self.firmware, "site_id": site.site_id, "v2g_capable": self.v2g,
            "ocpp_version": "2.0.1" if self.v2g or self.firmware >= "4" else "1.6",
            "connectors": [{"connector_id": number + 1, "type": self.model.connector_type} for number in range(len(self.connectors))],
        }  # fmt: skip
        if self.tells["product"]:
            record |= {"product.rated_power_kw": self.model.rated_kw, "product.continuous_rating_kw": round(self.continuous_kw, 1),
                       "product.current_type": self.model.current_type, "product.max_current_a": self.model.max_current_a,
                       "product.phases": 3}  # fmt: skip
        if self.tells["connectivity"]:
            record["connectivity.type"] = self.access
            if self.access == "cellular":
                record["connectivity.signal_strength_dbm"] = self.signal_dbm
        if self.tells["lifecycle"]:
            record |= {"lifecycle.activation_date": activated.timestamp(), "lifecycle.usage_duration_days": round(self.age_days + plan.days),
                       "lifecycle.manufacturing_batch": self.batch}  # fmt: skip
        if self.tells["certificates"]:
            record["certificates.tls_not_after"] = self.certificate_end
        return record


def chargers_of(plan: FleetPlan, site: Site, number: int) -> list[Charger]:
    """The first `number` chargers of a site."""
    rng = stream(plan.seed, "chargers", site.index)
    opened_days = float(rng.uniform(120, FIRST_MODELS_DAYS))
    v2g_site = chance(rng, site.kind.v2g_share)
    chargers: list[Charger] = []
    first = 0
    for place in range(site.chargers):
        charger = _charger(plan, site, place, first, opened_days, v2g_site, rng)
        first = charger.connectors.stop
        chargers.append(charger)
    return chargers[:number]


def _charger(plan: FleetPlan, site: Site, place: int, first: int, opened_days: float, v2g_site: bool, rng: Generator) -> Charger:  # fmt: skip
    name = pick(rng, site.kind.models)
    model = MODELS[name]
    v2g = v2g_site and name in V2G_MODELS and chance(rng, 0.8)
    age = opened_days if chance(rng, 0.8) else float(rng.uniform(30, opened_days))
    made = datetime.fromtimestamp(plan.begin, UTC) - timedelta(days=age + 60)
    use = site.kind.dc if model.current_type == "DC" else site.kind.ac
    daily = 1.0 if use is None else use.sessions_a_day
    extended = chance(rng, EXTENDED_SHARE)
    offered = [name for name in CHANNELS if model.current_type == "DC" or name not in DC_CHANNELS]
    channels = {channel for channel in offered if extended and chance(rng, EXTENSION_SHARE)}
    if v2g and chance(rng, 0.85):
        channels.add("inverter")
    return Charger(
        place=place,
        device_id=f"{name.removeprefix('TP-')}-{site.index + 1:05d}-{place + 1:02d}",
        model_name=name,
        connectors=range(first, first + (2 if chance(rng, model.two_connectors) else 1)),
        firmware=pick(rng, {"4.0.0": 0.2, "4.1.0": 0.45, "260420.0107": 0.35} if v2g else model.firmware),
        v2g=v2g,
        channels=frozenset(channels),
        access=site.access if chance(rng, 0.95) else "cellular",
        signal_dbm=float(max(-98, site.signal_dbm + round(rng.normal(0, 3)))),
        age_days=age,
        batch=f"B{made:%y}{made.isocalendar().week:02d}",
        certificate_end=float(round(plan.end + float(rng.uniform(35, 700)) * DAY)),
        cycles=float(round(min(age * daily * float(rng.uniform(0.8, 1.2)), model.rated_cycles * 0.6))),
        inverter_cycles=float(round(age * float(rng.uniform(0.5, 1.2)))),
        isolation_kohm=float(rng.uniform(3000, 9000)),
        fan_rpm=float(rng.normal(2250, 60)),
        inverter_health_pct=float(rng.uniform(94, 99.5)),
        tells={part: chance(rng, share) for part, share in TOLD.items()},
        profile=f"P-{model.current_type}-{int(rng.integers(1, 4))}",
    )


TOLD = {"product": 0.9, "connectivity": 0.9, "lifecycle": 0.85, "certificates": 0.8}
"""How many chargers have these parts in their metadata (our judgement: platforms are filled by hand)."""


def connector_table(chargers: list[Charger]) -> tuple[Places, Places]:
    """For each connector of a site the place of its charger, and its number there."""
    owner = np.array([charger.place for charger in chargers for _ in charger.connectors], dtype=np.intp)
    number = np.array([k + 1 for charger in chargers for k in range(len(charger.connectors))], dtype=np.intp)
    return owner, number
