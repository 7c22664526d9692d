"""Who says that the contactor closed: its feedback and when it came, its auxiliary contact, the click, the contacts seen."""

from __future__ import annotations

import re

from ...readings import DAY, MINUTE, Reading, few, median
from ...scene import Scene
from ..registry import measures
from .payload import Figure, figures, latest_figure, said_sound
from .series import early_and_late

_ANSWER = r"feedback|\bfb\b|pick ?up|aux|confirm\w*|acknowledg\w*|\back\b|engage\w*|pull ?in|close|closing|closed|response|signal|contactor"
_WINDOW = r"window|\bwin\b|(raised|fault|evaluated|checked|sampled) at|cut ?off|timeout|time ?out|limit|deadline|budget|allowed|expected|threshold|max\b|configured|permitted|nominal"
_OVERRUN = r"overrun|\blate\b|too late|after (the )?(window|timeout|deadline)|beyond|past|exceed\w*|lateness|\bover\b|outside|margin"
_OTHER_TIMES = r"heartbeat|session|release|opening|boot|uptime|ping|handshake|reconnect|retry|idle|auth|since|plug|lock|pre ?charge"
_TIMED = r"(feedback|\bfb\b|aux|contactor|close|closing|confirm\w*).*(window|timeout|delay|latency|lag|time)$"
_DENIES = r"\bno\b|\bnot\b|without|missing|never|within|timed out"


def _durations(scene: Scene, pattern: str, without: str) -> list[Figure]:
    """Numbers that are durations, by their unit or by what their key is called."""
    found = figures(scene, pattern, without, ("ms", "s", "us", None))
    timed = [figure for figure in found if figure.unit is not None or re.search(_TIMED, figure.path)]
    return [figure for figure in timed if 0 < figure.milliseconds < 120_000]


def _latencies(scene: Scene) -> list[Figure]:
    return _durations(scene, _ANSWER, rf"{_WINDOW}|{_OVERRUN}|{_OTHER_TIMES}|{_DENIES}")


def _windows(scene: Scene) -> list[Figure]:
    return _durations(scene, rf"{_WINDOW}|within", rf"{_OVERRUN}|{_OTHER_TIMES}")


def _of_another_start(scene: Scene, figure: Figure) -> bool:
    """Whether a figure stands in an event far from every failed start, and so tells of one that did not fail."""
    return figure.source.list == "events" and scene.occurrence_near(figure.time, 10 * MINUTE) is None


@measures(
    "feedback_latency_ratio",
    "when the contactor's feedback came, in percent of the window it was allowed, median of the reports that give both; of the "
    "charger's messages those within ten minutes of a failed start",
    unit="%",
    low=0,
)
def feedback_latency_ratio(scene: Scene) -> Reading | None:
    allowed = {figure.source: figure.milliseconds for figure in _windows(scene)}
    if not allowed:
        return None
    usual = median(list(allowed.values()))
    faults = {fault.source for fault in scene.incidence.faults}
    told = [
        figure
        for figure in _latencies(scene)
        if figure.source in faults or (figure.source in allowed and not _of_another_start(scene, figure))
    ]
    ratios = [100.0 * figure.milliseconds / allowed.get(figure.source, usual) for figure in told]
    return Reading(median(ratios), scene.anchor, few([figure.source for figure in told])) if told else None


@measures(
    "feedback_overrun",
    "by how much the contactor's feedback came too late, as details or texts say, median",
    unit="ms",
    low=0,
)
def feedback_overrun(scene: Scene) -> Reading | None:
    found = [
        figure
        for figure in figures(scene, _OVERRUN, rf"{_OTHER_TIMES}|{_DENIES}", ("ms", "s", "us"))
        if re.search(rf"{_ANSWER}|window|late|overrun|margin", figure.path)
    ]
    if not found:
        return None
    overrun = median([abs(figure.milliseconds) for figure in found])
    return Reading(overrun, scene.anchor, few([figure.source for figure in found]))


@measures(
    "feedback_latency_growth",
    "latest third of at least four reported feedback or closing times over the earliest third, over a day or more (medians)",
    unit="times",
    low=0,
)
def feedback_latency_growth(scene: Scene) -> Reading | None:
    found = _latencies(scene)
    if len(found) < 4 or found[-1].time - found[0].time < DAY:
        return None
    early, late = early_and_late([figure.milliseconds for figure in found])
    return Reading(late / early, scene.anchor, few([figure.source for figure in found]))


@measures(
    "aux_contact_ohms",
    "resistance of the auxiliary contact that details, command results or texts report",
    unit="Ω",
    low=0,
)
def aux_contact_ohms(scene: Scene) -> Reading | None:
    told = latest_figure(
        scene,
        r"(aux|feedback|\bfb\b).*(ohm|resistance|Ω|ω|\br\b)|(ohm|resistance|\br\b).*(aux|feedback|\bfb\b)|\braux\b",
        r"isolation|insulation|limit|threshold|max|nominal|main|power(?! contactor)",
    )
    if told is None:
        return None
    scale = 1000.0 if told.unit == "kohm" else 0.001 if re.search(r"\bmilli|\bmohms?\b", told.path) else 1.0
    return told.reading(max(0.0, told.number * scale))


@measures(
    "click_heard",
    "what details, command results or visit reports that are structured say of the contactor's click",
    kind="flag",
)
def click_heard(scene: Scene) -> Reading | None:
    return said_sound(scene, r"click|audible", as_bits=True)


_MAIN_CONTACTS = (
    r"(main|power|actual|physical|measured) ?(contact\w*|pole|state|position)|contactor (position|actual|state measured)"
    r"|armature|plunger|travel|movement|moved|position$"
    r"|(main|output|outlet|load|\bhv\b|downstream|\bout\b|line side).*(present|live|energi[sz]ed|detected)$"
)


@measures(
    "contact_seen_closed",
    "what details say of the main contacts apart from the feedback: whether they were closed",
    kind="flag",
)
def contact_seen_closed(scene: Scene) -> Reading | None:
    travel = latest_figure(
        scene, r"(armature|plunger|contact\w*) (travel|stroke|movement)", r"limit|max|nominal|rated|expected"
    )
    if travel is not None:
        return travel.reading(travel.number > 0)
    return said_sound(scene, _MAIN_CONTACTS, r"feedback|aux|\bfb\b|command|expected|weld|connector (state|status)")
