"""What the client gives back: records as the platform gave them, those of them that fit our models, and every problem met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import getitem
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ...engine.knowledge_base import DataProblem
from ...knowledge.observations import ObservationsBuilder, Record, plain_json
from ...knowledge.records import Moment, Number, Text

RawRecord = Mapping[str, Any]

ONE_A_KEY: Mapping[str, str] = {"devices": "device_id", "sites": "site_id", "charging_records": "record_id"}
"""The lists whose records are of one thing each, and the field that names it."""


def id_in(record: RawRecord, key: str) -> str | None:
    """The id in a field of a record as our models read it, text without blanks around it; None where there is none."""
    value = record.get(key)
    return None if value is None else str(value).strip()


_config = ConfigDict(coerce_numbers_to_str=True, extra="ignore")


@dataclass(frozen=True)
class Answer:
    """Records of one list, in the platform's order.

    `raw` holds every field, unexpected ones too; `records` those that fit our model, validated, in canonical order;
    `problems` what does not fit (an index is a place in `raw`). `complete` is false where paging went wrong and records may be missing. `as_of` is the
    platform's clock when it answered (epoch seconds), None where it does not say.
    """

    record_list: str
    raw: Sequence[RawRecord]
    problems: Sequence[DataProblem] = ()
    complete: bool = True
    as_of: float | None = None
    records: Sequence[Record] = field(default=(), repr=False)


def answered(
    record_list: str,
    found: Sequence[Any],
    *,
    met: Sequence[DataProblem] = (),
    complete: bool = True,
    as_of: float | None = None,
) -> Answer:
    """The records of one list validated; `met` are problems of paging."""
    builder = ObservationsBuilder()
    raw: list[RawRecord] = []
    problems = list(met)
    for number, record in enumerate(found, 1):
        if isinstance(record, Mapping):
            builder.add(record_list, len(raw), record)
            raw.append(plain_json(record))
        else:
            problems.append(DataProblem(record_list, None, None, f"item {number} is no record; it is left out"))
    observations = builder.build()
    problems += observations.problems
    return Answer(record_list, raw, problems, complete, as_of, observations[record_list].records)


class CommandStatus(TypedDict, total=False):
    """How far a command has come; the platform names neither its charger nor the command itself."""

    __pydantic_config__ = _config  # type: ignore[misc]
    command_id: Text
    status: Text
    created_at: Moment
    updated_at: Moment
    result: Any


class EnergyPoint(TypedDict, total=False):
    """One bucket of time: energies in kWh, powers in kW."""

    __pydantic_config__ = _config  # type: ignore[misc]
    time: Text
    charge_energy: Number
    discharge_energy: Number
    max_power: Number
    avg_power: Number


class EnergySeries(TypedDict, total=False):
    """Aggregated energy over a span of time."""

    __pydantic_config__ = _config  # type: ignore[misc]
    granularity: Text
    start_time: Moment
    end_time: Moment
    series: list[EnergyPoint] | None
    total: EnergyPoint | None


@dataclass(frozen=True)
class Document:
    """An answer that is no record of ours: as the platform gave it, the fields that fit, and what does not fit."""

    raw: RawRecord
    fields: Mapping[str, Any]
    problems: Sequence[DataProblem]


_COMMAND = TypeAdapter(CommandStatus)
_ENERGY = TypeAdapter(EnergySeries)


def command_status(raw: RawRecord) -> Document:
    """A command's status; `fields` are those of CommandStatus."""
    return _document("commands", raw, _COMMAND)


def energy_series(raw: RawRecord) -> Document:
    """An energy series; `fields` are those of EnergySeries."""
    return _document("energy", raw, _ENERGY)


def _document(name: str, raw: RawRecord, adapter: TypeAdapter[Any]) -> Document:
    problems: list[DataProblem] = []
    try:
        fields: Mapping[str, Any] = adapter.validate_python(raw)
    except ValidationError as error:
        kept = plain_json(raw)
        for found in error.errors(include_url=False, include_context=False, include_input=False):
            label = ".".join(str(part) for part in found["loc"])
            problems.append(DataProblem(name, None, label, f"{found['msg'][:160]}; the field is left out"))
            *way, last = found["loc"]
            holder = reduce(getitem, way, kept)
            if isinstance(last, int):
                holder[last] = {}  # the places of what comes after it stay what the problems say
            else:
                del holder[last]
        fields = adapter.validate_python(kept)
    return Document(plain_json(raw), fields, problems)
