"""Bundles from files: a JSON document, a folder or a zip with one file a record list, JSON lines, CSV, Parquet, a stream.

A file or stream that is an OCPP log by its content is read as one.
"""

from __future__ import annotations

import csv
import io
import json
import lzma
import re
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..engine.garbage import seldom_collected
from ..knowledge.columns.cells import json_or_problem, record_of
from ..knowledge.observations import MAX_WARNINGS_PER_FIELD, Observations, ObservationsBuilder
from ..knowledge.records import SCHEMAS, leaves, required_fields
from .bundle import Bundle, UnreadableInput, list_named
from .heads import begins_as_bundle
from .longer_rows import HOW_TO_MEND, first_beyond

if TYPE_CHECKING:
    from .ocpp.bundle import Logs

__all__ = ["Bundle", "UnreadableInput", "read_bundle", "read_bundles"]

MAX_ZIP_BYTES = 2**31
"""Bytes that the files of a zip may unpack to (our judgement: more is a fleet, which is better given as a folder)."""

TABLES = (".jsonl", ".ndjson", ".csv", ".parquet")
SUFFIXES = (*TABLES, ".json")

GZIP = b"\x1f\x8b"
"""How a gzipped file begins (RFC 1952)."""

HEAD = 2**20
"""Bytes of a file in which signs of an OCPP log are looked for (as many as the reader of logs looks at)."""

_TELLING_FIELDS = {
    "events": {"event_type"},
    "commands": {"command_id"},
    "charging_records": {"record_id"},
    "connections": {"transition"},
    "check_results": {"check_id"},
    "configurations": {"running_config", "config_profile_id", "profile_schema_version", "last_push", "settings"},
    "service_visits": {"work", "manual_override"},
    "environment": {"ambient_c"},
    "grid": {"voltage_v", "frequency_hz"},
    "telemetry": {"voltage", "current", "power", "temperature", "state", "component_health", "cabinet_temperature"},
    "devices": {"model", "firmware_version", "sn", "last_heartbeat"},
    "sites": {"network", "power_capacity", "area"},
    "heartbeats": {"status", "fault_code"},
}
"""Fields by which a record without the name of its list is known; tried in this order."""


def read_bundle(source: str | Path | IO[str]) -> Bundle:
    """Read a bundle from a file, folder or zip, from `-` (standard input), or from an open text stream.

    What does not fit becomes a warning in the diagnosis. Raises UnreadableInput where nothing can be read, TypeError for a
    source that is none of these.
    """
    return read_bundles([source])


def read_bundles(sources: Sequence[str | Path | IO[str]]) -> Bundle:
    """Read several files or folders as one bundle: `events.csv telemetry.parquet`, or a case in parts.

    Raises UnreadableInput where one of them cannot be read, and where none holds a record list.
    """
    with seldom_collected():
        reader = _Reader()
        names = [reader.read(source) for source in sources]
        return Bundle(reader.observations(), ", ".join(names))


class _Reader:
    def __init__(self) -> None:
        self.builder = ObservationsBuilder()
        self._fed: dict[str, int] = {}
        self._devices: list[tuple[int, Any]] = []
        self._logs: Logs | None = None

    def observations(self) -> Observations:
        """Everything read; a log adds to a charger's record what the others leave open."""
        told = {} if self._logs is None else {record["device_id"]: record for record in self._logs.devices()}
        for index, row in self._devices:
            named = row.get("device_id") if isinstance(row, Mapping) else None
            logged = told.pop(named, {}) if isinstance(named, str) else {}
            stated = {key: value for key, value in row.items() if value is not None} if logged else row
            self.builder.add("devices", index, {**logged, **stated} if logged else row)
        for place, record in enumerate(told.values()):
            self.builder.add("devices", len(self._devices) + place, record)
        return self.builder.build()

    def read(self, source: str | Path | IO[str]) -> str:
        if not isinstance(source, (str, Path)):
            if not hasattr(source, "read"):
                raise TypeError(
                    f"records are read from a path or an open text stream, not from {type(source).__name__}"
                )
            try:
                text = source.read()
            except (UnicodeDecodeError, OSError, ValueError) as error:
                raise UnreadableInput(f"the stream cannot be read: {error}; give UTF-8 text") from error
            if not self._log(text.encode("utf-8", "replace") if isinstance(text, str) else text, "stream"):
                self._text(text if isinstance(text, str) else _decoded(text), "stream", None)
            return "stream"
        if str(source) == "-":
            content = _standard_input()
            if content[:4] == b"PK\x03\x04":
                self._zip(io.BytesIO(content), "standard input")
            elif not self._log(content, "standard input"):
                self._explained(content, "standard input", lambda: self._file("", content, "standard input"))
            return "standard input"
        path = Path(source)
        try:
            if path.is_dir():
                self._folder(path)
            elif path.is_char_device() or path.is_block_device():
                raise UnreadableInput(f"{path}: is a device, which may never end; name a file, or - for standard input")
            elif zipfile.is_zipfile(path) and path.suffix.lower() != ".parquet":
                self._zip(path, str(path))
            elif not self._logged(path):
                content = path.read_bytes()
                self._explained(content, str(path), lambda: self._file(path.name, content, str(path)))
        except FileNotFoundError:
            raise UnreadableInput(f"{path}: there is no such file or folder; check the path") from None
        except (OSError, ValueError) as error:
            if isinstance(error, UnreadableInput):
                raise
            reason = getattr(error, "strerror", None) or str(error)
            raise UnreadableInput(f"{path}: cannot be read: {reason}; check the path and its permissions") from error
        return str(path)

    def _explained(self, content: bytes, label: str, read: Callable[[], None]) -> None:
        """Read something; where that fails, and it is all that is left of a log, say what it tells."""
        try:
            read()
        except UnreadableInput:
            from .ocpp.undated import told_without_time

            told = told_without_time(content)
            if told is None:
                raise
            raise UnreadableInput(f"{label}: {told}") from None

    def _folder(self, path: Path) -> None:
        within = sorted(path.iterdir())
        entries = [entry for entry in within if entry.is_file()]
        files = [entry for entry in entries if is_named_as_input(entry.name)]
        others = [entry for entry in entries if not is_named_as_input(entry.name)]
        logs = [entry for entry in others if self._logged_beside(entry)]
        folders = [entry for entry in within if entry.is_dir() and _is_of_a_data_set(entry.name)]
        unread = [e for e in within if not (e.is_file() or e.is_dir()) and is_named_as_input(e.name)]
        if not files and not logs:
            raise UnreadableInput(f"{path}: {_ONLY_FOLDERS if folders else _NOTHING_WITHIN}")
        for entry in files:
            self._member(entry.name, entry.read_bytes(), str(entry))
        for entry in folders:
            self._pass_over(
                entry, "files of a folder within a folder are not read; charger-triage fleet reads such data sets"
            )
        for entry in unread:
            self._pass_over(entry, _why_unread(entry))
        for entry in others:
            if entry not in logs and _plain_name(entry.name).endswith(TABLES):
                self._pass_over(entry, "is not named after a record list and is not read; call it such as events.csv")

    def _pass_over(self, path: Path, problem: str) -> None:
        self.builder.report(list_named(path.name) or "bundle", None, None, f"{path}: {problem}", skipped=True)

    def _logged_beside(self, path: Path) -> bool:
        """Read a file of a folder where it is an OCPP log; one that cannot be opened costs only itself."""
        try:
            # somebody's notes may speak of faults too
            return self._logged(path, with_messages=not _is_called_log(path.name))
        except OSError as error:
            problem = f"{path}: cannot be read: {error.strerror or error}; check its permissions"
            self.builder.report("bundle", None, None, problem, skipped=True)
            return False

    def _zip(self, source: Path | IO[bytes], label: str) -> None:
        try:
            with zipfile.ZipFile(source) as archive:
                inside = sorted((m for m in archive.infolist() if not m.is_dir()), key=lambda m: m.filename)
                files = [member for member in inside if is_named_as_input(Path(member.filename).name)]
                others = [member for member in inside if not is_named_as_input(Path(member.filename).name)]
                logs = [member for member in others if _can_be_log(_head(archive, member))]
                if sum(member.file_size for member in (*files, *logs)) > MAX_ZIP_BYTES:
                    raise UnreadableInput(
                        f"{label}: unpacks to more than {MAX_ZIP_BYTES >> 30} GiB; unpack it and give the folder"
                    )
                are_logs = [self._logged_within(archive, member, label) for member in logs]
                if not files and not any(are_logs):
                    raise UnreadableInput(f"{label}: {_NOTHING_WITHIN}")
                for member in files:
                    self._member(Path(member.filename).name, archive.read(member), f"{label}/{member.filename}")
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise UnreadableInput(
                f"{label}: is a damaged or encrypted zip ({error}); unpack it and give the folder"
            ) from error

    def _logged_within(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, label: str) -> bool:
        """Read a file of a zip as an OCPP log; false where it is none."""
        from .ocpp.bundle import charger_of

        with_messages = not _is_called_log(member.filename)
        with archive.open(member) as file:
            return self._read_log(
                file, f"{label}/{member.filename}", charger_of(member.filename), with_messages=with_messages
            )

    def _log(self, content: bytes, label: str) -> bool:
        """Read content as an OCPP log; false where it is none."""
        return _can_be_log(content[:HEAD]) and self._read_log(io.BytesIO(content), label)

    def _logged(self, path: Path, *, with_messages: bool = False) -> bool:
        """Read a file as an OCPP log, without taking it into memory; false where it is none, or named after a list. `with_messages`
        says that one without messages is none."""
        if is_named_as_input(path.name):
            return False
        with path.open("rb") as file:
            if not _can_be_log(file.read(HEAD)):
                return False
            from .ocpp.bundle import charger_of

            file.seek(0)
            return self._read_log(file, str(path), charger_of(path), with_messages=with_messages)

    def _read_log(
        self, file: IO[bytes], label: str, charger: str | None = None, *, with_messages: bool = False
    ) -> bool:
        from .ocpp.bundle import NAMELESS
        from .ocpp.reading import head_of, opened

        stream = opened(file)
        return self._ocpp_logs().read(head_of(stream), stream, label, charger or NAMELESS, with_messages=with_messages)

    def _ocpp_logs(self) -> Logs:
        if self._logs is None:
            from .ocpp.bundle import Logs

            self._logs = Logs(self.builder)
        return self._logs

    def _member(self, name: str, content: bytes, label: str) -> None:
        """A file of a folder: one that cannot be read costs only itself."""
        try:
            self._file(name, content, label)
        except UnreadableInput as error:
            self.builder.report(list_named(name) or "bundle", None, None, str(error), skipped=True)

    def _file(self, name: str, content: bytes, label: str) -> None:
        if content[:2] == GZIP:
            name, content = name.lower().removesuffix(".gz"), _unpacked(content, label)
        record_list, suffix = list_named(name), Path(name).suffix.lower()
        if suffix == ".parquet" or content[:4] == b"PAR1":
            found = self._list_of(record_list, label, _parquet_fields(content, label))
            self._rows(found, _parquet_rows(found, content, label))
        elif suffix == ".csv":
            text = _decoded(content)
            self._csv(text, label, record_list)
        elif name == "bundle.json" and not content.strip():
            return
        else:
            self._text(_decoded(content), label, record_list)

    def _csv(self, text: str, label: str, named: str | None) -> None:
        fields = _csv_fields(text, label)
        if not any(fields):
            raise UnreadableInput(f"{label}: is empty; its first line is to name columns, such as timestamp,device_id")
        found = self._list_of(named, label, fields)
        if not _knows_any(found, fields):
            raise UnreadableInput(
                f"{label}: no column of its first line is one of {found}; that line is to name columns, such as "
                f"{','.join(sorted(required_fields(found)))}"
            )
        start = self._fed.get(found, 0)
        longer: list[tuple[int, str]] = []
        self._rows(found, _csv_rows(found, text, label, longer))
        for index, beyond in longer[:MAX_WARNINGS_PER_FIELD]:
            problem = f"{label}: {beyond!r} stands beyond the {len(fields)} columns of the header and is not read; {HOW_TO_MEND}"
            self.builder.report(found, start + index, None, problem)
        self._count_more(found, label, len(longer))

    def _count_more(self, record_list: str, label: str, records: int, *, skipped: bool = False) -> None:
        """Count those of the records with one problem that were not named one by one."""
        more = records - MAX_WARNINGS_PER_FIELD
        if more > 0:
            said = f"{label}: {more} more records have a problem of this kind"
            self.builder.report(record_list, None, None, said, skipped=skipped)

    def _list_of(self, named: str | None, label: str, fields: Sequence[str]) -> str:
        found = named or _guess({field.split(".")[0] for field in fields})
        if found is None:
            raise UnreadableInput(
                f"{label}: cannot be told which record list it holds; name it after its list, such as events.csv"
            )
        return found

    def _rows(self, record_list: str, rows: Iterator[tuple[int, Any]]) -> None:
        start = self._fed.get(record_list, 0)
        count = 0
        for index, row in rows:
            if record_list == "devices":
                self._devices.append((start + index, row))
            else:
                self.builder.add(record_list, start + index, row)
            count = index + 1
        self._fed[record_list] = start + count

    def _text(self, text: str, label: str, record_list: str | None) -> None:
        stripped = text.lstrip("\ufeff \t\r\n")
        if not stripped:
            raise UnreadableInput(f"{label}: is empty; give a JSON document, JSON lines, CSV or an OCPP log")
        document, problem = json_or_problem(stripped)
        if problem is None:
            twice = isinstance(document, dict) and _names_a_list_twice(stripped, document)
            for part in _parts_of(stripped, document) if twice else [document]:
                self._document(part, label, record_list)
        elif "\n" in stripped.strip() and stripped[0] in "{[" and _looks_like_lines(stripped):
            self._lines(text, label, record_list)
        elif stripped[0] not in "{[" and "," in stripped.split("\n", 1)[0]:
            self._csv(stripped, label, record_list)
        else:
            raise UnreadableInput(
                f"{label}: is neither JSON ({problem}) nor an OCPP log; give a JSON document, JSON lines, CSV or a log"
            )

    def _document(self, document: Any, label: str, record_list: str | None) -> None:
        if isinstance(document, Mapping) and _is_bundle(document, record_list):
            if document.get("as_of") is not None:
                self.builder.state_as_of(document["as_of"])
            for name, records in document.items():
                if name in ("as_of", "bundle_version"):
                    continue
                if name in SCHEMAS and isinstance(records, (list, tuple)):
                    self._rows(name, enumerate(records))
                else:
                    self.builder.add_list(str(name), records)
            return
        records = document if isinstance(document, list) else [document]
        self._sorted_out(records, label, record_list)

    def _lines(self, text: str, label: str, record_list: str | None) -> None:
        records: list[Any] = []
        numbers: list[int] = []
        bad: list[tuple[int, int, str]] = []
        for number, line in enumerate(text.lstrip("\ufeff").split("\n")):
            if not line.strip():
                continue
            value, problem = json_or_problem(line)
            if problem is not None:
                bad.append((len(records), number + 1, problem))
            records.append(_BROKEN if problem is not None else value)
            numbers.append(number + 1)
        for place, number, problem in bad:
            name = record_list or "bundle"
            self.builder.report(
                name,
                place if record_list else None,
                None,
                f"{label} line {number} is no JSON ({problem}); it is skipped",
                skipped=True,
            )
        bundles = [place for place, record in enumerate(records) if record_list is None and _holds_lists(record)]
        for place in bundles:
            self._document(records[place], label, None)
            records[place] = _BROKEN
        if bundles and all(record is _BROKEN for record in records):
            return
        self._sorted_out(records, label, record_list, numbers)

    def _sorted_out(
        self, records: Sequence[Any], label: str, record_list: str | None, lines: Sequence[int] | None = None
    ) -> None:
        """Give each record to its list: the file's, the one it names (`list`), or the one its fields tell.

        `lines` are the numbers of the lines that they stand in, where each stands in one.
        """
        if record_list is not None:
            self._rows(record_list, ((place, record) for place, record in enumerate(records) if record is not _BROKEN))
            return
        unknown: list[int] = []
        for place, record in enumerate(records):
            if record is _BROKEN:
                continue
            named = record.get("list") or record.get("record_list") if isinstance(record, Mapping) else None
            found = (
                named
                if isinstance(named, str) and named in SCHEMAS
                else _guess(set(record))
                if isinstance(record, Mapping)
                else None
            )
            if found is None:
                unknown.append(place)
                continue
            self._rows(found, iter([(0, record)]))
        if unknown and len(unknown) == sum(record is not _BROKEN for record in records):
            raise UnreadableInput(
                f'{label}: holds no record list; give an object whose keys are record lists, such as {{"events": [...]}}'
            )
        for place in unknown[:MAX_WARNINGS_PER_FIELD]:
            where = f"line {lines[place]}" if lines is not None else f"record {place}"
            said = f'{label} {where} belongs to no known list; it is skipped; name its list in the record, such as "list": "events"'
            self.builder.report("bundle", None, None, said, skipped=True)
        self._count_more("bundle", label, len(unknown), skipped=True)


_BROKEN = object()

_NOTHING_WITHIN = (
    "holds neither a record list nor an OCPP log; name files after their list, such as events.jsonl or telemetry.csv"
)

_ONLY_FOLDERS = (
    "holds folders of a data set of many chargers, which charger-triage fleet reads; diagnose reads one file a record list, "
    "such as events.jsonl"
)

_SIGNS_OF_LOG = re.compile(
    rb'\[\s*[2-6]\s*,\s*[\\"\d&]|[A-Za-z]{7}"\s*,|\baction\b|(?:Boot|Status)Notification|connect(?:ed|ion)|^[^\S\n]*\[\s*$'
    rb"|\d:\d\d:\d\d[^\n]{0,400}?\b(?i:error|fault(?:ed)?|fail(?:ed|ure)?|alarm|warn\w*|fatal)\b"
    rb"|\b(?:ERROR|WARN|FATAL)\b[^\n]{0,40}?\d:\d\d:\d\d",
    re.MULTILINE,
)


def _head(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        return file.read(HEAD)


def _can_be_log(head: bytes) -> bool:
    """Whether it is worth asking the reader of OCPP logs; told without loading it."""
    if head[:2] in (GZIP, b"\xff\xfe", b"\xfe\xff"):
        return True
    return head[:4] != b"PAR1" and not begins_as_bundle(head) and _SIGNS_OF_LOG.search(head) is not None


def _names_a_list_twice(text: str, document: Mapping[str, Any]) -> bool:
    """Whether a record list may stand twice in a JSON object, of which its reader keeps the last one."""
    if text.count("[") == sum(isinstance(value, list) for value in document.values()):
        return False
    names = set()
    place = text.find("[")
    while place >= 0:
        before = text[max(0, place - 40) : place].rstrip()
        name = before[:-1].rstrip()[:-1].rpartition('"')[2] if before.endswith(":") else None
        if name in SCHEMAS:
            if name in names:
                return True
            names.add(name)
        place = text.find("[", place + 1)
    return False


def _parts_of(text: str, document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """A JSON object as several, so that what it names twice is read both times."""
    members: list[tuple[str, Any]] = []

    def kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members[:] = pairs  # the outermost object ends last
        return dict(pairs)

    try:
        json.loads(text, object_pairs_hook=kept)
    except (ValueError, RecursionError):  # the other reader takes longer numbers and deeper nesting
        return [document]
    parts: list[dict[str, Any]] = [{}]
    for name, value in members:
        if name in parts[-1]:
            parts.append({})
        parts[-1][name] = value
    return parts


def _is_bundle(document: Mapping[str, Any], record_list: str | None) -> bool:
    """Whether an object holds record lists, rather than being a record of the list that its file is named after."""
    if record_list is not None:
        return isinstance(document.get(record_list), list)
    return bool(not document or set(document) & {"as_of", "bundle_version", *SCHEMAS})


def _holds_lists(record: Any) -> bool:
    """Whether a record of JSON lines is a bundle of its own."""
    return isinstance(record, Mapping) and any(isinstance(record.get(name), list) for name in SCHEMAS)


def is_named_as_input(name: str) -> bool:
    """Whether a file of a folder is read as a record list because of its name."""
    plain = _plain_name(name)
    return plain == "bundle.json" or (list_named(plain) is not None and plain.endswith(SUFFIXES))


def _is_called_log(name: str) -> bool:
    return re.search(r"\.log\b", _plain_name(name)) is not None


def _plain_name(name: str) -> str:
    return name.lower().removesuffix(".gz")


def _is_of_a_data_set(folder: str) -> bool:
    """Whether a folder is called like a record list, its file or a partition (`site=S-1`), as those that `fleet` reads."""
    return folder.lower() in SCHEMAS or "=" in folder or is_named_as_input(folder)


def _why_unread(path: Path) -> str:
    """What is wrong with something that is named after a record list and is neither a file nor a folder."""
    if path.is_symlink() and not path.exists():
        return f"leads to {path.readlink()}, which is not there, and is not read; put the file there, or take the link away"
    return "is no file, and is not read; put what comes out of it into a file"


def _guess(fields: set[str]) -> str | None:
    for record_list, telling in _TELLING_FIELDS.items():
        if fields & telling:
            return record_list
    return None


def _standard_input() -> bytes:
    """Everything from standard input. Raises UnreadableInput where it is closed."""
    try:
        return sys.stdin.buffer.read()
    except (AttributeError, OSError, ValueError) as error:
        raise UnreadableInput("standard input is closed; send the records to it, or name a file") from error


def _unpacked(content: bytes, label: str) -> bytes:
    """What a gzipped file holds. Raises UnreadableInput where it is damaged, or unpacks to far too much."""
    from .ocpp.reading import DamagedArchive, opened

    try:
        unpacked = opened(io.BytesIO(content)).read(MAX_ZIP_BYTES + 1)
    except DamagedArchive as error:
        raise UnreadableInput(f"{label}: {error}; pack it again, or give the file that was packed") from None
    if len(unpacked) > MAX_ZIP_BYTES:
        raise UnreadableInput(
            f"{label}: unpacks to more than {MAX_ZIP_BYTES >> 30} GiB; unpack it and give it to fleet"
        )
    return unpacked


def _decoded(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace")
    return content.decode("utf-8-sig", "replace")


def _looks_like_lines(text: str) -> bool:
    """Whether any of the first lines is a JSON value of its own."""
    return any(line.strip() and json_or_problem(line)[1] is None for line in text.split("\n", 20)[:20])


def _csv_reader(text: str) -> Iterator[list[str]]:
    csv.field_size_limit(2**31 - 1)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    return csv.reader(io.StringIO(text.replace("\0", ""), newline=None), delimiter=delimiter)


def _csv_fields(text: str, label: str) -> list[str]:
    try:
        return [name.strip() for name in next(_csv_reader(text), [])]
    except csv.Error as error:
        raise UnreadableInput(f"{label}: is no CSV ({error}); save it as comma-separated UTF-8") from error


def _knows_any(record_list: str, fields: Sequence[str]) -> bool:
    """Whether any of some dotted columns is, or lies in, one that a record list has."""
    known = {path.split(".")[0] for path in leaves(record_list)}
    return any(field.split(".")[0] in known for field in fields)


def _csv_rows(record_list: str, text: str, label: str, longer: list[tuple[int, str]]) -> Iterator[tuple[int, Any]]:
    """The records of a CSV file by their places; `longer` takes those with more cells than the header, and the first of these."""
    try:
        rows = _csv_reader(text)
        header = [name.strip() for name in next(rows, [])]
        for index, row in enumerate(row for row in rows if any(cell.strip() for cell in row)):
            beyond = first_beyond(row, len(header))
            if beyond is not None:
                longer.append((index, beyond[:60]))
            yield index, record_of(record_list, dict(zip(header, row, strict=False)))
    except csv.Error as error:
        raise UnreadableInput(f"{label}: is no CSV ({error}); save it as comma-separated UTF-8") from error


def _parquet(content: bytes, label: str) -> Any:
    import polars

    try:
        return polars.read_parquet(io.BytesIO(content))
    except Exception as error:  # Polars raises many kinds, its panics among them
        raise UnreadableInput(
            f"{label}: is no readable Parquet ({str(error).splitlines()[0]}); write it again"
        ) from error


def _parquet_fields(content: bytes, label: str) -> list[str]:
    return list(_parquet(content, label).columns)


def _parquet_rows(record_list: str, content: bytes, label: str) -> Iterator[tuple[int, Any]]:
    frame = _parquet(content, label)
    for index, row in enumerate(frame.iter_rows(named=True)):
        yield index, record_of(record_list, row)
