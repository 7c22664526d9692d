"""What could not be used of a data set: told file by file, and counted where the same is so of many rows."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...engine.knowledge_base import DataProblem
from ..report.wording import counted
from .data_set import SourceFile
from .reading import Origin

MAX_TOLD = 100
"""Problems of one list and field that are told one by one (our judgement: nobody reads more); the rest is counted."""


@dataclass(frozen=True, order=True)
class Trouble:
    """Something that was not used: its list, the field, the file with the row (counted from 0 as Polars reads it), what is wrong.

    Without a problem it only says for how many further records there is one of this field: `times`.
    """

    list: str
    field: str
    file: str
    row: int
    problem: str
    times: int = 1


NO_ROW = -1
NO_FIELD = ""
NO_FILE = ""


def merged(troubles: Iterable[Trouble]) -> list[Trouble]:
    """Troubles in order, of each list and field the first hundred, then how many more there are."""
    by_field: dict[tuple[str, str], list[Trouble]] = {}
    for trouble in troubles:
        by_field.setdefault((trouble.list, trouble.field), []).append(trouble)
    found: list[Trouble] = []
    for (name, of_field), same in sorted(by_field.items()):
        # a large file is read in stretches, each of which says the same of it
        single = sorted({trouble for trouble in same if trouble.problem})
        found.extend(single[:MAX_TOLD])
        more = sum(t.times for t in [*single[MAX_TOLD:], *(t for t in same if not t.problem)])
        if more:
            found.append(Trouble(name, of_field, NO_FILE, NO_ROW, _more_in_words(of_field, more), more))
    return found


def _more_in_words(of_field: str, more: int) -> str:
    if of_field == NO_FIELD:  # files, lines and records alike
        return f"{counted(more, 'more problem')} of this kind"
    return f"{counted(more, 'more record')} {'has' if more == 1 else 'have'} a problem of this kind"


@dataclass
class Troubles:
    """Gathers the problems of some files, not more of each field than are told."""

    _found: list[Trouble] = field(default_factory=list)
    _told: Counter[tuple[str, str]] = field(default_factory=Counter)
    _more: Counter[tuple[str, str]] = field(default_factory=Counter)

    def note(self, file: SourceFile, row: int | None, problem: DataProblem) -> None:
        """Take a problem of a row of a file, or of the file."""
        key = (problem.list, problem.field or NO_FIELD)
        if self._told[key] >= MAX_TOLD:
            self._more[key] += 1
            return
        self._told[key] += 1
        self._found.append(Trouble(*key, file.name, NO_ROW if row is None else row, problem.problem))

    def place(self, origins: Sequence[Origin], problem: DataProblem) -> None:
        """Take a problem of one of the rows that were taken together, and find the file that it came from."""
        if problem.index is None:
            self._more[problem.list, problem.field or NO_FIELD] += problem.more
            return
        begins = [0]
        for each in origins:
            begins.append(begins[-1] + each.rows)
        at = min(bisect_right(begins, problem.index) - 1, len(origins) - 1)
        self.note(origins[at].piece.file, origins[at].start + problem.index - begins[at], problem)

    def told(self) -> tuple[Trouble, ...]:
        """The problems that were taken, and how many more there are of each field."""
        rest = (Trouble(*key, NO_FILE, NO_ROW, "", more) for key, more in sorted(self._more.items()))
        return (*sorted(self._found), *rest)
