"""Vehicles: a pool for each grid area, of which every site sees a part each day, never two sites the same one.

Batteries and powers are rounded from what such models are sold with; which of them discharge is our judgement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .plan import FleetPlan
from .sites import SITES_PER_AREA, Site
from .streams import Floats, Generator, Places, stream

VEHICLES_PER_SLOT = 400
"""Vehicles that a site may see on one day (our judgement: more than the largest site has sessions at one time)."""


@dataclass(frozen=True)
class VehicleModel:
    """A model: battery in kWh, what it takes in kW, battery volts, and whether it discharges."""

    make: str
    model: str
    share: float
    battery_kwh: float
    ac_kw: float
    dc_kw: float
    volts: float
    discharges: bool = False
    certified: bool = True


MODELS = (
    VehicleModel("Volkswagen", "ID.4", 0.14, 77, 11, 135, 370, discharges=True),
    VehicleModel("Tesla", "Model Y", 0.18, 75, 11, 210, 355),
    VehicleModel("Renault", "Zoe", 0.09, 52, 22, 46, 380),
    VehicleModel("Renault", "5 E-Tech", 0.06, 52, 11, 100, 390, discharges=True),
    VehicleModel("Hyundai", "Ioniq 5", 0.09, 74, 11, 220, 690),
    VehicleModel("Kia", "EV9", 0.04, 96, 11, 205, 630, discharges=True),
    VehicleModel("BMW", "i4", 0.08, 81, 11, 190, 395),
    VehicleModel("Peugeot", "e-208", 0.09, 48, 7.4, 98, 390),
    VehicleModel("Free2move", "DrossOne", 0.03, 46, 7.4, 80, 385, discharges=True),
    VehicleModel("Mercedes-Benz", "eSprinter", 0.05, 110, 11, 115, 395),
    VehicleModel("MAN", "eTGM", 0.03, 185, 22, 180, 640),
    VehicleModel("Polestar", "2", 0.07, 75, 11, 195, 395),
    VehicleModel("Nissan", "Ariya", 0.05, 87, 22, 128, 365, discharges=True, certified=False),
)


@dataclass
class Vehicles:
    """The vehicles of one area: their models, and how worn each battery is."""

    area: str
    model: Places
    health: Floats

    def info(self, vehicle: int) -> dict[str, Any]:
        """What a charging record tells of a vehicle."""
        model = MODELS[int(self.model[vehicle])]
        return {"vin": f"SIM{self.area.replace('-', '')}{vehicle:08d}", "make": model.make, "model": model.model,
                "firmware": f"{1 + vehicle % 4}.{vehicle % 7}"}  # fmt: skip

    def figure(self, name: str) -> Floats:
        """A figure of every vehicle's model, such as `battery_kwh`."""
        by_model = np.array([float(getattr(model, name)) for model in MODELS])
        return by_model[self.model]


def vehicles_of(plan: FleetPlan, site: Site) -> Vehicles:
    """The vehicles of the site's area."""
    rng = stream(plan.seed, "vehicles", site.area)
    number = VEHICLES_PER_SLOT * SITES_PER_AREA
    shares = np.array([model.share for model in MODELS])
    model = rng.choice(len(MODELS), number, p=shares / shares.sum())
    return Vehicles(site.area, model.astype(np.intp), rng.uniform(0.88, 1.0, number))


def visitors(site: Site, day: int, number: int, rng: Generator) -> Places:
    """The vehicles of so many sessions of one day (a day's number since the epoch), in the order of their arrival.

    A vehicle of the area belongs to one site a day; one comes twice only where all others have been.
    """
    slot = (site.slot + day) % SITES_PER_AREA
    own = np.arange(VEHICLES_PER_SLOT) * SITES_PER_AREA + slot
    return np.resize(rng.permutation(own), number).astype(np.intp)
