"""A case made of what the platform gives: chargers, their site and neighbours, sessions, the state of their connectors."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ...engine.facts import iso_timestamp
from ...engine.knowledge_base import DataProblem
from ...knowledge.observations import Observations, observe, plain_json
from ...knowledge.records import SCHEMAS
from .answers import ONE_A_KEY, Answer, id_in
from .client import TellusClient
from .errors import (
    InvalidToken,
    NotFound,
    PermissionDenied,
    PlatformRefused,
    RateLimited,
    TellusError,
    TokenExpired,
    UnexpectedAnswer,
    UnusableId,
)

SESSIONS_BACK = timedelta(days=60)
"""How far back sessions are read where nothing is said: measurements of earlier charging starts look back so far."""

EARLIEST = datetime.min.replace(tzinfo=UTC)

MAX_FAILED_IN_A_ROW = 3
"""Answers that the platform fails to give one after the other before reading ends (judgement: one charger may be broken,
three are an outage, and each costs four attempts)."""

MAX_CANDIDATES = 300
"""Chargers that are looked up while a site's are sought (judgement: at 45 queries a minute this takes seven minutes)."""

NO_EVENTS = (
    "the platform's API lists neither fault events nor connections nor telemetry history; give them with --events FILE "
    "where you have them"
)
"""What a case from the API alone lacks (platform notes)."""


class NothingToRead(TellusError):
    """The client sees no site of that name, or none of the chargers."""


@dataclass
class Case:
    """The record lists of a case, its moment (epoch seconds), and what was met on the way.

    `as_of` is the platform's clock when the first charger was read: later ones have newer heartbeats, so that the time
    that reading took makes none of them look lost.
    """

    lists: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    as_of: float | None = None
    problems: list[DataProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, answer: Answer, wanted: Callable[[Mapping[str, Any]], bool] | None = None) -> None:
        """Take the records of an answer, and the problems of those; a problem's index is the record's place here."""
        kept = self.lists.setdefault(answer.record_list, [])
        places: dict[int | None, int | None] = {None: None}
        for place, record in enumerate(answer.raw):
            if wanted is None or wanted(record):
                places[place] = len(kept)
                kept.append(record)
        self.problems += [replace(p, index=places[p.index]) for p in answer.problems if p.index in places]

    def take_beside(self, observations: Observations) -> None:
        """Take records that were read from elsewhere, such as exported fault events; their problems stay with them.

        Of a charger, site or session that the platform gave too, only what it left open is taken: it gave it just now.
        """
        for name, table in observations.tables.items():
            records = [plain_json(record.raw) for record in table.records]
            if records:
                self.lists[name] = _joined(self.lists.get(name, []), records, ONE_A_KEY.get(name))

    def observations(self) -> Observations:
        """The case as the diagnosis takes it."""
        return observe(self.lists, None if self.as_of is None else iso_timestamp(self.as_of))


def _joined(
    own: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], key: str | None
) -> list[Mapping[str, Any]]:
    """Records of two lists. Where records have a key, those of the same are one, and the first list's fields stand."""
    if key is None:
        return [*own, *others]
    joined = list(own)
    places = {id_in(record, key): place for place, record in enumerate(own) if record.get(key) is not None}
    for record in others:
        place = places.setdefault(id_in(record, key), len(joined))
        if place == len(joined):
            joined.append(record)
        else:
            stated = {name: value for name, value in joined[place].items() if value is not None}
            joined[place] = {**record, **stated}
    return joined


async def collect(
    client: TellusClient,
    device_ids: Sequence[str] = (),
    site_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    heard: Callable[[Answer], None] | None = None,
) -> Case:
    """A case around some chargers, all that can be found of a site, or both.

    The API lists no chargers of a site. They are found where the site's record names them, and through the sessions
    since `since` (60 days before `until`, or before now). `heard` is told each answer as it comes: a fleet takes
    minutes. A charger that cannot be read is noted and left out. Raises TellusError where the platform cannot be read
    at all, the site is not there, or none of the chargers is.
    """
    if site_id is not None and not site_id.strip():
        raise UnusableId(f"{site_id!r} is no id of a site; name what the platform calls it")
    case = Case()
    reading = _Reading(client, case, heard or (lambda _: None))
    sites = await client.sites()
    reading.heard(sites)
    by_site = {record.fields["site_id"]: record.raw for record in sites.records}
    begin = since or _back(until or datetime.now(UTC))
    asked = list(dict.fromkeys(device_ids))
    await reading.devices(asked, asked_for=True)
    sessions: Answer | None = None
    if site_id is not None:
        if site_id not in by_site:
            raise NothingToRead(
                f"site {site_id}: not among the {len(by_site):,} sites that this client may see; check the id"
            )
        sessions = await client.charging_records(since=begin, until=until)
        reading.heard(sessions)
        await _read_site(reading, site_id, by_site[site_id], sessions)
    elif not reading.found:
        raise NothingToRead("none of the chargers could be read; " + "; ".join(case.notes))
    devices = reading.found
    where = {_site_of(answer) for answer in devices.values()} | {site_id}
    case.take(sites, lambda record: id_in(record, "site_id") in where)
    for site in sorted(name for name in where if name is not None):
        await reading.devices(_declared(by_site.get(site, {})), asked_for=False)
    for answer in devices.values():
        case.take(answer)
        case.lists.setdefault("telemetry", []).extend(connector_telemetry(answer))
    if sessions is not None:
        case.take(sessions, lambda record: id_in(record, "device_id") in devices)
    for device in (
        devices if sessions is None else [d for d in asked if d in devices and _site_of(devices[d]) != site_id]
    ):
        await reading.sessions(device, begin, until)
    case.as_of = min((a.as_of for a in devices.values() if a.as_of is not None), default=datetime.now(UTC).timestamp())
    return case


@dataclass
class _Reading:
    """Reads chargers one by one. What the platform cannot give of one is a note, as long as it can give others."""

    client: TellusClient
    case: Case
    heard: Callable[[Answer], None]
    found: dict[str, Answer] = field(default_factory=dict)
    _failed_in_a_row: int = 0

    async def devices(self, wanted: Iterable[str], *, asked_for: bool) -> None:
        """Read chargers that are not read yet; one that is not there is noted where it was asked for."""
        for device in wanted:
            if device in self.found:
                continue
            try:
                answer = await self._answer(self.client.device(device))
            except (NotFound, PermissionDenied) as error:
                if asked_for:
                    self.case.notes.append(str(error))
                continue
            if answer is not None:
                self.found[device] = answer

    async def sessions(self, device: str, since: datetime, until: datetime | None) -> None:
        """Read a charger's sessions into the case."""
        try:
            answer = await self._answer(self.client.charging_records(device, since=since, until=until))
        except (NotFound, PermissionDenied) as error:
            self.case.notes.append(f"{error}; the case is without them")
            return
        if answer is not None:
            self.case.take(answer)

    async def _answer(self, asking: Awaitable[Answer]) -> Answer | None:
        """An answer; None, and a note, where the platform cannot give this one. Raises what would meet all others too."""
        try:
            answer = await asking
        except (InvalidToken, TokenExpired, RateLimited, NotFound, PermissionDenied):
            raise
        except (PlatformRefused, UnexpectedAnswer) as error:
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= MAX_FAILED_IN_A_ROW:
                raise
            self.case.notes.append(f"{error}; the case is without it")
            return None
        self._failed_in_a_row = 0
        self.heard(answer)
        return answer


def _back(moment: datetime) -> datetime:
    """Where sessions begin that lead up to a moment."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(aware, EARLIEST + SESSIONS_BACK) - SESSIONS_BACK


async def _read_site(reading: _Reading, site_id: str, site: Mapping[str, Any], sessions: Answer) -> None:
    """Find the chargers of a site: those that its record names, and those with sessions, the latest first."""
    case, asked = reading.case, set(reading.found)
    latest = sorted(sessions.records, key=lambda record: -(record.time or 0.0))
    by_session = [record.raw.get("device_id") for record in latest]
    by_session += [record.get("device_id") for record in sessions.raw]  # those too whose sessions do not fit
    named = [device.strip() for device in by_session if isinstance(device, str) and device.strip(". ")]
    candidates = list(dict.fromkeys([*_declared(site), *named]))
    if len(candidates) > MAX_CANDIDATES:
        left = len(candidates) - MAX_CANDIDATES
        case.notes.append(
            f"{left:,} chargers with older sessions were not looked up; name those of the site by --device"
        )
    await reading.devices(candidates[:MAX_CANDIDATES], asked_for=False)
    for device, answer in list(reading.found.items()):
        if device not in asked and _site_of(answer) != site_id:
            del reading.found[device]
    here = sum(_site_of(answer) == site_id for answer in reading.found.values())
    case.notes.append(
        f"the API lists no chargers of a site; {here:,} of site {site_id} were found through its record and sessions; "
        "name others by --device"
    )


def _declared(site: Mapping[str, Any]) -> list[str]:
    """The chargers that a site's record names. The description has no such field; platforms add it."""
    named: list[str] = []
    for key in ("device_ids", "devices"):
        entries = site.get(key)
        for entry in entries if isinstance(entries, list) else []:
            device = entry.get("device_id") if isinstance(entry, Mapping) else entry
            if isinstance(device, str) and device.strip(". "):
                named.append(device)
    return named[:MAX_CANDIDATES]


def _site_of(answer: Answer) -> str | None:
    return next((record.fields.get("site_id") for record in answer.records), None)


def connector_telemetry(device: Answer) -> list[dict[str, Any]]:
    """The connector states in a charger's answer as records of `telemetry`: each is a reading with a time of its own."""
    readings = []
    for record in device.records:
        connectors = record.raw.get("connectors")
        for connector in connectors if isinstance(connectors, list) else []:
            if not isinstance(connector, Mapping) or connector.get("last_telemetry_time") is None:
                continue
            reading = {key: value for key, value in connector.items() if key not in ("status", "last_telemetry_time")}
            readings.append(
                {
                    **reading,
                    "timestamp": connector["last_telemetry_time"],
                    "device_id": record.fields["device_id"],
                    "state": connector.get("status", connector.get("state")),
                }
            )
    return readings


def connectors_in_fault(observations: Observations) -> list[tuple[str, int | None]]:
    """Chargers and connectors whose newest reading says fault, in order."""
    newest: dict[tuple[str, int | None], Any] = {}
    for record in observations["telemetry"].records:
        if record.fields.get("state") is not None:
            newest[record.fields["device_id"], record.fields.get("connector_id")] = record.fields["state"]
    return sorted((key for key, state in newest.items() if state == "fault"), key=lambda key: (key[0], key[1] or 0))


def write_case(case: Case, folder: str | Path) -> None:
    """Write a case as a bundle folder, whole or not at all, for its owner alone: it holds vehicle numbers.

    Raises FileExistsError where the folder is there and holds something, OSError where it cannot be written.
    """
    target = Path(os.path.realpath(folder))  # a folder can take the place of an empty one, and not of a link to it
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target} is there already")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        for name in SCHEMAS:
            records = case.lists.get(name)
            if records:
                lines = "".join(f"{json.dumps(plain_json(record), ensure_ascii=False)}\n" for record in records)
                (unfinished / f"{name}.jsonl").write_text(lines, encoding="utf-8", newline="\n")
        stated = {"bundle_version": 1, "as_of": None if case.as_of is None else iso_timestamp(case.as_of)}
        (unfinished / "bundle.json").write_text(f"{json.dumps(stated)}\n", encoding="utf-8", newline="\n")
        unfinished.replace(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
