"""Words for values: safe text, decibans, probabilities, times, and the records a value came from."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ...engine.facts import MAX_SOURCES, Source, plain_number
from ...engine.facts import percent as percent

if TYPE_CHECKING:
    from ...engine.diagnosis import Incident, NextCheck
    from ...engine.hypothesis import Hypothesis
    from ...engine.trace import EvidenceItem

LONGEST_TEXT = 400
"""Characters of one text that a report shows (our judgement: five lines of a terminal)."""

MAX_SOURCES_SHOWN = 3
"""Records of one list that are named one by one; of more the first, the last and the count are given."""

PERHAPS_MORE = "the first and last, where there are more"
"""What is said of as many records as a value names at most."""

TELLS_APART_DB = 3.0
"""Causes whose scores lie closer than this are not told apart: it is the weight of one weak sign."""

CONTRADICTS_DB = 13.0
"""Evidence for and against one cause that both weigh at least this much (`strongly`) is named as a disagreement."""

WHERE = {"remote": "remote", "onsite": "on site"}

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = {"\u200d", "\u200c"}  # emoji and several scripts are written with them


def clean(text: object, limit: int = LONGEST_TEXT) -> str:
    """Text that is safe on a terminal: one line, control, format and half characters written out, long text cut."""
    raw = str(text)
    shown = raw[:limit]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(_visible(character) for character in shown)
    return shown if len(raw) <= limit else f"{shown}… ({len(raw):,} characters)"


def _visible(character: str) -> str:
    if character in "\t\r\n":
        return " "
    if character in _JOINERS or unicodedata.category(character) not in _UNSEEN:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def decibans(weight_db: float, *, sign: bool = True) -> str:
    """A weight or score in decibans without its unit: `+13`, `−7`, `0`."""
    number = plain_number(abs(weight_db))
    if weight_db < 0:
        return f"−{number}"
    return f"+{number}" if sign and weight_db > 0 else number


def moment(timestamp: str | None) -> str:
    """An ISO timestamp as a person reads it: `2026-05-10 12:00:00Z`."""
    if timestamp is None:
        return "at an unknown time"
    try:
        time = datetime.fromisoformat(timestamp)
    except ValueError:
        return clean(timestamp)
    return f"{time:%Y-%m-%d %H:%M:%S}" + (f".{time.microsecond // 1000:03d}" if time.microsecond else "") + "Z"


def span(first: str, last: str) -> str:
    """A time range; one moment where both ends are the same, the day once where it is the same."""
    begin, end = moment(first), moment(last)
    if begin == end:
        return begin
    if begin[:10] == end[:10]:
        return f"{begin.removesuffix('Z')} to {end[11:]}"
    return f"{begin} to {end}"


def age(seconds: float | None) -> str:
    """How old a value was: `12 s`, `5 min`, `3.2 h`, `4 days`."""
    if seconds is None:
        return ""
    size = abs(seconds)
    for limit, unit, length in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if size < limit:
            return f"{plain_number(round(seconds / length, 1))} {unit}"
    return f"{plain_number(round(seconds / 86_400, 1))} days"


def minutes(amount: float) -> str:
    """How long a check takes."""
    return f"{plain_number(amount)} min"


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 record`, `2 records`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(items: Sequence[str], word: str = "and") -> str:
    """Items as a sentence part: `a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def read_from(sources: Sequence[Source]) -> str:
    """Where a value was read: `telemetry[17] @ 2026-05-10 11:59:30Z`; of many records the first, the last, the count."""
    by_list: dict[str, list[Source]] = {}
    named = dict.fromkeys(sources)
    for source in named:
        by_list.setdefault(source.list, []).append(source)
    parts = []
    for name, refs in sorted(by_list.items()):
        refs.sort(key=lambda ref: ref.index)
        if len(refs) > MAX_SOURCES_SHOWN:
            parts.append(f"{clean(name)}: {_place(refs[0])} … {_place(refs[-1])}, {len(refs)} records")
        else:
            parts.extend(f"{clean(name)}{_place(ref)}" for ref in refs)
    return ", ".join(parts) + (f" ({PERHAPS_MORE})" if may_be_more(named) else "")


def may_be_more(sources: Collection[Source]) -> bool:
    """Whether a value may come of more records than these: it names no more than MAX_SOURCES, and not how many there were."""
    return len(sources) >= MAX_SOURCES


def _place(ref: Source) -> str:
    return f"[{ref.index}]" if ref.timestamp is None else f"[{ref.index}] @ {moment(ref.timestamp)}"


def where_of(incident: Incident) -> str:
    """The charger and connector of an incident."""
    if incident.connector_id is None:
        return clean(incident.device_id)
    return f"{clean(incident.device_id)}, connector {incident.connector_id}"


def brief_place(incident: Incident) -> str:
    """The charger and connector of an incident, in short: `A/1`."""
    return clean(incident.device_id) + ("" if incident.connector_id is None else f"/{incident.connector_id}")


def headline(incident: Incident) -> str:
    """Code and title."""
    return f"{clean(incident.fault_code)} {clean(incident.title or 'is not documented')}"


def times_of(incident: Incident) -> str:
    """How often and when."""
    when = span(incident.first_seen, incident.last_seen)
    if incident.occurrences == 0:
        return f"raised from the records, {when}"
    return f"once, {when}" if incident.occurrences == 1 else f"{incident.occurrences} times, {when}"


def for_and_against(hypothesis: Hypothesis) -> tuple[list[EvidenceItem], list[EvidenceItem]]:
    """The counted evidence for a cause and against it, strongest first."""
    counted_items = sorted((e for e in hypothesis.evidence if e.counted), key=lambda e: (-abs(e.weight_db), e.rule_id))
    return (
        [item for item in counted_items if item.weight_db > 0],
        [item for item in counted_items if item.weight_db < 0],
    )


def arithmetic(hypothesis: Hypothesis) -> str:
    """The sum behind a score: `prior 0 + 13 + 7 − 3 = 17 dB`; equal weights are taken together (`2 × 7`)."""
    terms = [f"prior {decibans(hypothesis.prior_db, sign=False)}"]
    for side in for_and_against(hypothesis):
        weights: dict[float, int] = {}
        for item in side:
            weights[item.weight_db] = weights.get(item.weight_db, 0) + 1
        for weight, number in weights.items():
            sign = "+" if weight > 0 else "−"
            size = plain_number(abs(weight))
            terms.append(f"{sign} {size}" if number == 1 else f"{sign} {number} × {size}")
    return f"{' '.join(terms)} = {decibans(hypothesis.score_db, sign=False)} dB"


def with_titles(text: str, incident: Incident) -> str:
    """A sentence that begins with a cause id, with the cause's title instead."""
    for hypothesis in incident.hypotheses:
        if text.startswith(f"{hypothesis.cause_id} "):
            return clean(hypothesis.title + text[len(hypothesis.cause_id) :])
    return clean(text)


def short_id(cause_id: str) -> str:
    """A cause's id without its code."""
    return clean(cause_id.partition("/")[2] or cause_id)


def firmware_applies(applies: bool | None) -> str:
    """Whether a known firmware issue holds for this charger."""
    if applies is None:
        return "cannot be told here: the version is not known exactly, or of another scheme"
    return "applies to this charger" if applies else "does not apply to this charger"


def undecided(incident: Incident) -> list[Hypothesis]:
    """The leading causes that the records do not tell apart; empty where one leads clearly."""
    if not incident.hypotheses:
        return []
    highest = incident.hypotheses[0].score_db
    close = [h for h in incident.hypotheses if highest - h.score_db < TELLS_APART_DB]
    return close if len(close) > 1 else []


def check_to_do(incident: Incident) -> NextCheck | None:
    """The one check a report names first, wherever it does: the first of the incident's order (bits per minute)."""
    return next(iter(incident.next_checks), None)


def check_in_words(check: NextCheck) -> str:
    """A check with its place and length: `Listen for the contactor on a start (on site, 20 min)`."""
    return f"{clean(check.title)} ({WHERE[check.where]}, {minutes(check.minutes)})"


def indecision(incident: Incident) -> str | None:
    """Says plainly where the records do not tell causes apart, and which check would; None where one leads clearly."""
    close = undecided(incident)
    if not close:
        return None
    every = len(close) == len(incident.hypotheses)
    which = "these causes" if every else listed([clean(h.title) for h in close])
    return f"The records do not tell {which} apart; {_what_would(incident, close)}."


def _what_would(incident: Incident, close: Sequence[Hypothesis]) -> str:
    """Which check would tell causes apart, or where that is too much to say of one, which tells most."""
    check = check_to_do(incident)
    if check is None:
        return "no check that is left would"
    # What is not known of the leader separates it from the second; of three causes no check is known to part all.
    parts = len(close) == 2 and check.check_id in {question.check_id for question in close[0].unknown}
    return f"the check that {'would' if parts else 'tells most for its time'}: {check_in_words(check)}"


def is_unexplained(incident: Incident) -> bool:
    """Whether no documented cause is as likely as none of them."""
    rest = incident.undocumented_probability
    return rest is not None and bool(incident.hypotheses) and rest > incident.hypotheses[0].probability


UNEXPLAINED = "What was read speaks against every documented cause; something the dictionary does not name is likelier."


def contradiction(hypothesis: Hypothesis) -> tuple[EvidenceItem, EvidenceItem] | None:
    """The strongest evidence for and against a cause, where both are strong; None where they are not."""
    supporting, opposing = for_and_against(hypothesis)
    if supporting and opposing and min(supporting[0].weight_db, -opposing[0].weight_db) >= CONTRADICTS_DB:
        return supporting[0], opposing[0]
    return None
