"""What is wrong with knowledge files: findings with their places, and files read and validated so that all are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from .mistakes import mistakes_of
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


def read_knowledge(path: Path, findings: list[Finding]) -> Document | None:
    """The first YAML document of a file; what is wrong with it is added to the findings, and None where it is no YAML."""
    try:
        (document,) = read_documents(path, 1)
    except OSError as error:
        findings.append(file_finding(path, f"cannot be read: {error.strerror or error}", "put the file there"))
        return None
    except ValueError as error:
        place = error.place if isinstance(error, YamlProblem) else Place(path.name, 1, 1)
        problem = error.problem if isinstance(error, YamlProblem) else "the file is empty"
        findings.append(Finding("unreadable", "error", None, place, problem, "correct the YAML"))
        return None
    for place in document.repeated_keys:
        findings.append(Finding("repeated-key", "error", None, place, "the key stands twice", "keep one of them"))
    return document


def file_finding(path: Path, message: str, mend: str) -> Finding:
    """A finding about a file as a whole."""
    return Finding("unreadable", "error", None, Place(path.name, 1, 1), message, mend)


def validated(model: type[Model], document: Document | None, findings: list[Finding]) -> Model | None:
    """A document as a model; what does not fit is added to the findings, and None is returned."""
    if document is None:
        return None
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        for mistake in mistakes_of(error, model, document.data):
            rule, place = _rule_name(document.data, mistake.path), document.place(mistake.path)
            findings.append(Finding("malformed", "error", rule, place, mistake.message, mistake.mend))
        return None


def usable(model: type[Model], path: Path) -> Model:
    """A knowledge file as a model. Raises KnowledgeError where it cannot be used."""
    findings: list[Finding] = []
    found = validated(model, read_knowledge(path, findings), findings)
    if found is None or findings:
        raise KnowledgeError(findings)
    return found


def _rule_name(data: Any, path: Sequence[Any]) -> str | None:
    if len(path) > 1 and path[0] == "rules" and isinstance(path[1], int):
        rule = data["rules"][path[1]]
        return str(rule["id"]) if isinstance(rule, dict) and "id" in rule else None
    return None
