"""YAML files with the place of every value, so that a mistake is shown by file, line and column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml


class _Loader(yaml.CSafeLoader):
    """The C loader with the plain scalars of YAML 1.2: no dates, no sexagesimal numbers, only true and false."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  (PyYAML's interface)


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file, counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class YamlProblem(ValueError):
    """A file that is no YAML, or that holds a key twice."""

    def __init__(self, place: Place, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem


@dataclass(frozen=True)
class Document:
    """One YAML document: its data, and where each part of it stands."""

    file: str
    data: Any
    node: Any

    def place(self, path: Sequence[str | int]) -> Place:
        """Where the value at a path of keys and positions stands; the nearest part of it that is there otherwise."""
        node = self.node
        for part in path:
            inner = _child(node, part)
            if inner is None:
                break
            node = inner
        mark = node.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1)

    @cached_property
    def repeated_keys(self) -> list[Place]:
        """Where a key stands a second time in one mapping."""
        return list(_repeated(self.file, self.node))


def _child(node: Any, part: str | int) -> Any:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part]
    return None


def _repeated(file: str, node: Any) -> Iterator[Place]:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                yield Place(file, key.start_mark.line + 1, key.start_mark.column + 1)
            seen.add(key.value)
            yield from _repeated(file, value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated(file, value)


def read_documents(path: Path, most: int | None = None) -> list[Document]:
    """The YAML documents of a file, at most so many from its start. Raises YamlProblem and OSError."""
    text = path.read_bytes()
    loader = _Loader(text)
    documents: list[Document] = []
    try:
        while (most is None or len(documents) < most) and loader.check_node():
            node = loader.get_node()
            documents.append(Document(path.name, loader.construct_document(node), node))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise YamlProblem(Place(path.name, line, column), str(error.problem or error.context)) from error
    except yaml.YAMLError as error:
        raise YamlProblem(Place(path.name, 1, 1), str(error)) from error
    finally:
        loader.dispose()
    return documents
