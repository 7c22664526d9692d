"""Where reports go: standard output or a file, in an encoding that it takes."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from .failures import ReaderGone, Unusable
from .shell import wants_colour

PLAIN_WIDTH = 80
"""Columns of text that goes to no terminal and for which COLUMNS says nothing."""

_PLAINER = str.maketrans(
    {"█": "#", "▌": "=", "─": "-", "−": "-", "–": "-", "·": ";", "…": "...", "→": "->", "×": "x", "“": '"', "”": '"',
     "‹": "<", "›": ">", "°": " deg ", "Ω": "Ohm"}
)  # fmt: skip
_RAW_CONTROL = re.compile(r"[\x7f-\x9f]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


@dataclass(frozen=True)
class Destination:
    """A file, or standard output where no file or `-` is named."""

    file: str | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads along."""
        return self.file in (None, "-") and sys.stdout is not None and sys.stdout.isatty()

    @property
    def colour(self) -> bool:
        """Whether text may be in colour."""
        return self.is_terminal and wants_colour(sys.stdout)

    @property
    def width(self) -> int:
        """How wide text may be."""
        if self.is_terminal:
            return shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns
        columns = os.environ.get("COLUMNS", "")
        return int(columns) if columns.isdecimal() and 0 < int(columns) < 1000 else PLAIN_WIDTH

    def demand_other_than(self, paths: Sequence[str]) -> None:
        """Raise Unusable where writing would replace what was read, or be read as a record list the next time."""
        if self.file in (None, "-"):
            return
        from ..files import is_named_as_input

        written = Path(self.file)
        for path in map(Path, paths):
            with suppress(OSError, ValueError):
                if written.resolve() == path.resolve() or (written.exists() and written.samefile(path)):
                    raise Unusable(
                        f"--output {written}: is what is read, and records are left as they are; name another file"
                    )
                if path.is_dir() and written.parent.resolve() == path.resolve() and is_named_as_input(written.name):
                    raise Unusable(
                        f"--output {written}: would be one of the record lists of {path}; give it another name, such as "
                        f"{path / 'report'}{written.suffix}"
                    )

    def write(self, text: str) -> None:
        """Write text. Raises Unusable where that cannot be done, ReaderGone where nobody reads any more."""
        if self.file not in (None, "-"):
            self._write_file(Path(self.file), text)
            return
        if sys.stdout is None:
            raise Unusable("standard output is closed; send it to a file or a pipe")
        try:
            sys.stdout.write(_encodable(text, sys.stdout))
            sys.stdout.flush()
        except BrokenPipeError:
            _forget_output()
            raise ReaderGone from None
        except OSError as error:
            _forget_output()
            raise Unusable(f"standard output cannot be written: {error.strerror or error}; make room for it") from None

    def write_json(self, document: str) -> None:
        """Write a JSON document; what a terminal or its encoding would not take is escaped, which JSON reads alike."""
        if self.is_terminal:
            document = _RAW_CONTROL.sub(_escaped, document)
        if self.file in (None, "-") and not _takes_unicode(sys.stdout):
            document = _BEYOND_ASCII.sub(_escaped, document)
        self.write(f"{document}\n")

    def _write_file(self, path: Path, text: str) -> None:
        try:
            path.write_bytes(text.encode("utf-8", "replace"))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Unusable(
                f"--output {path}: cannot be written: {reason}; name a file in a folder you may write to"
            ) from None


def _takes_unicode(stream: TextIO | None) -> bool:
    return stream is None or (stream.encoding or "utf-8").lower().replace("-", "").startswith("utf")


def _encodable(text: str, stream: TextIO) -> str:
    encoding = stream.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plainer = text if _takes_unicode(stream) else text.translate(_PLAINER)
        return plainer.encode(encoding, "replace").decode(encoding)
    return text


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))


def _forget_output() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not complain of it at its end."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
