"""Where the answers go: a file of check results as JSON lines, which keeps what it held and holds nothing twice."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

DEFAULT_NAME = "check_results.jsonl"
"""A name by which the file is known as a list of check results wherever it is read."""

NEEDED = ("timestamp", "device_id", "check_id")
"""Fields without which a line is no check result."""


class UnusableFile(ValueError):
    """A file that answers cannot be added to; the message is one line: what, where, how to mend it."""


class ResultsFile:
    """A file of check results, there already or not. `path` is where it lies."""

    def __init__(self, path: str | Path) -> None:
        """Look at what is there. Raises UnusableFile before anybody has answered anything in vain."""
        self.path = Path(path)
        folder = self.path.parent
        if self.path.is_dir():
            raise UnusableFile(f"{self.path}: is a folder; name a file in it, such as {self.path / DEFAULT_NAME}")
        if self.path.exists() and not self.path.is_file():
            raise UnusableFile(f"{self.path}: is no regular file; name another")
        if not folder.is_dir():
            raise UnusableFile(f"{self.path}: there is no folder {folder}; make it, or name another file")
        self._lines = self._read()
        if not os.access(folder, os.W_OK):
            raise UnusableFile(f"{self.path}: the folder {folder} cannot be written to; name another file")

    def _read(self) -> list[str]:
        try:
            content = self.path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise UnusableFile(f"{self.path}: cannot be read: {reason}; name another file") from None
        lines = [line for line in content.split("\n") if line.strip()]
        for number, line in enumerate(lines, 1):
            if not all(field in (_record(line) or {}) for field in NEEDED):
                raise UnusableFile(
                    f"{self.path}: line {number} is no check result; name another file, answers are not added to this one"
                )
        return lines

    def add(self, records: Sequence[Mapping[str, Any]]) -> int:
        """Write the answers behind what is there; how many earlier answers they replace.

        An earlier answer to the same check at the same place and moment is replaced, so that the last word stands.
        Raises UnusableFile where it cannot be written.
        """
        placed = {_place(record): as_line(record) for record in records}
        kept = [line for line in self._lines if _place(_record(line) or {}) not in placed]
        same = sum(line in placed.values() for line in self._lines)
        replaced = len(self._lines) - len(kept) - same
        text = "".join(f"{line}\n" for line in [*kept, *placed.values()])
        try:
            with NamedTemporaryFile(
                "w", encoding="utf-8", dir=self.path.parent, prefix=f".{self.path.name}.", delete=False
            ) as written:
                written.write(text)
            new = Path(written.name)
            new.chmod(self.path.stat().st_mode & 0o777 if self.path.exists() else 0o644)
            new.replace(self.path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UnusableFile(f"{self.path}: cannot be written: {reason}; name another file") from None
        self._lines = [*kept, *placed.values()]
        return replaced


def as_line(record: Mapping[str, Any]) -> str:
    """A record as a line of JSON; half characters, which no file takes, are escaped."""
    line = json.dumps(record, ensure_ascii=False)
    return line if line.isascii() or line.encode("utf-8", "replace").decode() == line else json.dumps(record)


def _record(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _place(record: Mapping[str, Any]) -> str:
    return json.dumps([record.get(field) for field in (*NEEDED, "connector_id")], sort_keys=True)
