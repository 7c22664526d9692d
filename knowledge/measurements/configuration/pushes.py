"""Configuration pushes: when they were made, how they ended, and whether they helped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from ....engine.facts import Source
from ...observations import Record, epoch
from ...readings import DAY, HOUR, MINUTE, Reading, few
from ...scene import Scene
from ..registry import measures
from .onset import CLOCK, hours_matched_after, onset, time_before_onset
from .parts import has_more_to_follow
from .snapshots import snapshots

_PUSH = re.compile(
    r"^(?!.*(firmware|get|read|report|query|fetch))(.*(push|set|apply|change|update|deploy|sync|send|load|install|write|restore|reset|put)"
    r".*(config|profile|variable|setting|parameter).*|(config|configuration|profile)[_ .-]*(push|sync|update|apply|deploy|set|rollout).*"
    r"|re_?push.*|push)$"
)

_CHARGING_PROFILE = re.compile(r"charging_?profile|power_?profile|schedule")

_WAITING = ("queued", "accepted")

PENDING = "pending"
"""The status of a push that is still to be done."""

_DONE = "completed"

BROKEN = ("interrupted", "failed")
"""How a push ends that did not come through."""

_CUT_OFF = re.compile(r"interrupt|partial|incomplete|abort|connection|offline|timed? ?out")


@dataclass(frozen=True)
class Push:
    """A configuration push: when, how it ended (interrupted, failed, completed, pending; None unknown), the record; and whether it
    says of itself that it is a part with more to follow."""

    time: float | None
    status: str | None
    source: Source
    has_more: bool = False


def is_push(command: Record) -> bool:
    """Whether a command pushes a configuration; charging profiles are another matter."""
    return is_push_name(str(command.fields["command"]))


def is_push_name(name: str) -> bool:
    """Whether a command of this name pushes a configuration."""
    return bool(_PUSH.match(name)) and not _CHARGING_PROFILE.search(name)


def _status_of(command: Record) -> str | None:
    """How a push command ended, in the words of the records."""
    status: str | None = command.fields.get("status")
    if status in _WAITING:
        return PENDING
    if status == "failed" and _CUT_OFF.search(str(command.fields.get("result") or "").lower()):
        return "interrupted"
    return "failed" if status == "rejected" else status


def pushes(scene: Scene, device: str | None = None) -> list[Push]:
    """The configuration pushes of one charger as its records and commands tell them, in time order, undated first."""
    name = scene.device_id if device is None else device

    def load() -> list[Push]:
        found: dict[tuple[float | None, str | None], Push] = {}

        def add(moment: datetime | None, status: str | None, source: Source, has_more: bool = False) -> None:
            time = None if moment is None else epoch(moment)
            found.setdefault((time, status), Push(time, status, source, has_more))

        for shot in snapshots(scene, name):
            last = shot.record.fields.get("last_push")
            if isinstance(last, Mapping) and (last.get("status") is not None or last.get("at") is not None):
                add(last.get("at"), last.get("status"), shot.source)
        for command in scene.records("commands", device=name):
            if is_push(command):
                moment = command.fields.get("created_at") or command.fields.get("updated_at")
                add(
                    moment,
                    _status_of(command),
                    scene.source("commands", command),
                    has_more_to_follow(command.fields.get("params")),
                )
        return _whole(sorted(found.values(), key=lambda p: (p.time is not None, p.time or 0.0, p.status or "")))

    return scene.once_of(name, "pushes", load)


BLOCKS_WITHIN = 3 * MINUTE
"""How soon after a part of a push the next one is sent (our judgement: a platform waits for an answer, and some seconds)."""


def _whole(found: Sequence[Push]) -> list[Push]:
    """Pushes without those that are parts of one: what is done and followed by more within minutes ended with the last of them. A
    push whose last part says that more was to follow broke off."""
    parts = {
        place
        for place, (one, other) in enumerate(pairwise(found))
        if one.status == _DONE and one.time is not None and other.time is not None
        and other.time - one.time <= BLOCKS_WITHIN
    }  # fmt: skip
    return [
        replace(push, status="interrupted") if push.has_more and push.status == _DONE else push
        for place, push in enumerate(found)
        if place not in parts
    ]


def push_before(scene: Scene) -> Push | None:
    """The last push at or before the mismatch's first sign; else the first one after it, or an undated one."""
    found = pushes(scene)
    latest = onset(scene).time + CLOCK
    early = [p for p in found if p.time is not None and p.time <= latest]
    if early:
        return next((p for p in reversed(early) if p.time == early[-1].time and p.status is not None), early[-1])
    # The platform may expect the new profile before its push begins: then the mismatch is there first.
    later = [p for p in found if p.time is not None and latest < p.time <= scene.anchor + CLOCK]
    if later:
        return next((p for p in later if p.status in BROKEN), later[0])
    undated = [p for p in found if p.time is None]
    return undated[-1] if undated else None


@measures(
    "configuration_push_status",
    "how the last configuration push before the mismatch's first sign (else the first one after it) ended, by record or command; "
    "pending: queued or accepted and never reported done",
    kind="text",
    choices=("interrupted", "failed", "completed", "pending"),
)
def configuration_push_status(scene: Scene) -> Reading | None:
    push = push_before(scene)
    return None if push is None or push.status is None else Reading(push.status, push.time, (push.source,))


@measures(
    "last_push_hours_before_mismatch",
    "hours from the last configuration push to the mismatch's first sign, where the configuration was not seen right in between",
    unit="h",
    low=0,
)
def last_push_hours_before_mismatch(scene: Scene) -> Reading | None:
    push = push_before(scene)
    if push is None or push.time is None:
        return None
    return time_before_onset(scene, [(push.time, push.source)], HOUR, 0.0)


@measures(
    "hours_matched_after_push",
    "hours from the last push before the mismatch to the last configuration seen right after that push; unknown where the push is "
    "still to be done",
    unit="h",
    low=0,
)
def hours_matched_after_push(scene: Scene) -> Reading | None:
    push = push_before(scene)
    if push is None or push.time is None or push.status == PENDING or (onset(scene).matched or push.time) <= push.time:
        return None
    return hours_matched_after(scene, [(push.time, push.source)])


@measures(
    "broken_pushes_after_mismatch",
    "pushes after the mismatch's first sign that were interrupted or failed",
    unit="1",
    low=0,
)
def broken_pushes_after_mismatch(scene: Scene) -> Reading | None:
    start = onset(scene).time + CLOCK
    later = [p for p in pushes(scene) if p.time is not None and p.time > start and p.status is not None]
    broken = [p for p in later if p.status in BROKEN]
    return Reading(float(len(broken)), scene.anchor, few([p.source for p in broken or later])) if later else None


@measures(
    "completed_pushes_without_effect",
    "completed pushes after which the next configuration record, within two hours and with no visit between, does not match",
    unit="1",
    low=0,
)
def completed_pushes_without_effect(scene: Scene) -> Reading | None:
    shots = [s for s in snapshots(scene) if s.matches is not None]
    visits = [v.time for v in scene.records("service_visits") if v.time is not None]
    judged: list[tuple[Push, bool]] = []
    for push in pushes(scene):
        if push.status != _DONE or push.time is None:
            continue
        following = next((s for s in shots if s.time >= push.time), None)
        if following is not None:
            seen, wrong = following.time, following.matches is False
        else:
            # A fault of the code soon after a completed push says the same as a record that does not match.
            seen, wrong = next((t for t in scene.times if t >= push.time), float("inf")), True
        if seen - push.time <= 2 * HOUR and not any(push.time <= visit <= seen for visit in visits):
            judged.append((push, wrong))
    if not judged:
        return None
    idle = [push for push, wrong in judged if wrong]
    return Reading(float(len(idle)), scene.anchor, few([p.source for p in idle or [p for p, _ in judged]]))


@measures(
    "mismatches_returned_after_push",
    "times a completed push put the configuration right (a record that matches within a day, or a day without a sign of a "
    "mismatch) and a later record or fault of "
    "the code says it was wrong again",
    unit="1",
    low=0,
)
def mismatches_returned_after_push(scene: Scene) -> Reading | None:
    shots = [s for s in snapshots(scene) if s.matches is not None]
    wrong = sorted([s.time for s in shots if s.matches is False] + list(scene.times))
    right = [s.time for s in shots if s.matches]
    done = [(p.time, p.source) for p in pushes(scene) if p.status == _DONE and p.time is not None]
    if not done:
        return None
    returned: dict[float, Source] = {}
    for moment, source in done:
        mended = next((t for t in right if moment <= t <= moment + DAY), None)
        again = next((t for t in wrong if t > (moment if mended is None else mended)), None)
        if again is None or (mended is None and again - moment <= DAY):
            # Without a record that matches only a quiet day after the push shows that it helped.
            continue
        if any(t < moment for t in wrong):
            returned.setdefault(again, source)
    sources = list(returned.values()) or [source for _, source in done]
    return Reading(float(len(returned)), scene.anchor, few(sources))
