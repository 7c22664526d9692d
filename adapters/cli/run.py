"""Running the command line: arguments in, exit status out, and never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from ...engine.garbage import seldom_collected
from .commands import app
from .failures import DONE, INTERRUPTED, READER_GONE, UNUSABLE, ReaderGone, Unusable
from .shell import PROGRAM, Shell


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    shell = Shell()
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        with seldom_collected():
            status = app(_surroundings_first(given), prog_name=PROGRAM, standalone_mode=False, obj=shell)
        return status if isinstance(status, int) else DONE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except ReaderGone:
        return READER_GONE
    except Unusable as error:
        shell.complain(str(error))
    except Exception as error:  # whatever went wrong, users get one line and scripts a status
        shell.complain(*_words_for(error))
    finally:
        shell.close()
    return UNUSABLE


def _surroundings_first(arguments: list[str]) -> list[str]:
    """Options of the program may also stand behind the command's own, where people write them."""
    ours, others = [], []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            others += [argument, *rest]
        elif argument in ("-v", "--verbose") or argument.startswith("--log-format="):
            ours.append(argument)
        elif argument == "--log-format":
            ours += [argument, *([value] if (value := next(rest, None)) is not None else [])]
        else:
            others.append(argument)
    return [*ours, *others]


def _words_for(error: Exception) -> tuple[str, Exception | None]:
    """The line for an error: a slip in the usage by Typer's own words, anything else as a mistake of ours."""
    words = getattr(error, "format_message", None)
    if callable(words):
        context = getattr(error, "ctx", None)
        command = getattr(context, "command_path", None) or PROGRAM
        message = str(words()).replace("Value error, ", "").rstrip(".")
        return f"{message}; {command} --help tells the usage", None
    return (
        f"internal error, {type(error).__name__}: {error}; this is a mistake of {PROGRAM}, please report it "
        "(-v shows where it arose)",
        error,
    )
