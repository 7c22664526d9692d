"""One run at a time in an output folder: a lock that the system lets go of when a run ends, however it does."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..bundle import UnreadableInput

LOCK = ".lock"
"""The file by which runs keep apart. A run that was killed leaves it behind, and it holds up nobody."""

NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK})
"""What a file system says that knows no locks, as Lustre does unless it is mounted with them."""


@contextmanager
def sole_run(folder: Path) -> Iterator[None]:
    """Within it, no other run works in an output folder, which is made where it is not there.

    Where the file system knows no locks, or nothing can be written into the folder, nobody is kept out. Raises
    UnreadableInput where another run is at work, or where the folder cannot be made.
    """
    with ExitStack() as held:
        locked = _locked(folder, held)
        try:
            yield
        finally:
            if locked:
                _take_away(folder / LOCK)


def _locked(folder: Path, held: ExitStack) -> bool:
    """Lock a folder for as long as a stack is held; false where that cannot be done and need not be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # a lock by the mere presence of a file, which filelock would fall back to, outlives a run that is killed
        held.enter_context(FileLock(folder / LOCK, timeout=0, fallback_to_soft=False))
    except Timeout:
        raise UnreadableInput(f"another run is at work in {folder}; wait for it, or name another folder") from None
    except OSError as error:
        if error.errno in NO_LOCKS or (folder.is_dir() and not os.access(folder, os.W_OK)):
            return False
        raise unwritable(folder, error) from None
    return True


def unwritable(folder: Path, error: OSError) -> UnreadableInput:
    """What to raise where an output folder cannot be made, looked into or written to."""
    return UnreadableInput(f"{folder}: cannot be written: {error.strerror or error}; name a folder you may write to")


def _take_away(path: Path) -> None:
    """Remove a lock's file while it is held: whoever has opened it meanwhile notices that it is gone."""
    with suppress(OSError):  # some systems keep a file that is open
        path.unlink()
