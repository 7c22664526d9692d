"""YAML files with the place of every value, so that a mistake is shown by file, line and column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer


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

_RESOLVERS = _Loader.yaml_implicit_resolvers


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
    """One YAML document: its data, where a key stands a second time in one mapping, and where each part stands.

    Places are looked up in the text of the file (`number` is the document's place in it), since hardly any is asked for:
    the marks of every value would be nine tenths of all objects of a knowledge base.
    """

    file: str
    data: Any
    repeated_keys: Sequence[Place]
    text: bytes = field(repr=False)
    number: int = 0

    @cached_property
    def _node(self) -> Any:
        loader = _Loader(self.text)
        try:
            for _ in range(self.number + 1):
                loader.check_node()
                node = loader.get_node()
            return node
        finally:
            loader.dispose()

    def place(self, path: Sequence[str | int]) -> Place:
        """Where the value at a path of keys and positions stands; the nearest part of it that is there otherwise."""
        node = self._node
        for part in path:
            inner = _child(node, part)
            if inner is None:
                break
            node = inner
        mark = node.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1)


def _child(node: Any, part: str | int) -> Any:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part]
    return None


def _repeated(file: str, node: Any, visited: set[int]) -> Iterator[Place]:
    if id(node) in visited:  # an alias, which may stand for itself or for more than memory holds
        return
    visited.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    yield Place(file, key.start_mark.line + 1, key.start_mark.column + 1)
                seen.add(key.value)
            yield from _repeated(file, value, visited)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated(file, value, visited)


class _NotPlain(Exception):
    """A document holds more than texts, numbers, lists and mappings with different texts for keys."""


class _Plain:
    """Puts documents without anchors and tags together from events, in half the time that their nodes take."""

    def __init__(self, text: bytes) -> None:
        self._loader = _Loader(text)
        self._next = self._loader.get_event

    def values(self, most: int | None) -> list[Any]:
        """What the documents mean, at most so many from the start. Raises _NotPlain, YAMLError and RecursionError."""
        found: list[Any] = []
        try:
            self._next()
            while (most is None or len(found) < most) and self._next().__class__ is yaml.DocumentStartEvent:
                found.append(self._value(self._next()))
                self._next()
            return found
        finally:
            self._loader.dispose()

    def _value(self, event: Any) -> Any:
        if event.anchor is not None or event.tag is not None:
            raise _NotPlain
        kind = event.__class__
        if kind is yaml.ScalarEvent:
            text = event.value
            if event.implicit[0] and (resolvers := _RESOLVERS.get(text[:1])):
                return self._resolved(text, resolvers)
            return text
        following, value = self._next, self._value
        if kind is yaml.SequenceStartEvent:
            items = []
            while (item := following()).__class__ is not yaml.SequenceEndEvent:
                items.append(value(item))
            return items
        mapping: dict[str, Any] = {}
        while (event := following()).__class__ is not yaml.MappingEndEvent:
            key = value(event)
            if key.__class__ is not str or key in mapping:
                raise _NotPlain
            mapping[key] = value(following())
        return mapping

    def _resolved(self, text: str, resolvers: Sequence[tuple[str, re.Pattern[str]]]) -> Any:
        """What a plain scalar means that begins like a number, a truth value or null."""
        for tag, pattern in resolvers:
            if pattern.match(text):
                return self._loader.construct_object(yaml.ScalarNode(tag, text))
        return text


def read_documents(path: Path, most: int | None = None) -> list[Document]:
    """The YAML documents of a file, at most so many from its start. Raises YamlProblem and OSError."""
    text = path.read_bytes()
    try:
        values = _Plain(text).values(most)
    except (_NotPlain, yaml.YAMLError, RecursionError):
        return _read_by_nodes(path, text, most)
    return [Document(path.name, value, (), text, number) for number, value in enumerate(values)]


def _read_by_nodes(path: Path, text: bytes, most: int | None) -> list[Document]:
    """The documents of any YAML file, with keys that stand twice."""
    loader = _Loader(text)
    documents: list[Document] = []
    try:
        while (most is None or len(documents) < most) and loader.check_node():
            node = loader.get_node()
            repeated = tuple(_repeated(path.name, node, set()))
            documents.append(
                Document(path.name, loader.construct_object(node, deep=True), repeated, text, len(documents))
            )
    except yaml.YAMLError as error:
        raise _problem(path, error) from error
    except RecursionError as error:
        raise YamlProblem(Place(path.name, 1, 1), "a value holds itself, or is nested too deeply") from error
    finally:
        loader.dispose()
    return documents


class _PartLoader(_Loader, Composer):
    """Composes a document value by value as events come in, so that what follows is never read."""

    def __init__(self, stream: bytes) -> None:
        _Loader.__init__(self, stream)
        Composer.__init__(self)


def read_parts(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    """The values of some keys of a file's first mapping, without reading on behind the last of them.

    Other values are passed over. Keys that are not there are left out. Raises YamlProblem and OSError.
    """
    loader = _PartLoader(path.read_bytes())
    found: dict[str, Any] = {}
    try:
        while not loader.check_event(yaml.MappingStartEvent):
            if loader.check_event(yaml.StreamEndEvent, yaml.ScalarEvent, yaml.SequenceStartEvent):
                return found
            loader.get_event()
        loader.get_event()
        while len(found) < len(keys) and not loader.check_event(yaml.MappingEndEvent):
            key = loader.construct_object(loader.compose_node(None, 0), deep=True)
            if key in keys:
                found[key] = loader.construct_object(loader.compose_node(None, 0), deep=True)
            else:
                _pass_over(loader)
    except yaml.YAMLError as error:
        raise _problem(path, error) from error
    finally:
        loader.dispose()
    return found


def _pass_over(loader: _PartLoader) -> None:
    """Go past one value."""
    depth = 0
    while True:
        event = loader.get_event()
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth == 0:
            return


def _problem(path: Path, error: yaml.YAMLError) -> YamlProblem:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return YamlProblem(Place(path.name, line, column), str(error.problem or error.context))
    return YamlProblem(Place(path.name, 1, 1), str(error))
