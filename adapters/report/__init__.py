"""Reports: what a diagnosis, a fault's explanation or a cause looks like as text for a terminal and as Markdown.

Everything here is a pure function from result models to text. Whatever the records hold, no control character of theirs
reaches the report, and none of their text is read as markup.
"""

from __future__ import annotations

from .text import diagnosis_text
from .wording import clean

__all__ = [
    "KnowledgeExport",
    "catalogue_text",
    "cause_markdown",
    "cause_text",
    "clean",
    "diagnosis_markdown",
    "diagnosis_text",
    "explanation_markdown",
    "explanation_text",
    "exported_document",
]
