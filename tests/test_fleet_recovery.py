"""A run that is ended at any moment goes on and comes to the same bytes; a process that dies costs nothing but its work."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from charger_triage.adapters.bundle import UnreadableInput
from charger_triage.adapters.fleet.gathering import Gathered, Task, gather
from charger_triage.adapters.fleet.run import Options, run_fleet
from charger_triage.adapters.fleet.surveying import BatchSize
from charger_triage.adapters.fleet.workers import Workers, WorkersFailed

from .support.fleet_data import example_fleet, one_file_a_list
from .test_fleet_command import COMMAND as COMMAND_LINE
from .test_fleet_results import results

SMALL = BatchSize(rows=200, chargers=2)
ALL_IN_ONE = Options(workers=0, size=SMALL)


@pytest.fixture(scope="module")
def undisturbed(data_set: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of a run that nobody ended."""
    output = tmp_path_factory.mktemp("results") / "run"
    run_fleet([data_set], output, ALL_IN_ONE)
    return results(output)


class Ended(BaseException):
    """Stands for the end of a process at a certain step."""


class EndedAt:
    """Progress that ends the run after so many steps."""

    def __init__(self, step: int) -> None:
        self.left = step

    def stage(self, *_: object) -> None:
        """Count it as a step."""
        self.advance()

    def advance(self, *_: object) -> None:
        """One step."""
        self.left -= 1
        if self.left < 0:
            raise Ended


def test_a_run_that_is_ended_again_and_again_comes_to_the_same_bytes(
    data_set: Path, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    """Ended after every few steps, and begun as often, a run leaves what an undisturbed one leaves."""
    output = tmp_path / "run"
    ended = 0
    while not (output / "hypotheses.parquet").exists():
        try:
            run_fleet([data_set], output, ALL_IN_ONE, progress=EndedAt(1 + 4 * ended))
        except Ended:
            ended += 1
    assert ended >= 5
    assert results(output) == undisturbed
    assert sorted(path.name for path in output.iterdir()) == sorted([*undisturbed, "manifest.json"])


def test_a_killed_command_goes_on(data_set: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    """Killed in the middle of its batches, the command line goes on with what is missing, and leaves no process behind."""
    output = tmp_path / "run"
    command = [sys.executable, "-c", COMMAND, str(data_set), str(output)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list(output.glob("parts/[0-9]*.parquet"))) < 3 and time.monotonic() < deadline:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = {path.name: path.stat().st_mtime_ns for path in output.glob("parts/[0-9]*.parquet")}
    assert json.loads((output / "manifest.json").read_text())["state"] == "begun"
    again = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, timeout=300)
    assert again.returncode == 0, again.stderr
    assert done
    assert results(output) == undisturbed


COMMAND = """
import sys
from pathlib import Path
from charger_triage.adapters.fleet.run import Options, run_fleet
from charger_triage.adapters.fleet.surveying import BatchSize

run_fleet([sys.argv[1]], Path(sys.argv[2]), Options(workers=2, size=BatchSize(rows=200, chargers=2)))
"""


def test_a_script_need_not_guard_its_calls(data_set: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    """Worker processes do not run the program again that started them."""
    script = tmp_path / "hourly.py"
    script.write_text(COMMAND)
    command = [sys.executable, str(script), str(data_set), str(tmp_path / "run")]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "run") == undisturbed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data, _: (data / "events.parquet").touch(), "events.parquet has changed"),
        (lambda data, _: (data / "grid.parquet").unlink(), "grid.parquet is no longer among the inputs"),
        (lambda data, _: (data / "grid2.csv").write_text("timestamp\n"), "grid2.csv is new among the inputs"),
    ],
    ids=["changed", "gone", "new"],
)
def test_a_run_does_not_go_on_with_other_inputs(tmp_path: Path, change: Any, said: str) -> None:
    """Where inputs differ from those that a run began with, it says which, and --restart begins anew."""
    data, output = tmp_path / "data", tmp_path / "run"
    lists = {
        name: records for name, records in example_fleet().items() if name in ("devices", "events", "grid", "sites")
    }
    one_file_a_list(lists, data)
    with pytest.raises(Ended):
        run_fleet([data], output, ALL_IN_ONE, progress=EndedAt(3))
    change(data, output)
    with pytest.raises(UnreadableInput, match=said):
        run_fleet([data], output, ALL_IN_ONE)
    run_fleet([data], output, ALL_IN_ONE, restart=True)
    assert (output / "hypotheses.parquet").exists()


def test_a_process_keeps_nothing_of_a_run_that_another_replaces(tmp_path: Path) -> None:
    """A run begun anew in the same folder by the same process reads its own records, not those of the run before."""
    lists = {name: records for name, records in example_fleet().items() if name in ("devices", "events", "sites")}
    models = []
    for model in ("TP-AC22", "TP-DC60"):
        lists["devices"] = [{**charger, "model": model} for charger in lists["devices"]]
        data = tmp_path / model
        one_file_a_list(lists, data)
        run_fleet([data], tmp_path / "run", ALL_IN_ONE, restart=True)
        models.append(set(pl.read_parquet(tmp_path / "run" / "hypotheses.parquet")["model"].drop_nulls()))
    assert models == [{"TP-AC22"}, {"TP-DC60"}]


def test_rows_that_cannot_be_put_in_order_are_told(
    data_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk is full while rows are put in the order of batches, chargers are diagnosed without them, and that is said of each file."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("charger_triage.adapters.fleet.sorting.write_file", full)
    run_fleet([data_set], tmp_path / "run", ALL_IN_ONE)
    told = pl.read_parquet(tmp_path / "run" / "warnings.parquet").filter(pl.col("problem").str.contains("in order"))
    assert [(name, Path(file).name) for name, file in told.select("list", "file").iter_rows()] == [
        ("heartbeats", "heartbeats.parquet"),
        ("telemetry", "telemetry.parquet"),
    ]
    for problem in told["problem"]:
        assert re.search(r"No space left on device.* missing from the diagnoses .*--restart", problem)


def test_files_that_no_worker_can_read_are_told_by_name(
    data_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that ends whoever reads it is a warning that names it and says why."""

    def gather_but_grid(task: Task) -> Gathered:
        if task.list == "grid":
            raise MemoryError("too large")
        return gather(task)

    monkeypatch.setattr("charger_triage.adapters.fleet.run.gather", gather_but_grid)
    run_fleet([data_set], tmp_path / "run", ALL_IN_ONE)
    (told,) = pl.read_parquet(tmp_path / "run" / "warnings.parquet").filter(pl.col("list") == "grid").to_dicts()
    assert Path(told["file"]).name == "grid.parquet"
    assert "cannot be read (MemoryError: too large)" in told["problem"]


def test_a_folder_with_other_files_is_left_alone(data_set: Path, tmp_path: Path) -> None:
    """What no run wrote is never taken away, not even to begin anew."""
    (tmp_path / "thesis.txt").write_text("years of work")
    for restart in (False, True):
        with pytest.raises(UnreadableInput, match=r"thesis\.txt"):
            run_fleet([data_set], tmp_path, ALL_IN_ONE, restart=restart)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


# Two runs in one folder


class Meanwhile:
    """Progress that does something else at each stage, and keeps what that ran into."""

    def __init__(self, what: Callable[[], object]) -> None:
        self._what = what
        self.met: list[str] = []

    def stage(self, *_: object) -> None:
        """Do it."""
        try:
            self._what()
        except UnreadableInput as error:
            self.met.append(str(error))

    def advance(self, *_: object) -> None:
        """Pass over it."""


@pytest.mark.parametrize(
    ("other", "restart"),
    [(ALL_IN_ONE, True), (replace(ALL_IN_ONE, ray="nonsense"), False)],
    ids=["begun anew", "on a cluster"],
)
def test_no_two_runs_work_in_one_folder(
    data_set: Path, undisturbed: dict[str, bytes], tmp_path: Path, other: Options, restart: bool
) -> None:
    """From its first stage to its last a run keeps out any other, which changes nothing; afterwards nobody is kept out."""
    output = tmp_path / "run"
    meanwhile = Meanwhile(lambda: run_fleet([data_set], output, other, restart=restart))
    run_fleet([data_set], output, ALL_IN_ONE, progress=meanwhile)
    assert len(meanwhile.met) >= 3
    assert set(meanwhile.met) == {f"another run is at work in {output}; wait for it, or name another folder"}
    assert results(output) == undisturbed
    assert sorted(path.name for path in output.iterdir()) == sorted([*undisturbed, "manifest.json"])
    run_fleet([data_set], output, ALL_IN_ONE, restart=True)


def test_a_second_command_ends_in_one_line_and_a_killed_one_keeps_nobody_out(
    data_set: Path, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    """A command that finds another at work ends with status 2; when that one is killed, the lock is gone with it."""
    output = tmp_path / "run"
    first = subprocess.Popen([sys.executable, "-c", COMMAND, str(data_set), str(output)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (output / "manifest.json").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)
    command = [*COMMAND_LINE, "fleet", str(data_set), "-o", str(output), "--workers", "1", "--quiet"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    first.kill()
    first.wait()
    assert (said.returncode, said.stdout) == (2, "")
    (line,) = said.stderr.strip().splitlines()
    assert f"another run is at work in {output}; wait for it" in line
    run_fleet([data_set], output, ALL_IN_ONE)
    assert results(output) == undisturbed
    assert not (output / ".lock").exists()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
def test_a_file_system_without_locks_is_no_reason_to_refuse(
    data_set: Path, undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Where the system has no locks for a folder, as in some that many machines share, the run is done without."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    run_fleet([data_set], tmp_path / "run", ALL_IN_ONE)
    assert results(tmp_path / "run") == undisturbed


# Workers that die


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets worker processes find this module."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1])


def _work(folder: str, task: tuple[int, ...]) -> list[int]:
    """Squares; a 13 kills the process, a 7 the first time that it is met."""
    for number in task:
        mark = Path(folder) / str(number)
        if number == 13 or (number == 7 and not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 5:
            raise ValueError("five")
    return [number**2 for number in task]


def _halves(task: tuple[int, ...]) -> list[tuple[int, ...]]:
    middle = len(task) // 2
    return [task[:middle], task[middle:]] if middle else []


@pytest.mark.usefixtures("importable")
def test_a_task_that_kills_workers_costs_itself_alone(tmp_path: Path) -> None:
    """Tasks whose worker dies are tried again, split down to the one part that kills, and that one is given up."""
    given_up: list[tuple[tuple[int, ...], str]] = []

    def give_up(task: tuple[int, ...], reason: str) -> list[int]:
        given_up.append((task, reason))
        return []

    tasks = [(1, 2, 3), (4, 7), (8, 9, 13, 14, 15), (5,), (20,)]
    with Workers(2) as workers:
        found = list(workers.run(partial(_work, str(tmp_path)), tasks, split=_halves, give_up=give_up))
    numbers = {n for task in tasks for n in task} - {5, 13}
    assert sorted(square for squares in found for square in squares) == sorted(n**2 for n in numbers)
    assert sorted(given_up) == [((5,), "ValueError: five"), ((13,), "the process that worked on it was ended twice")]


@pytest.mark.usefixtures("importable")
@pytest.mark.parametrize("number", [0, 1])
def test_a_task_that_raises_costs_itself_alone(tmp_path: Path, number: int) -> None:
    """Whoever does the tasks, this process or another, one that raises is given up with its reason, and the others are done."""
    with Workers(number) as workers:
        outcomes = workers.run(
            partial(_work, str(tmp_path)),
            [(1,), (5,), (2,)],
            split=_halves,
            give_up=lambda task, reason: (task, reason),
        )
        assert [*outcomes] == [[1], ((5,), "ValueError: five"), [4]]


@pytest.mark.usefixtures("importable")
def test_workers_that_die_before_their_first_task_are_replaced(tmp_path: Path) -> None:
    """Workers are begun before there is anything to do; where they are killed meanwhile, others do the tasks, whole."""
    with Workers(2) as workers:
        workers.begin()
        while len(there := multiprocessing.active_children()) < 2:
            time.sleep(0.01)
        for process in there:
            process.kill()
            process.join()
        found = list(workers.run(partial(_work, str(tmp_path)), [(1, 2), (3,)], split=_no_parts, give_up=_no_parts))
    assert sorted(found) == [[1, 4], [9]]


def _no_parts(*_: object) -> tuple[()]:
    return ()


def _hangs(number: int) -> int:
    """The square, but of three, where a search that does not let go of the interpreter takes for ever."""
    if number == 3:
        re.match(r"(a+)+$", "a" * 60 + "b")
    return number**2


@pytest.mark.usefixtures("importable")
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system keeps no process on a core")
@pytest.mark.parametrize("share", [1, 2])
def test_workers_that_fill_all_cores_stay_on_one_each(share: int) -> None:
    cores = os.sched_getaffinity(0)
    with Workers(share * len(cores)) as workers:
        outcomes = workers.run(_wait_and_tell_cores, range(8 * len(cores)), split=_no_parts, give_up=_no_parts)
        taken = dict(outcomes)
    assert all(len(where) == 1 and where <= cores for where in taken.values())
    of_core = [core for where in taken.values() for core in where]
    assert max(map(of_core.count, cores)) <= share


@pytest.mark.skipif(len(getattr(os, "sched_getaffinity", lambda _: ())(0)) < 2, reason="there is one core")
def test_workers_that_leave_cores_free_may_use_any() -> None:
    with Workers(1) as workers:
        assert [*workers.run(os.sched_getaffinity, [0], split=_no_parts, give_up=_no_parts)] == [
            os.sched_getaffinity(0)
        ]


@pytest.mark.usefixtures("importable")
def test_tasks_that_are_alike_come_to_the_same_worker() -> None:
    """Of tasks in the order of what they have in common each worker takes a stretch; what is left over goes to whoever is free."""
    tasks = [(kind, number) for kind in "abcd" for number in range(4)] + [("", number) for number in range(3)]
    with Workers(2) as workers:
        workers.begin()
        done = [
            *workers.run(
                _wait_and_tell_process, tasks, split=_no_parts, give_up=_no_parts, alike=lambda task: task[0] or None
            )
        ]
    assert sorted(task for _, task in done) == sorted(tasks)
    met = {(process, kind) for process, (kind, _) in done if kind}
    assert len(met) <= 6, "both workers had to do with nearly every kind"


def _wait_and_tell_process(task: tuple[str, int]) -> tuple[int, tuple[str, int]]:
    time.sleep(0.05)
    return os.getpid(), task


def _wait_and_tell_cores(_: int) -> tuple[int, set[int]]:
    time.sleep(0.05)
    return os.getpid(), os.sched_getaffinity(0)


@pytest.mark.usefixtures("importable")
def test_a_task_that_hangs_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that does not get done is ended, even where it holds the interpreter, and its task given up as one that kills."""
    monkeypatch.setattr("charger_triage.adapters.fleet.workers.LONGEST_TASK", 1.0)
    with Workers(2) as workers:
        found = list(workers.run(_hangs, range(6), split=lambda _: (), give_up=lambda task, _: -task))
    assert sorted(found) == [-3, 0, 1, 4, 16, 25]


def _dies(_: int) -> None:
    os._exit(1)


@pytest.mark.usefixtures("importable")
def test_workers_that_cannot_work_at_all_are_not_started_for_ever() -> None:
    """Where every process dies before anything is done, the run says so rather than giving up task by task."""
    with pytest.raises(WorkersFailed), Workers(2) as workers:
        list(workers.run(_dies, range(1000), split=lambda _: (), give_up=lambda task, _: task))


def test_more_workers_than_the_system_allows_are_refused_before_any_starts() -> None:
    """Each worker takes open files: a lower limit is raised as far as it may be, and where that is not enough, it is said."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        pytest.skip("the system allows any number of open files")
    in_use = 1 + max(int(path.name) for path in Path("/dev/fd").iterdir())
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 100, hard))
        with Workers(1) as workers:
            workers.begin()
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 200
        with pytest.raises(WorkersFailed, match="open files"), Workers(hard) as workers:
            workers.begin()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
