"""Weather: ambient temperature by the minute, alike within a region.

The climate is a temperate one (our judgement: yearly mean 10.5 °C and swing 9 K, daily swing 5 K, fronts of 3 K over days).
"""

from __future__ import annotations

import numpy as np

from .plan import DAY, FleetPlan
from .sites import Site
from .streams import Floats, stream

YEARLY_MEAN_C = 10.5
YEARLY_SWING_K = 9.0
DAILY_SWING_K = 5.0
FRONTS_K = 3.0
WARMEST_DAY = 200.0
WARMEST_HOUR = 15.0


def ambient_at(plan: FleetPlan, site: Site, times: Floats) -> Floats:
    """Ambient temperature in °C at a site, at some moments (epoch seconds)."""
    day_of_year = (times / DAY) % 365.25
    season = YEARLY_MEAN_C + YEARLY_SWING_K * np.cos((day_of_year - WARMEST_DAY) / 365.25 * 2 * np.pi)
    hour = times % DAY / 3600
    first = int(plan.begin // DAY) - 1
    marks = np.arange(plan.days + 4)
    rng = stream(plan.seed, "weather", site.region)
    fronts = FRONTS_K * _wandering(rng.standard_normal(len(marks)))
    clouds = rng.uniform(0.5, 1.3, len(marks))
    days = times / DAY - first
    swing = DAILY_SWING_K * np.interp(days, marks, clouds)
    daily = swing * np.cos((hour - WARMEST_HOUR) / 24 * 2 * np.pi)
    return season + np.interp(days, marks, fronts) + daily + site.microclimate_k


def _wandering(steps: Floats) -> Floats:
    """Days that follow the day before (correlation 0.7, unit variance)."""
    values = np.empty_like(steps)
    value = steps[0]
    for place, step in enumerate(steps):
        value = 0.7 * value + np.sqrt(1 - 0.7**2) * step
        values[place] = value
    return values
