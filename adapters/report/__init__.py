"""Reports: what a diagnosis, a fault's explanation or a cause looks like as text for a terminal and as Markdown.

Everything here is a pure function from result models to text. Whatever the records hold, no control character of theirs
reaches the report, and none of their text is read as markup.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .explanation import catalogue_text, cause_text, explanation_markdown, explanation_text
    from .export import KnowledgeExport, exported_document
    from .markdown import diagnosis_markdown
    from .text import diagnosis_text

__all__ = [
    "KnowledgeExport",
    "catalogue_text",
    "cause_text",
    "diagnosis_markdown",
    "diagnosis_text",
    "explanation_markdown",
    "explanation_text",
    "exported_document",
]

_MODULES = {
    "KnowledgeExport": "export",
    "catalogue_text": "explanation",
    "cause_text": "explanation",
    "diagnosis_markdown": "markdown",
    "diagnosis_text": "text",
    "explanation_markdown": "explanation",
    "explanation_text": "explanation",
    "exported_document": "export",
}


def __getattr__(name: str) -> Any:
    """What is asked for, of which the module is loaded then: a command that makes no report does not wait for it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
