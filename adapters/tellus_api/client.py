"""The client: what the platform's operator API gives to read, with token, limits, retries and paging taken care of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import stamina
from aiolimiter import AsyncLimiter

from .answers import Answer, Document, answered, command_status, energy_series
from .envelope import HttpAnswer, opened
from .errors import RateLimited, ServerError, TokenExpired, UnexpectedAnswer, UnusableId
from .paging import PAGE_SIZE, Pages
from .settings import TellusSettings
from .stream import Frame, Stream, StreamGap
from .tokens import TokenKeeper
from .transport import Transport, bearer

BURST, PERIOD_S = 15, 20.0
"""A leaky bucket of 15 that empties in 20 s lets 15 + 60/20·15 = 60 through in any minute, the limit (platform notes)."""

ATTEMPTS = 4
"""Attempts at a query that meets 5001 or 9001 (judgement: with the waits below some 15 s of trouble are bridged)."""

FIRST_WAIT_S, LAST_WAIT_S, JITTER_S = 1.0, 30.0, 1.0
"""Waits between attempts where the platform names none: 1, 2, 4 s and up to one more at random (judgement)."""

PATIENCE_S = 120.0
"""A longer wait that the platform asks for ends the query instead (judgement: limits are per minute; two of them)."""


def _wait_or_give_up(error: Exception) -> bool | float:
    """Whether an error is worth another attempt, and after how many seconds: 5001 and 9001 alone are (platform notes)."""
    if isinstance(error, RateLimited) and error.retry_after_seconds is not None:
        return error.retry_after_seconds if error.retry_after_seconds <= PATIENCE_S else False
    return isinstance(error, (RateLimited, ServerError))


class TellusClient:
    """Reads the platform. Use as `async with TellusClient(settings) as client`, within one event loop.

    Every method raises a subclass of TellusError where the platform cannot be read; what is merely wrong in an answer
    stands in its `problems`. Queries of one client are kept to 60 a minute, token requests to 10.
    """

    def __init__(self, settings: TellusSettings) -> None:
        self._settings = settings
        self._transport = Transport(settings)
        self._tokens = TokenKeeper(settings, self._transport)
        self._limiter = AsyncLimiter(BURST, PERIOD_S)
        self._not_before = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._transport.close()

    async def sites(self) -> Answer:
        """The sites that this client may see, as records of `sites`."""
        return await self._listed("sites", "site_id", "/operator/sites", {}, "sites")

    async def device(self, device_id: str) -> Answer:
        """One charger with the state of its connectors, as a record of `devices`. Raises NotFound for none such."""
        what = f"device {device_id}"
        data, answer = await self._query(f"/operator/devices/{_part(device_id)}", {}, what)
        if not isinstance(data, Mapping):
            raise UnexpectedAnswer(f"{what}: the answer holds no device; check TELLUS_BASE_URL")
        return answered("devices", [data], as_of=_clock(answer))

    async def charging_records(
        self,
        device_id: str | None = None,
        connector_id: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Answer:
        """Sessions, as records of `charging_records`: of one charger or of all, one connector, a span of start times."""
        query = {} if device_id is None else {"device_id": device_id}
        query |= {} if connector_id is None else {"connector_id": str(connector_id)}
        query |= {} if since is None else {"start_time": utc_text(since)}
        query |= {} if until is None else {"end_time": utc_text(until)}
        what = "charging records" if device_id is None else f"charging records of {device_id}"
        return await self._listed("charging_records", "record_id", "/operator/charging-records", query, what)

    async def command(self, command_id: str) -> Document:
        """How far a command has come. Raises NotFound for none such."""
        what = f"command {command_id}"
        data, _ = await self._query(f"/operator/commands/{_part(command_id)}", {}, what)
        if not isinstance(data, Mapping):
            raise UnexpectedAnswer(f"{what}: the answer holds no command; check TELLUS_BASE_URL")
        return command_status(data)

    async def energy(
        self,
        granularity: Literal["hour", "day", "month"],
        since: datetime,
        until: datetime,
        *,
        group_by: Literal["site", "operator"] | None = None,
        site_ids: Sequence[str] = (),
    ) -> Document:
        """Aggregated energy (kWh) and power (kW) over a span of time."""
        query = {"granularity": granularity, "start_time": utc_text(since), "end_time": utc_text(until)}
        query |= {} if group_by is None else {"group_by": group_by}
        query |= {"site_ids": ",".join(site_ids)} if site_ids else {}
        data, _ = await self._query("/operator/aggregated/energy", query, "energy")
        if not isinstance(data, Mapping):
            raise UnexpectedAnswer("energy: the answer holds no series; check TELLUS_BASE_URL")
        return energy_series(data)

    def stream(
        self,
        device_ids: Sequence[str],
        *,
        on_gap: Callable[[StreamGap], None] | None = None,
        on_problem: Callable[[str], None] | None = None,
    ) -> AsyncGenerator[Frame, None]:
        """Frames of live state for some chargers, without end: a connection that is lost is taken up again.

        `on_gap` hears of each time without a connection once it is over, `on_problem` of what could not be read and of
        failed attempts. Close the iterator (`contextlib.aclosing`) to let go. Raises UnusableId at once for ids that
        cannot be subscribed to; the iterator raises the TellusError of a refusal that no new attempt would change.
        """
        return Stream(self._settings, self._tokens, self._limiter, device_ids, on_gap, on_problem).frames()

    async def _listed(self, name: str, identity: str, path: str, query: Mapping[str, str], what: str) -> Answer:
        pages = Pages(name, identity)
        clocks: list[float] = []

        async def page(number: int) -> Any:
            data, answer = await self._query(path, {**query, "page": str(number), "size": str(PAGE_SIZE)}, what)
            clocks.extend(clock for clock in [_clock(answer)] if clock is not None)
            return data

        await pages.read(page, what)
        return answered(name, pages.found, met=pages.problems, complete=pages.complete, as_of=min(clocks, default=None))

    async def _query(self, path: str, query: Mapping[str, str], what: str) -> tuple[Any, HttpAnswer]:
        """The data of an answer and the answer, after as many attempts as its errors are worth."""
        attempts = stamina.retry_context(
            on=_wait_or_give_up, attempts=ATTEMPTS, timeout=None, wait_initial=FIRST_WAIT_S, wait_max=LAST_WAIT_S,
            wait_jitter=JITTER_S,
        )  # fmt: skip
        async for attempt in attempts:
            with attempt:
                try:
                    return await self._once(path, query, what)
                except TokenExpired:
                    pass
                return await self._once(path, query, what)
        raise AssertionError("stamina ends in a result or an error")

    async def _once(self, path: str, query: Mapping[str, str], what: str) -> tuple[Any, HttpAnswer]:
        token = await self._tokens.token()
        await self._turn()
        answer = await self._transport.exchange("GET", path, what, query=query, authorization=bearer(token))
        try:
            return opened(answer, what, [token, *self._tokens.secrets()]), answer
        except TokenExpired:
            self._tokens.drop(token)
            raise
        except RateLimited as error:
            if error.retry_after_seconds is not None:
                until = asyncio.get_running_loop().time() + min(error.retry_after_seconds, PATIENCE_S)
                self._not_before = max(self._not_before, until)
            raise

    async def _turn(self) -> None:
        """Wait until no query of this client has been told to wait, and until the limit lets one through."""
        loop = asyncio.get_running_loop()
        while True:
            # the limit last: queries that had their turn before a wait would all go out together at its end
            await asyncio.sleep(max(0.0, self._not_before - loop.time()))
            await self._limiter.acquire()
            if loop.time() >= self._not_before:
                return


def utc_text(moment: datetime) -> str:
    """A moment as the API takes it: ISO 8601 in UTC; without an offset it is taken as UTC."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _part(name: str) -> str:
    """A name as one part of a path. Raises UnusableId for one that would be another path."""
    if name.strip(". ") == "":
        raise UnusableId(f"{name!r} is no id; name what the platform calls it")
    return quote(name, safe="")


def _clock(answer: HttpAnswer) -> float | None:
    """The platform's clock when it answered, epoch seconds."""
    try:
        return parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
