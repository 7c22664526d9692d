"""The command line: `charger-triage diagnose | explain | consult | escalate | fetch | watch | fleet | simulate | kb`."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status. Arguments are those of the process where none are given."""
    try:
        from .run import run  # only here, so that an interrupt while modules load is caught as well

        return run(arguments)
    except KeyboardInterrupt:
        return 130
