"""Measurements around configuration: when a mismatch began, what changed then, and what went before it."""

from . import firmware, other_chargers, payload, push_window, pushes, sides, visits

__all__ = ["firmware", "other_chargers", "payload", "push_window", "pushes", "sides", "visits"]
