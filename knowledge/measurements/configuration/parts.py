"""The names under which a push counts what it is made of."""

from __future__ import annotations

import re
from typing import Any

from ...texts import as_number, flat

_BLOCKS = r"(?:part|block|chunk|segment)"

PARTS = rf"(keys?|fields?|params?|parameters?|settings?|entries|values?|sections?|bytes|items|files|{_BLOCKS}s?)"
"""What a push is made of, as a regular expression."""


def has_more_to_follow(params: Any) -> bool:
    """Whether the parameters of a push number it as a part, and not as the last one."""
    told = {
        path.split()[-1]: number for path, value in flat(params) if path and (number := as_number(value)) is not None
    }
    part = next((number for key, number in told.items() if re.fullmatch(_BLOCKS, key)), None)
    of = next((number for key, number in told.items() if re.fullmatch(rf"of|total|{_BLOCKS}s", key)), None)
    return part is not None and of is not None and 0 < part < of
