"""Problems met in a log: each with its line, of one kind no more than a page."""

from __future__ import annotations

from collections.abc import Callable

MOST_OF_A_KIND = 20
"""Problems of one kind that are named; the rest is counted (our judgement: nobody reads more)."""

MOST_KINDS = 64
"""Kinds of problems that are told apart; what comes beyond is of one kind (our judgement: logs have a handful)."""

OTHER_KINDS = "other problems"

Report = Callable[[str, bool], None]
"""Takes a problem, and whether something was skipped because of it."""


def _nobody(_problem: str, _skipped: bool) -> None:
    """Nobody asked for problems."""


class Problems:
    """Names what is wrong with a log, and counts what it no longer names."""

    def __init__(self, report: Report | None = None) -> None:
        self._report = report or _nobody
        self._counts: dict[str, int] = {}
        self._skipped: dict[str, bool] = {}

    def broken(self, line: int, problem: str) -> None:
        """A frame that cannot be used."""
        self.add(
            "frames that cannot be read", line, f"the frame cannot be read ({problem}); it is skipped", skipped=True
        )

    def cut(self, line: int) -> None:
        """A frame of which a part is used."""
        self.add("frames that are cut off", line, "the frame is cut off; what can be read of it is used")

    def add(self, kind: str, line: int | None, problem: str, *, skipped: bool = False) -> None:
        """A problem of a kind; a line of None is the whole log."""
        if kind not in self._counts and len(self._counts) >= MOST_KINDS:
            kind = OTHER_KINDS
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        self._skipped[kind] = skipped or self._skipped.get(kind, False)
        if count <= MOST_OF_A_KIND:
            self._report(problem if line is None else f"line {line}: {problem}", skipped)

    def close(self) -> None:
        """Tell how many of each kind were not named."""
        for kind, count in sorted(self._counts.items()):
            if count > MOST_OF_A_KIND:
                self._report(f"{count - MOST_OF_A_KIND} more {kind}", self._skipped[kind])
