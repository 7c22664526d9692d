"""How far a fleet run has come: a bar with rate and time left on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from ..report.wording import counted
from .shell import wants_colour

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

BETWEEN_LINES = 10.0
"""Seconds between two plain lines of one stage (our judgement: a log that is kept is not filled)."""


class Bars:
    """Shows each stage as a bar on a terminal's standard error."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def stage(self, what: str, total: int, noun: str) -> None:
        """A new bar."""
        self._task = self._bars.add_task(what, total=total, noun=noun)

    def advance(self, number: int) -> None:
        """So much further."""
        if self._task is not None:
            self._bars.advance(self._task, number)


class Lines:
    """Says where each stage stands in a line of its own, not oftener than every few seconds."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = monotonic) -> None:
        self._say = say
        self._clock = clock
        self._what = self._noun = ""
        self._total = self._done = 0
        self._began = self._said = 0.0

    def stage(self, what: str, total: int, noun: str) -> None:
        """Say that it begins."""
        self._what, self._noun, self._total, self._done = what, noun, total, 0
        self._began = self._said = self._clock()
        self._say(f"{what}: {amount(total, noun)}")

    def advance(self, number: int) -> None:
        """Say how far it is, if it is time again."""
        self._done += number
        now = self._clock()
        if now - self._said < BETWEEN_LINES or self._done >= self._total:
            return
        self._said = now
        rate = self._done / (now - self._began)
        left = (self._total - self._done) / rate if rate else 0.0
        self._say(
            f"{self._what}: {amount(self._done, self._noun)} of {amount(self._total, self._noun)}, "
            f"{amount(round(rate), self._noun)} a second, {duration(left)} left"
        )


def amount(number: int, noun: str) -> str:
    """So many of a kind, in words; bytes in their larger units."""
    if noun != "byte":
        return counted(number, noun)
    size = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:,.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    return counted(number, noun)


def duration(seconds: float) -> str:
    """A stretch of time as a clock shows it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def shown_progress(say: Callable[[str], None], *, quiet: bool) -> Iterator[Bars | Lines | None]:
    """Whoever shows the progress of a run; None where nobody is to."""
    if quiet or sys.stderr is None:
        yield None
        return
    if not sys.stderr.isatty():
        yield Lines(say)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if not speed else f"{amount(round(speed), task.fields['noun'])}/s")

    class Done(ProgressColumn):
        def render(self, task: Task) -> Text:
            noun = task.fields["noun"]
            return Text(f"{amount(int(task.completed), noun)} of {amount(int(task.total or 0), noun)}")

    console = Console(stderr=True, no_color=not wants_colour(sys.stderr))
    with Progress(
        TextColumn("{task.description}"), BarColumn(), Done(), Rate(), TimeRemainingColumn(), console=console
    ) as bars:
        yield Bars(bars)
