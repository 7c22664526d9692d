"""OCPP logs as bundles: records as they come, or all of them in memory for a diagnosis."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from ...knowledge.observations import ObservationsBuilder
from ..bundle import Bundle, UnreadableInput
from .charger import Emitted
from .log import look_at, records
from .problems import Report
from .reading import head_of, opened
from .undated import told_without_time

LOG = "ocpp_log"
"""The list that warnings about a log itself name."""

NAMELESS = "charger"
"""What a charger is called that neither the log nor its file's name tells."""


def ocpp_records(source: str | Path | IO[bytes], report: Report | None = None) -> Iterator[Emitted]:
    """The records of an OCPP log with their lists, one after the other as a bundle would hold them.

    Memory is bounded whatever the length of the log. `report` takes each problem met, and whether something was skipped
    because of it. Raises UnreadableInput where the log cannot be read, and where its first megabyte holds no OCPP frame.
    """
    label = str(source) if isinstance(source, (str, Path)) else "stream"
    stream = _opened(source, label)
    try:
        head = head_of(stream)
        seen = look_at(head)
        if seen is None:
            raise _no_log(head, label)
        yield from records(seen, head, stream, charger_of(source), report)
    except OSError as error:
        raise UnreadableInput(f"{label}: cannot be read: {error.strerror or error}; check the path") from error
    finally:
        if isinstance(source, (str, Path)):
            stream.close()


def read_ocpp_log(source: str | Path | IO[bytes]) -> Bundle:
    """An OCPP log as a bundle, with all of its records in memory: what `Triage.diagnose` takes.

    What does not fit becomes a warning in the diagnosis. Raises UnreadableInput as `ocpp_records` does.
    """
    label = str(source) if isinstance(source, (str, Path)) else "stream"
    builder = ObservationsBuilder()
    logs = Logs(builder)
    stream = _opened(source, label)
    try:
        head = head_of(stream)
        if not logs.read(head, stream, label, charger_of(source)):
            raise _no_log(head, label)
    except OSError as error:
        raise UnreadableInput(f"{label}: cannot be read: {error.strerror or error}; check the path") from error
    finally:
        if isinstance(source, (str, Path)):
            stream.close()
    for record in logs.devices():
        builder.add("devices", 0, record)
    return Bundle(builder.build(), label)


def _opened(source: str | Path | IO[bytes], label: str) -> IO[bytes]:
    try:
        return opened(source)
    except OSError as error:
        raise UnreadableInput(f"{label}: cannot be read: {error.strerror or error}; check the path") from error


def _no_log(head: bytes, label: str) -> UnreadableInput:
    told = told_without_time(head) or "holds no OCPP frame; give a log of OCPP 1.6-J or 2.0.1 messages"
    return UnreadableInput(f"{label}: {told}")


def charger_of(source: object) -> str:
    """A charger that its log does not name is called like the file, without endings."""
    name = Path(source).name.split(".")[0][:256].strip() if isinstance(source, (str, Path)) else ""
    return name or NAMELESS


class Logs:
    """Reads logs into the records of a bundle; what they tell of one charger is joined."""

    def __init__(self, builder: ObservationsBuilder) -> None:
        self._builder = builder
        self._fed: dict[str, int] = {}
        self._devices: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}

    def read(
        self, head: bytes, rest: IO[bytes] | None, label: str, charger: str = NAMELESS, *, with_messages: bool = False
    ) -> bool:
        """Read a log from its head and the stream behind it; false where it is no OCPP log, and nothing was read.

        `label` is what warnings call it, `charger` what a charger is called that it does not name; `with_messages` says that
        one without messages is none.
        """
        seen = look_at(head)
        if seen is None or (with_messages and seen.without_frames):
            return False
        self._take(records(seen, head, rest, charger, self._reporter(label)))
        return True

    def _reporter(self, label: str) -> Report:
        def report(problem: str, skipped: bool) -> None:
            self._builder.report(LOG, None, None, f"{label}: {problem}", skipped=skipped)

        return report

    def _take(self, emitted: Iterator[Emitted]) -> None:
        newest: dict[str, str] = {}
        for record_list, record in emitted:
            device = record["device_id"]
            if record_list == "devices":
                order = (newest.get(device, ""), json.dumps(record, sort_keys=True), record)
                self._devices.setdefault(device, []).append(order)
                continue
            moment = record.get("timestamp") or ""
            if moment > newest.get(device, ""):
                newest[device] = moment
            place = self._fed[record_list] = self._fed.get(record_list, 0) + 1
            self._builder.add(record_list, place - 1, record)

    def devices(self) -> Iterator[dict[str, Any]]:
        """One record for each charger: of what several logs tell, the word of the one that ends last counts."""
        for _, told in sorted(self._devices.items()):
            record: dict[str, Any] = {}
            for _, _, fields in sorted(told, key=lambda each: each[:2]):
                record.update(fields)
            yield record
