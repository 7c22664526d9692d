"""The escalation: everything level 2 needs about incidents in one document, redacted unless it is asked otherwise.

`escalation_of` makes the content (its `model_dump_json()` is the JSON form), the others write it for people.
"""

from __future__ import annotations

from .composition import UnknownIncident, escalation_of
from .content import Escalation

__all__ = ["Escalation", "UnknownIncident", "escalation_html", "escalation_markdown", "escalation_of"]


def escalation_markdown(escalation: Escalation) -> str:
    """An escalation as Markdown, for a ticket or a mail."""
    from .markdown import markdown_of

    return markdown_of(escalation)


def escalation_html(escalation: Escalation) -> str:
    """An escalation as one HTML file without script, style sheet or picture from elsewhere."""
    # Jinja and the chart library take longer to import than the content takes to make
    from .html import html_of

    return html_of(escalation)
