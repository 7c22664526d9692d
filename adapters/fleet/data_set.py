"""Which files a data set of many chargers consists of: found in folders of any depth, each known by its record list."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from ...engine.knowledge_base import DataProblem
from ...knowledge.records import SCHEMAS
from ..bundle import UnreadableInput

Format = Literal["parquet", "csv", "jsonl", "json"]

FORMATS: Mapping[str, Format] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
}
COMPRESSED = ".gz"
"""How compressed texts end, after the ending of their format; Parquet is compressed inside."""

BUNDLE = "bundle.json"
"""Beside record lists: holds the moment that a data set states for its diagnosis."""

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""How Hive and its followers write the partition of what is not known."""

_LIST_IN_NAME = re.compile(rf"({'|'.join(sorted(SCHEMAS, key=len, reverse=True))})(?![a-z])")
_PARTITION = re.compile(r"([^=/]+)=([^/]*)")


@dataclass(frozen=True, order=True)
class SourceFile:
    """A file of one record list: `name` is its place as users see it, `partition` what the names of its folders say.

    `size` in bytes and `changed_ns` (nanoseconds since the epoch) tell whether it is still the same.
    """

    name: str
    path: str
    list: str
    format: Format
    partition: tuple[tuple[str, str | None], ...]
    size: int
    changed_ns: int

    @property
    def compressed(self) -> bool:
        """Whether it has to be unpacked before it can be read from within."""
        return self.path.lower().endswith(COMPRESSED)


@dataclass(frozen=True)
class DataSet:
    """All files of a data set by name, the file that states the moment of the diagnosis, and what was passed over."""

    files: tuple[SourceFile, ...]
    bundle: str | None
    problems: tuple[DataProblem, ...]

    def of(self, *lists: str) -> tuple[SourceFile, ...]:
        """The files of some record lists."""
        return tuple(file for file in self.files if file.list in lists)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def find_data_set(paths: Sequence[str | Path], *, without: Path | None = None) -> DataSet:
    """The record lists under some paths; what lies in the folder `without` (the run's own output) is none of them.

    A file's list is told by its name (`events.csv`, `telemetry-07.parquet`) or that of a folder above it
    (`telemetry/site=S-1/2026-05-01.parquet`). Raises UnreadableInput where a path cannot be read, or none holds a list.
    """
    search = _Search(None if without is None else os.path.realpath(without))
    for path in paths:
        search.look_at(Path(path))
    if not search.files:
        named = ", ".join(str(path) for path in paths)
        raise UnreadableInput(
            f"{named}: holds no record list; name files or their folders after their list, such as events.csv or "
            "telemetry/site=S-1/part.parquet"
        )
    return DataSet(tuple(sorted(search.files.values())), search.bundle, tuple(sorted(search.problems)))


class _Search:
    def __init__(self, without: str | None) -> None:
        self.files: dict[str, SourceFile] = {}
        self.bundle: str | None = None
        self.problems: list[DataProblem] = []
        self._without = without

    def look_at(self, path: Path) -> None:
        try:
            if path.is_dir():
                folder = path.resolve().name
                for found, place in self._walk(path):
                    self._take(found, place, found.relative_to(path), folder)
            elif path.is_file():
                self._take(path, os.path.realpath(path), Path(path.name), path.resolve().parent.name)
            else:
                raise UnreadableInput(f"{path}: there is no such file or folder; check the path")
        except (OSError, ValueError) as error:
            if isinstance(error, UnreadableInput):
                raise
            reason = getattr(error, "strerror", None) or str(error)
            raise UnreadableInput(f"{path}: cannot be read: {reason}; check the path and its permissions") from error

    def _walk(self, folder: Path) -> Iterator[tuple[Path, str]]:
        """Every file below a folder and where it really lies, links followed once; hidden ones and those that tools write beside
        data left out."""
        entered: set[str] = set()
        for base, folders, names in os.walk(folder, followlinks=True, onerror=self._note):
            place = os.path.realpath(base)
            if place in entered or place == self._without:
                folders.clear()
                continue
            entered.add(place)
            folders[:] = sorted(name for name in folders if not _hidden(name))
            for path in (Path(base, name) for name in sorted(names) if not _hidden(name)):
                # the folder's place is known, and to look up each file's anew takes longer than all the rest
                yield path, os.path.realpath(path) if path.is_symlink() else str(Path(place, path.name))

    def _note(self, error: OSError) -> None:
        self.problems.append(
            DataProblem("bundle", None, None, f"{error.filename}: cannot be read: {error.strerror}; it is passed over", skipped=True)
        )  # fmt: skip

    def _take(self, path: Path, place: str, below: Path, folder: str) -> None:
        name = str(path)
        if path.name.lower() == BUNDLE:
            self.bundle = min(self.bundle or name, name)
            return
        kind = _format_of(path.name)
        if kind is None:
            return
        record_list = _list_of(below, folder)
        if record_list is None:
            self.problems.append(
                DataProblem(
                    "bundle", None, None,
                    f"{name}: cannot be told which record list it holds; name it or its folder after its list", skipped=True,
                )
            )  # fmt: skip
            return
        status = path.stat()
        self.files.setdefault(
            place,
            SourceFile(
                name, str(path.absolute()), record_list, kind, _partition_of(below), status.st_size, status.st_mtime_ns
            ),
        )


def _hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _format_of(name: str) -> Format | None:
    lower = name.lower()
    found = FORMATS.get(Path(lower.removesuffix(COMPRESSED)).suffix)
    return None if found == "parquet" and lower.endswith(COMPRESSED) else found


def _list_of(below: Path, folder: str) -> str | None:
    """The list that the file's own name begins with, else the nearest folder's that is called like one."""
    found = _LIST_IN_NAME.match(below.name.lower())
    if found is not None:
        return found[1]
    above = [*reversed(below.parent.parts), folder]
    return next((called for name in above if (called := name.split(".")[0].lower()) in SCHEMAS), None)


def _partition_of(below: Path) -> tuple[tuple[str, str | None], ...]:
    found = (_PARTITION.fullmatch(part) for part in below.parent.parts)
    return tuple(
        (unquote(match[1]), None if match[2] == NO_VALUE else unquote(match[2])) for match in found if match is not None
    )
