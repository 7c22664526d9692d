"""What `fetch` and `watch` share: credentials, times, and errors of the platform as one line."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from .failures import Unusable
from .shell import PROGRAM

if TYPE_CHECKING:
    from ..tellus_api import TellusSettings

Result = TypeVar("Result")

DevicesOption = Annotated[list[str] | None, typer.Option("--device", metavar="ID", help="A charger; may be repeated.")]
CredentialsOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Lines TELLUS_CLIENT_ID=…, TELLUS_CLIENT_SECRET=… and TELLUS_BASE_URL=…; the environment goes before it.",
    ),
]
BaseUrlOption = Annotated[
    str | None, typer.Option(metavar="URL", help="The platform's address with its version: https://…/v1.")
]


def settings_of(command: str, credentials: str | None, base_url: str | None) -> TellusSettings:
    """The platform's address and credentials. Raises Unusable where they, or the libraries that read it, are missing."""
    try:
        import stamina

        from ..tellus_api import SettingsRefused, load_settings
    except ModuleNotFoundError as error:
        raise Unusable(
            f"{command} needs the package {error.name}, which is not installed; pip install '{PROGRAM}[api]'"
        ) from None
    # stamina's own hook writes to standard output, where reports go
    stamina.instrumentation.set_on_retry_hooks([])
    try:
        return load_settings(credentials, **({} if base_url is None else {"base_url": base_url}))
    except SettingsRefused as error:
        raise Unusable(str(error)) from None


def run_on_platform(work: Coroutine[Any, Any, Result]) -> Result:
    """Run what reads the platform. Raises Unusable where it cannot be read."""
    import asyncio  # only here, since loading it takes a twentieth of a second

    from ..tellus_api import TellusError

    try:
        return asyncio.run(work)
    except TellusError as error:
        raise Unusable(str(error)) from None


def time_of(option: str, text: str | None) -> datetime | None:
    """A time as a user writes it; without an offset it is UTC. Raises Unusable for what is none."""
    if text is None:
        return None
    from ...knowledge.observations import parse_timestamp

    seconds = parse_timestamp(text.strip())
    try:
        if seconds is not None:
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise Unusable(f"{option} {text!r} is no time; write it as 2026-05-10T12:00:00Z or in epoch seconds")
