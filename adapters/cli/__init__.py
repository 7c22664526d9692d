"""The command line: `charger-triage diagnose | explain | consult | escalate | fetch | watch | fleet | simulate | kb`."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Sequence

from ...engine.garbage import collect_seldom

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status. Arguments are those of the process where none are given."""
    if arguments is None:
        # a search for cyclic garbage finds none in what is loaded, and takes a tenth of the time
        collect_seldom()
        # before it ends Python looks through all that was loaded, which takes a fifth of a second
        atexit.register(gc.freeze)
    try:
        _get_ahead(sys.argv[1:] if arguments is None else arguments)
        from .run import run  # only here, so that an interrupt while modules load is caught as well

        return run(arguments)
    except KeyboardInterrupt:
        return 130


def _get_ahead(arguments: Sequence[str]) -> None:
    """Have the processes of `fleet` load what they need while this one loads what it needs."""
    if [*arguments[:1]] == ["fleet"] and not any(each.startswith(("--ray", "--help")) for each in arguments):
        from ..fleet.workers import prepare_processes

        prepare_processes()
