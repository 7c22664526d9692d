"""Reports: what a diagnosis, a fault's explanation or a cause looks like as text for a terminal and as Markdown.

Everything here is a pure function from result models to text. Whatever the records hold, no control character of theirs
reaches the report, and none of their text is read as markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engine.on_demand import names_on_demand

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

__getattr__ = names_on_demand(
    __name__,
    {
        "KnowledgeExport": "export",
        "catalogue_text": "explanation",
        "cause_text": "explanation",
        "diagnosis_markdown": "markdown",
        "diagnosis_text": "text",
        "explanation_markdown": "explanation",
        "explanation_text": "explanation",
        "exported_document": "export",
    },
)
