"""What can be said of a short text that tells of a close, a failing link or a fault, and not when that was, so that nothing follows."""

from __future__ import annotations

import re

from ...knowledge.standard_codes import close_code, reported
from .connection_lines import fails_of_platform_link, told_of_connection
from .fault_codes import LOST, alarm_in_words

LONGEST = 2**12
"""Bytes of a text that is looked through (our judgement: whoever has no more than that has some lines)."""

LONGEST_REASON = 80
"""Characters of what a text says of the failure that are repeated (our judgement: the answer stays a line)."""

_CLOSE = re.compile(
    rb"\b(?:close[ _-]?)?(?:code|status)\b\W{0,4}(1\d{3})\b|\bclosed?\b[^{}\n]{0,40}?\b(1\d{3})\b|\b(1\d{3})\b\W{0,4}\babnormal",
    re.IGNORECASE,
)
_TIME_OF_DAY = re.compile(rb"\d:\d\d:\d\d")


def told_without_time(content: bytes) -> str | None:
    """Why nothing can be diagnosed from a short text, what it tells all the same, and how to mend it; None for other texts."""
    if len(content) > LONGEST:
        return None
    when = "on which day" if _TIME_OF_DAY.search(content) else "when"
    return _close_told(content) or _fault_told(content, when) or _failing_told(content, when)


def _close_told(content: bytes) -> str | None:
    found = _CLOSE.search(content)
    row = None if found is None else close_code(int(next(filter(None, found.groups()))))
    if row is None:
        return None
    number = row.code.removeprefix("CloseCode.")
    return (
        f"tells that a connection was closed with {number} ({row.name}), but neither when nor whose, so that it cannot be told "
        f"from an ordinary reconnect; give the log around it, with times and messages; charger-triage explain {row.code} "
        "says what it may be"
    )


def _fault_told(content: bytes, when: str) -> str | None:
    codes = (alarm_in_words(line) for line in content.decode("utf-8", "replace").splitlines())
    code = next((code for code in codes if code is not None), None)
    row = None if code is None else reported(code)
    if row is None:
        return None
    documented = row.faults[0] if row.faults and not row.depends_on_activity else row.code
    said = row.meaning.rstrip(".")
    return (
        f"tells of a fault ({said[:1].lower()}{said[1:]}), but not {when}; give the log around it, with dates and times; "
        f"charger-triage explain {documented} says what it may be"
    )


def _failing_told(content: bytes, when: str) -> str | None:
    for line in content.splitlines():
        told = told_of_connection(line)
        attempted = told is not None and told.event == "failing"
        if attempted or fails_of_platform_link(line):
            said = "" if told is None or told.reason is None else told.reason.strip()[:LONGEST_REASON]
            reason = f" ({''.join(filter(str.isprintable, said))})" if said else ""
            return (
                f"tells that a charger's link to its platform fails{reason}, but not {when}; give the log around it, with dates "
                f"and times; charger-triage explain {LOST} says what it may be"
            )
    return None
