"""One HTTP exchange with the platform: verified TLS, no redirects, bounded in time and size, silent about secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
from pydantic import SecretStr

from .envelope import HttpAnswer
from .errors import SettingsRefused, UnexpectedAnswer, Unreachable
from .settings import TellusSettings

CONNECT_S = 10.0
"""Seconds for TCP and TLS (judgement: a mobile network's slow handshake takes three)."""

SILENCE_S = 20.0
"""Seconds without a byte after which an answer is given up (judgement: gateways themselves wait 15 to 30)."""

WHOLE_S = 45.0
"""Seconds for a whole exchange, so that a body which drips does not hold us (judgement: a page of 100 takes under one)."""

MAX_BODY_BYTES = 16 * 2**20
"""Bytes of one answer (judgement: a page of 100 charging records has about 50,000)."""


class Transport:
    """Exchanges requests for answers over one connection pool."""

    def __init__(self, settings: TellusSettings) -> None:
        self._base_url = settings.base_url
        self._http = _http_client(settings)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def exchange(
        self,
        method: str,
        path: str,
        what: str,
        *,
        query: Mapping[str, str] | None = None,
        authorization: Callable[[], str] | None = None,
        body: Callable[[], Any] | None = None,
    ) -> HttpAnswer:
        """Send a request and read its answer to the end. Raises Unreachable, and UnexpectedAnswer for one too large.

        Secrets come as functions and errors are raised afresh, so that no traceback holds them in its locals or its chain.
        """
        try:
            async with asyncio.timeout(WHOLE_S):
                return await self._exchange(method, path, what, query, authorization, body)
        except (TimeoutError, httpx2.TimeoutException):
            problem = "the platform does not answer in time"
        except httpx2.ConnectError as error:
            problem = f"no connection to the platform ({_reason(error)})"
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError) as error:
            problem = f"the exchange broke off ({_reason(error)})"
        raise Unreachable(f"{what}: {problem}; check the network and TELLUS_BASE_URL")

    async def _exchange(
        self,
        method: str,
        path: str,
        what: str,
        query: Mapping[str, str] | None,
        authorization: Callable[[], str] | None,
        body: Callable[[], Any] | None,
    ) -> HttpAnswer:
        async with self._http.stream(
            method,
            f"{self._base_url}{path}",
            params=query,
            headers=None if authorization is None else {"authorization": authorization()},
            json=None if body is None else body(),
        ) as response:
            received = bytearray()
            async for chunk in response.aiter_bytes():
                received += chunk
                if len(received) > MAX_BODY_BYTES:
                    raise UnexpectedAnswer(
                        f"{what}: the answer is larger than {MAX_BODY_BYTES >> 20} MiB; ask for less"
                    )
            headers = {name.lower(): value for name, value in response.headers.items()}
            return HttpAnswer(response.status_code, headers, bytes(received))


def _http_client(settings: TellusSettings) -> httpx2.AsyncClient:
    """The HTTP client. Raises SettingsRefused where the environment's proxy or certificates cannot be used."""
    try:
        return httpx2.AsyncClient(
            timeout=httpx2.Timeout(SILENCE_S, connect=CONNECT_S),
            limits=httpx2.Limits(max_connections=4, max_keepalive_connections=2),
            follow_redirects=False,
            trust_env=not settings.local,
            headers={"accept": "application/json", "accept-encoding": "identity"},
        )
    except ImportError:
        problem = "a SOCKS proxy needs another package; pip install socksio python-socks, or unset ALL_PROXY"
    except (httpx2.InvalidURL, ValueError):
        problem = "the proxy that the environment names is no address; mend HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"
    except OSError as error:
        words = error.strerror or type(error).__name__
        problem = (
            f"the certificates that the environment names cannot be read ({words}); mend SSL_CERT_FILE or SSL_CERT_DIR"
        )
    raise SettingsRefused(problem)


def bearer(token: SecretStr) -> Callable[[], str]:
    """The Authorization header of a token, made when it is sent."""
    return lambda: f"Bearer {token.get_secret_value()}"


def _reason(error: BaseException) -> str:
    """The innermost reason of a transport error: its type, and the system's words where it has some."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    words = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
    return f"{type(error).__name__}{f': {words}' if words else ''}"
