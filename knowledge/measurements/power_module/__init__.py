"""Measurements of the power modules: which of them fell silent and how, the CAN bus between them, the DC bus they share,
and what a reset did."""

from . import (  # noqa: F401
    can_bus,
    dc_bus,
    grid,
    load,
    recovery,
    recurrence,
    service,
    silence,
    temperature,
)
