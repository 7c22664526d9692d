"""What a run was begun with, kept beside its results: a run goes on only where all of it is still so."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ...engine.diagnosis import KnowledgeRef
from ..bundle import UnreadableInput
from .data_set import DataSet

MANIFEST = "manifest.json"

UNFINISHED = ".unfinished"
"""How files end that are being written, or were when a process ended."""

LAYOUT = 3
"""Number of the layout of the files that a run keeps; another one is not gone on with."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputFile(_Model):
    """A file of the data set: its name, bytes, and when it was last changed (nanoseconds since the epoch)."""

    name: str
    list: str
    size: int
    changed_ns: int


class Manifest(_Model):
    """Inputs, knowledge, version and moment of a run, and how far it has come."""

    layout: int
    version: str
    knowledge: KnowledgeRef
    matcher: str
    as_of: float | None
    batch_rows: int
    batch_chargers: int
    inputs: tuple[InputFile, ...]
    state: Literal["begun", "done"] = "begun"

    def differences(self, other: Manifest) -> Iterable[str]:
        """What is not as it was, in words."""
        if self.version != other.version:
            yield f"charger-triage was {self.version} and is {other.version}"
        elif self.layout != other.layout:
            yield f"another charger-triage {self.version} keeps its files otherwise"
        if self.knowledge.digest != other.knowledge.digest:
            yield f"the knowledge was {_brief(self.knowledge)} and is {_brief(other.knowledge)}"
        if self.matcher != other.matcher:
            yield f"rules were matched by {self.matcher} and are by {other.matcher}"
        if self.as_of != other.as_of:
            yield "--as-of names another moment"
        if (self.batch_rows, self.batch_chargers) != (other.batch_rows, other.batch_chargers):
            yield "batches were of another size"
        before, now = ({file.name: file for file in manifest.inputs} for manifest in (self, other))
        for name in sorted({*before, *now}):
            if name not in now:
                yield f"{name} is no longer among the inputs"
            elif name not in before:
                yield f"{name} is new among the inputs"
            elif before[name] != now[name]:
                yield f"{name} has changed"


def inputs_of(data_set: DataSet) -> tuple[InputFile, ...]:
    """The files of a data set as a manifest names them."""
    found = [InputFile(name=f.name, list=f.list, size=f.size, changed_ns=f.changed_ns) for f in data_set.files]
    if data_set.bundle is not None:
        status = Path(data_set.bundle).stat()
        found.append(InputFile(name=data_set.bundle, list="bundle", size=status.st_size, changed_ns=status.st_mtime_ns))
    return tuple(found)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of an output folder; None where there is none. Raises UnreadableInput for one that cannot be read."""
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not what a run writes"
        raise UnreadableInput(f"{path}: cannot be read: {reason}; begin anew with --restart") from None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of an output folder, all of it or nothing."""
    write_whole(folder / MANIFEST, manifest.model_dump_json(indent=1).encode() + b"\n")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there with all its content or not at all, whenever the process is ended."""
    unfinished = unfinished_name(path)
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def write_file(path: Path, write: Callable[[Path], Any]) -> None:
    """The same by a call that takes the path to write to."""
    unfinished = unfinished_name(path)
    write(unfinished)
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(path)


def unfinished_name(path: Path) -> Path:
    """What a file or folder is called until it is finished; no two processes take the same name, be they of two machines."""
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}{UNFINISHED}")


def _brief(knowledge: KnowledgeRef) -> str:
    return f"{knowledge.name} {knowledge.version} ({knowledge.digest[:19]}…)"
