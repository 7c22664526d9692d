"""`explain`: finds what a user means, a code by any name or a fault by its symptoms, and writes what is known of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .failures import Unusable
from .lookup import demand_folder, usable_knowledge
from .output import Destination

if TYPE_CHECKING:
    from ...engine import FaultExplanation
    from ...knowledge import FaultSearch
    from ...knowledge.standard_codes import StandardCode


def write_explanation(asked: str, report_format: str, destination: Destination, directory: str | None = None) -> None:
    """Write the entry of the code that was named, or the codes that fit the words, by the knowledge in a folder or the shipped one.

    `report_format` is text, json or markdown. As JSON a code that was named gives a FaultExplanation, a code of another
    standard (CX017, PowerSwitchFailure) its row in the knowledge, words give a FaultSearch. Of several codes each entry is
    written, as JSON in a list. Raises Unusable for an empty question, a code that is not documented, and knowledge that
    cannot be used.
    """
    from ...knowledge import find_faults
    from ...knowledge.fault_search import codes_named
    from ...knowledge.library import Library, knowledge_directory
    from ...knowledge.standard_codes import codes_of

    if not asked.strip():
        raise Unusable("nothing was asked; name a code such as F-0421, or say what is seen or heard")
    demand_folder(directory)
    with usable_knowledge(directory):
        folder = knowledge_directory(directory)
        standard = codes_of(folder)
        if len(asked.split()) == 1 and (row := standard.asked_for(asked)) is not None:
            _write_standard_code(row, Library(folder).titles, report_format, destination)
            return
        _refuse_unlisted_chargex(asked.strip().upper(), standard.rows)
        codes, besides = codes_named(asked, directory)
        if len(codes) > 1:
            _write_entries(codes, besides, directory, report_format, destination)
            return
        search = find_faults(asked, directory)
        explained = None if search.fault_code is None else _explained(search.fault_code, directory)
    if explained is None:
        _write_search(search, report_format, destination)
    else:
        _write_entry(search, explained, report_format, destination)


def _write_entries(
    codes: Sequence[str], besides: str, directory: str | None, report_format: str, destination: Destination
) -> None:
    """Write the entries of several codes, one after the other, each with what the words beside them say of it."""
    from ...knowledge import find_faults

    entries = [(find_faults(f"{code} {besides}", directory), _explained(code, directory)) for code in codes]
    if report_format == "json":
        written = ",\n".join(explained.model_dump_json(indent=2) for _, explained in entries)
        destination.write_json(f"[\n{written}\n]")
        return
    for place, (search, explained) in enumerate(entries):
        if place:
            destination.write("\n")
        _write_entry(search, explained, report_format, destination)


def _explained(fault_code: str, directory: str | None) -> FaultExplanation:
    """The entry of a code; only its own file is read and compiled."""
    from ...engine import Triage, UnknownCode
    from ...knowledge import open_knowledge

    try:
        return Triage(open_knowledge(directory)).explain(fault_code)
    except UnknownCode as error:
        raise Unusable(str(error)) from None


def _refuse_unlisted_chargex(asked: str, rows: Mapping[str, StandardCode]) -> None:
    listed = sorted(code for code in rows if re.fullmatch(r"CX\d+", code))
    if listed and re.fullmatch(r"CX\d+", asked):
        raise Unusable(f"{asked} is none of ChargeX's minimum required error codes, {listed[0]} to {listed[-1]}")


def _write_standard_code(
    row: StandardCode, titles: Mapping[str, str], report_format: str, destination: Destination
) -> None:
    from ..report.standard_code import standard_code_markdown, standard_code_text

    if report_format == "json":
        destination.write_json(row.model_dump_json(by_alias=True, indent=2))
        return
    if report_format == "markdown":
        destination.write(standard_code_markdown(row, titles))
    else:
        destination.write(standard_code_text(row, titles, width=destination.width, colour=destination.colour))


def _write_search(search: FaultSearch, report_format: str, destination: Destination) -> None:
    from ..report.symptom_matches import search_markdown, search_text

    if report_format == "json":
        destination.write_json(search.model_dump_json(indent=2))
    elif report_format == "markdown":
        destination.write(search_markdown(search))
    else:
        destination.write(search_text(search, width=destination.width, colour=destination.colour))


def _write_entry(
    search: FaultSearch, explained: FaultExplanation, report_format: str, destination: Destination
) -> None:
    from ..report import explanation_markdown, explanation_text
    from ..report.symptom_matches import pointed_markdown, pointed_text

    if report_format == "json":
        destination.write_json(explained.model_dump_json(indent=2))
    elif report_format == "markdown":
        destination.write(pointed_markdown(search) + explanation_markdown(explained))
    else:
        width, colour = destination.width, destination.colour
        said = pointed_text(search, width=width, colour=colour)
        destination.write(said + explanation_text(explained, width=width, colour=colour))
