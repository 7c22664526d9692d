"""The platform's envelope `{code, message, data}`: opened, or turned into the exception that its code stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr
from pydantic_core import from_json

from ...knowledge.observations import plain_json
from ..report.wording import clean
from .errors import (
    BY_CODE,
    BY_STATUS,
    PlatformRefused,
    RateLimited,
    ServerError,
    TellusError,
    UnexpectedAnswer,
    UnlistedCode,
)

LONGEST_SAID = 200
"""Characters of the platform's own message that an error shows (judgement: one line)."""

LONGEST_WAIT_S = 3600.0
"""A longer wait than this is not believed to be meant (judgement: the limits are per minute)."""


@dataclass(frozen=True)
class HttpAnswer:
    """An HTTP answer read to its end: status, header fields by their names in lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def opened(answer: HttpAnswer, what: str, secrets: Iterable[SecretStr] = ()) -> Any:
    """The `data` of an envelope.

    Raises PlatformRefused where its code (or, without an envelope, the HTTP status) says no, UnexpectedAnswer where it
    is something else. `secrets` are struck out of what the platform said.
    """
    # raised here, where no local holds the body: a platform that echoes a secret must not bring it into a traceback
    outcome = _data_or_error(answer, what, secrets)
    if isinstance(outcome, TellusError):
        raise outcome
    return outcome


def bare_or_opened(answer: HttpAnswer, what: str, field: str, secrets: Iterable[SecretStr] = ()) -> Any:
    """Like `opened`, for the one answer that the description gives without an envelope: told by `field`."""
    bare = _with_field(answer, field)
    return opened(answer, what, secrets) if bare is None else bare


def _data_or_error(answer: HttpAnswer, what: str, secrets: Iterable[SecretStr]) -> Any:
    envelope = _json_object(answer)
    code = None if envelope is None else _code(envelope)
    if envelope is not None and code == 0 and answer.status < 300:
        return envelope.get("data")
    if code is None and answer.status < 400:
        return UnexpectedAnswer(f"{what}: {_oddity(answer, envelope)}; check TELLUS_BASE_URL")
    return refusal(envelope or {}, what, answer, secrets)


def refusal(
    envelope: Mapping[str, Any], what: str, answer: HttpAnswer, secrets: Iterable[SecretStr] = ()
) -> PlatformRefused:
    """The exception for an envelope that says no."""
    secrets = list(secrets)
    code = _code(envelope) or None
    if code is not None:
        kind = BY_CODE.get(code, UnlistedCode)
    else:
        kind = ServerError if answer.status >= 500 else BY_STATUS.get(answer.status, UnlistedCode)
    details = envelope.get("details")
    if not isinstance(details, Mapping):
        data = envelope.get("data")
        details = data.get("details", data) if isinstance(data, Mapping) else {}
    details = details if isinstance(details, Mapping) else {}
    told: dict[str, Any] = {
        "code": code,
        "http_status": answer.status,
        "said": clean(struck_out(str(envelope.get("message") or ""), secrets), LONGEST_SAID),
        "details": _struck_out_of(plain_json(details), secrets),
    }
    if issubclass(kind, RateLimited):
        wait = _seconds(details.get("retry_after_seconds"))
        told["retry_after_seconds"] = _seconds(answer.headers.get("retry-after")) if wait is None else wait
    return kind(what, **told)


def struck_out(text: str, secrets: Iterable[SecretStr]) -> str:
    """A text without the secrets that may stand in it."""
    for secret in secrets:
        value = secret.get_secret_value()
        if value:
            text = text.replace(value, "(secret)")
    return text


def _struck_out_of(value: Any, secrets: Sequence[SecretStr]) -> Any:
    """The platform names the value that it does not take: a secret may stand anywhere in what it says."""
    if isinstance(value, str):
        return struck_out(value, secrets)
    if isinstance(value, Mapping):
        return {struck_out(key, secrets): _struck_out_of(item, secrets) for key, item in value.items()}
    return [_struck_out_of(item, secrets) for item in value] if isinstance(value, list) else value


def _json_object(answer: HttpAnswer) -> dict[str, Any] | None:
    kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        return None
    try:
        document = from_json(answer.body, allow_inf_nan=True)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _with_field(answer: HttpAnswer, field: str) -> dict[str, Any] | None:
    document = _json_object(answer)
    return document if document is not None and field in document and answer.status < 300 else None


def _code(envelope: Mapping[str, Any]) -> int | None:
    code = envelope.get("code")
    if isinstance(code, str) and code.isascii() and code.isdecimal() and len(code) <= 9:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _oddity(answer: HttpAnswer, envelope: Mapping[str, Any] | None) -> str:
    if answer.status >= 300:
        return f"the platform sends elsewhere (HTTP status {answer.status}), which is not followed with a token"
    if envelope is not None:
        return "the answer's JSON is not the platform's envelope"
    kind = clean(answer.headers.get("content-type", "") or "of no stated type", 60)
    return f"the answer is no JSON object ({kind}, {len(answer.body):,} bytes)"


def _seconds(value: Any) -> float | None:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds <= LONGEST_WAIT_S else None
