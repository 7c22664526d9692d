"""An escalation in two sentences: what failed where, when and how often; what it likely is, and what is asked."""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.diagnosis import Incident
from ..report.argument import title_of
from ..report.wording import (
    clean,
    counted,
    headline,
    is_unexplained,
    listed,
    percent,
    span,
    times_of,
    undecided,
)
from .content import ChargerSection, DeviceCard, EscalatedIncident, OpenTask
from .reasoning import task_in_words

MAX_NAMED = 3
"""Causes that a sentence names as not told apart."""

NOTHING = "There is no incident in these records to escalate."


def summary_of(device: DeviceCard, first: Incident, told: EscalatedIncident, later: Sequence[Incident]) -> list[str]:
    """The two sentences of a charger: its first incident (the root) leads, those behind it are named."""
    return [_what_failed(device, first, later), _what_is_asked(first, told, later)]


def summary_of_all(sections: Sequence[ChargerSection]) -> list[str]:
    """The two sentences of a document over several chargers."""
    if not sections:
        return [NOTHING, "Nothing is asked of level 2."]
    if len(sections) == 1:
        return sections[0].summary
    incidents = [incident for section in sections for incident in section.incidents]
    codes = listed(sorted({incident.fault_code for incident in incidents}))
    named_chargers = [clean(section.device.device_id) for section in sections[:MAX_NAMED]]
    more = [f"{len(sections) - MAX_NAMED} more"] if len(sections) > MAX_NAMED else []
    chargers = listed([*named_chargers, *more])
    when = span(
        min(incident.impact.since for incident in incidents), max(incident.impact.last_seen for incident in incidents)
    )
    leading: dict[str, int] = {}
    for section in sections:
        first = section.incidents[0]
        what = f"code {first.fault_code}, which is not documented"
        if first.ranking is not None:
            what = f"{first.ranking.causes[0].title} ({first.fault_code})"
        leading[what] = leading.get(what, 0) + 1
    ranked = sorted(leading.items(), key=lambda entry: (-entry[1], entry[0]))[:MAX_NAMED]
    named = [f"{what} at {counted(number, 'charger')}" for what, number in ranked]
    return [
        f"{counted(len(sections), 'charger')} ({chargers}) had {counted(len(incidents), 'incident')} of {codes}, {when}.",
        f"First in the ranking {'is' if len(ranked) == 1 else 'are'} {listed(named)}; {_asked_of_all(sections)}.",
    ]


def _asked_of_all(sections: Sequence[ChargerSection]) -> str:
    """What comes next at every charger, where that is the same; else that each section says it."""
    firsts = [section.incidents[0] for section in sections]
    asked = {_next(i.open, i.ranking.remark is not None) for i in firsts if i.ranking is not None}
    if len(asked) == 1 and all(incident.ranking is not None for incident in firsts):
        return f"at each {asked.pop()}"
    return "each charger has a section of its own with what is asked of level 2"


def _what_failed(device: DeviceCard, incident: Incident, later: Sequence[Incident]) -> str:
    model = clean(device.model) if device.model else "model not known"
    version = device.firmware.version
    firmware = f"firmware {clean(version)}" if version else "firmware not known"
    site = "" if device.site is None else f", site {clean(device.site.name or device.site.site_id)}"
    where = "" if incident.connector_id is None else f" on connector {incident.connector_id}"
    verb = "reported" if incident.occurrences else "shows"
    behind = ""
    if later:
        named = listed([f"{_named(i)} ({times_of(i)})" for i in later[:MAX_NAMED]])
        more = f" and {len(later) - MAX_NAMED} more" if len(later) > MAX_NAMED else ""
        link = "behind it" if all(i.root == incident.incident_id for i in later) else "besides"
        behind = f", and {link} {named}{more}"
    return (
        f"Charger {clean(device.device_id)} ({model}, {firmware}{site}) {verb} {_named(incident)}{where}, "
        f"{times_of(incident)}{behind}."
    )


def _named(incident: Incident) -> str:
    return headline(incident) if incident.documented else f"{clean(incident.fault_code)} (not in the dictionary)"


def _what_is_asked(incident: Incident, told: EscalatedIncident, later: Sequence[Incident]) -> str:
    if told.report is not None:
        return (
            f"The dictionary does not hold {clean(incident.fault_code)}, so that no cause is named: this goes to "
            f"{told.report.send_to} with the full payload, device and firmware, time range and concurrent telemetry."
        )
    unknown = [clean(other.fault_code) for other in later if not other.documented]
    reported = f"; {listed(unknown[:MAX_NAMED])}, not in the dictionary, is for the vendor to name" if unknown else ""
    return f"{_likeliest(incident)}; {_next(told.open, bool(undecided(incident)))}{reported}."


def _likeliest(incident: Incident) -> str:
    if is_unexplained(incident):
        share = percent(incident.undocumented_probability or 0.0)
        return f"None of the documented causes fits what was read ({share} for something the dictionary does not name)"
    close = undecided(incident)
    if close:
        named = [f"{title_of(incident, h.cause_id)} ({percent(h.probability)})" for h in close[:MAX_NAMED]]
        more = [f"{len(close) - MAX_NAMED} more"] if len(close) > MAX_NAMED else []
        return f"The records do not tell these causes of {clean(incident.fault_code)} apart: {listed([*named, *more])}"
    leader = incident.hypotheses[0]
    return f"Its likeliest cause is “{clean(leader.title)}” ({percent(leader.probability)})"


def _next(tasks: Sequence[OpenTask], is_undecided: bool) -> str:
    """What is to be done next and by whom, and what level 2 is asked."""
    free = [task for task in tasks if task.covered_by is None]
    kinds = ("check", "action") if is_undecided else ("action", "check")
    ordered = [task for kind in kinds for task in free if task.kind == kind]
    ours = [task for task in ordered if task.owner == "level-2"]
    others = [task for task in ordered if task.owner != "level-2"]
    said = []
    if others:
        said.append(f"next comes “{task_in_words(others[0])}” by {others[0].owner_title}")
    if ours:
        said.append(f"level 2 is asked for “{clean(ours[0].title)}”")
    elif is_undecided:
        said.append("level 2 is asked which of them it knows from this model and firmware")
    else:
        said.append("level 2 is asked to confirm the cause and what mends it")
    return ", and ".join(said)
