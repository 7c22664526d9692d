"""What is mentioned around a loss or in a storm: connection reasons, events, stop reasons, command results, visits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ....engine.facts import Source
from ...fault_codes import DOCUMENTED_PREFIX, NoFaultCode, normal_code
from ...readings import DAY, HOUR, MINUTE, Reading
from ...scene import Scene
from ..registry import measures
from .history import logged
from .loss import lost_at, sessions_at_loss
from .storm import storm_window

Text = tuple[Source, Any]


def _connection_reasons(scene: Scene, start: float, end: float) -> Iterator[Text]:
    for _, record in logged(scene, "connections", start, end):
        if record.fields.get("reason"):
            yield scene.source("connections", record), {"reason": record.fields["reason"]}


def _command_results(scene: Scene, start: float, end: float) -> Iterator[Text]:
    for _, record in logged(scene, "commands", start, end):
        yield scene.source("commands", record), {"result": record.fields.get("result")}


@measures(
    "loss_mention",
    "a topic of the fault's vocabulary in the payload, or around the loss in connection reasons, events, stop reasons of "
    "running sessions, and results of commands",
    kind="text",
    many=True,
)
def loss_mention(scene: Scene) -> Iterable[Reading]:
    return scene.mentions(_loss_texts(scene))


def _is_documented(code: Any) -> bool:
    try:
        return (normal_code(code) or "").startswith(DOCUMENTED_PREFIX)
    except NoFaultCode:
        return False


def _loss_texts(scene: Scene) -> Iterator[Text]:
    lost = lost_at(scene)
    end = max(lost, scene.anchor) + DAY
    yield from scene.payload()
    yield from _connection_reasons(scene, lost - HOUR, end)
    for event in scene.events(which="all", start=lost - 30 * MINUTE, end=end):
        kind, data = event.fields["event_type"], event.fields.get("data")
        if kind != "fault":
            yield scene.source("events", event), data if kind == "alarm" else {"event": kind, "data": data}
        elif isinstance(data, Mapping) and not _is_documented(data.get("fault_code")):
            yield scene.source("events", event), {"message": data.get("fault_message")}
    for session in sessions_at_loss(scene):
        if session.end is not None and abs(session.end - lost) <= 10 * MINUTE:
            yield session.source, {"stop_reason": session.stop_reason, "details": session.details}
    yield from _command_results(scene, lost - HOUR, end)


@measures(
    "loss_visit_mention",
    "a topic of the fault's vocabulary in the work of service visits from a day before to half a day after the loss",
    kind="text",
    many=True,
)
def loss_visit_mention(scene: Scene) -> Iterable[Reading]:
    visits = logged(scene, "service_visits", lost_at(scene) - DAY, lost_at(scene) + DAY / 2)
    return scene.mentions_of_visits(visit for _, visit in visits)


@measures(
    "visit_before_loss_mention",
    "a topic of the fault's vocabulary in the work of service visits from a day before to ten minutes after the loss",
    kind="text",
    many=True,
)
def visit_before_loss_mention(scene: Scene) -> Iterable[Reading]:
    visits = logged(scene, "service_visits", lost_at(scene) - DAY, lost_at(scene) + 10 * MINUTE)
    return scene.mentions_of_visits(visit for _, visit in visits)


@measures(
    "storm_mention",
    "a topic of the fault's vocabulary in the payload, in connection reasons and in events other than faults of the storm, "
    "and in results of commands from a day before to a day after it",
    kind="text",
    many=True,
)
def storm_mention(scene: Scene) -> Iterable[Reading]:
    return scene.mentions(_storm_texts(scene))


def _storm_texts(scene: Scene) -> Iterator[Text]:
    start, end = storm_window(scene)
    yield from scene.payload()
    yield from _connection_reasons(scene, start, end)
    for event in scene.events(which="all", start=start, end=end):
        if event.fields["event_type"] != "fault":
            yield scene.source("events", event), {"event": event.fields["event_type"], "data": event.fields.get("data")}
    # logs are fetched once the storm is over
    yield from _command_results(scene, start - DAY, end + DAY)
