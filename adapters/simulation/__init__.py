"""Simulated fleets, for load and demonstration: plausible records, with faults whose true causes are written apart."""

from __future__ import annotations

from .faults import CAUSES
from .fleet import OutputTaken, Written, simulate, truth_path
from .plan import FleetPlan, InvalidPlan
from .writing import FileFormat, Partition

__all__ = [
    "CAUSES",
    "FileFormat",
    "FleetPlan",
    "InvalidPlan",
    "OutputTaken",
    "Partition",
    "Written",
    "simulate",
    "truth_path",
]
