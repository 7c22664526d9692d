"""Measurements of the cabinet fan: its speed over time and what moves it, its motor and supply, and what service did."""

from . import (  # noqa: F401
    coupling,
    fall,
    motor,
    reports,
    service,
    several_fans,
    speed,
    steadiness,
    supply,
)
