"""Charger models: the latest stable firmware of each, and how far a charger's own is behind it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import ceil
from typing import Literal

from pydantic import field_validator

from ..engine.facts import Version
from ..engine.rules import RuleModel
from .findings import usable
from .firmware import parse_firmware
from .library import MODELS, shipped_directory

Relation = Literal["latest", "behind", "ahead", "cannot be told"]

_MAJOR = 10**8
_MINOR = 10**4


class ChargerModel(RuleModel):
    """A charger model: its latest stable release (null where none is known), and that of its V2G variant where it differs."""

    model: str
    kind: str
    latest_stable: str | None
    source: str
    v2g_variant: bool = False
    latest_stable_v2g: str | None = None
    v2g_note: str | None = None

    @field_validator("latest_stable", "latest_stable_v2g")
    @classmethod
    def _is_version(cls, value: str | None) -> str | None:
        if value is not None and parse_firmware(value) is None:
            raise ValueError(f"{value!r} is no firmware version; write one such as 3.1.0 or 260420.0107")
        return value

    def latest_for(self, *, v2g: bool) -> str | None:
        """The latest stable release for a charger that serves V2G or does not."""
        return self.latest_stable_v2g if v2g and self.latest_stable_v2g is not None else self.latest_stable


class ModelsFile(RuleModel):
    """All charger models, and the number of minor versions beyond which an upgrade is to be planned."""

    plan_upgrade_beyond_minor: int
    plan_upgrade_source: str
    models: tuple[ChargerModel, ...]

    def named(self, name: str | None) -> ChargerModel | None:
        """The model that a name in metadata means: in any case, with a suffix such as `-V2G`; None for an unknown one."""
        wanted = "".join((name or "").upper().split())
        fits = [m for m in self.models if wanted == m.model or wanted.startswith(f"{m.model}-")]
        return max(fits, key=lambda m: len(m.model), default=None)


class FirmwareStanding(RuleModel):
    """How a charger's firmware stands to the latest stable release of its model.

    `minor_behind` counts minor versions within one major version, and is null where the majors differ or nothing can be
    told; `plan_upgrade` is null where that cannot be told; `statement` says it in a sentence, with the reason.
    """

    version: str | None
    latest: str | None
    relation: Relation
    minor_behind: int | None
    plan_upgrade: bool | None
    statement: str
    source: str


@cache
def charger_models() -> ModelsFile:
    """The shipped charger models. Raises KnowledgeError where their file cannot be used."""
    return usable(ModelsFile, shipped_directory() / MODELS)


def firmware_standing(model: str | None, version: str | None, *, v2g: bool = False) -> FirmwareStanding:
    """How far a charger's firmware is behind the latest stable release of its model.

    `v2g` says that the charger serves V2G, whose latest release can differ. What cannot be compared is said to be so.
    """
    known = charger_models()
    charger = known.named(model)
    if version is None:
        return _untold(version, charger, v2g, "the records do not name the charger's version")
    if charger is None:
        which = (
            "the records do not name the charger's model" if model is None else f"no stable release of {model} is known"
        )
        return _untold(version, None, v2g, which)
    latest = charger.latest_for(v2g=v2g)
    if latest is None:
        return _untold(version, charger, v2g, f"no stable release of {charger.model} is known")
    own, newest = parse_firmware(version), parse_firmware(latest)
    if own is None or newest is None:
        return _untold(version, charger, v2g, f"{version} is of no known numbering scheme")
    if own.scheme != newest.scheme:
        return _untold(
            version, charger, v2g, f"{version} is {own.scheme} and {latest} {newest.scheme}, and the two do not compare"
        )
    return _compared(own, newest, charger, v2g, known)


def _untold(version: str | None, charger: ChargerModel | None, v2g: bool, reason: str) -> FirmwareStanding:
    return FirmwareStanding(
        version=version,
        latest=None if charger is None else charger.latest_for(v2g=v2g),
        relation="cannot be told",
        minor_behind=None,
        plan_upgrade=None,
        statement=f"How far the firmware is behind cannot be told: {reason}.",
        source=charger_models().plan_upgrade_source if charger is None else charger.source,
    )


def _compared(own: Version, newest: Version, charger: ChargerModel, v2g: bool, known: ModelsFile) -> FirmwareStanding:
    relation: Relation = "latest" if own.rank == newest.rank else "behind" if own.rank < newest.rank else "ahead"
    name = f"{charger.model}{' with V2G' if v2g and charger.latest_stable_v2g is not None else ''}"
    # a pre-release ranks half a step below its release, and is of the same minor version
    (major, minor_part), (latest_major, latest_minor) = (divmod(ceil(v.rank), _MAJOR) for v in (own, newest))
    minor = latest_minor // _MINOR - minor_part // _MINOR if major == latest_major else None
    plan: bool | None = False
    if relation == "latest":
        said = f"{own.text} is the latest stable release for {name}."
    elif relation == "ahead":
        said = f"{own.text} is newer than {newest.text}, the latest stable release known for {name}."
    else:
        # a major version counts for more than any number of minor ones, so that an upgrade is due in any case
        plan = minor is None or minor > known.plan_upgrade_beyond_minor
        said = f"{own.text} is {_distance(minor)} behind {newest.text}, the latest stable release for {name}"
        said += "; an upgrade is to be planned." if plan else "."
    if v2g and charger.v2g_note is not None and relation == "behind":
        said = f"{said} {charger.v2g_note}"
    return FirmwareStanding(
        version=own.text,
        latest=newest.text,
        relation=relation,
        minor_behind=minor if relation == "behind" else None,
        plan_upgrade=plan,
        statement=said,
        source="; ".join(_sources(charger, known, plan)),
    )


def _sources(charger: ChargerModel, known: ModelsFile, plan: bool | None) -> Sequence[str]:
    return [charger.source, known.plan_upgrade_source] if plan else [charger.source]


def _distance(minor: int | None) -> str:
    if minor is None:
        return "a major version"
    if minor == 0:
        return "less than a minor version"
    return f"{minor} minor version{'' if minor == 1 else 's'}"
