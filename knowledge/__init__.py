"""What is known about chargers: the record lists, measurements on them, and the rules of every documented fault."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fault_matches import FaultMatch, FaultSearch
    from .fault_search import find_faults
    from .findings import KnowledgeError
    from .loading import TriageKnowledge, load_knowledge, open_knowledge

__all__ = [
    "FaultMatch",
    "FaultSearch",
    "KnowledgeError",
    "TriageKnowledge",
    "find_faults",
    "load_knowledge",
    "open_knowledge",
]

_HOMES = {
    "FaultMatch": "fault_matches",
    "FaultSearch": "fault_matches",
    "KnowledgeError": "findings",
    "TriageKnowledge": "loading",
    "find_faults": "fault_search",
    "load_knowledge": "loading",
    "open_knowledge": "loading",
}
"""Where each name lives; a module is imported with its first name, so that a search does not wait for measurements."""


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
