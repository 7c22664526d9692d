"""A chart in plain characters, for where no picture can stand: a column a stretch of time, a row a step of the value."""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.facts import plain_number

HEIGHT = 8
WIDTH = 64
"""Rows and columns of a chart: with its axis it fits into the 80 columns of a mail."""

POINT, STRETCH, FAULT = "•", "│", "┊"
"""A stretch with one value; a stretch that runs over several rows; the moment of a fault where no value stands."""


def text_chart(
    title: str,
    unit: str,
    times: Sequence[float],
    values: Sequence[float],
    faults: Sequence[float],
    labels: Sequence[str],
) -> list[str]:
    """A series (epoch seconds, values in `unit`) as lines of text, with the faults marked and named below.

    `labels` name both ends of the time axis. Each column shows the lowest to the highest value of its stretch of time.
    """
    first, last = min(times), max(times)
    length = (last - first) or 1.0
    low, high = min(values), max(values)
    if low == high:
        return [f"{title}: {plain_number(low)} {unit} throughout, {labels[0]} to {labels[1]}"]
    spread = high - low

    def column(time: float) -> int:
        return min(WIDTH - 1, max(0, int((time - first) / length * WIDTH)))

    def row(value: float) -> int:
        return min(HEIGHT - 1, int((value - low) / spread * HEIGHT))

    grid = [[" "] * WIDTH for _ in range(HEIGHT)]
    marked = sorted({column(time) for time in faults if first <= time <= last})
    for place in marked:
        for line in grid:
            line[place] = FAULT
    spans: dict[int, tuple[int, int]] = {}
    for time, value in zip(times, values, strict=True):
        place, step = column(time), row(value)
        lowest, highest = spans.get(place, (step, step))
        spans[place] = (min(lowest, step), max(highest, step))
    for place, (lowest, highest) in spans.items():
        for step in range(lowest, highest + 1):
            grid[step][place] = POINT if lowest == highest else STRETCH
    top, bottom = plain_number(high), plain_number(low)
    margin = max(len(top), len(bottom))
    lines = [f"{title} ({unit})"]
    for step in range(HEIGHT - 1, -1, -1):
        label = top if step == HEIGHT - 1 else bottom if step == 0 else ""
        lines.append(f"{label:>{margin}} ┤{''.join(grid[step]).rstrip()}")
    lines.append(f"{'':>{margin}} └{'─' * WIDTH}")
    lines.append(f"{'':>{margin}}  {labels[0]}{labels[1]:>{max(1, WIDTH - len(labels[0]))}}")
    if marked:
        under = [" "] * WIDTH
        for place in marked:
            under[place] = "^"
        lines.append(f"{'':>{margin}}  {''.join(under).rstrip()} fault")
    return lines
