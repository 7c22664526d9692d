"""Which files a data set of many chargers consists of: found in folders of any depth, each known by its record list."""

# ruff: noqa: PTH116, PTH118, PTH122  a data set may have a hundred thousand files, and pathlib takes most of the time

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from ...knowledge.columns.cells import json_or_problem
from ...knowledge.records import SCHEMAS
from ..bundle import UnreadableInput, list_named

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
"""Beside record lists: holds the moment that a data set states for its diagnosis, and may hold record lists itself."""

BUNDLE_HEAD = frozenset({"as_of", "bundle_version"})
"""What it holds besides record lists."""

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""How Hive and its followers write the partition of what is not known."""

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


@dataclass(frozen=True, order=True)
class PassedOver:
    """A file or folder that is not read, and why."""

    name: str
    reason: str


NO_UTF8 = "its name is no UTF-8, in which results name what they are of"
"""What is wrong with a file's name."""


@dataclass(frozen=True)
class DataSet:
    """All files of a data set by name, the file that states the moment of the diagnosis, and what was passed over."""

    files: tuple[SourceFile, ...]
    bundle: str | None
    passed_over: tuple[PassedOver, ...]

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
    return DataSet(tuple(sorted(search.files.values())), search.bundle, tuple(sorted(search.passed_over)))


def bundle_document(path: str) -> Mapping[str, Any] | None:
    """What a bundle.json says; nothing where it is empty. None where it cannot be read, or is no JSON object."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig", "replace").strip()
    except OSError:
        return None
    document, _ = json_or_problem(text or "{}")
    return document if isinstance(document, dict) else None


class _Search:
    def __init__(self, without: str | None) -> None:
        # by where a file really lies; each list of a bundle as if it lay below it
        self.files: dict[str, SourceFile] = {}
        self.bundle: str | None = None
        self.passed_over: set[PassedOver] = set()
        self._without = without
        self._here = str(Path.cwd())

    def look_at(self, path: Path) -> None:
        if not is_utf8(path):
            raise UnreadableInput(f"{path}: {NO_UTF8}; rename it")
        try:
            if path.is_dir():
                self._walk(path)
            elif path.is_file():
                self._take(str(path), os.path.realpath(path), (path.name,), path.resolve().parent.name)
            else:
                raise UnreadableInput(f"{path}: there is no such file or folder; check the path")
        except (OSError, ValueError) as error:
            if isinstance(error, UnreadableInput):
                raise
            reason = getattr(error, "strerror", None) or str(error)
            raise UnreadableInput(f"{path}: cannot be read: {reason}; check the path and its permissions") from error

    def _walk(self, top: Path) -> None:
        """Take every file below a folder, links followed once; hidden ones and those that tools write beside data are left out."""
        called = top.resolve().name
        entered: set[str] = set()
        # each folder by its path, where it really lies, and the names on the way to it
        left: list[tuple[str, str, tuple[str, ...]]] = [("" if top == Path() else str(top), os.path.realpath(top), ())]
        while left:
            folder, place, above = left.pop()
            if place in entered or place == self._without:
                continue
            entered.add(place)
            below: list[tuple[str, str, tuple[str, ...]]] = []
            for entry in self._entries(folder):
                path = os.path.join(folder, entry.name)
                if not is_utf8(entry.name):
                    named = path.encode("utf-8", "replace").decode()
                    self.passed_over.add(PassedOver(named, f"{NO_UTF8}; it is passed over: rename it"))
                    continue
                # where a folder lies is known, and to look up each entry's place anew takes longer than all the rest
                lies = os.path.realpath(path) if entry.is_symlink() else os.path.join(place, entry.name)
                if _is_folder(entry):
                    below.append((path, lies, (*above, entry.name)))
                    continue
                try:
                    self._take(path, lies, (*above, entry.name), called)
                except OSError as error:  # a link that leads nowhere
                    self._pass_over(path, error)
            left.extend(reversed(below))

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        path = folder or os.curdir
        try:
            with os.scandir(path) as entries:
                return sorted((entry for entry in entries if not _hidden(entry.name)), key=lambda entry: entry.name)
        except OSError as error:
            self._pass_over(path, error)
            return []

    def _pass_over(self, path: str, error: OSError) -> None:
        self.passed_over.add(PassedOver(path, f"cannot be read: {error.strerror}; it is passed over"))

    def _take(self, name: str, place: str, below: tuple[str, ...], folder: str) -> None:
        """Take a file by its path, where it really lies, the names on the way to it from the folder that was given, and that one's."""
        *above, own = below
        if own.lower() == BUNDLE:
            self.bundle = min(self.bundle or name, name)
            self._take_lists(name, place, above)
            return
        kind = _format_of(own)
        if kind is None:
            reason = "is not called like a Parquet, CSV or JSON file; it is passed over"
            self.passed_over.add(PassedOver(name, reason))
            return
        record_list = _list_of(own, [*reversed(above), folder])
        if record_list is None:
            reason = "cannot be told which record list it holds; name it or its folder after its list"
            self.passed_over.add(PassedOver(name, reason))
            return
        self._add(place, name, record_list, kind, above)

    def _take_lists(self, name: str, place: str, above: Sequence[str]) -> None:
        """Take the record lists within a bundle, each as a file of its own."""
        document = bundle_document(name)
        if document is None:
            self.passed_over.add(PassedOver(name, "is no JSON object; no list is read of it"))
            return
        for called, records in document.items():
            if called in SCHEMAS:
                if records is not None:
                    self._add(os.path.join(place, called), name, called, "json", above)
            elif called not in BUNDLE_HEAD:
                reason = f"{called[:256]!r} is no record list; known are {', '.join(SCHEMAS)}"
                self.passed_over.add(PassedOver(name, reason))

    def _add(self, place: str, name: str, record_list: str, kind: Format, above: Sequence[str]) -> None:
        status = os.stat(name)
        self.files.setdefault(
            place,
            SourceFile(
                name,
                os.path.join(self._here, name),
                record_list,
                kind,
                _partition_of(above),
                status.st_size,
                status.st_mtime_ns,
            ),
        )


def is_utf8(name: str | Path) -> bool:
    """Whether the name of a file can be written as UTF-8, as in results and by the readers of Parquet it has to be."""
    try:
        str(name).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _format_of(name: str) -> Format | None:
    plain = name.lower().removesuffix(COMPRESSED)
    found = FORMATS.get(os.path.splitext(plain)[1])
    return None if found == "parquet" and plain != name.lower() else found


def _list_of(name: str, above: Iterable[str]) -> str | None:
    """The list that a file's own name begins with, else the nearest folder's that is called like one."""
    own = list_named(name)
    if own is not None:
        return own
    return next((called for each in above if (called := each.split(".")[0].lower()) in SCHEMAS), None)


def _partition_of(folders: Iterable[str]) -> tuple[tuple[str, str | None], ...]:
    found = (_PARTITION.fullmatch(folder) for folder in folders)
    return tuple(
        (unquote(match[1]), None if match[2] == NO_VALUE else unquote(match[2])) for match in found if match is not None
    )
