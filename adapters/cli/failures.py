"""How a command ends early: one line for the user, and an exit status."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

DONE = 0
LACKING = 1
"""Done, but records were skipped under --strict, or the knowledge has findings or failing cases."""
UNUSABLE = 2
"""Input or usage that cannot be used."""
INTERRUPTED = 130
"""Ctrl-C, as shells count it: 128 + SIGINT."""
READER_GONE = 141
"""Nobody reads standard output any more, as shells count it: 128 + SIGPIPE."""


class Unusable(Exception):
    """Input or usage that cannot be used. The message is one line: what, where, how to mend it."""


class ReaderGone(Exception):
    """Whoever read standard output has stopped, as `head` does: not worth a word."""


@contextmanager
def ended_calmly() -> Iterator[None]:
    """Within it, a request to terminate is heeded like Ctrl-C, and so is Ctrl-C, at which Polars may end the process at once."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
