"""Python's search for cyclic garbage, which records and diagnoses hardly are."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

COLLECTED_AFTER = 50_000
"""Objects made since the last look for cyclic garbage after which there is another (our judgement: some megabytes)."""


def collect_seldom() -> None:
    """Have Python look for cyclic garbage seldom from now on: for a process of one's own."""
    gc.set_threshold(COLLECTED_AFTER, *gc.get_threshold()[1:])


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Within it, Python looks for cyclic garbage seldom: records and diagnoses are many objects and hold few cycles, and
    looking through them again and again takes an eighth of a fleet's time, and a third of a large bundle's.

    The threshold is the whole process': the first thread that comes in raises it, the last one that leaves puts it back.
    A higher one, none at all, and one that others set meanwhile are left as they are.
    """
    _THRESHOLD.raised()
    try:
        yield
    finally:
        _THRESHOLD.put_back()


class _Threshold:
    def __init__(self) -> None:
        # re-entrant, since a collection in here may run a finaliser that comes here as well
        self._lock = RLock()
        self._within = 0
        self._before: tuple[int, int, int] | None = None

    def raised(self) -> None:
        """One more is within."""
        with self._lock:
            self._within += 1
            found = gc.get_threshold()
            if self._within == 1 and 0 < found[0] < COLLECTED_AFTER:
                self._before = found
                gc.set_threshold(COLLECTED_AFTER, *found[1:])

    def put_back(self) -> None:
        """One less is within."""
        with self._lock:
            self._within -= 1
            before = self._before
            if self._within or before is None:
                return
            self._before = None
            if gc.get_threshold() == (COLLECTED_AFTER, *before[1:]):
                gc.set_threshold(*before)


_THRESHOLD = _Threshold()
