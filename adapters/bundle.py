"""A bundle as every way of reading gives it, and the error of input that cannot be used at all."""

from __future__ import annotations

from dataclasses import dataclass

from ..knowledge.observations import Observations


class UnreadableInput(ValueError):
    """Input that cannot be used at all; the message is one line: what, where, how to mend it."""


@dataclass(frozen=True)
class Bundle:
    """Everything known around one or more incidents, read and validated; what `Triage.diagnose` takes."""

    observations: Observations
    name: str

    @property
    def skipped(self) -> int:
        """How many records or files could not be used at all."""
        return sum(problem.skipped for problem in self.observations.problems)
