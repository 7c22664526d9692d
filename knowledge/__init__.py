"""What is known about chargers: the record lists, measurements on them, and the rules of every documented fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..engine.on_demand import names_on_demand

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

__getattr__ = names_on_demand(
    __name__,
    {
        "FaultMatch": "fault_matches",
        "FaultSearch": "fault_matches",
        "KnowledgeError": "findings",
        "TriageKnowledge": "loading",
        "find_faults": "fault_search",
        "load_knowledge": "loading",
        "open_knowledge": "loading",
    },
)
