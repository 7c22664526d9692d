"""What could not be used of a data set: told file by file, and counted where the same is so of many rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...engine.knowledge_base import DataProblem
from .data_set import SourceFile
from .reading import Origin

MAX_TOLD = 100
"""Problems of one list and field that are told one by one (our judgement: nobody reads more); the rest is counted."""


@dataclass(frozen=True, order=True)
class Trouble:
    """Something that was not used: its list, the field, the file with the row (counted from 0 as Polars reads it), what is wrong.

    `times` says for how many rows it stands.
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
        single = sorted(trouble for trouble in same if trouble.row != NO_ROW or trouble.file)
        found.extend(single[:MAX_TOLD])
        more = sum(t.times for t in single[MAX_TOLD:]) + sum(t.times for t in same if t.row == NO_ROW and not t.file)
        if more:
            said = f"{more} more records have a problem of this kind"
            found.append(Trouble(name, of_field, NO_FILE, NO_ROW, said, more))
    return found


@dataclass
class Troubles:
    """Gathers the problems of some files, not more of each field than are told."""

    _found: list[Trouble] = field(default_factory=list)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def note(self, file: SourceFile, row: int | None, problem: DataProblem) -> None:
        """Take a problem of a row of a file, or of the file."""
        trouble = Trouble(
            problem.list, problem.field or NO_FIELD, file.name, NO_ROW if row is None else row, problem.problem
        )
        key = (trouble.list, trouble.field)
        count = self._counts[key] = self._counts.get(key, 0) + 1
        if count <= MAX_TOLD:
            self._found.append(trouble)

    def place(self, origins: Sequence[Origin], problem: DataProblem) -> None:
        """Take a problem of one of the rows that were taken together, and find the file that it came from."""
        if problem.index is None:
            self._found.append(Trouble(problem.list, problem.field or NO_FIELD, NO_FILE, NO_ROW, problem.problem))
            return
        begins = [0]
        for each in origins:
            begins.append(begins[-1] + each.rows)
        at = min(bisect_right(begins, problem.index) - 1, len(origins) - 1)
        self.note(origins[at].piece.file, origins[at].start + problem.index - begins[at], problem)

    def told(self) -> tuple[Trouble, ...]:
        """The problems that were taken, and how many more there are of each field."""
        rest = [
            Trouble(name, of_field, NO_FILE, NO_ROW, "", count - MAX_TOLD)
            for (name, of_field), count in self._counts.items()
            if count > MAX_TOLD
        ]
        return tuple(merged([*self._found, *rest]))
