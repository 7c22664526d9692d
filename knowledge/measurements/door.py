"""When somebody opened the charger, as its events tell."""

from __future__ import annotations

import re

from ...engine.facts import Source
from ..scene import Scene
from ..texts import words_of

_DOOR = re.compile(r"\b(doors?|cover|tamper\w*|cabinet open\w*|housing open\w*|enclosure open\w*)\b")

_EVERYDAY_EVENTS = ("plug_in", "plug_out", "start", "stop", "auth_ok", "state", "fault")
"""Events of charging itself: where their data say "door" or "cover", it is the connector's or the vehicle's."""


def last_door_event(scene: Scene, end: float, start: float = float("-inf")) -> tuple[float, Source] | None:
    """The last event of the charger from start to end that names its door, a cover or tampering."""
    earlier = [event for event in _door_events(scene) if start <= event[0] <= end]
    return earlier[-1] if earlier else None


def _door_events(scene: Scene) -> list[tuple[float, Source]]:
    def load() -> list[tuple[float, Source]]:
        found = []
        for event in scene.events(which="all"):
            kind = event.fields["event_type"]
            said = words_of(f"{kind} {event.fields.get('data') or ''}")
            if event.time is not None and kind not in _EVERYDAY_EVENTS and _DOOR.search(said):
                found.append((event.time, scene.source("events", event)))
        return found

    return scene.once(("door events",), load)
