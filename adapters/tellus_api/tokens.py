"""The bearer token of the client: fetched once, kept, and renewed before it expires."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from aiolimiter import AsyncLimiter
from pydantic import SecretStr

from ...knowledge.texts import as_number
from .envelope import bare_or_opened
from .errors import UnexpectedAnswer
from .settings import TellusSettings
from .transport import Transport

LIFETIME_S = 86_400.0
"""Seconds that a token is valid (API v1.3, token response)."""

EARLY_S = 300.0
"""Seconds before its end at which a token is renewed (platform notes: a few minutes)."""

BURST, PERIOD_S = 2, 15.0
"""A leaky bucket of 2 that empties in 15 s lets 2 + 60/15·2 = 10 through in any minute, the limit (platform notes)."""

TOKEN_PATH = "/operator/oauth/token"


class TokenKeeper:
    """Gives the present token. One task fetches it while others wait."""

    def __init__(self, settings: TellusSettings, transport: Transport) -> None:
        self._settings = settings
        self._transport = transport
        self._limiter = AsyncLimiter(BURST, PERIOD_S)
        self._lock = asyncio.Lock()
        self._token: SecretStr | None = None
        self._renew_at = 0.0

    async def token(self) -> SecretStr:
        """The token, renewed where it is about to expire. Raises TellusError where there is none to be had."""
        async with self._lock:
            if self._token is None or asyncio.get_running_loop().time() >= self._renew_at:
                self._token = None
                self._token = await self._fetched()
            return self._token

    def drop(self, token: SecretStr) -> None:
        """Forget a token that the platform does not take any more, unless it has been renewed already."""
        if self._token is not None and self._token.get_secret_value() == token.get_secret_value():
            self._token = None

    def secrets(self) -> Iterator[SecretStr]:
        """What must not be shown."""
        yield self._settings.client_secret
        if self._token is not None:
            yield self._token

    async def _fetched(self) -> SecretStr:
        await self._limiter.acquire()
        asked_at = asyncio.get_running_loop().time()
        what = "token request"
        answer = await self._transport.exchange("POST", TOKEN_PATH, what, body=self._request)
        granted = bare_or_opened(answer, what, "access_token", self.secrets())
        del answer
        lifetime = as_number(granted.get("expires_in")) if isinstance(granted, Mapping) else None
        lifetime = LIFETIME_S if lifetime is None or not 0 < lifetime <= LIFETIME_S else lifetime
        token = SecretStr(_access_token(granted))
        del granted
        if not token.get_secret_value():
            raise UnexpectedAnswer(f"{what}: the answer holds no access token; check TELLUS_BASE_URL")
        self._renew_at = asked_at + lifetime - min(EARLY_S, lifetime / 2)
        return token

    def _request(self) -> dict[str, str]:
        return {
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret.get_secret_value(),
            "grant_type": "client_credentials",
        }


def _access_token(granted: Any) -> str:
    """The token, empty where there is none or it cannot stand in a header."""
    token = granted.get("access_token") if isinstance(granted, Mapping) else None
    return token if isinstance(token, str) and token.isascii() and token.isprintable() and " " not in token else ""
