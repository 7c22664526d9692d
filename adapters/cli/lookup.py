"""Finding what a user names: a fault code in any spelling, a time, a charger, the shipped knowledge, knowledge in a folder."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from ..report.wording import clean
from .failures import Unusable

if TYPE_CHECKING:
    from ...engine import Triage
    from ...knowledge import KnowledgeError, TriageKnowledge
    from ..files import Bundle

MAX_DEVICES_NAMED = 10
"""Chargers named where the one asked for is not in the records."""


def fault_code_of(text: str) -> str:
    """A fault code as the dictionary writes it. Raises Unusable for what cannot be one."""
    from ...knowledge.fault_codes import NoFaultCode, normal_code

    try:
        code = normal_code(text)
    except NoFaultCode as error:
        raise Unusable(f"{text!r} is no fault code: {error}; write one such as F-0421") from None
    if code is None:
        raise Unusable(f"{text!r} stands for no fault; write a code such as F-0421")
    return code


def load_triage() -> Triage:
    """The façade over the shipped knowledge. Raises Unusable where that is broken."""
    from ...engine import Triage
    from ...knowledge import KnowledgeError

    try:
        return Triage()
    except KnowledgeError as error:
        raise _broken(error, None) from None


def load_from(directory: str | None) -> TriageKnowledge:
    """The knowledge in a folder, or the shipped one. Raises Unusable where it is not there or broken."""
    from ...knowledge import KnowledgeError, load_knowledge

    demand_folder(directory)
    try:
        return load_knowledge(directory)
    except KnowledgeError as error:
        raise _broken(error, directory) from None


def demand_folder(directory: str | None) -> None:
    """Raise Unusable where a folder is named that is not there."""
    if directory is not None and not Path(directory).is_dir():
        raise Unusable(
            f"{directory}: there is no such folder; name one that holds knowledge.yaml, checks.yaml and faults/"
        )


def _broken(error: KnowledgeError, directory: str | None) -> Unusable:
    first, number = error.findings[0], len(error.findings)
    others = f" (and {number - 1} more)" if number > 1 else ""
    where = "" if directory is None else f" {directory}"
    return Unusable(f"the knowledge cannot be loaded: {first}{others}; charger-triage kb lint{where} lists all")


def documented_codes(triage: Triage) -> tuple[str, ...]:
    """The codes that the knowledge base has an entry for."""
    return tuple(triage.knowledge.base.faults)


def moment_of(text: str) -> float:
    """Epoch seconds of a time as a user writes it. Raises Unusable for what is none."""
    from ...engine.facts import iso_timestamp
    from ...knowledge.observations import parse_timestamp

    moment = parse_timestamp(text.strip())
    try:
        if moment is not None:
            iso_timestamp(moment)
            return moment
    except (ValueError, OverflowError, OSError):
        pass
    raise Unusable(f"--as-of {text!r} is no time; write it as 2026-05-10T12:00:00Z or in epoch seconds")


def demand_device(bundle: Bundle, device: str) -> None:
    """Raise Unusable where no record names a charger."""
    known = sorted({name for table in bundle.observations.tables.values() for name in table.by_device})
    if device in known:
        return
    if not known:
        raise Unusable(f"--device {device!r}: the records name no charger; leave --device out, or check the input")
    close = get_close_matches(device, known, n=1, cutoff=0.7)
    hint = f"did you mean {close[0]}? " if close else ""
    more = f" and {len(known) - MAX_DEVICES_NAMED} more" if len(known) > MAX_DEVICES_NAMED else ""
    raise Unusable(
        f"--device {device!r} is not in the records; {hint}there are: "
        f"{', '.join(clean(name, 60) for name in known[:MAX_DEVICES_NAMED])}{more}"
    )
