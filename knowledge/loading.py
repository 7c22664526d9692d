"""Knowledge files to a compiled knowledge base: everything wrong with them is found at once, with its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from ..engine.durable_matcher import UnsafeRuleset, make_matcher
from ..engine.facts import FactType
from ..engine.knowledge_base import Check, CompiledFault, Fault, FirmwareIssue, KnowledgeBase, Survey
from ..engine.rules import CompiledRule, RuleModel, compile_rule
from .firmware import in_range
from .measurements import catalogue
from .observations import Observations
from .survey import find_incidents
from .yaml_files import Document, Place, YamlProblem, read_documents

Severity = Literal["error", "warning"]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a knowledge file: which kind, how grave, where, what, and how to mend it."""

    kind: str
    severity: Severity
    rule: str | None
    place: Place
    message: str
    mend: str

    def __str__(self) -> str:
        rule = f" [{self.rule}]" if self.rule else ""
        return f"{self.place}: {self.severity}: {self.kind}{rule}: {self.message}; {self.mend}"


class KnowledgeError(ValueError):
    """Knowledge files that cannot be used; `findings` says all that is wrong and where."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = tuple(findings)


class Manifest(RuleModel):
    """What a knowledge base is called; `source_revision` is the revision of the dictionary it follows."""

    name: str
    version: str
    source_revision: str


class ChecksFile(RuleModel):
    """All checks that can be asked for."""

    checks: tuple[Check, ...]


@dataclass(frozen=True)
class LoadedFault:
    """A fault, compiled, and the document it was read from."""

    compiled: CompiledFault
    document: Document
    path: Path


@dataclass(frozen=True)
class TriageKnowledge:
    """A compiled knowledge base with the way from records to its facts; what `Triage` takes."""

    base: KnowledgeBase
    faults: Mapping[str, LoadedFault]
    directory: Path

    def survey(self, records: Any, as_of: float | None = None) -> Survey:
        """The incidents in a bundle; `as_of` (epoch seconds) leaves out what came later."""
        observations: Observations = getattr(records, "observations", records)
        if not isinstance(observations, Observations):
            raise TypeError(f"read_bundle() makes what diagnose() takes, not {type(records).__name__}")
        if as_of is not None:
            observations = observations.until(as_of)
        entries = {code: loaded.compiled.fault for code, loaded in self.faults.items()}
        incidents, problems = find_incidents(observations, entries)
        return Survey(observations.as_of, incidents, [*observations.problems, *problems])

    def applies(self, issue: FirmwareIssue, version: str | None) -> bool | None:
        """Whether a firmware issue holds for a version; None for an unknown version or one of another scheme."""
        return in_range(version, issue.from_, issue.to)


def shipped_directory() -> Path:
    """Where the shipped knowledge files lie."""
    return Path(str(files(__package__ or "")))


def load_knowledge(directory: str | Path | None = None) -> TriageKnowledge:
    """Load the shipped knowledge base, or one of the same layout from a directory.

    The layout: `knowledge.yaml`, `checks.yaml` and one file a code under `faults/`. Raises KnowledgeError with every
    mistake and its place; a rule that cannot fire is a mistake.
    """
    folder = shipped_directory() if directory is None else Path(directory)
    findings: list[Finding] = []
    contents: dict[str, bytes] = {}

    def read(path: Path) -> Document | None:
        try:
            contents[path.relative_to(folder).as_posix()] = path.read_bytes()
            (document,) = read_documents(path, 1)
        except OSError as error:
            findings.append(_file_finding(path, f"cannot be read: {error.strerror or error}", "put the file there"))
            return None
        except ValueError as error:
            place = error.place if isinstance(error, YamlProblem) else Place(path.name, 1, 1)
            problem = error.problem if isinstance(error, YamlProblem) else "the file is empty"
            findings.append(Finding("unreadable", "error", None, place, problem, "correct the YAML"))
            return None
        for place in document.repeated_keys:
            findings.append(Finding("repeated-key", "error", None, place, "the key stands twice", "keep one of them"))
        return document

    manifest = _validated(Manifest, read(folder / "knowledge.yaml"), findings)
    checks_file = _validated(ChecksFile, read(folder / "checks.yaml"), findings)
    checks = {} if checks_file is None else {check.id: check for check in checks_file.checks}
    facts: dict[str, FactType] = {name: measurement.fact_type for name, measurement in catalogue().items()}
    facts.update({check.fact_name: _check_type(check) for check in checks.values()})
    faults: dict[str, LoadedFault] = {}
    for path in sorted((folder / "faults").glob("*.yaml")):
        document = read(path)
        fault = _validated(Fault, document, findings)
        if fault is None or document is None:
            continue
        if fault.code in faults or path.stem != fault.code:
            findings.append(
                Finding(
                    "misplaced",
                    "error",
                    None,
                    document.place(("code",)),
                    f"{fault.code} in {path.name}",
                    "one file a code, named by it",
                )
            )
            continue
        compiled, met = compile_fault(fault, facts, list(checks.values()), document)
        findings.extend(met)
        if compiled is not None:
            faults[fault.code] = LoadedFault(compiled, document, path)
    if not faults and not findings:
        findings.append(_file_finding(folder / "faults", "holds no fault", "add one file a code"))
    if findings or manifest is None:
        raise KnowledgeError(sorted(findings, key=lambda f: (f.place.file, f.place.line, f.place.column, f.message)))
    findable = dict(facts)
    for loaded in faults.values():
        findable.update(_finding_types(loaded.compiled.fault))
    base = KnowledgeBase(
        name=manifest.name,
        version=manifest.version,
        digest=f"sha256:{_digest(contents)}",
        source_revision=manifest.source_revision,
        faults={code: loaded.compiled for code, loaded in faults.items()},
        checks=checks,
        catalogue=findable,
    )
    return TriageKnowledge(base, faults, folder)


def _digest(contents: Mapping[str, bytes]) -> str:
    digest = sha256()
    for name in sorted(contents):
        digest.update(f"{name}\0{len(contents[name])}\0".encode())
        digest.update(contents[name])
    return digest.hexdigest()


def _file_finding(path: Path, message: str, mend: str) -> Finding:
    return Finding("unreadable", "error", None, Place(path.name, 1, 1), message, mend)


def _check_type(check: Check) -> FactType:
    if check.is_number:
        return FactType(check.fact_name, "number", check.title, check.unit)
    return FactType(check.fact_name, "text", check.title, choices=tuple(str(result.value) for result in check.results))


def _finding_types(fault: Fault) -> dict[str, FactType]:
    raised = {rule.raises for rule in fault.rules if rule.raises is not None}
    return {f"finding.{name}": FactType(f"finding.{name}", "text", f"finding {name}") for name in raised}


def compile_fault(
    fault: Fault, facts: Mapping[str, FactType], checks: Iterable[Check], document: Document
) -> tuple[CompiledFault | None, list[Finding]]:
    """Compile a fault's rules; what is wrong comes back with its place instead."""
    findings: list[Finding] = []
    known = {**facts, **_finding_types(fault)}
    rules: list[CompiledRule] = []
    for place, rule in enumerate(fault.rules):
        compiled, problems = compile_rule(rule, known, fault.cause_ids)
        for problem in problems:
            where = document.place(("rules", place, *problem.path))
            findings.append(Finding("cannot-fire", "error", rule.id, where, problem.problem, problem.mend))
        for number, condition in enumerate(rule.when):
            wanted = condition.is_
            topics = () if wanted is None else (wanted,)
            for topic in (*topics, *(condition.in_ or ())):
                if condition.fact_name.endswith("_mention") and topic not in fault.vocabulary:
                    where = document.place(("rules", place, "when", number))
                    findings.append(
                        Finding(
                            "cannot-fire",
                            "error",
                            rule.id,
                            where,
                            f"the vocabulary has no {topic!r}",
                            "add its phrases to it",
                        )
                    )
        if compiled is not None:
            rules.append(compiled)
    if findings:
        return None, findings
    read = frozenset(pattern.fact_name for compiled in rules for pattern in compiled.patterns)
    bearing = tuple(check for check in checks if fault.code in check.codes and check.fact_name in read)
    try:
        make_matcher(rules)
    except UnsafeRuleset as error:
        return None, [Finding("too-large", "error", None, document.place(("rules",)), str(error), "split the rules")]
    names = frozenset(name for name in read if not name.startswith("finding."))
    return CompiledFault(fault, tuple(rules), names, bearing), []


def _validated(model: type[Model], document: Document | None, findings: list[Finding]) -> Model | None:
    if document is None:
        return None
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        for problem in problems:
            path = problem["loc"]
            if any(other["loc"][: len(path)] == path and len(other["loc"]) > len(path) for other in problems):
                continue  # a list that lost its bad members is not short by itself
            rule = _rule_name(document.data, path)
            message = f"{'.'.join(str(part) for part in path)}: {problem['msg']}"
            findings.append(Finding("malformed", "error", rule, document.place(path), message, "correct it"))
        return None


def _rule_name(data: Any, path: Sequence[Any]) -> str | None:
    if len(path) > 1 and path[0] == "rules" and isinstance(path[1], int):
        rule = data["rules"][path[1]]
        return str(rule.get("id")) if isinstance(rule, dict) else None
    return None
