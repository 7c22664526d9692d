"""The chain of an incident's leading cause as a picture: record → measurement → finding → evidence → cause."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from ....engine.facts import Source, in_words
from ....engine.hypothesis import Hypothesis
from ....engine.trace import FactRead
from ..wording import PERHAPS_MORE, clean, counted, decibans, for_and_against, may_be_more, percent

BOX_WIDTH = 212
GAP = 44
LINE_HEIGHT = 16
PADDING = 9
BETWEEN = 12
HEAD = 26
"""Pixels: a box, the room between columns for the lines, a line of text, the room within and between boxes, the headings."""

LETTERS = 29
"""Letters of 12.5 pixels on a line of a box."""

MAX_LINES = 4
"""Lines of a box; longer texts stand in full in the list beside the picture."""

MAX_EVIDENCE = 8
"""Pieces of evidence in the picture, the strongest (our judgement: as many as fit on a page)."""

COLUMNS = ("records", "measurements", "findings", "evidence", "cause")


@dataclass(frozen=True)
class Box:
    """A node: its place in pixels, its lines of text, and what kind it is (a column's name, evidence also by its sign)."""

    x: float
    y: float
    height: float
    lines: tuple[str, ...]
    kind: str

    @property
    def middle(self) -> float:
        """Where lines meet its sides."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Picture:
    """The chain laid out: boxes, lines between them as SVG paths, column headings with their places, size in pixels."""

    width: float
    height: float
    boxes: Sequence[Box]
    paths: Sequence[str]
    headings: Sequence[tuple[float, str]]
    left_out: int


@dataclass
class _Node:
    column: str
    text: str
    kind: str


class _Graph:
    """Nodes by key and edges by keys, both in the order in which the evidence brings them up."""

    def __init__(self) -> None:
        self.nodes: dict[str, _Node] = {}
        self.edges: dict[tuple[str, str], None] = {}

    def node(self, key: str, column: str, text: str, kind: str = "") -> str:
        self.nodes.setdefault(key, _Node(column, text, kind or column))
        return key

    def fact(self, fact: FactRead) -> str:
        said = f"{fact.name.removeprefix('finding.').replace('_', ' ')}: {in_words(fact.value, fact.unit)}"
        if fact.raised_by is not None:
            key = self.node(f"finding {fact.name} {fact.value}", "findings", fact.raised_by.statement)
            for behind in fact.raised_by.facts:
                self.edges[self.fact(behind), key] = None
            return key
        key = self.node(f"fact {fact.name} {fact.value} {fact.sources}", "measurements", said)
        for list_name in dict.fromkeys(source.list for source in fact.sources):
            named = [source for source in fact.sources if source.list == list_name]
            record = self.node(f"records {named}", "records", _records(named, may_be_more(fact.sources)))
            self.edges[record, key] = None
        return key


def _records(sources: Sequence[Source], perhaps_more: bool) -> str:
    first, last = sources[0], sources[-1]
    if len(sources) == 1:
        return f"{first.list}[{first.index}]"
    note = f" ({PERHAPS_MORE})" if perhaps_more else ""
    return f"{first.list}[{first.index}] … [{last.index}], {counted(len(sources), 'record')}{note}"


def chain_of(hypothesis: Hypothesis) -> Picture | None:
    """The picture of a cause's counted evidence, the strongest first; None where it has none."""
    supporting, opposing = for_and_against(hypothesis)
    items = sorted([*supporting, *opposing], key=lambda item: -abs(item.weight_db))
    if not items:
        return None
    graph = _Graph()
    goal = graph.node("cause", "cause", f"{hypothesis.title}: {percent(hypothesis.probability)}")
    for item in items[:MAX_EVIDENCE]:
        sign = "for" if item.weight_db > 0 else "against"
        text = f"{decibans(item.weight_db)} dB. {item.statement}"
        key = graph.node(f"evidence {item.rule_id}", "evidence", text, f"evidence {sign}")
        graph.edges[key, goal] = None
        for fact in item.facts:
            graph.edges[graph.fact(fact), key] = None
    return _laid_out(graph, max(0, len(items) - MAX_EVIDENCE))


def _laid_out(graph: _Graph, left_out: int) -> Picture:
    used = [column for column in COLUMNS if any(node.column == column for node in graph.nodes.values())]
    wrapped = {key: _wrapped(node.text) for key, node in graph.nodes.items()}
    heights = {key: len(lines) * LINE_HEIGHT + 2 * PADDING for key, lines in wrapped.items()}
    stacks = {column: [key for key, node in graph.nodes.items() if node.column == column] for column in used}
    tall = max(sum(heights[key] + BETWEEN for key in stack) for stack in stacks.values())
    boxes: dict[str, Box] = {}
    for place, column in enumerate(used):
        stack = stacks[column]
        y = HEAD + (tall - sum(heights[key] + BETWEEN for key in stack)) / 2
        for key in stack:
            x = float(place * (BOX_WIDTH + GAP))
            boxes[key] = Box(x, y, heights[key], wrapped[key], graph.nodes[key].kind)
            y += heights[key] + BETWEEN
    paths = [_curve(boxes[start], boxes[end]) for start, end in graph.edges]
    headings = [(place * (BOX_WIDTH + GAP) + BOX_WIDTH / 2, column) for place, column in enumerate(used)]
    width = len(used) * (BOX_WIDTH + GAP) - GAP
    return Picture(width, HEAD + tall, list(boxes.values()), paths, headings, left_out)


def _wrapped(text: str) -> tuple[str, ...]:
    lines = textwrap.wrap(clean(text), LETTERS, max_lines=MAX_LINES, placeholder=" …")
    return tuple(lines) or ("",)


def _curve(start: Box, end: Box) -> str:
    begin, stop = start.x + BOX_WIDTH, end.x
    half = (begin + stop) / 2
    return f"M{begin:g},{start.middle:g} C{half:g},{start.middle:g} {half:g},{end.middle:g} {stop:g},{end.middle:g}"
