"""A consultation: the most useful check, its answer, the ranking again, until the cause is known. No terminal here."""

from __future__ import annotations

from .answers import NotUnderstood, read_answer, written_results
from .results_file import ResultsFile
from .session import Answer, Consultation, End, NothingToUndo

__all__ = [
    "Answer",
    "Consultation",
    "End",
    "NotUnderstood",
    "NothingToUndo",
    "ResultsFile",
    "read_answer",
    "written_results",
]
