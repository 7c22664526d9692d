"""Address of the platform and credentials of the client: from the environment or a file, never from an argument."""

from __future__ import annotations

from io import StringIO
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from dotenv.parser import parse_stream
from pydantic import SecretStr, StringConstraints, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import SettingsRefused

PREFIX = "TELLUS_"

_IN_WORDS = {"string_too_short": "is empty", "string_too_long": "is longer than 512 characters"}

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=512)]


class TellusSettings(BaseSettings):
    """TELLUS_BASE_URL, TELLUS_CLIENT_ID and TELLUS_CLIENT_SECRET.

    The secret shows as asterisks wherever the settings are printed. `base_url` ends in the version (`/v1`); https, or
    http on this computer alone. It has no default: the vendor has not fixed the host name (API v1.3).
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True, str_strip_whitespace=True
    )

    base_url: Word
    client_id: Word
    client_secret: SecretStr

    @field_validator("client_secret")
    @classmethod
    def _not_empty(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip():
            raise ValueError("is empty")
        return SecretStr(value.get_secret_value().strip())

    @field_validator("base_url")
    @classmethod
    def _safe(cls, value: str) -> str:
        parts = _split(value)
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
            raise ValueError("must begin with https:// (http:// is taken for this computer alone)")
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            raise ValueError("must hold neither credentials nor a query")
        return f"{parts.scheme}{value[len(parts.scheme) :]}".rstrip("/")

    @property
    def stream_url(self) -> str:
        """The address of the telemetry stream."""
        return f"ws{self.base_url.removeprefix('http')}/operator/stream"

    @property
    def local(self) -> bool:
        """Whether the platform is this computer, as in a test."""
        return _is_loopback(_split(self.base_url).hostname or "")


def load_settings(file: str | Path | None = None, **given: Any) -> TellusSettings:
    """The settings from the environment and, where it does not say, from a file of lines such as `TELLUS_CLIENT_ID=…`.

    `given` overrides both. Raises SettingsRefused, whose text names what is missing or wrong and never its value.
    """
    if file is not None:
        _demand_lines(Path(file))
    try:
        return TellusSettings(_env_file=file, _env_file_encoding="utf-8-sig", **given)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
    except (OSError, UnicodeDecodeError):
        problems = []
    raise SettingsRefused(_in_words(problems, file))


def _demand_lines(file: Path) -> None:
    """Raise SettingsRefused for what is no file of lines NAME=value, without showing any of it."""
    try:
        bindings = list(parse_stream(StringIO(file.read_text(encoding="utf-8-sig"))))
    except (OSError, UnicodeDecodeError) as error:
        reason = f"cannot be read: {getattr(error, 'strerror', None) or 'it is no UTF-8 text'}"
    else:
        wrong = next((binding.original.line for binding in bindings if binding.error), None)
        if wrong is None:
            return
        reason = f"line {wrong} is not of the form NAME=value"
    raise SettingsRefused(f"{file}: {reason}; name a file of lines such as TELLUS_CLIENT_ID=…")


def _in_words(problems: list[Any], file: str | Path | None) -> str:
    place = "the environment" if file is None else f"the environment or {file}"
    missing = [_variable(problem) for problem in problems if problem["type"] == "missing"]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        return f"{', '.join(missing)} {verb} not set; set {'it' if len(missing) == 1 else 'them'} in {place}"
    for problem in problems:
        words = _IN_WORDS.get(problem["type"], problem["msg"].removeprefix("Value error, "))
        return f"{_variable(problem)} {words}; mend it where it was given"
    return f"{place} cannot be read; write lines such as TELLUS_CLIENT_ID=…"


def _variable(problem: Any) -> str:
    return f"{PREFIX}{'.'.join(str(part) for part in problem['loc'])}".upper()


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("is no address") from None
    if not parts.hostname:
        raise ValueError("is no address")
    return parts


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
