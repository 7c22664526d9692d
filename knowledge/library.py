"""The entries of the fault codes, read one at a time and only as far as a question needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..engine.beliefs import believe
from ..engine.checks import Prospect, prospects
from ..engine.diagnosis import KnowledgeRef
from ..engine.facts import FactType
from ..engine.knowledge_base import Cause, Check, CompiledFault, Fault, FirmwareIssue
from ..engine.rule_index import Standing
from ..engine.rules import FINDING, Rule, RuleModel, compile_rule
from .findings import Finding, KnowledgeError, read_knowledge, usable, validated
from .symptoms import SymptomsFile
from .yaml_files import Document, YamlProblem, read_parts

MANIFEST = "knowledge.yaml"
CHECKS = "checks.yaml"
SYMPTOMS = "symptoms.yaml"
WATCHES = "watches.yaml"
STANDARD_CODES = "standard_codes.yaml"
MODELS = "models.yaml"
OWNERS = "owners.yaml"
FAULTS = "faults"


class Manifest(RuleModel):
    """What a knowledge base is called; `source_revision` is the revision of the dictionary it follows."""

    name: str
    version: str
    source_revision: str


class ChecksFile(RuleModel):
    """All checks that can be asked for."""

    checks: tuple[Check, ...]


def shipped_directory() -> Path:
    """Where the shipped knowledge files lie."""
    return Path(str(files(__package__ or "")))


def knowledge_directory(given: str | Path | None) -> Path:
    """The folder of knowledge that was given, or the shipped one where none was."""
    return shipped_directory() if given is None else Path(given)


def check_type(check: Check) -> FactType:
    """What the facts that hold a check's results look like."""
    if check.is_number:
        return FactType(check.fact_name, "number", check.title, check.unit)
    return FactType(check.fact_name, "text", check.title, choices=tuple(str(result.value) for result in check.results))


def finding_types(rules: Sequence[Rule]) -> dict[str, FactType]:
    """What the findings that rules raise look like."""
    raised = {rule.raises for rule in rules if rule.raises is not None}
    return {f"{FINDING}{name}": FactType(f"{FINDING}{name}", "text", f"finding {name}") for name in raised}


@dataclass(frozen=True)
class Library:
    """The knowledge files of a folder; each is read when it is first asked for, and what was read is kept.

    Raises KnowledgeError where a file that is asked for cannot be used.
    """

    directory: Path

    def path_of(self, code: str) -> Path:
        """Where the entry of a code stands."""
        return self.directory / FAULTS / f"{code}.yaml"

    @cached_property
    def digest(self) -> str:
        """A digest over the names and bytes of all knowledge files that can be read."""
        digest = sha256()
        beside = (MANIFEST, CHECKS, SYMPTOMS, WATCHES, STANDARD_CODES, MODELS, OWNERS)
        paths = [*(self.directory / name for name in beside), *map(self.path_of, self.codes)]
        for name, path in sorted((path.relative_to(self.directory).as_posix(), path) for path in paths):
            with suppress(OSError):
                content = path.read_bytes()
                digest.update(f"{name}\0{len(content)}\0".encode())
                digest.update(content)
        return f"sha256:{digest.hexdigest()}"

    @cached_property
    def reference(self) -> KnowledgeRef:
        """What the knowledge is called, and its digest."""
        return KnowledgeRef(digest=self.digest, **dict(usable(Manifest, self.directory / MANIFEST)))

    @cached_property
    def symptoms(self) -> SymptomsFile:
        """What callers say, by code."""
        return usable(SymptomsFile, self.directory / SYMPTOMS)

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """All checks that can be asked for."""
        return usable(ChecksFile, self.directory / CHECKS).checks

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """The codes that have an entry, in order."""
        return tuple(sorted(path.stem for path in (self.directory / FAULTS).glob("*.yaml")))

    @cached_property
    def titles(self) -> Mapping[str, str]:
        """The title of each code."""
        return {code: str(self._part(code, "title")) for code in self.codes}

    @cached_property
    def _causes(self) -> dict[str, dict[str, str]]:
        return {}

    def causes(self, code: str) -> dict[str, str]:
        """The titles of a code's causes by their ids, in documented order."""
        if code not in self._causes:
            self._causes[code] = self._read_causes(code)
        return self._causes[code]

    def _read_causes(self, code: str) -> dict[str, str]:
        try:
            causes = [Cause.model_validate(cause) for cause in self._part(code, "causes")]
        except (TypeError, ValidationError):
            raise _problems(self.path_of(code)) from None
        return {cause.id: cause.title for cause in causes}

    def firmware_issue(self, code: str) -> FirmwareIssue | None:
        """The firmware defect that is documented for a code. Raises KnowledgeError where its file cannot be used."""
        if code not in self._firmware_issues:
            self._firmware_issues[code] = self._read_firmware_issue(code)
        return self._firmware_issues[code]

    @cached_property
    def _firmware_issues(self) -> dict[str, FirmwareIssue | None]:
        return {}

    def _read_firmware_issue(self, code: str) -> FirmwareIssue | None:
        told = self._part(code, "firmware_issue", needed=False)
        try:
            return None if told is None else FirmwareIssue.model_validate(told)
        except ValidationError:
            raise _problems(self.path_of(code)) from None

    @cached_property
    def _checks_ahead(self) -> dict[str, list[Prospect]]:
        return {}

    def checks_ahead(self, code: str) -> list[Prospect]:
        """The checks that tell the causes of a code apart where nothing is known but the priors, best first."""
        if code not in self._checks_ahead:
            self._checks_ahead[code] = self._work_out_checks(code)
        return self._checks_ahead[code]

    def _work_out_checks(self, code: str) -> list[Prospect]:
        """With no facts only rules over checks alone can fire, so the others stay uncompiled."""
        findings: list[Finding] = []
        document = read_knowledge(self.path_of(code), findings)
        fault = validated(Fault, None if document is None else _over_checks_alone(document), findings)
        if fault is None:
            raise KnowledgeError(findings)
        bearing = tuple(check for check in self.checks if code in check.codes)
        types = {**{check.fact_name: check_type(check) for check in bearing}, **finding_types(fault.rules)}
        compiled = [compile_rule(rule, types, fault.cause_ids)[0] for rule in fault.rules]
        rules = tuple(rule for rule in compiled if rule is not None)
        base = CompiledFault(fault, rules, frozenset(types), bearing)
        return prospects(base, Standing(base.index, (), ()), believe(base.priors_db, ()))

    def _part(self, code: str, key: str, *, needed: bool = True) -> Any:
        """What stands under a key of an entry, read no further than there; None where nothing does that is not needed."""
        path = self.path_of(code)
        try:
            found = read_parts(path, [key])
            return found[key] if needed else found.get(key)
        except (OSError, YamlProblem, KeyError):
            raise _problems(path) from None


def _problems(path: Path) -> KnowledgeError:
    """All that is wrong with a fault's file."""
    findings: list[Finding] = []
    validated(Fault, read_knowledge(path, findings), findings)
    return KnowledgeError(findings)


def _over_checks_alone(document: Document) -> Document:
    """A fault's document without the rules that read facts; one rule stays in any case, since a fault has rules."""
    rules = document.data.get("rules") if isinstance(document.data, dict) else None
    if not isinstance(rules, list):
        return document
    kept = [rule for rule in rules if not _reads_facts(rule)] or rules[:1]
    return replace(document, data={**document.data, "rules": kept})


def _reads_facts(rule: Any) -> bool:
    conditions = rule.get("when") if isinstance(rule, dict) else None
    return isinstance(conditions, list) and any(isinstance(c, dict) and "fact" in c for c in conditions)
