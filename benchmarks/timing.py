"""How long things take on a machine that others use as well: contenders take turns, each warmed up, minima count."""

from __future__ import annotations

import gc
import importlib.metadata
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

CLOCKS: Mapping[str, Callable[[], float]] = {"wall": perf_counter, "cpu": process_time}

WARM_UP = 3
"""Runs before those that count: the first ones find cold caches and a heap that the contender before has trimmed."""


def fastest(
    contenders: Mapping[str, Callable[[], Any]], *, rounds: int, runs: int, clock: Callable[[], float] = process_time
) -> dict[str, float]:
    """The least seconds that one run of each contender took, over several rounds in which they take turns."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, run in contenders.items():
            gc.collect()  # so that nobody pays for what another left behind
            for _ in range(WARM_UP):
                run()
            for _ in range(runs):
                start = clock()
                run()
                best[name] = min(best[name], clock() - start)
    return best


def machine(*packages: str) -> str:
    """Machine, Python and the versions of some packages, for the line above a table."""
    versions = [f"{name} {version_of(name)}" for name in packages]
    return f"{platform.machine()}, {_processor()}, {platform.system()}; Python {platform.python_version()}; {', '.join(versions)}"


def version_of(name: str) -> str:
    """The installed version of a package."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
