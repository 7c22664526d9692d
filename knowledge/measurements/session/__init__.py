"""Measurements around the end of a session: what came first, how the current fell, whether the link held, who else it hit."""

from . import battery, connector_history, current, link, lock, plug, simultaneous, texts, vehicles

__all__ = ["battery", "connector_history", "current", "link", "lock", "plug", "simultaneous", "texts", "vehicles"]
