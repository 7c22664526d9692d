"""What can keep the platform from being read: one exception type for each way, all under TellusError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class TellusError(Exception):
    """Anything that keeps the platform from being read. The text is one line and holds no credential."""


class SettingsRefused(TellusError):
    """Credentials or the platform's address are missing or cannot be used; the text says how to mend it."""


class UnusableId(TellusError, ValueError):
    """An id that cannot be asked for: empty, a path of its own, or one that the stream cannot subscribe to."""


class Unreachable(TellusError):
    """No answer: no connection, TLS that cannot be verified, a time-out, or a connection that broke off."""


class UnexpectedAnswer(TellusError):
    """An answer that is not what the platform's description says: no JSON, no envelope, too large, a redirect."""


class PlatformRefused(TellusError):
    """The platform's envelope says no. `code` is the envelope's, None where only the HTTP status told; `details` are its own."""

    meaning: ClassVar[str] = "the platform refuses"
    meaning_of_status: ClassVar[str | None] = None

    def __init__(
        self, what: str, *, code: int | None, http_status: int, said: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        number = f"code {code}" if code is not None else f"HTTP status {http_status}"
        meaning = (self.meaning_of_status if code is None else None) or self.meaning
        super().__init__(f"{what}: {meaning} ({number}{f', {said}' if said else ''})")
        self.code = code
        self.http_status = http_status
        self.details = dict(details or {})


class BadParameter(PlatformRefused):
    """1001: a parameter is not accepted."""

    meaning = "a parameter is not accepted"


class MissingParameter(PlatformRefused):
    """1002: a parameter is missing."""

    meaning = "a parameter is missing"


class InvalidToken(PlatformRefused):
    """2001: token or client credentials are not accepted."""

    meaning = "the credentials are not accepted; check TELLUS_CLIENT_ID and TELLUS_CLIENT_SECRET"


class TokenExpired(PlatformRefused):
    """2002: the token has expired; met only where a new one was refused likewise."""

    meaning = "the token has expired, and a new one too; check this computer's clock"


class PermissionDenied(PlatformRefused):
    """2003: the client may not read this."""

    meaning = "this client may not read it; ask the platform's administrator for the scope read"


class NotFound(PlatformRefused):
    """3001: there is no such thing, or not for this client."""

    meaning = "the platform knows none of that name; check the id"
    meaning_of_status = "there is nothing at that address; check TELLUS_BASE_URL, which ends in the version, and the id"


class Conflict(PlatformRefused):
    """4001: it conflicts with something that exists."""

    meaning = "it conflicts with something that exists"


class RateLimited(PlatformRefused):
    """5001: too many requests. `retry_after_seconds` is how long the platform asks to wait, None where it does not say."""

    meaning = "too many requests for this client; try again later, or stop what else uses its credentials"

    def __init__(self, what: str, *, retry_after_seconds: float | None, said: str = "", **rest: Any) -> None:
        asked = "" if retry_after_seconds is None else f"wait {retry_after_seconds:.0f} s"
        super().__init__(what, said=", ".join(part for part in (asked, said) if part), **rest)
        self.retry_after_seconds = retry_after_seconds


class ServerError(PlatformRefused):
    """9001: the platform has an error of its own."""

    meaning = "the platform has an error of its own; try again later"


class UnlistedCode(PlatformRefused):
    """A code that the platform's description does not list."""

    meaning = "the platform refuses with a code that its description does not list"


BY_CODE: Mapping[int, type[PlatformRefused]] = {
    1001: BadParameter,
    1002: MissingParameter,
    2001: InvalidToken,
    2002: TokenExpired,
    2003: PermissionDenied,
    3001: NotFound,
    4001: Conflict,
    5001: RateLimited,
    9001: ServerError,
}
"""The exception of each code of the envelope (API v1.3, error codes)."""

BY_STATUS: Mapping[int, type[PlatformRefused]] = {
    400: BadParameter,
    401: InvalidToken,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}
"""The exception of an HTTP status where no envelope tells more, as when a gateway answers; 5xx is ServerError."""
