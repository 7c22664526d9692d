"""What the beginning of a text tells before anything is loaded to read it."""

from __future__ import annotations

import re

from ..knowledge.records import SCHEMAS

_BUNDLE = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:as_of|bundle_version|' + "|".join(SCHEMAS).encode() + rb')"')

_CLOUDWATCH = (b'"ingestionTime"', b'"logStreamName"')
"""Fields of the events that CloudWatch exports in a list of that name, which are no events of a bundle."""


def begins_as_bundle(head: bytes) -> bool:
    """Whether a text begins with the name of one of the lists of a bundle, or of a bundle's own fields."""
    return _BUNDLE.match(head) is not None and not any(field in head for field in _CLOUDWATCH)
