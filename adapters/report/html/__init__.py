"""The report to look at: one HTML file that holds everything, and needs neither network nor server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ....engine.diagnosis import Diagnosis
    from ...bundle import Bundle


def diagnosis_html(diagnosis: Diagnosis, bundle: Bundle, *, asked: str = "", as_of: float | None = None) -> str:
    """A diagnosis as one self-contained HTML page.

    `bundle` is what was diagnosed, for timeline and fleet context, and `as_of` (epoch seconds) what was given to
    `Triage.diagnose`: what came later is left out.
    `asked` says to what the incidents were restricted. The page embeds the JSON of what it shows (`#diagnosis`), its
    scripts and styles, and forbids every request by its policy. The same diagnosis and bundle give the same bytes.
    """
    # Jinja and the chart library take longer to import than a text report takes to write.
    from .page import page_of

    return page_of(diagnosis, bundle, asked, as_of)


__all__ = ["diagnosis_html"]
