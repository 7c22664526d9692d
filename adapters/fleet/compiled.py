"""The rules of this process, compiled once, whoever asks for them."""

from __future__ import annotations

from functools import cache

from ...engine import Triage


@cache
def compiled_triage(matcher: str | None) -> Triage:
    """The façade of this process by what its rules are matched; processes that are forked share what was compiled before."""
    return Triage(matcher=matcher)
