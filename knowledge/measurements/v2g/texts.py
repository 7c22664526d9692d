"""Measurement of what texts around the fault speak of, answers to questions of yes and no included."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from ....engine.facts import Source
from ...readings import HOUR, MINUTE, Reading, few
from ...scene import Scene
from ...texts import flat, words_of
from ..registry import measures
from .payload import spelled
from .records import asks_for_discharge
from .vehicles import session_here

_GOOD = r"(ok|okay|valid|good|fine|normal|passed|confirmed|complete|completed|done|met|satisfied|ready|sound)"

_YES_NO: tuple[tuple[str, str, str], ...] = (
    (r"\b(cert|certified|listed|whitelisted|allowlisted|approved|enrolled|registered|homologated|on (v2g|partner) list|(model|vehicle|v2g|bpt|discharge) supported|certification " + _GOOD + r")$", "not-certified", "certified-ok"),
    (r"\b(soc|state of charge|battery level|energy) (\w+ )?(sufficient|enough|above (floor|min|minimum|limit)|" + _GOOD + r")$|\babove (floor|min soc|minimum)$", "soc", "soc-ok"),
    (r"\b(in|within|inside) (\w+ ){0,2}(window|schedule|hours)$|\b(time|schedule|window|hours|tod) (allowed|permitted|open|" + _GOOD + r")$", "time", "time-ok"),
    (r"\b(vehicle|ev|car|bms|mode|state|gear|park) (ready|in park|engaged|" + _GOOD + r")$|\bin park$", "vehicle-state", "state-ok"),
    (r"\b(grid|mains|voltage|frequency) (\w+ )?(in range|within \w+|stable|" + _GOOD + r")$", "grid", "grid-quiet"),
    (r"\b(contactor|relay|aux|k\d) (\w+ )?(feedback|released|closed confirmed|" + _GOOD + r")$", "contactor", "contactor-sound"),
    (r"\b(iso 15118|15118|15118 20|negotiation|handshake|hlc) (\w+ )?" + _GOOD + r"$", "iso15118", "iso15118-complete"),
)  # fmt: skip
"""Keys that ask a question which yes or no answers: what no means, and what yes means."""

_NO = {"no", "false", "nok", "not ok", "fail", "failed", "none", "n", "invalid"}
_YES = {"yes", "true", "ok", "y", "pass", "passed", "valid", "good"}
_HOURS_RANGE = re.compile(r"\b\d{1,2}[:h.]\d{2}\s*(?:-|–|to|until|bis|/)\s*\d{1,2}[:h.]\d{2}\b")


def _answers(texts: Iterable[tuple[Source, Any]]) -> Iterator[tuple[str, Source]]:
    """Topics that keys with a yes or a no speak of, and ranges of hours."""
    for source, data in texts:
        for path, value in flat(data):
            said = words_of(value) if isinstance(value, str) else None
            no, yes = value is False or said in _NO, value is True or said in _YES
            if isinstance(value, str) and _HOURS_RANGE.search(value):
                yield "time", source
            if no or yes:
                for pattern, refused, granted in _YES_NO:
                    if re.search(pattern, path):
                        yield (refused if no else granted), source


_OFFER = re.compile(r"\b(services?|transfer modes?|energy modes?)\b.*\b(offer\w*|support\w*|available|provided)\b|"
                    r"\b(offer\w*|support\w*|available|provided)\b.*\b(services?|transfer modes?|energy modes?)\b")  # fmt: skip
_BOTH_WAYS = re.compile(r"\bbpt\b|\bbidirectional\b|\bv2[gx]\b|\bdischarg")


def _one_way(texts: Iterable[tuple[Source, Any]]) -> Iterator[tuple[str, Source]]:
    """The topic of a vehicle that may not, where a list of the services that are on offer holds none that goes both ways."""
    for source, data in texts:
        offered = [words_of(value) for path, value in flat(data) if isinstance(value, str) and _OFFER.search(path)]
        if offered and not any(map(_BOTH_WAYS.search, offered)):
            yield "not-certified", source


def _texts(scene: Scene) -> Iterator[tuple[Source, Any]]:
    """Every text around the fault with its keys."""
    yield from scene.payload()
    for time in scene.times[-10:]:
        for event in scene.events(which="own", start=time - 10 * MINUTE, end=time + 10 * MINUTE):
            if event.fields["event_type"] not in ("fault", "alarm"):
                source = scene.source("events", event)
                yield source, event.fields.get("data")
                yield source, event.fields["event_type"]
        session = session_here(scene, time)
        if session is not None:
            yield session.source, {"stop_reason": session.stop_reason, "details": session.details}
    for command in scene.records("commands", which="own"):
        if asks_for_discharge(command) and command.time is not None and abs(command.time - scene.anchor) <= HOUR:
            yield scene.source("commands", command), {"result": command.fields.get("result")}


@measures(
    "v2g_text",
    "a topic of the fault's vocabulary in any text around it: payload, alarms and other events of the connector within ten "
    "minutes, stop reason and details of the session, results of discharge commands within an hour",
    kind="text",
    many=True,
)
def v2g_text(scene: Scene) -> Iterable[Reading]:
    texts = [(source, spelled(data)) for source, data in _texts(scene)]
    found = {str(reading.value): reading.sources for reading in scene.mentions(texts)}
    for topic, source in chain(_answers(texts), _one_way(texts)):
        found[topic] = few([*found.get(topic, ()), source])
    return [Reading(topic, scene.anchor, sources, key=topic) for topic, sources in sorted(found.items())]
