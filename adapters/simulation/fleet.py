"""A fleet, site by site: each is planned, goes wrong, is written, and is forgotten before the next."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from .episodes import befall
from .faults import go_wrong
from .history import write_sessions, write_site, write_upkeep
from .links import add_ordinary_losses, write_links
from .lists import TRUTH, frame_of
from .plan import FleetPlan
from .sites import Site, site_at
from .states import Heat
from .telemetry import telemetry_of
from .thermal import heat_of
from .world import SiteWorld, Truth, world_of
from .writing import FileFormat, FleetWriter, Partition, write_whole

Progress = Callable[[int, int], None]
"""Takes the number of chargers and of telemetry rows written so far."""

LONGEST_TAKING_AWAY = 5.0
"""Seconds within which what was begun has to be gone (our judgement: Polars writes a file in less)."""
ABSENT_IN_A_ROW = 5
"""So many times in a row a folder has to be gone, which Polars may make again while it ends."""


class OutputTaken(ValueError):
    """The place to write to holds something already. The message is one line."""


@dataclass(frozen=True)
class Written:
    """What was written: sites, incidents by their true causes, rows of each list, and where the truth is."""

    sites: int
    chargers: int
    incidents: int
    causes: Mapping[str, int]
    rows: Mapping[str, int]
    truth: Path


def sites_of(plan: FleetPlan) -> Iterator[tuple[Site, int]]:
    """The sites of a fleet, and how many chargers of each belong to it: the last one may be cut short."""
    left, index = plan.chargers, 0
    while left > 0:
        site = site_at(plan, index)
        number = min(site.chargers, left)
        yield site, number
        left -= number
        index += 1


def lived(plan: FleetPlan, site: Site, number: int) -> tuple[SiteWorld, Heat, dict[int, list[tuple[float, float]]]]:
    """A site after its days: what happened, how warm it got, when its chargers were away."""
    world = world_of(plan, site, number)
    add_ordinary_losses(world)
    befall(world)
    if plan.incident_share > 0:
        go_wrong(world)
    heat = heat_of(world)
    if world.after_heat:
        for later in world.after_heat:
            later(heat)
    world.settle()
    if world.after_heat:
        heat = heat_of(world)
    write_site(world)
    write_sessions(world)
    write_upkeep(world)
    away = write_links(world)
    return world, heat, away


def truth_path(folder: Path, file_format: FileFormat) -> Path:
    """Where the true causes go: beside the data set, so that no reader of it meets them."""
    return folder.with_name(f"{folder.name}-truth.{file_format}")


def simulate(
    plan: FleetPlan,
    folder: Path,
    file_format: FileFormat = FileFormat.PARQUET,
    partition: Partition = Partition.SITE,
    progress: Progress | None = None,
) -> Written:
    """Write a simulated fleet to a folder, and its true causes beside it (`truth_path`).

    The folder appears when everything is written; it must not exist, or be empty. The same plan gives the same bytes.
    Raises OutputTaken where something is in the way, OSError where the disk refuses.
    """
    folder = Path(folder) if Path(folder).name not in ("", "..") else Path(folder).resolve()
    truth = truth_path(folder, file_format)
    if folder.is_symlink():
        raise OutputTaken(f"{folder} is there already and a link")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputTaken(f"{folder} is there already and not empty")
    if truth.exists():
        raise OutputTaken(f"{truth} is there already")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        written = _written(plan, unfinished, truth.name, file_format, partition, progress)
        if folder.exists():
            folder.rmdir()
        (unfinished / "truth").rename(truth)
        (unfinished / "data").rename(folder)
        unfinished.rmdir()
    except BaseException as error:
        _take_away(unfinished)
        if isinstance(error, pl.exceptions.PolarsError):  # a full disk, for the most part
            raise OSError(str(error).splitlines()[0]) from error
        raise
    return Written(written.sites, plan.chargers, written.incidents, written.causes, written.rows, truth)


def _take_away(folder: Path) -> None:
    """Remove a folder: an interrupt does not wait for Polars, which may still be writing a file into it."""
    deadline, absent = time.monotonic() + LONGEST_TAKING_AWAY, 0
    while absent < ABSENT_IN_A_ROW and time.monotonic() < deadline:
        absent = 0 if folder.exists() else absent + 1
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.02)


def _written(plan: FleetPlan, folder: Path, truth_name: str, file_format: FileFormat, partition: Partition,
             progress: Progress | None) -> Written:  # fmt: skip
    writer = FleetWriter(folder / "data", file_format, partition)
    truths: list[Truth] = []
    sites = chargers = 0
    for site, number in sites_of(plan):
        world, heat, away = lived(plan, site, number)
        writer.take(world.lists, site.site_id, (rows for _, rows in telemetry_of(world, heat, away)))
        truths += world.truths
        sites, chargers = sites + 1, chargers + number
        if progress is not None:
            progress(chargers, writer.rows.get("telemetry", 0))
    writer.finish()
    _write_truth(truths, folder / truth_name, file_format)
    (folder / truth_name).rename(folder / "truth")
    causes: dict[str, int] = {}
    incidents = {(truth.device_id, truth.connector_id, truth.fault_code, truth.cause_id) for truth in truths}
    for _, _, _, cause in sorted(incidents, key=str):
        causes[cause] = causes.get(cause, 0) + 1
    return Written(sites, chargers, len(incidents), dict(sorted(causes.items())), writer.rows, folder / "truth")


def _write_truth(truths: list[Truth], path: Path, file_format: FileFormat) -> None:
    ordered = sorted(
        truths, key=lambda truth: (truth.timestamp, truth.device_id, truth.connector_id or 0, truth.cause_id)
    )
    frame: pl.DataFrame = frame_of(TRUTH, [vars(truth) for truth in ordered])
    write_whole(frame, path, file_format)
