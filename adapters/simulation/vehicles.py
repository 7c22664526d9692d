"""Vehicles: a pool for each grid area, of which every site sees a part each day, never two sites the same one at a time.

Batteries and powers are rounded from what such models are sold with; which of them discharge is our judgement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .plan import FleetPlan
from .sites import SITES_PER_AREA, Site
from .streams import Floats, Generator, Places, stream

VEHICLES_A_DAY = 400
"""Vehicles that a site may see on one day (our judgement: more than the largest site has sessions at one time)."""

DAYS_BETWEEN = 2
"""A vehicle of the pool comes every other day, so that one that stays overnight is not at another site in the morning."""

POOL = VEHICLES_A_DAY * DAYS_BETWEEN * SITES_PER_AREA
"""Vehicles of an area that come to any of its sites; those behind them in the columns come to one site alone."""


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

    def regular(self, site: Site, model: int) -> int:
        """A further vehicle of a model (its place in MODELS), which comes to no other site: it may come there on any day."""
        first = len(
            self.model
        )  # one for each site of the area, each of which adds its own without knowing of the others'
        self.model = np.append(self.model, np.full(SITES_PER_AREA, model))
        self.health = np.append(self.health, np.ones(SITES_PER_AREA))
        return first + site.slot

    def figure(self, name: str) -> Floats:
        """A figure of every vehicle's model, such as `battery_kwh`."""
        by_model = np.array([float(getattr(model, name)) for model in MODELS])
        return by_model[self.model]


def vehicles_of(plan: FleetPlan, site: Site) -> Vehicles:
    """The vehicles of the site's area."""
    rng = stream(plan.seed, "vehicles", site.area)
    shares = np.array([model.share for model in MODELS])
    model = rng.choice(len(MODELS), POOL, p=shares / shares.sum())
    return Vehicles(site.area, model.astype(np.intp), rng.uniform(0.88, 1.0, POOL))


def visitors(site: Site, day: int, number: int, rng: Generator) -> Places:
    """The vehicles of so many sessions of one day (a day's number since the epoch), in the order of their arrival.

    A vehicle of the area belongs to one site a day, and to none on the next; one comes twice only where all others have been.
    """
    slot = (site.slot + day) % SITES_PER_AREA
    own = np.arange(day % DAYS_BETWEEN, VEHICLES_A_DAY * DAYS_BETWEEN, DAYS_BETWEEN) * SITES_PER_AREA + slot
    return np.resize(rng.permutation(own), number).astype(np.intp)
