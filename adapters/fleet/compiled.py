"""The rules of this process, compiled once, whoever asks for them."""

from __future__ import annotations

from functools import cache

from ...engine import Triage


@cache
def compiled_triage(matcher: str | None = None, folder: str | None = None) -> Triage:
    """The façade of this process by what its rules are matched and the folder of its knowledge, None for the shipped one;
    processes that are forked share what was compiled before."""
    if folder is None:
        return Triage(matcher=matcher)
    from ...knowledge import open_knowledge  # not before a worker needs it

    return Triage(open_knowledge(folder), matcher=matcher)
