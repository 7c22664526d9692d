"""Random streams: one for each thing that is drawn, so that what is drawn for a site does not depend on the other sites."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Flags = NDArray[np.bool_]
Generator = np.random.Generator


def stream(seed: int, *path: str | int) -> Generator:
    """The stream of random numbers that belongs to a path, such as `stream(seed, "site", 12)`.

    Streams of different paths are independent of each other, and the same path always gives the same numbers.
    """
    keys = tuple(crc32(part.encode()) if isinstance(part, str) else part for part in path)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=keys)))


def pick(rng: Generator, shares: dict[str, float]) -> str:
    """One of the names, drawn by their shares (which need not add up to 1)."""
    names = list(shares)
    weights = np.array([shares[name] for name in names])
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def chance(rng: Generator, share: float) -> bool:
    """Whether something happens that happens with this probability."""
    return bool(rng.random() < share)
