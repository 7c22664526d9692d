"""Finding what a user names: a fault code in any spelling, the shipped knowledge, knowledge in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .failures import Unusable

if TYPE_CHECKING:
    from ...engine import Triage
    from ...knowledge import KnowledgeError, TriageKnowledge


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
