"""A run on a Ray cluster comes to the bytes of a single process, whatever its workers meet; skipped where Ray is not installed."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from charger_triage.adapters.cli import main
from charger_triage.adapters.fleet.on_ray import RayUnusable, RayWorkers, Terms
from charger_triage.adapters.fleet.run import Options, run_fleet
from charger_triage.adapters.fleet.surveying import BatchSize
from charger_triage.engine.triage import package_version, shipped_knowledge

from .test_fleet_results import results

SMALL = BatchSize(rows=200, chargers=4)

# Ray Data warns of settings of its own that are old, whoever uses it
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")

with_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")


def terms(*there: Path, version: str | None = None) -> Terms:
    """What a worker has to find on its node."""
    return Terms(
        str(Path.cwd()),
        tuple(str(path) for path in there),
        version or package_version(),
        None,
        shipped_knowledge().base.digest,
    )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayWorkers]:
    """Two workers of a cluster that is started here, which all tests share; nothing of it is left in the end."""
    folder = tmp_path_factory.mktemp("ray")
    path = str(Path(__file__).parents[1])
    sys.path.insert(0, path)  # lets workers find this module
    others = processes()
    try:
        try:
            begun = RayWorkers("local", 2, folder, terms(folder))
        except RayUnusable as error:  # containers may lack the shared memory or the network interface that Ray asks for
            pytest.skip(f"no Ray cluster starts on this machine: {error}")
        with begun as workers:
            started = processes() - others
            assert started
            yield workers
    finally:
        sys.path.remove(path)
    with warnings.catch_warnings():
        # Ray forgets the processes that it has ended without asking how they did
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    deadline = time.monotonic() + 10
    while started & processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not started & processes()
    assert list(folder.iterdir()) == []


def processes() -> set[int]:
    """The processes that this one has started, and those that they have; not those that have ended."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, *_ = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if state != "Z":
            parents[int(status.parent.name)] = int(parent)
    found = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {os.getpid()}


class Killer:
    """Progress that kills a worker, once, in the middle of a batch."""

    def __init__(self, marks: Path) -> None:
        self._marks = marks
        self._diagnosing = False
        self.killed: list[int] = []

    def stage(self, what: str, *_: object) -> None:
        """Be ready for the batches."""
        self._diagnosing = what == "diagnosing"

    def advance(self, number: int) -> None:
        """Once some chargers are done, kill whoever works on others."""
        if not (self._diagnosing and number and not self.killed):
            return
        for mark in self._marks.glob("begun-*/*"):
            pid = int(mark.name.split(".")[2])
            os.kill(pid, signal.SIGKILL)
            self.killed.append(pid)
            return


@with_ray
@pytest.mark.usefixtures("cluster")
def test_a_cluster_comes_to_the_bytes_of_a_single_process_though_a_worker_is_killed(
    data_set: Path, tmp_path: Path
) -> None:
    """A worker killed in the middle of a batch changes no byte of any result, and no charger is given up."""
    alone, on_ray = tmp_path / "alone", tmp_path / "on-ray"
    run_fleet([data_set], alone, Options(workers=0, size=SMALL))
    killer = Killer(on_ray / "work" / "ray")
    run_fleet([data_set], on_ray, Options(workers=2, size=SMALL, ray="local"), progress=killer)
    assert len(killer.killed) == 1
    assert results(on_ray) == results(alone)
    assert sorted(path.name for path in on_ray.iterdir()) == sorted(path.name for path in alone.iterdir())


def _work(task: tuple[int, ...]) -> list[int]:
    """Squares; a 13 kills the process."""
    for number in task:
        if number == 13:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 5:
            raise ValueError("five")
    return [number**2 for number in task]


def _halves(task: tuple[int, ...]) -> list[tuple[int, ...]]:
    middle = len(task) // 2
    return [task[:middle], task[middle:]] if middle else []


@with_ray
def test_a_task_that_kills_workers_costs_itself_alone(cluster: RayWorkers) -> None:
    """A task that ends each of its workers is split down to the part that does so, which is given up; what raises is told."""
    given_up: list[tuple[tuple[int, ...], str]] = []

    def give_up(task: tuple[int, ...], reason: str) -> list[int]:
        given_up.append((task, reason))
        return []

    tasks = [(1, 2, 3), (8, 13), (5,), (20,)]
    found = list(cluster.run(_work, tasks, split=_halves, give_up=give_up))
    assert sorted(square for squares in found for square in squares) == [1, 4, 9, 64, 400]
    assert sorted(given_up) == [((5,), "ValueError: five"), ((13,), "the process that worked on it was ended twice")]


@pytest.mark.parametrize(
    ("unmet", "said"),
    [
        (terms(Path("/nowhere")), "/nowhere is not there"),
        (terms(version="0.0.1"), "has not the charger-triage 0.0.1"),
    ],
    ids=["no shared folder", "another version"],
)
def test_a_node_must_have_the_same_files_and_version(unmet: Terms, said: str) -> None:
    """Where a node lacks what the run needs, it is told what, rather than finding no records."""
    assert said in (unmet.unmet() or "")
    assert terms(Path(__file__)).unmet() is None


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "is no address; name local, auto, or the HOST:PORT"),
        ("host:port", "is no address"),
        ("ray://host:10001", "on a node of the cluster with --ray auto"),
        ("127.0.0.1:{closed}", "Connection refused; check that the cluster runs"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_line(
    data_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], address: str, said: str
) -> None:
    """What cannot be reached ends the command with status 2 and a line that says how to go on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    arguments = ["fleet", str(data_set), "-o", str(tmp_path / "run"), "--ray", address.replace("{closed}", str(closed))]
    assert main([*arguments, "--quiet"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where Ray is not installed, the line names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RayUnusable, match=r"pip install 'charger-triage\[ray\]'"):
        RayWorkers("local", 1, tmp_path, terms())
