"""What diagnosing a fleet costs, against a bare scan of the same files: time, peak memory, workers, ten times the chargers."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SEED = 1

BARE_SCAN = """
import sys
import polars as pl
import polars.selectors as cs

rows = pl.scan_parquet(f"{sys.argv[1]}/telemetry/**/*.parquet", hive_partitioning=False)
columns = cs.exclude("device_id")
print(
    rows.group_by("device_id")
    .agg(
        cs.numeric().max().name.suffix(" max"),
        cs.numeric().mean().name.suffix(" mean"),
        columns.count().name.suffix(" count"),
    )
    .collect(engine="streaming")
    .height
)
"""
"""What the issue compares with: each charger's maximum, mean and count of every telemetry column (maximum and mean of numbers)."""

SCAN, TWO, ONE = "bare Polars scan, two threads", "fleet, two workers", "fleet, one worker"
ALONE = "fleet, one worker on one core"

CLI = "import sys; from charger_triage.adapters.cli import main; sys.exit(main())"

ONE_CORE = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
"""One worker leaves a second core to the process that starts it, which loads and gives out tasks beside it; here it does not."""

BETWEEN_LOOKS = 0.05
"""Seconds between two looks at the processes."""


@dataclass(frozen=True)
class Cost:
    """Wall time, the least and the median of some runs, and processor time in seconds; peak resident memory of all processes together
    in MiB."""

    wall: float
    median: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Run:
    """A command to measure: what has to be gone before it starts, what it is, what its environment has besides."""

    output: Path
    command: list[str]
    environment: dict[str, str]

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        """The process of the command; at the end it is waited for. Raises SystemExit where it failed.

        What it complains of goes to a file: the end of a pipe comes only when the last process that it has started is gone.
        """
        # bytecode is kept, as of a package that is installed
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **self.environment}
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                self.command, stdout=subprocess.DEVNULL, stderr=errors, env=environment, text=True
            )
            yield process
            if process.wait():
                errors.seek(0)
                raise SystemExit(f"{' '.join(self.command)} ended with status {process.returncode}: {errors.read()}")

    def wall(self) -> float:
        """How long it takes, in seconds; nobody watches, as that takes a part of the cores that are measured."""
        shutil.rmtree(self.output, ignore_errors=True)
        began = time.perf_counter()
        with self.started():
            pass
        return time.perf_counter() - began

    def watched(self) -> tuple[float, float]:
        """Seconds of processor time and the peak memory (MiB) with all processes that it starts."""
        shutil.rmtree(self.output, ignore_errors=True)
        with self.started() as process:
            watch = _Watch(process)
            watch.start()
            watch.join()
        return sum(watch.cpu.values()), watch.peak


class _Watch(threading.Thread):
    """Looks at a process and all that descend from it until it ends: at most the last moments of each are missed.

    `cpu` are the seconds that each process has worked by its number, `peak` the most memory (MiB) that they had together.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__()
        self.cpu: dict[int, float] = {}
        self.peak = 0.0
        self._process = process

    def run(self) -> None:
        """Look until it ends."""
        while self._process.poll() is None:
            there = _tree(self._process.pid)
            self.peak = max(self.peak, sum(map(_resident, there)))
            self.cpu.update((number, worked) for number in there if (worked := _worked(number)) is not None)
            time.sleep(BETWEEN_LOOKS)


def _worked(process: int) -> float | None:
    """Seconds of processor time that a process has used; None where it is gone."""
    try:
        numbers = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def _tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):  # it has ended meanwhile
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for process in found:
        found.extend(children.get(process, ()))
    return found


def _resident(process: int) -> float:
    """MiB that are the process's own, or shared memory; pages of files that it has mapped belong to the system's cache."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("RssAnon", "RssShmem"))}
    return sum(map(int, sizes.values())) / 1024


class Bench:
    """Simulated fleets and what it costs to diagnose them."""

    def __init__(self, folder: Path, repeats: int) -> None:
        self.folder = folder
        self.repeats = repeats

    def data(self, chargers: int) -> Path:
        """A day of so many chargers."""
        path = self.folder / f"{chargers}-chargers"
        if not path.exists():
            subprocess.run(
                [sys.executable, "-c", CLI, "simulate", "--chargers", str(chargers), "--seed", str(SEED), "--output", str(path)],
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        return path

    def of_each(self, chargers: int, repeats: int) -> dict[str, Cost]:
        """The bare scan, two workers and one: wall times of some runs in which they take turns, the rest of one more."""
        runs = {
            SCAN: self._scan(chargers),
            TWO: self._fleet(chargers, 2),
            ONE: self._fleet(chargers, 1),
            ALONE: self._fleet(chargers, 1, ONE_CORE),
        }
        walls: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(repeats):
            for name, run in runs.items():
                walls[name].append(run.wall())
        return {name: Cost(min(walls[name]), median(walls[name]), *run.watched()) for name, run in runs.items()}

    def _scan(self, chargers: int) -> Run:
        command = [sys.executable, "-c", BARE_SCAN, str(self.data(chargers))]
        return Run(self.folder / "results", command, {"POLARS_MAX_THREADS": "2"})

    def _fleet(self, chargers: int, workers: int, before: str = "") -> Run:
        """Everything that the command does, from its start to its end, after something else that Python does."""
        output = self.folder / "results"
        command = ["fleet", str(self.data(chargers)), "--output", str(output), "--workers", str(workers), "--quiet"]
        return Run(output, [sys.executable, "-c", before + CLI, *command], {})


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chargers", type=int, default=2000)
    parser.add_argument(
        "--times", type=int, default=10, help="how many times the chargers of the larger fleet; 1 for none"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where simulated fleets are kept; a temporary folder by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(arguments.folder or Path(temporary), arguments.repeats)
        bench.folder.mkdir(parents=True, exist_ok=True)
        _compare(bench, arguments.chargers, arguments.times)


def _compare(bench: Bench, chargers: int, times: int) -> None:
    costs = _table(chargers, bench.of_each(chargers, bench.repeats))
    ratios = _ratios(chargers, costs)
    if times > 1:
        large = _table(chargers * times, bench.of_each(chargers * times, 1))
        ratios += _ratios(chargers * times, large)
        ratios.append(
            (f"{times} times the chargers, wall", large[TWO].wall / costs[TWO].wall, f"at most {1.1 * times:g}")
        )
        ratios.append((f"{times} times the chargers, peak", large[TWO].peak / costs[TWO].peak, "about 1"))
    print("\n| ratio | value | aim |\n| --- | --- | --- |")
    for name, value, aim in ratios:
        print(f"| {name} | {value:.2f} | {aim} |")


def _table(chargers: int, costs: dict[str, Cost]) -> dict[str, Cost]:
    print(
        f"\n| {chargers:,} chargers, one day | wall, s | median | CPU, s | peak, MiB |\n| --- | --- | --- | --- | --- |"
    )
    for name, cost in costs.items():
        print(f"| {name} | {cost.wall:.2f} | {cost.median:.2f} | {cost.cpu:.2f} | {cost.peak:.0f} |", flush=True)
    return costs


def _ratios(chargers: int, costs: dict[str, Cost]) -> list[tuple[str, float, str]]:
    return [
        (f"{chargers:,}: two workers / bare scan, wall", costs[TWO].wall / costs[SCAN].wall, "at most 5, aim 3"),
        (f"{chargers:,}: two workers / bare scan, CPU", costs[TWO].cpu / costs[SCAN].cpu, ""),
        (f"{chargers:,}: two workers / one worker, wall", costs[TWO].wall / costs[ONE].wall, "at most 0.6"),
        (f"{chargers:,}: the same, medians", costs[TWO].median / costs[ONE].median, "at most 0.6"),
        (f"{chargers:,}: two workers / one worker on one core, wall", costs[TWO].wall / costs[ALONE].wall, ""),
    ]


if __name__ == "__main__":
    main()
