"""Python's search for cyclic garbage, which records and diagnoses hardly are."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

COLLECTED_AFTER = 50_000
"""Objects made since the last look for cyclic garbage after which there is another (our judgement: some megabytes)."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Within it, Python looks for cyclic garbage seldom: records and diagnoses are many objects and hold few cycles, and
    looking through them again and again takes an eighth of a fleet's time, and a third of a large bundle's."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECTED_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
