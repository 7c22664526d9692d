"""A bundle as every way of reading gives it, and the error of input that cannot be used at all."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..knowledge.observations import Observations
from ..knowledge.records import SCHEMAS

_LIST_IN_NAME = re.compile(rf"({'|'.join(sorted(SCHEMAS, key=len, reverse=True))})(?![a-z])")


def list_named(name: str) -> str | None:
    """The record list that a file's name begins with: that of `events.csv`, of `telemetry-07.parquet`; None where it does with none."""
    found = _LIST_IN_NAME.match(name.lower())
    return None if found is None else found[1]


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
