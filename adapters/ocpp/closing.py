"""What can be said of a text in which nothing but the close of a connection is told: neither when it was, nor whose."""

from __future__ import annotations

import re

from ...knowledge.standard_codes import close_code

LONGEST = 2**12
"""Bytes of a text in which a lone close is looked for (our judgement: whoever has no more than that has a line or two)."""

_CLOSE = re.compile(
    rb"\b(?:close[ _-]?)?(?:code|status)\b\W{0,4}(1\d{3})\b|\bclosed?\b[^{}\n]{0,40}?\b(1\d{3})\b|\b(1\d{3})\b\W{0,4}\babnormal",
    re.IGNORECASE,
)


def lone_close(content: bytes) -> str | None:
    """Why nothing can be diagnosed from a short text that tells of a close code, and how to mend it; None for other texts."""
    found = _CLOSE.search(content) if len(content) <= LONGEST else None
    row = None if found is None else close_code(int(next(filter(None, found.groups()))))
    if row is None:
        return None
    number = row.code.removeprefix("CloseCode.")
    return (
        f"tells that a connection was closed with {number} ({row.name}), but neither when nor whose, so that it cannot be told "
        f"from an ordinary reconnect; give the log around it, with times and messages; charger-triage explain {row.code} "
        "says what it may be"
    )
