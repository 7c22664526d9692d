"""Which chargers are diagnosed, cut into batches of bounded size; what a charger gives does not depend on the cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ...knowledge.fleet.tables import FleetTables
from .reading import Piece

BATCH_ROWS = 75_000
"""Rows of telemetry and heartbeats that a batch has at most, where a single site has not more (our judgement: some 30 MB, with
which diagnosing takes no more memory than gathering does, whatever the number of chargers; 100,000 rows took three hundredths
less time)."""

BATCH_CHARGERS = 20
"""Chargers that a batch diagnoses at most (our judgement: some tenths of a second of work, so that no worker waits long for the
last), where a single site has not more."""

CHARGERS_BY_CODE = 500
"""Chargers to diagnose, of sites that follow each other, among which those of the same codes are put together (our judgement: rules
are compiled by far fewer; who looks for a site in the results reads as many at most, some 50 MB)."""


@dataclass(frozen=True)
class Stretch:
    """Rows of a list that were put in order before: the file they lie in, the first of them, how many."""

    path: str
    start: int
    rows: int


@dataclass(frozen=True)
class Batch:
    """Chargers to diagnose, and where the telemetry and heartbeats of them and their company lie.

    `offset` is the place of the first charger among those of the batch as it was planned. `firsts` gives for each list and
    charger how many rows of chargers with lesser names there are. `codes` are those of the chargers' incidents, in order.
    """

    number: int
    offset: int
    chargers: tuple[str, ...]
    company: tuple[str, ...]
    firsts: Mapping[str, Mapping[str, int]]
    pieces: Mapping[str, tuple[Piece, ...]]
    stretches: Mapping[str, tuple[Stretch, ...]]
    codes: tuple[str, ...] = ()

    def halves(self) -> tuple[Batch, ...]:
        """The batch in two; nothing where it holds one charger."""
        middle = len(self.chargers) // 2
        if not middle:
            return ()
        return self.part(0, middle), self.part(middle, len(self.chargers))

    def part(self, start: int, end: int) -> Batch:
        """The batch with some of its chargers only."""
        return replace(self, offset=self.offset + start, chargers=self.chargers[start:end])


@dataclass(frozen=True)
class Group:
    """Chargers that are diagnosed together, as they see the same records: those of a site; and the codes of their incidents."""

    chargers: tuple[str, ...]
    company: tuple[str, ...]
    rows: int
    codes: tuple[str, ...] = ()


def grouped(
    affected: Mapping[str, Sequence[str]], may_warn: Iterable[str], fleet: FleetTables, rows_of: Mapping[str, int]
) -> Iterator[Group]:
    """Chargers by site, in order of the sites' names; a charger without a site stands alone, after all others.

    `affected` are those with incidents, and of which codes; they see the telemetry and heartbeats of their whole site. The others,
    that may have an early warning, see their own.
    """
    by_site: dict[tuple[bool, str], list[str]] = {}
    company: dict[tuple[bool, str], set[str]] = {}
    for chargers, see_site in ((affected, True), (may_warn, False)):
        for charger in chargers:
            site = fleet.site_of(charger)
            key = (site is None, charger if site is None else site)
            by_site.setdefault(key, []).append(charger)
            company.setdefault(key, set()).update(fleet.company(charger) if see_site else (charger,))
    for key, members in sorted(by_site.items()):
        around = tuple(sorted(company[key] | set(members)))
        codes = {code for charger in members for code in affected.get(charger, ())}
        rows = sum(rows_of.get(charger, 0) for charger in around)
        yield Group(tuple(sorted(members)), around, rows, tuple(sorted(codes)))


def codes_together(groups: Iterable[Group], chargers: int = CHARGERS_BY_CODE) -> Iterator[Group]:
    """Groups in their order, but among some that follow each other by their codes, those without any last: the rules of a code
    are then compiled by few workers."""
    near: list[Group] = []
    for group in groups:
        near.append(group)
        if sum(len(each.chargers) for each in near) >= chargers:
            yield from sorted(near, key=_codes_first)
            near = []
    yield from sorted(near, key=_codes_first)


def _codes_first(group: Group) -> tuple[bool, tuple[str, ...]]:
    return not group.codes, group.codes


def bundled(groups: Iterable[Group], rows: int = BATCH_ROWS, chargers: int = BATCH_CHARGERS) -> Iterator[list[Group]]:
    """Groups in their order, as many together as a batch may hold."""
    batch: list[Group] = []
    for group in groups:
        there = sum(each.rows for each in batch), sum(len(each.chargers) for each in batch)
        if batch and (there[0] + group.rows > rows or there[1] + len(group.chargers) > chargers):
            yield batch
            batch = []
        batch.append(group)
    if batch:
        yield batch
