"""Calls and answers by OCPP, as a message log tells of them: what stayed unanswered, came late, or was sent again.

What is not told is not known: records that do not come from a message log hold no such events.
"""

from __future__ import annotations

from typing import Any

from ...observations import Record
from ...readings import HOUR, Reading, few
from ...scene import Scene
from ..registry import measures
from .loss import lost_at
from .storm import storm_window


def _told(scene: Scene, problem: str, start: float, end: float, **told: Any) -> list[Record]:
    """The events by which a log tells of a problem with messages, of which these things are told as well."""
    wanted = {"problem": problem, **told}
    return [
        event
        for event in scene.events("ocpp", which="all", start=start, end=end)
        if all(event.data.get(key) == value for key, value in wanted.items())
    ]


def _before_loss(scene: Scene) -> tuple[float, float]:
    return lost_at(scene) - HOUR, lost_at(scene)


def _count(scene: Scene, events: list[Record]) -> Reading | None:
    if not events:
        return None
    at = events[-1].time
    return Reading(float(len(events)), scene.anchor if at is None else at, scene.sources("events", events))


def _heard_after(event: Record) -> float | None:
    """Seconds for which the other side was heard after its answer was due to come; None where it was not."""
    seconds = event.data.get("heard_after_s")
    return float(seconds) if isinstance(seconds, (int, float)) and seconds > 0 else None


@measures(
    "heard_after_unanswered_command",
    "longest time for which the charger was heard, by a message or a pong, after a command of the platform that it never "
    "answered; commands of the hour before the latest loss",
    unit="s",
    low=0,
)
def heard_after_unanswered_command(scene: Scene) -> Reading | None:
    unanswered = _told(scene, "no answer", *_before_loss(scene), by="charger")
    heard = [(seconds, event) for event in unanswered if (seconds := _heard_after(event)) is not None]
    if not heard:
        return None
    seconds, event = max(heard, key=lambda found: found[0])
    return Reading(seconds, scene.anchor if event.time is None else event.time, few([scene.source("events", event)]))


@measures(
    "unanswered_calls_before_loss",
    "calls of the charger that the platform never answered, within the hour before the latest loss",
    unit="1",
    low=0,
)
def unanswered_calls_before_loss(scene: Scene) -> Reading | None:
    return _count(scene, _told(scene, "no answer", *_before_loss(scene), by="platform"))


@measures(
    "late_answers_before_loss",
    "answers of either side that came more than 30 s after their call, within the hour before the latest loss",
    unit="1",
    low=0,
)
def late_answers_before_loss(scene: Scene) -> Reading | None:
    return _count(scene, _told(scene, "answered late", *_before_loss(scene)))


@measures(
    "unanswered_commands_in_storm",
    "commands of the platform during the storm that the charger never answered although it was heard after them",
    unit="1",
    low=0,
)
def unanswered_commands_in_storm(scene: Scene) -> Reading | None:
    unanswered = _told(scene, "no answer", *storm_window(scene), by="charger")
    return _count(scene, [event for event in unanswered if _heard_after(event) is not None])


@measures(
    "unanswered_calls_in_storm",
    "calls of the charger during the storm that the platform never answered",
    unit="1",
    low=0,
)
def unanswered_calls_in_storm(scene: Scene) -> Reading | None:
    return _count(scene, _told(scene, "no answer", *storm_window(scene), by="platform"))


@measures(
    "late_answers_in_storm",
    "answers of either side during the storm that came more than 30 s after their call",
    unit="1",
    low=0,
)
def late_answers_in_storm(scene: Scene) -> Reading | None:
    return _count(scene, _told(scene, "answered late", *storm_window(scene)))


@measures(
    "messages_sent_again_in_storm",
    "messages during the storm that the charger sent once more under the same id that tell the same time",
    unit="1",
    low=0,
)
def messages_sent_again_in_storm(scene: Scene) -> Reading | None:
    again = _told(scene, "message id used again", *storm_window(scene), by="charger", same_message=True)
    return _count(scene, again)
