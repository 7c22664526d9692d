"""Reading a list to its end, page by page, and noticing pages that cannot be right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...engine.knowledge_base import DataProblem
from .errors import UnexpectedAnswer

PAGE_SIZE = 100
"""Records asked for at once: the most that the API gives (API v1.3)."""

MAX_PAGES = 1000
"""Pages after which reading stops (judgement: 100,000 records, at 45 pages a minute some 22 minutes)."""


@dataclass
class Pages:
    """The records of a list as they come in. `complete` is false where records may be missing; `problems` say why."""

    record_list: str
    identity: str
    found: list[Any] = field(default_factory=list)
    problems: list[DataProblem] = field(default_factory=list)
    complete: bool = True
    _known: set[str] = field(default_factory=set)

    async def read(self, page: Callable[[int], Awaitable[Any]], what: str) -> None:
        """Read from page 1 to the end; `page` gives the data of a page. Raises what it raises, and UnexpectedAnswer.

        Records that come twice count once: while a list grows, a record moves on to the next page.
        """
        total: int | None = None
        for number in range(1, MAX_PAGES + 1):
            data = await page(number)
            items = data.get("items") if isinstance(data, Mapping) else None
            if not isinstance(items, Sequence) or isinstance(items, str):
                raise UnexpectedAnswer(f"{what}: page {number} holds no list of items; check TELLUS_BASE_URL")
            stated = _whole(data.get("total"))
            if total is not None and stated is not None and stated != total:
                self._warn(f"the total changed from {total:,} to {stated:,} while page {number} was read")
            total = total if stated is None else stated
            fresh = self._take(items)
            if self._ended(number, items, fresh, total, _whole(data.get("size")), _whole(data.get("page"))):
                return
        self._stop(f"there are more than {MAX_PAGES:,} pages; ask for a shorter time")

    def _take(self, items: Sequence[Any]) -> int:
        """Take what was not there yet and tell how many that were. Broken items are taken too: they become warnings."""
        fresh = 0
        for item in items:
            key = item.get(self.identity) if isinstance(item, Mapping) else None
            name = repr(item) if key is None else f"{key}"
            if name not in self._known:
                self._known.add(name)
                self.found.append(item)
                fresh += 1
        return fresh

    def _ended(
        self, number: int, items: Sequence[Any], fresh: int, total: int | None, size: int | None, page: int | None
    ) -> bool:
        known = len(self._known)
        if total is not None and known >= total:
            return True
        if not items:
            if total is not None and known < total:
                self._stop(f"page {number} is empty though only {known:,} of {total:,} records came")
            return True
        if not fresh:
            self._stop(f"page {number} repeats what came before")
            return True
        if page is not None and page != number:
            self._warn(f"page {number} was asked for and calls itself page {page}")
        return total is None and len(items) < min(PAGE_SIZE, size or PAGE_SIZE)

    def _stop(self, problem: str) -> None:
        self.complete = False
        self._warn(f"{problem}; records may be missing")

    def _warn(self, problem: str) -> None:
        self.problems.append(DataProblem(self.record_list, None, None, problem))


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
