"""Measurements around discharging: the grid, the inverter, its contactor, the vehicle, and what it refused when."""

from . import (  # noqa: F401 - declares the measurements of each room
    compatibility,
    contactor,
    grid_records,
    inverter,
    negotiation,
    neighbours,
    refusals,
    rhythm,
    state_of_charge,
    supply,
    switchover,
    texts,
)
