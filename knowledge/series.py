"""Time series in a compact notation, for cases beside the rules (after promtool's notation for alert tests).

Samples are separated by blanks: `21.5` one sample, `21x60` sixty of it, `40+0.5x60` sixty that rise by 0.5, `40..70x60`
sixty from 40 to 70, `chargingx12` twelve of a word, `_` or `_x5` gaps. Times are written `T`, `T-30m`, `T+5s`, `T-3d`
around the case's moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

MOMENT = datetime(2026, 5, 10, 12, 0, tzinfo=UTC)
"""What `T` stands for."""

MAX_SAMPLES = 20_000

_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_REPEATED = re.compile(r"^(.+?)x(\d+)$")
_STEPS = re.compile(rf"^({_NUMBER})([-+]\d+(?:\.\d+)?)$")
_RAMP = re.compile(rf"^({_NUMBER})\.\.({_NUMBER})$")
_TIME = re.compile(r"^T(?:([-+]\d+(?:\.\d+)?)(ms|s|m|h|d))?$")
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)$")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def samples(notation: str) -> list[float | str | None]:
    """The samples a notation stands for; None for gaps. Raises ValueError for what is no notation."""
    values: list[float | str | None] = []
    for token in notation.split():
        repeated = _REPEATED.match(token)
        body, number = (repeated.group(1), int(repeated.group(2))) if repeated else (token, 1)
        if number + len(values) > MAX_SAMPLES:
            raise ValueError(f"more than {MAX_SAMPLES} samples")
        steps, ramp = _STEPS.match(body), _RAMP.match(body)
        if body == "_":
            values.extend([None] * number)
        elif ramp:
            low, high = float(ramp.group(1)), float(ramp.group(2))
            values.extend(round(low + (high - low) * place / max(1, number - 1), 6) for place in range(number))
        elif steps:
            low, step = float(steps.group(1)), float(steps.group(2))
            values.extend(round(low + step * place, 6) for place in range(number))
        elif re.fullmatch(_NUMBER, body):
            values.extend([float(body)] * number)
        else:
            values.extend([body] * number)
    return values


def moment(text: str) -> str | None:
    """`T-30m` as an ISO timestamp; None for a text that is no such time."""
    match = _TIME.match(text)
    if match is None:
        return None
    shift = float(match.group(1)) * _UNITS[match.group(2)] if match.group(1) else 0.0
    return (MOMENT + timedelta(seconds=shift)).isoformat().replace("+00:00", "Z")


def with_moments(value: Any) -> Any:
    """Data with every `T…` text replaced by its timestamp."""
    if isinstance(value, str):
        return moment(value) or value
    if isinstance(value, Mapping):
        return {key: with_moments(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_moments(item) for item in value]
    return value


def records_of(entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The records an entry of a case stands for: one, or one a sample where it has `from`, `every` and `series`."""
    if "series" not in entry:
        yield with_moments(entry)
        return
    duration = _DURATION.match(str(entry["every"]))
    start = _TIME.match(str(entry["from"]))
    if duration is None or start is None:
        raise ValueError("a series needs `from: T-30m` and `every: 5s`")
    every = float(duration.group(1)) * _UNITS[duration.group(2)]
    shift = float(start.group(1)) * _UNITS[start.group(2)] if start.group(1) else 0.0
    columns = {path: samples(str(notation)) for path, notation in entry["series"].items()}
    common = with_moments({key: value for key, value in entry.items() if key not in ("series", "from", "every")})
    for place in range(max(len(column) for column in columns.values())):
        record: dict[str, Any] = {**common}
        for path, column in columns.items():
            value = column[place] if place < len(column) else None
            if value is not None:
                set_path(record, path, value)
        if len(record) == len(common):
            continue
        record["timestamp"] = (MOMENT + timedelta(seconds=shift + every * place)).isoformat().replace("+00:00", "Z")
        yield record


def set_path(record: dict[str, Any], path: str, value: Any) -> None:
    """Put a value at a dotted path, making the mappings on the way (without changing shared ones)."""
    *parents, last = path.split(".")
    for part in parents:
        inner = record.get(part)
        record[part] = dict(inner) if isinstance(inner, Mapping) else {}
        record = record[part]
    record[last] = value
