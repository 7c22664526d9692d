"""Firmware versions: two numbering schemes that cannot be compared with each other."""

from __future__ import annotations

import re
from functools import lru_cache

from ..engine.facts import Version

_DOTTED = re.compile(r"^v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?:\.\d+)*(?:[-+~_ ]?([0-9a-z.+_-]*))?$", re.IGNORECASE)
_DATED = re.compile(r"^v?(\d{6})\.(\d{1,4})$", re.IGNORECASE)
_PRERELEASE = re.compile(r"^(?:(?:rc|alpha|beta|dev|pre(?:view|release)?)(?![a-z])|[ab]\d)", re.IGNORECASE)

_OPEN = re.compile(r"^v?\d+\.\d+\.\D|[\d.]x(?:\.|$)", re.IGNORECASE)
"""What stands for any patch (`3.0.x`): it may be one before or after whatever is asked for."""

DOTTED = "dotted"
DATED = "date-coded"
_PRERELEASE_STEP = 0.5
_BELOW_DOTTED = -(10.0**11)  # keeps the ranks of the two schemes apart


@lru_cache(maxsize=4096)
def parse_firmware(text: str) -> Version | None:
    """A version with its scheme and rank; None where the text is of neither scheme, or leaves the patch open.

    `3.0.2`, `v3.0.2` and `3.0` are dotted, `260420.0107` is date-coded (2026-04-20, build 0107). A pre-release such
    as `3.0.2-rc1` ranks half a step below its release.
    """
    stripped = text.strip()
    dated = _DATED.match(stripped)
    if dated:
        day = dated.group(1)
        if 1 <= int(day[2:4]) <= 12 and 1 <= int(day[4:6]) <= 31:
            return Version(stripped, DATED, _BELOW_DOTTED + int(day) * 10_000 + int(dated.group(2)))
    dotted = _DOTTED.match(stripped)
    if dotted is None or _OPEN.search(stripped):
        return None
    major, minor, patch = (int(part or 0) for part in dotted.group(1, 2, 3))
    rank = float(major * 10**8 + minor * 10**4 + patch)
    if dotted.group(4) and _PRERELEASE.match(dotted.group(4)):
        rank -= _PRERELEASE_STEP
    return Version(stripped, DOTTED, rank)


def in_range(text: str | None, first: str, last: str) -> bool | None:
    """Whether a version lies from `first` to `last`, both included; None for none, one of another scheme, or a pre-release of
    `first`, which may or may not hold what that release does."""
    version = None if text is None else parse_firmware(text)
    low, high = parse_firmware(first), parse_firmware(last)
    if version is None or low is None or high is None or not version.scheme == low.scheme == high.scheme:
        return None
    if version.rank < low.rank <= version.rank + _PRERELEASE_STEP:
        return None
    return low.rank <= version.rank <= high.rank
