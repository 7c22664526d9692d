"""Finding what a user names: a fault code in any spelling, a time, a charger, the shipped knowledge, knowledge in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from ..report.wording import clean
from .failures import Unusable

if TYPE_CHECKING:
    from ...engine import Diagnosis, Triage
    from ...engine.facts import FactType
    from ...knowledge import TriageKnowledge
    from ..bundle import Bundle

MAX_DEVICES_NAMED = 10
"""Chargers named where the one asked for is not in the records."""

MAX_CAUSES_NAMED = 12
"""Causes named where the one asked for is not weighed."""


def fault_code_of(text: str) -> str:
    """A fault code as the dictionary writes it. Raises Unusable for what cannot be one."""
    from ...knowledge.fault_codes import NoFaultCode, normal_code

    try:
        code = normal_code(text)
    except NoFaultCode as error:
        raise Unusable(f"{text!r} is no fault code: {error}; write one such as F-0421") from None
    if code is None:
        raise Unusable(f"{text!r} stands for no fault; write a code such as F-0421")
    return code


def load_triage(directory: str | None = None) -> Triage:
    """The façade over the knowledge in a folder, or the shipped one. Raises Unusable where that is not there or broken.

    Mistakes in the file of a code come to light where the code is first met.
    """
    from ...engine import Triage
    from ...knowledge import open_knowledge

    demand_folder(directory)
    with usable_knowledge(directory):
        return Triage() if directory is None else Triage(open_knowledge(directory))


def load_from(directory: str | None) -> TriageKnowledge:
    """The knowledge in a folder, or the shipped one. Raises Unusable where it is not there or broken."""
    from ...knowledge import load_knowledge

    demand_folder(directory)
    with usable_knowledge(directory):
        return load_knowledge(directory)


@contextmanager
def usable_knowledge(directory: str | None = None) -> Iterator[None]:
    """Within it, knowledge files that cannot be used raise Unusable with the first thing that is wrong with them."""
    from ...knowledge import KnowledgeError

    try:
        yield
    except KnowledgeError as error:
        first, number = error.findings[0], len(error.findings)
        others = f" (and {number - 1} more)" if number > 1 else ""
        where = "" if directory is None else f" {directory}"
        raise Unusable(
            f"the knowledge cannot be loaded: {first}{others}; charger-triage kb lint{where} lists all"
        ) from None


def demand_folder(directory: str | None) -> None:
    """Raise Unusable where a folder is named that is not there, or holds no knowledge at all."""
    if directory is None:
        return
    folder = Path(directory)
    mend = "name one that holds knowledge.yaml, checks.yaml and faults/"
    if not folder.is_dir():
        raise Unusable(f"{directory}: there is no such folder; {mend}")
    if not _holds_knowledge(folder):
        inner = folder / "knowledge"
        hint = f"did you mean {inner}?" if _holds_knowledge(inner) else mend
        raise Unusable(f"{directory}: the folder holds no knowledge; {hint}")


def _holds_knowledge(folder: Path) -> bool:
    from ...knowledge.library import CHECKS, FAULTS, MANIFEST

    return any((folder / name).exists() for name in (MANIFEST, CHECKS, FAULTS))


def documented_codes(triage: Triage) -> tuple[str, ...]:
    """The codes that the knowledge base has an entry for."""
    return tuple(triage.knowledge.base.faults)


def moment_of(text: str) -> float:
    """Epoch seconds of a time as a user writes it. Raises Unusable for what is none."""
    from ...knowledge.observations import EARLIEST, LATEST, parse_timestamp

    moment = parse_timestamp(text.strip())
    if moment is not None and EARLIEST < moment < LATEST:
        return moment
    raise Unusable(f"--as-of {text!r} is no time; write it as 2026-05-10T12:00:00Z or in epoch seconds")


def read_case(paths: Sequence[str], device: str | None) -> Bundle:
    """Everything under some paths as one bundle. Raises Unusable where it cannot be read, or names no such charger."""
    from ..files import UnreadableInput, read_bundles

    try:
        bundle = read_bundles(paths)
    except UnreadableInput as error:
        raise Unusable(str(error)) from None
    if device is not None:
        demand_device(bundle, device)
    return bundle


def skipped_records(triage: Triage, bundle: Bundle) -> int:
    """How many records or files could not be used at all; of check results only the knowledge can tell."""
    from ...knowledge.measurements.checks import usable_results

    _, misfits = usable_results(bundle.observations["check_results"], triage.knowledge.base.checks)
    return bundle.skipped + len(misfits)


def demand_code(triage: Triage, bundle: Bundle, fault_code: str, moment: float | None) -> None:
    """Raise Unusable for a code that neither the dictionary nor the records know: it is taken for a slip of the pen."""
    present = sorted({incident.code for incident in triage.knowledge.survey(bundle, moment).incidents})
    if fault_code in {*present, *documented_codes(triage)}:
        return
    named = ", ".join(clean(name, 60) for name in present)
    there = f"the records hold {named}" if present else "the records hold no fault"
    raise Unusable(f"--code {fault_code!r} is neither documented nor in the records; {there}")


def demand_device(bundle: Bundle, device: str) -> None:
    """Raise Unusable where no record names a charger."""
    known = sorted({name for table in bundle.observations.tables.values() for name in table.by_device})
    if device in known:
        return
    if not known:
        raise Unusable(f"--device {device!r}: the records name no charger; leave --device out, or check the input")
    close = get_close_matches(device, known, n=1, cutoff=0.7)
    hint = f"did you mean {close[0]}? " if close else ""
    more = f" and {len(known) - MAX_DEVICES_NAMED} more" if len(known) > MAX_DEVICES_NAMED else ""
    raise Unusable(
        f"--device {device!r} is not in the records; {hint}there are: "
        f"{', '.join(clean(name, 60) for name in known[:MAX_DEVICES_NAMED])}{more}"
    )


def cause_of(text: str, diagnosis: Diagnosis) -> str:
    """A cause's id from the id or its part after the code. Raises Unusable where the diagnosis weighs no such cause."""
    known = sorted({h.cause_id for incident in diagnosis.incidents for h in incident.hypotheses})
    code, slash, name = text.strip().partition("/")
    wanted = f"{fault_code_of(code)}/{name.strip().lower()}" if slash else code.lower()
    found = [cause for cause in known if cause == wanted or (not slash and cause.partition("/")[2] == wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise Unusable(f"{text!r} is a cause of several codes; write {' or '.join(found)}")
    if not known:
        raise Unusable(f"{text!r}: no incident is weighed here, so no cause is")
    close = get_close_matches(wanted, known, n=1, cutoff=0.6) or get_close_matches(
        wanted.partition("/")[2] or wanted, [cause.partition("/")[2] for cause in known], n=1, cutoff=0.6
    )
    hint = f"did you mean {close[0]}? " if close else ""
    raise Unusable(f"{text!r} is no cause of these incidents; {hint}there are: {', '.join(known[:MAX_CAUSES_NAMED])}")


def supposed_of(assignments: Sequence[str], triage: Triage) -> dict[str, bool | float | str]:
    """What `NAME=VALUE` supposes, by the names of facts. Raises Unusable where no fact or check is so called."""
    catalogue = triage.knowledge.base.catalogue
    supposed: dict[str, bool | float | str] = {}
    for assignment in assignments:
        name, equals, text = (part.strip() for part in assignment.partition("="))
        if not equals or not text:
            raise Unusable(f"--suppose {assignment!r}: write NAME=VALUE, such as close-click=absent")
        fact = name if name in catalogue else f"check.{name}"
        if fact not in catalogue:
            known = [known.removeprefix("check.") for known in catalogue]
            close = get_close_matches(name, known, n=1, cutoff=0.6)
            hint = f"did you mean {close[0]}? " if close else ""
            raise Unusable(
                f"--suppose {name!r} is neither a check nor a fact; {hint}charger-triage explain CODE lists both"
            )
        if fact in supposed:
            raise Unusable(f"--suppose {assignment!r}: {name} is supposed twice; leave one of them out")
        supposed[fact] = _typed(text, catalogue[fact], assignment)
    return supposed


def _typed(text: str, fact_type: FactType, assignment: str) -> bool | float | str:
    if fact_type.kind == "number":
        from ..consult.answers import NotUnderstood, read_number

        unit = None if fact_type.unit == "1" else fact_type.unit
        try:
            return read_number(text, unit, f"a number{f' in {unit}' if unit else ''} is expected")
        except NotUnderstood as error:
            raise Unusable(f"--suppose {assignment!r}: {error}") from None
    if fact_type.kind == "flag":
        words = {"yes": True, "true": True, "no": False, "false": False}
        if text.lower() not in words:
            raise Unusable(f"--suppose {assignment!r}: write yes or no")
        return words[text.lower()]
    if fact_type.kind == "version" and (fact_type.parse is None or fact_type.parse(text) is None):
        raise Unusable(f"--suppose {assignment!r}: a version is expected, such as 3.0.2 or 260420.0107")
    if fact_type.choices is not None and text not in fact_type.choices:
        raise Unusable(f"--suppose {assignment!r}: write one of {', '.join(fact_type.choices)}")
    return text
