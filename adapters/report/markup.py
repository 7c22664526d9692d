"""Markdown from plain text: escaping, code spans, fences and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .wording import clean

_SPECIAL = re.compile(
    r"[\\`*<>|]|\](?=[(\[:])|\[(?=[ xX]\])|~~|(?<![^\W_])_|_(?![^\W_])|&(?=[#\w])|(?<=:)//|(?<=www)\.|@(?=\w)"
)
_LEADING = re.compile(r"^(#{1,6}|\+|-|\d{1,9}[.)])(?=\s|$|-)")


def escaped(text: object) -> str:
    """Text as a line of Markdown that reads as it was: nothing of it is taken as markup, a link or a mention."""
    safe = _SPECIAL.sub(_escape, clean(text).strip())
    return _LEADING.sub(lambda match: f"{match[0][:-1]}\\{match[0][-1]}", safe)


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    if found in ("//", ".", "@"):  # no backslash stops an autolink or a mention; a space without width does
        return f"{found}\u200b"
    return "".join(f"\\{character}" for character in found)


def code(text: object) -> str:
    """A code span around text that may hold backticks; the bar is escaped, so that it fits into a table."""
    safe = clean(text).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", safe)), default=0))
    pad = " " if safe[:1] in ("`", "") or safe[-1:] == "`" else ""
    return f"{fence}{pad}{safe}{pad}{fence}"


def fenced(text: str, language: str = "") -> list[str]:
    """A code block around text that may hold fences of its own."""
    lines = [clean(line, limit=100_000) for line in text.splitlines()]
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *lines, fence, ""]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of cells that are Markdown already."""
    lines = [f"| {' | '.join(header)} |", f"|{'|'.join(' --- ' for _ in header)}|"]
    lines.extend(f"| {' | '.join(row)} |" for row in rows)
    return [*lines, ""]
