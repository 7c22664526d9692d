"""Measurements around the contactor: wear and counters, how it opens (F-0101), how it closes and who says so (F-0421)."""

from . import (  # noqa: F401
    at_failed_start,
    coil_supply,
    conditions,
    contacts,
    counters,
    feedback,
    firmware,
    grid,
    inrush,
    loads,
    peers,
    release,
    service,
    starts,
    sticking,
)
