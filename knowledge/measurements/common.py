"""Measurements that any code can use: firmware, age, recurrence, what happened just before, what texts mention."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ...engine.facts import Source
from ..observations import Record, epoch
from ..readings import DAY, MINUTE, Reading, Readings, few, median, percentile
from ..scene import Scene
from ..texts import flat, words_of
from .registry import measures

UPGRADE_COMMANDS = ("firmware_upgrade", "firmware_update", "update_firmware", "upgrade_firmware")
RESTART_COMMANDS = ("reboot", "soft_reset", "hard_reset", "reset", "restart")


@measures("firmware_version", "the charger's firmware version, from its metadata", kind="version")
def firmware_version(scene: Scene) -> Reading | None:
    return scene.metadata("firmware_version")


@measures("age", "days since activation, from usage_duration_days or else activation_date", unit="days", low=0)
def age(scene: Scene) -> Reading | None:
    used = scene.metadata("lifecycle.usage_duration_days")
    if used is not None:
        return used
    activated = scene.metadata("lifecycle.activation_date")
    if activated is None or float(activated.value) > scene.anchor:
        return None
    return Reading((scene.anchor - float(activated.value)) / DAY, None, activated.sources)


@measures(
    "occurrences_last_7d", "fault events of this incident within seven days up to the latest one", unit="1", low=0
)
def occurrences_last_7d(scene: Scene) -> Reading | None:
    recent = [fault for fault in scene.incidence.faults if fault.time >= scene.anchor - 7 * DAY]
    return Reading(float(len(recent)), scene.anchor, few([fault.source for fault in recent])) if recent else None


_CLAUSE_ENDS = re.compile(r"[,;:!?()\n]|\.(?!\d)")
_UPGRADED = re.compile(
    r"(?=.*\b(firmware|fw)\b).*(\b(updat|upgrad|flash|install|load|roll|revert|downgrad|brought|migrat|exchang|replac)\w*|\d+\.\d)"
)
_NO_UPGRADE = re.compile(
    r"\b(no|not|without|check\w*|verif\w*|planned|pending|fail\w*|need\w*|due|recommend\w*|order\w*|is|still|display|screen|hmi"
    r"|router|switch|modem|gateway|reader|kartenleser|rfid|nfc|terminal|payment|meter|sticker|label|inverter|vehicle|car|ev)\b"
)
"""Firmware of something else than the charger, or nothing that was done to it."""


def _tells_of_upgrade(clause: str) -> bool:
    """Whether a part of a sentence about a visit says that the charger got another firmware."""
    words = clause.lower()
    return _UPGRADED.search(words) is not None and _NO_UPGRADE.search(words) is None


def upgrades(scene: Scene, device: str | None = None) -> Iterator[tuple[float, Source]]:
    """When the charger's firmware was upgraded: completed upgrade commands, and events that say so."""
    for command in scene.records("commands", device=device):
        if command.fields["command"] in UPGRADE_COMMANDS and command.fields.get("status") in (
            "completed",
            "accepted",
            None,
        ):
            moment = command.fields.get("updated_at") or command.fields.get("created_at")
            if moment is not None:
                yield epoch(moment), scene.source("commands", command)
    for event in scene.events(*UPGRADE_COMMANDS, "firmware_updated", "firmware_status", device=device, which="all"):
        status = str(event.data.get("status") or "success").lower()
        if status in ("success", "completed", "installed", "ok") and event.time is not None:
            yield event.time, scene.source("events", event)
    for visit in scene.records("service_visits", device=device):
        if visit.time is not None and any(map(_tells_of_upgrade, _CLAUSE_ENDS.split(work_text(visit)))):
            yield visit.time, scene.source("service_visits", visit)


@measures(
    "days_from_upgrade_to_first_fault",
    "days from the last firmware upgrade before the first occurrence to that occurrence",
    unit="days",
    low=0,
)
def days_from_upgrade_to_first_fault(scene: Scene) -> Reading | None:
    earlier = [(time, source) for time, source in upgrades(scene) if time <= scene.first]
    if not earlier:
        return None
    time, source = max(earlier)
    return Reading((scene.first - time) / DAY, scene.first, (source,))


def visits_before(scene: Scene, moment: float) -> list[Record]:
    """Service visits up to a moment, in time order."""
    return [v for v in scene.records("service_visits") if v.time is not None and v.time <= moment]


@measures(
    "days_from_visit_to_first_fault",
    "days from the last service visit before the first occurrence to it",
    unit="days",
    low=0,
)
def days_from_visit_to_first_fault(scene: Scene) -> Reading | None:
    earlier = visits_before(scene, scene.first)
    if not earlier:
        return None
    return Reading(
        (scene.first - (earlier[-1].time or 0.0)) / DAY, scene.first, (scene.source("service_visits", earlier[-1]),)
    )


def work_text(visit: Record) -> str:
    """What a service visit says was done, as it was written."""
    return str(visit.fields.get("work") or "")


def work_words(visit: Record) -> str:
    """The same in lower-case words."""
    return words_of(work_text(visit))


def done_before_recurrence(scene: Scene, done: re.Pattern[str]) -> Reading | None:
    """Whether the last service visit whose words tell of something done lies between two occurrences: it was in vain then."""
    times = [fault.time for fault in scene.faults("own", device=scene.device_id)]
    for visit in reversed(scene.records("service_visits")):
        if visit.time is not None and done.search(work_words(visit)):
            between = any(time < visit.time for time in times) and any(time > visit.time for time in times)
            return Reading(between, visit.time, (scene.source("service_visits", visit),))
    return None


def result_words(command: Record) -> str:
    """Everything that a command's result says, its values in lower-case words."""
    return " ".join(words_of(str(value)) for _, value in flat(command.fields.get("result")))


def restarts(scene: Scene) -> Iterator[tuple[float, Source]]:
    """When the charger was told to restart, by commands that were not refused."""
    for command in scene.records("commands"):
        if command.fields["command"] in RESTART_COMMANDS and command.fields.get("status") not in (
            "failed",
            "rejected",
            "queued",
        ):
            moment = command.fields.get("created_at") or command.fields.get("updated_at")
            if moment is not None:
                yield epoch(moment), scene.source("commands", command)


@measures(
    "minutes_from_restart_command",
    "minutes from the last restart command before the latest occurrence to it",
    unit="min",
    low=0,
)
def minutes_from_restart_command(scene: Scene) -> Reading | None:
    earlier = [(time, source) for time, source in restarts(scene) if time <= scene.anchor + 1.0]
    if not earlier:
        return None
    time, source = max(earlier)
    return Reading(max(0.0, (scene.anchor - time) / MINUTE), scene.anchor, (source,))


@measures(
    "payload_mention",
    "a topic of the fault's vocabulary that the fault's message or details, or an alarm within ten minutes, mention",
    kind="text",
    many=True,
)
def payload_mention(scene: Scene) -> Iterable[Reading]:
    return scene.mentions(scene.payload())


@measures(
    "session_mention",
    "a topic of the fault's vocabulary in stop reason or details of the session at the fault",
    kind="text",
    many=True,
)
def session_mention(scene: Scene) -> Iterable[Reading]:
    session = scene.session
    if session is None:
        return []
    return scene.mentions([(session.source, {"stop_reason": session.stop_reason, "details": session.details})])


FEWEST_CURRENTS = 5
"""Readings from which on it is told what telemetry means by a current (our judgement: fewer may all lie within a spike)."""


def current_of_a_phase(scene: Scene) -> Readings:
    """The current of the incident's connector by telemetry; of an AC charger that adds up its phases, of one of them."""
    found = scene.readings("current")
    phases = scene.once(("phases in a current",), lambda: _phases_in_current(scene))
    return found if phases == 1.0 else replace(found, values=found.values / phases)


def _phases_in_current(scene: Scene) -> float:
    """How many phases' currents a reading of telemetry's current adds up: those of an AC charger of several phases where it usually
    exceeds what one may carry, and makes up the power with the voltage of one; else 1."""
    told, phases = scene.about("product.max_current_a"), scene.about("product.phases")
    known = isinstance(told, (int, float)) and isinstance(phases, (int, float))
    if scene.is_dc or not known or told <= 0 or phases < 2:
        return 1.0
    currents = scene.readings("current").at_rows(scene.words("state").rows_where("charging")).where(lambda a: a > 1.0)
    if len(currents) < FEWEST_CURRENTS or percentile(currents.values, 75) <= 1.15 * told:
        return 1.0
    volts, power = (scene.readings(name).at_rows(currents.rows) for name in ("voltage", "power"))
    if not len(currents) == len(volts) == len(power) or not (volts.values > 0).all():
        return 1.0
    made_up = 1000.0 * power.values / (volts.values * currents.values)
    return float(phases) if 0.8 <= median(made_up) <= 1.25 else 1.0


MAX_VISITS = 50
"""Service visits whose words are looked into at most, the newest (our judgement: no charger is visited as often within months)."""

RECENT = 90 * DAY
"""How long before the latest occurrence a service visit counts as recent (our judgement: what was left undone shows within months)."""


def _mentions_of_visits_at(scene: Scene, wanted: Callable[[float], bool]) -> list[Reading]:
    """The topics that visits up to the latest occurrence mention, of those whose time (epoch seconds) is wanted."""
    visits = [visit for visit in visits_before(scene, scene.anchor) if wanted(visit.time or 0.0)]
    return scene.mentions_of_visits(visits[-MAX_VISITS:])


@measures(
    "visit_mention",
    "a topic of the fault's vocabulary in the work of service visits within 90 days before the latest occurrence",
    kind="text",
    many=True,
)
def visit_mention(scene: Scene) -> Iterable[Reading]:
    return _mentions_of_visits_at(scene, lambda time: time >= scene.anchor - RECENT)


@measures(
    "old_visit_mention",
    "a topic of the fault's vocabulary in the work of service visits from three years to 90 days before the latest occurrence",
    kind="text",
    many=True,
)
def old_visit_mention(scene: Scene) -> Iterable[Reading]:
    return _mentions_of_visits_at(scene, lambda time: scene.anchor - 3 * 365 * DAY <= time < scene.anchor - RECENT)


@measures(
    "visit_between_mention",
    "a topic of the fault's vocabulary in the work of service visits between the first and the latest occurrence",
    kind="text",
    many=True,
)
def visit_between_mention(scene: Scene) -> Iterable[Reading]:
    return _mentions_of_visits_at(scene, lambda time: time > scene.first)


def visits_after(scene: Scene) -> list[Record]:
    """The service visits after the latest occurrence, in time order."""
    visits = scene.records("service_visits")
    return [visit for visit in visits if visit.time is not None and scene.anchor < visit.time <= scene.as_of + 1.0]


@measures(
    "visit_after_mention",
    "a topic of the fault's vocabulary in the work of service visits after the latest occurrence",
    kind="text",
    many=True,
    supposable=False,
)
def visit_after_mention(scene: Scene) -> Iterable[Reading]:
    return scene.mentions_of_visits(visits_after(scene)[-MAX_VISITS:])


WRITTEN_OUT = 6
"""Words from which on a text is somebody's account rather than a label or a state (our judgement: vendors' shorter ones name the
symptom)."""


MAX_ACCOUNTS = 200
"""Alarms, and results of commands, that are looked into at most, the newest (our judgement: people write fewer about one fault)."""


def _accounts(scene: Scene) -> Iterator[tuple[Source, str]]:
    """What is written out in the faults, about the end of the session, and in alarms and results of commands since a day before the
    first fault."""
    start, end = scene.first - DAY, scene.as_of + 1.0
    texts = [*scene.payload()]
    if scene.session is not None:
        texts.append((scene.session.source, [scene.session.stop_reason, scene.session.details]))
    alarms = scene.events("alarm", which="all", start=start, end=end)[-MAX_ACCOUNTS:]
    texts += [(scene.source("events", alarm), alarm.data) for alarm in alarms]
    commands = scene.records_between("commands", start, end)[-MAX_ACCOUNTS:]
    texts += [(scene.source("commands", command), command.fields.get("result")) for command in commands]
    for source, data in texts:
        for _, value in flat(data):
            if isinstance(value, str) and len(value.split(maxsplit=WRITTEN_OUT)) >= WRITTEN_OUT:
                yield source, value


@measures(
    "report_mention",
    "a topic of the fault's vocabulary in a report: the work of service visits after the latest occurrence, and what is written out "
    "in six words and more in the faults, about the end of the session, in alarms and in results of commands from a day before the first "
    "occurrence on",
    kind="text",
    many=True,
    supposable=False,
)
def report_mention(scene: Scene) -> Iterable[Reading]:
    mentions = [*visit_after_mention(scene), *scene.mentions_of_reports(_accounts(scene))]
    return scene.by_topic((str(each.value), source) for each in mentions for source in each.sources)


@measures(
    "final_visit_mention",
    "a topic of the fault's vocabulary in the work of the newest service visit after the latest occurrence that mentions any: what "
    "those before it dealt with did not end it",
    kind="text",
    many=True,
    supposable=False,
)
def final_visit_mention(scene: Scene) -> Iterable[Reading]:
    for visit in reversed(visits_after(scene)[-MAX_VISITS:]):
        found = scene.mentions_of_visits([visit])
        if found:
            return found
    return []


@measures(
    "command_mention",
    "a topic of the fault's vocabulary in the results of commands within a day around the latest occurrence",
    kind="text",
    many=True,
)
def command_mention(scene: Scene) -> Iterable[Reading]:
    recent = [c for c in scene.records("commands") if c.time is not None and abs(c.time - scene.anchor) <= DAY]
    return scene.mentions([(scene.source("commands", c), {"result": c.fields.get("result")}) for c in recent])
