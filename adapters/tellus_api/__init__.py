"""The vendor's platform, read through its operator API: an async client, and cases made of what it gives.

    async with TellusClient(load_settings()) as client:
        device = await client.device("TP-001")

It needs the extra `charger-triage[api]`.
"""

from __future__ import annotations

from .answers import Answer, CommandStatus, Document, EnergySeries
from .case import Case, NothingToRead, collect, write_case
from .client import TellusClient
from .errors import (
    BadParameter,
    Conflict,
    InvalidToken,
    MissingParameter,
    NotFound,
    PermissionDenied,
    PlatformRefused,
    RateLimited,
    ServerError,
    SettingsRefused,
    TellusError,
    TokenExpired,
    UnexpectedAnswer,
    UnlistedCode,
    Unreachable,
    UnusableId,
)
from .settings import TellusSettings, load_settings
from .stream import Frame, StreamGap
from .watcher import Sighting, Tally, Watcher

__all__ = [
    "Answer",
    "BadParameter",
    "Case",
    "CommandStatus",
    "Conflict",
    "Document",
    "EnergySeries",
    "Frame",
    "InvalidToken",
    "MissingParameter",
    "NotFound",
    "NothingToRead",
    "PermissionDenied",
    "PlatformRefused",
    "RateLimited",
    "ServerError",
    "SettingsRefused",
    "Sighting",
    "StreamGap",
    "Tally",
    "TellusClient",
    "TellusError",
    "TellusSettings",
    "TokenExpired",
    "UnexpectedAnswer",
    "UnlistedCode",
    "Unreachable",
    "UnusableId",
    "Watcher",
    "collect",
    "load_settings",
    "write_case",
]
