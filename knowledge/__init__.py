"""What is known about chargers: the record lists, measurements on them, and the rules of every documented fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .loading import KnowledgeError, TriageKnowledge, load_knowledge

__all__ = ["KnowledgeError", "TriageKnowledge", "load_knowledge"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import loading

        return getattr(loading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
