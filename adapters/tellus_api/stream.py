"""The telemetry stream: one WebSocket for a set of chargers, kept alive, watched for silence, taken up again when lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiolimiter import AsyncLimiter
from pydantic import SecretStr
from pydantic_core import from_json
from websockets.asyncio.client import connect
from websockets.client import backoff
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from ...knowledge.observations import parse_timestamp, plain_json
from .envelope import HttpAnswer, opened, refusal
from .errors import (
    InvalidToken,
    PlatformRefused,
    RateLimited,
    ServerError,
    SettingsRefused,
    TellusError,
    TokenExpired,
    UnexpectedAnswer,
    Unreachable,
    UnusableId,
)
from .settings import TellusSettings
from .tokens import TokenKeeper
from .transport import CONNECT_S, bearer

PING_EVERY_S = 20.0
"""Seconds between pings, and seconds that a pong may take: a connection that is half open is found in 40 s (the default
of websockets, below the minute after which many gateways drop a silent connection)."""

STALLED_S = 120.0
"""Seconds without any frame after which a connection is taken up again though it answers pings (judgement: frames come
every few seconds, so this is more than twenty missing ones)."""

MAX_FRAME_BYTES = 2**20
"""Bytes of one message (judgement: the frame of a charger has under 1,000)."""

MAX_DEVICES = 100
"""Chargers of one subscription (judgement: their ids must fit into one request line, which servers end at 8 KiB)."""

MAX_TARGET_BYTES = 7000
"""Bytes of the request line's ids (judgement: below the 8 KiB at which servers end it)."""

NOT_AUTHORISED = frozenset({1008, 3000})
"""Close codes that may mean an expired token: policy violation (RFC 6455), unauthorized (IANA registry)."""

SOCKS = "stream: a SOCKS proxy needs another package; pip install python-socks, or unset ALL_PROXY"

# websockets logs a handshake's headers at DEBUG, and the token is one of them: a logger of its own that nobody configures
_SILENT = logging.Logger("charger_triage.tellus_api.websocket", logging.CRITICAL + 1)


@dataclass(frozen=True)
class Frame:
    """The state of one charger's connectors at a moment (epoch seconds), and the frame as the platform sent it."""

    device_id: str
    timestamp: float
    raw: Mapping[str, Any]

    def telemetry(self) -> list[dict[str, Any]]:
        """The frame as records of `telemetry`, one a connector; fields that the description does not know are kept."""
        shared = {key: value for key, value in self.raw.items() if key != "connectors"}
        connectors = self.raw.get("connectors")
        return [
            {**shared, **connector, "device_id": self.device_id, "timestamp": self.raw["timestamp"]}
            for connector in (connectors if isinstance(connectors, Sequence) else ())
            if isinstance(connector, Mapping)
        ]


@dataclass(frozen=True)
class StreamGap:
    """A time without a connection: for how many seconds, and why it was lost. The stream does not send again what came then."""

    seconds: float
    reason: str


class _Direct(connect):
    """A connection that follows no redirect: the token is for one host."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Stream:
    """One subscription; `frames` yields until it is closed or refused for good."""

    def __init__(
        self,
        settings: TellusSettings,
        tokens: TokenKeeper,
        limiter: AsyncLimiter,
        device_ids: Sequence[str],
        on_gap: Callable[[StreamGap], None] | None,
        on_problem: Callable[[str], None] | None,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._limiter = limiter
        self._target = _target(settings, device_ids)
        self._on_gap = on_gap
        self._on_problem = on_problem
        self._renewed = False
        self._worked = False
        self._lost: tuple[float, str] | None = None

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Frames, over as many connections as it takes."""
        delays = backoff()
        loop = asyncio.get_running_loop()
        while True:
            token: SecretStr | None = None
            pause: float | None = None
            refused: TellusError | HttpAnswer | None = None
            connected = False
            try:
                token = await self._tokens.token()
                await self._limiter.acquire()
                async with self._connection(token) as connection:
                    connected = True
                    while True:
                        async with asyncio.timeout(STALLED_S):
                            message = await connection.recv()
                        frame = self._read(message)
                        if frame is None:
                            continue
                        self._taken_up(loop.time())
                        delays = backoff()
                        yield frame
            except TimeoutError:
                reason = "no frame came for two minutes" if connected else "the platform does not answer in time"
            except InvalidStatus as error:
                refused = _as_answer(error)
            except ConnectionClosed as error:
                code = None if error.rcvd is None else error.rcvd.code
                if code in NOT_AUTHORISED and token is not None:
                    self._tokens.drop(token)
                reason = "the connection broke off" if code is None else f"the platform closed it with code {code}"
            except (WebSocketException, OSError) as error:
                reason = f"no connection ({type(error).__name__})"
            except ImportError:
                refused = SettingsRefused(SOCKS)
            except TellusError as error:
                refused = error
            if refused is not None:
                # out here, so that what it raises does not hang on websockets' frames, whose locals hold the token
                pause, reason = self._refused(refused, token)
            self._note_loss(loop.time(), reason)
            await asyncio.sleep(next(delays) if pause is None else pause)

    def _connection(self, token: SecretStr) -> connect:
        return _Direct(
            self._target,
            additional_headers={"Authorization": bearer(token)()},
            open_timeout=CONNECT_S,
            ping_interval=PING_EVERY_S,
            ping_timeout=PING_EVERY_S,
            close_timeout=2.0,
            max_size=MAX_FRAME_BYTES,
            compression=None,
            proxy=None if self._settings.local else True,
            logger=_SILENT,
        )

    def _read(self, message: str | bytes) -> Frame | None:
        """The frame of a message; None, and a problem told, for what is none. Raises PlatformRefused for an envelope."""
        try:
            raw = from_json(message, allow_inf_nan=True)
        except ValueError:
            self._tell("a frame is no JSON; it is skipped")
            return None
        if not isinstance(raw, Mapping):
            self._tell("a frame is no JSON object; it is skipped")
            return None
        if "device_id" not in raw and isinstance(raw.get("code"), int):
            if raw["code"] == 0:
                return None
            raise refusal(raw, "stream", HttpAnswer(200, {}, b""), self._tokens.secrets())
        device, time = raw.get("device_id"), parse_timestamp(raw.get("timestamp"))
        if not isinstance(device, str) or not device or time is None:
            self._tell("a frame names no charger or no time; it is skipped")
            return None
        return Frame(device, time, plain_json(raw))

    def _refused(self, refused: TellusError | HttpAnswer, token: SecretStr | None) -> tuple[float | None, str]:
        """How long to wait before the next attempt, and why; raises a refusal that no new attempt would change."""
        error = refused if isinstance(refused, TellusError) else _refusal_of(refused, self._tokens)
        if isinstance(error, TokenExpired) and token is not None and not self._renewed:
            self._renewed = True
            self._tokens.drop(token)
            return 0.0, "the token had expired"
        if isinstance(error, RateLimited):
            wait = error.retry_after_seconds
            return wait, f"too many requests{'' if wait is None else f', the platform asks to wait {wait:.0f} s'}"
        if isinstance(error, ServerError):
            return None, "the platform has an error of its own"
        if isinstance(error, Unreachable) and token is None:
            return None, "no connection for a new token"
        if not _by_the_platform(error) and self._worked:
            if isinstance(error, InvalidToken) and token is not None:
                self._tokens.drop(token)  # a gateway may know better that it has expired
            return None, "something else than the platform answers"
        raise error

    def _taken_up(self, now: float) -> None:
        self._renewed = False
        self._worked = True
        if self._lost is not None:
            since, reason = self._lost
            self._lost = None
            if self._on_gap is not None:
                self._on_gap(StreamGap(now - since, reason))

    def _note_loss(self, now: float, reason: str) -> None:
        if self._lost is None:
            self._lost = (now, reason)
        self._tell(f"{reason}; it is tried again")

    def _tell(self, problem: str) -> None:
        if self._on_problem is not None:
            self._on_problem(f"stream: {problem}")


def _target(settings: TellusSettings, device_ids: Sequence[str]) -> str:
    """The address of a subscription. Raises UnusableId."""
    ids = list(dict.fromkeys(device_ids))
    if not ids:
        raise UnusableId("name at least one charger")
    if any("," in device or not device.strip() for device in ids):
        raise UnusableId("an id that is empty or holds a comma cannot be subscribed to")
    listed = ",".join(quote(device, safe="") for device in ids)
    if len(ids) > MAX_DEVICES or len(listed) > MAX_TARGET_BYTES:
        raise UnusableId(f"one subscription takes {MAX_DEVICES} chargers; watch the others with another")
    return f"{settings.stream_url}?devices={listed}"


def _as_answer(error: InvalidStatus) -> HttpAnswer:
    response = error.response
    headers = {name.lower(): value for name, value in response.headers.raw_items()}
    return HttpAnswer(response.status_code, headers, bytes(response.body or b""))


def _by_the_platform(error: TellusError) -> bool:
    """Whether it is the platform, or this computer, that says so: a gateway's answer holds no envelope."""
    if isinstance(error, PlatformRefused):
        return error.code is not None
    return not isinstance(error, (Unreachable, UnexpectedAnswer))


def _refusal_of(answer: HttpAnswer, tokens: TokenKeeper) -> TellusError:
    """What a handshake's answer other than 101 means."""
    try:
        opened(answer, "stream", tokens.secrets())
    except (PlatformRefused, UnexpectedAnswer) as error:
        return error
    return Unreachable("stream: the platform answers without opening a WebSocket; check TELLUS_BASE_URL")
