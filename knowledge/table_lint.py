"""What `kb lint` finds in the tables beside the rules: codes of other standards, charger models, who owns what.

A knowledge base can do without them; what they name has to exist, and to say where it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from .findings import Finding, Severity, read_knowledge, validated
from .library import MODELS, OWNERS, STANDARD_CODES
from .loading import TriageKnowledge
from .models import ModelsFile
from .owners import Owners
from .sourced import FEWEST_WORDS, MEND_SOURCE, is_sourced
from .standard_codes import StandardCode, StandardCodesFile, StandsFor, spelled_alike
from .yaml_files import Document

File = TypeVar("File", bound=BaseModel)

Path_ = tuple[str | int, ...]
"""The way to a place in a document."""


def table_findings(knowledge: TriageKnowledge) -> Iterator[Finding]:
    """Everything wrong or missing in the tables that are there."""
    yield from _checked(knowledge, STANDARD_CODES, StandardCodesFile, _standard_codes)
    yield from _checked(knowledge, MODELS, ModelsFile, _models)
    yield from _checked(knowledge, OWNERS, Owners, _owners)


@dataclass(frozen=True)
class _Table:
    """One table's file, and findings about it."""

    document: Document

    def finding(self, kind: str, path: Path_, message: str, mend: str, severity: Severity = "error") -> Finding:
        return Finding(kind, severity, None, self.document.place(path), message, mend)

    def unsourced(self, path: Path_, source: str) -> Iterator[Finding]:
        """A finding where a source does not say where something comes from."""
        if not is_sourced(source):
            yield self.finding("unsourced", path, f"{source!r} does not say where it comes from", MEND_SOURCE)

    def repeated(self, key: str, names: Sequence[str]) -> Iterator[Finding]:
        """Entries of a list that are called like an earlier one."""
        for place, name in enumerate(names):
            if name in names[:place]:
                message = f"{name} stands twice"
                yield self.finding("contradictory", (key, place), message, "keep one of the two")


def _checked(
    knowledge: TriageKnowledge,
    name: str,
    model: type[File],
    check: Callable[[_Table, File, TriageKnowledge], Iterator[Finding]],
) -> Iterator[Finding]:
    """What is wrong with one table; nothing where it is not there."""
    findings: list[Finding] = []
    path = knowledge.directory / name
    document = read_knowledge(path, findings) if path.exists() else None
    file = validated(model, document, findings)
    yield from findings
    if file is not None and document is not None:
        yield from check(_Table(document), file, knowledge)


def _standard_codes(table: _Table, file: StandardCodesFile, knowledge: TriageKnowledge) -> Iterator[Finding]:
    yield from table.repeated("codes", [spelled_alike(row.code) for row in file.codes])
    for place, row in enumerate(file.codes):
        yield from _row(table, place, row, knowledge)


def _row(table: _Table, place: int, row: StandardCode, knowledge: TriageKnowledge) -> Iterator[Finding]:
    """What is wrong with one code of another standard."""
    named: list[tuple[Path_, str]] = [(("maps_to", n, "fault"), found.fault) for n, found in enumerate(row.maps_to)]
    named += [(("related", n), fault) for n, fault in enumerate(row.related)]
    for path, fault in named:
        if fault not in knowledge.faults:
            mend = f"name one of {', '.join(knowledge.faults)}"
            yield table.finding(
                "unreachable", ("codes", place, *path), f"{row.code} names {fault}, which has no file", mend
            )
    reasons: list[tuple[Path_, str]] = [(("maps_to", n, "basis"), found.basis) for n, found in enumerate(row.maps_to)]
    if not row.maps_to:
        reasons.append((("basis",), row.basis))
    for path, reason in reasons:
        if len(re.findall(r"[^\W_]{2,}", reason)) < FEWEST_WORDS:
            message = f"{row.code} does not say why it is read so"
            yield table.finding("unsourced", ("codes", place, *path), message, "give the reason in a few words")
    for number, found in enumerate(row.maps_to):
        if any(_overlap(found, earlier) for earlier in row.maps_to[:number]):
            message = f"{row.code} is read as {found.fault} twice at one time"
            mend = "keep one of the two, or let their `while` and `on` exclude each other"
            yield table.finding("contradictory", ("codes", place, "maps_to", number), message, mend)


def _overlap(one: StandsFor, other: StandsFor) -> bool:
    """Whether a code can be read as the same documented one by two entries at once."""
    times = not one.while_ or not other.while_ or not set(one.while_).isdisjoint(other.while_)
    places = one.on is None or other.on is None or one.on == other.on
    return one.fault == other.fault and times and places


def _models(table: _Table, file: ModelsFile, _: TriageKnowledge) -> Iterator[Finding]:
    yield from table.unsourced(("plan_upgrade_source",), file.plan_upgrade_source)
    yield from table.repeated("models", [model.model for model in file.models])
    for place, model in enumerate(file.models):
        yield from table.unsourced(("models", place, "source"), model.source)


def _owners(table: _Table, file: Owners, knowledge: TriageKnowledge) -> Iterator[Finding]:
    yield from table.repeated("roles", [role.id for role in file.roles])
    titles = {action.title for loaded in knowledge.faults.values() for action in loaded.compiled.fault.actions}
    for check in file.checks:
        if check not in knowledge.base.checks:
            mend = "name a check of checks.yaml, or remove it"
            yield table.finding("unreachable", ("checks", check), f"there is no check {check!r}", mend)
    for title in file.actions:
        if title not in titles:
            mend = "write it as the file of its fault has it, or remove it"
            yield table.finding("unreachable", ("actions", title), f"no fault has the action {title!r}", mend)
    owned = [
        *((("defaults", where), each) for where, each in file.defaults.items()),
        *((("checks", check), each) for check, each in file.checks.items()),
        *((("actions", title), each) for title, each in file.actions.items()),
    ]
    for path_, each in owned:
        yield from table.unsourced((*path_, "source"), each.source)
    yield from table.unsourced(("vendor_contact", "source"), file.vendor_contact.source)
