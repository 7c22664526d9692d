"""The workers of a fleet run on a Ray cluster: Ray Data gives tasks to actors, and lost ones are replaced.

Nothing heavy is imported here before a task is begun, so that whatever ends a worker is put down to its task. Ray itself is
imported when a cluster is asked for.
"""

from __future__ import annotations

import importlib
import itertools
import logging
import os
import pickle
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

LOCAL = "local"
"""The address that stands for a cluster of this machine alone, started for the run."""

REACHED_WITHIN = 10.0
"""Seconds in which an address has to answer (our judgement: a cluster that is there answers in milliseconds)."""

OBJECT_STORE_BYTES = 256 * 2**20
"""Memory of a local cluster's object store (our judgement: tasks and outcomes are small, records never pass through it)."""

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Of Ray's own settings those that differ: no run tells anybody about itself. Ray Data's own actors are no matter for a warning
(github.com/ray-project/ray/issues/53727: what their constructors need is kept for as long as they work), nor are accelerators,
which no worker uses."""

MAX_DEATHS = 2
"""Workers that a task may end before it is thought to be at fault, as with worker processes."""

MAX_FRUITLESS = 3
"""Tasks lost with their workers before any was done after which the run is given up, as with worker processes."""

MAX_SOCKET_FOLDER = 40
"""Characters that the folder of a local cluster may have: Ray adds some 60 to it, and a socket's path holds 107 (unix(7))."""


class RayUnusable(RuntimeError):
    """Ray is not installed, or the cluster cannot be reached or cannot do the work. The message is a line for the user."""


@dataclass(frozen=True)
class Terms:
    """What a worker has to find on its node: the working directory of the run, files and folders, the version of the package, the
    folder of the knowledge (None for the shipped one) and its digest."""

    directory: str
    there: tuple[str, ...]
    version: str
    folder: str | None
    knowledge: str

    def unmet(self) -> str | None:
        """What is not as it has to be, in words; the working directory becomes this process's own where it is there."""
        from ...engine.triage import package_version
        from ...knowledge.library import Library, knowledge_directory

        if (package_version(), Library(knowledge_directory(self.folder)).digest) != (self.version, self.knowledge):
            return (
                f"it has not the charger-triage {self.version} with the knowledge {self.knowledge[:19]}… of this machine; install "
                "the same on all nodes"
            )
        if Path(self.directory).is_dir():
            os.chdir(self.directory)
        for path in self.there:
            if not Path(path).exists():
                return f"{path} is not there; inputs and --output must be folders that all nodes share by the same path"
        return None


class RayWorkers:
    """Workers that are Ray actors of a cluster; 0 for as many as it has cores.

    `folder` is one that all nodes share, in which workers mark what they have begun.
    Raises RayUnusable where there is no such cluster.
    """

    def __init__(self, address: str, number: int, folder: Path, terms: Terms) -> None:
        self._folder = folder
        self._terms = terms
        self._numbers = itertools.count()
        self._done = False
        self._fruitless = 0
        with ExitStack() as stack:
            self._ray = stack.enter_context(_cluster(address, number))
            self.number = number or _cores_of(self._ray, address)
            self._close = stack.pop_all().close

    def __enter__(self) -> RayWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; one that was started for the run ends."""
        self._close()

    def dismiss(self) -> None:
        """Nothing is left to do: actors end with their last task."""

    def run(
        self,
        call: Callable[[Any], Any],
        tasks: Iterable[Any],
        *,
        split: Callable[[Any], Sequence[Any]],
        give_up: Callable[[Any, str], Any],
        alike: Callable[[Any], object] = lambda _: False,  # noqa: ARG002  it is asked for as Workers.run is
    ) -> Iterator[Any]:
        """The outcomes of a call of each task, as they come, as `Workers.run` gives them; Ray says which actor takes which.

        A task whose worker's node is lost is tried again as often as that happens. Raises RayUnusable where nothing can be done.
        """
        waiting = list(tasks)
        while waiting:
            numbered = {next(self._numbers): task for task in waiting}
            waiting = []
            for number, how, what in self._outcomes(call, numbered):
                task = numbered.pop(number)
                if how == _DONE:
                    self._done = True
                    yield pickle.loads(what)
                elif how == _RAISED:
                    yield give_up(task, what.decode())
                elif how == _UNFIT:
                    raise RayUnusable(f"a worker of the Ray cluster cannot take part: {what.decode()}")
                else:
                    self._lost_a_worker()
                    parts = split(task)
                    waiting.extend(parts)
                    if not parts:
                        yield give_up(task, "the process that worked on it was ended twice")
            if numbered:
                raise RayUnusable("the Ray cluster lost a task; the same command goes on where this run was")

    def _lost_a_worker(self) -> None:
        self._fruitless += not self._done
        if self._fruitless >= MAX_FRUITLESS:
            raise RayUnusable("workers of the Ray cluster end before they do anything; its logs say why")

    def _outcomes(self, call: Callable[[Any], Any], tasks: dict[int, Any]) -> Iterator[tuple[int, str, bytes]]:
        data = importlib.import_module("ray.data")
        rows = [{"number": number, "task": pickle.dumps(task)} for number, task in tasks.items()]
        workers = min(self.number, len(rows))
        marks = tempfile.mkdtemp(prefix="begun-", dir=self._folder)
        # a pool that may shrink: a worker that has nothing left to do makes room for one whose node was lost
        pool = data.ActorPoolStrategy(
            min_size=1, max_size=workers, initial_size=workers, max_tasks_in_flight_per_actor=2
        )
        given = {"call": pickle.dumps(call), "marks": marks, "terms": self._terms}
        try:
            with _quiet(data):
                # Ray Data restarts actors and repeats their tasks without end by itself
                outcomes = data.from_items(rows, override_num_blocks=len(rows)).map(
                    RayWorker, compute=pool, fn_constructor_kwargs=given, num_cpus=1
                )
                for row in outcomes.iter_rows():
                    yield row["number"], row["how"], row["what"]
        except Exception as error:
            raise RayUnusable(
                f"the Ray cluster failed: {_reason(getattr(error, 'cause', error))}; the same command goes on where this run was"
            ) from error
        finally:
            shutil.rmtree(marks, ignore_errors=True)


_DONE, _RAISED, _LOST, _UNFIT = "done", "raised", "lost", "unfit"


class RayWorker:
    """What an actor does with a task: it keeps what the call has made, compiled rules and opened files, for the next one."""

    def __init__(self, call: bytes, marks: str, terms: Terms) -> None:
        from .workers import THREADS_VARIABLE

        os.environ.setdefault(THREADS_VARIABLE, "1")
        self._call = call
        self._marks = Path(marks)
        self._unmet = terms.unmet()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """The outcome of the call of a task, or why there is none."""
        number = int(row["number"])
        how, what = self._outcome(number, row["task"])
        return {"number": number, "how": how, "what": what}

    def _outcome(self, number: int, task: bytes) -> tuple[str, bytes]:
        if self._unmet is not None:
            return _UNFIT, self._unmet.encode()
        if self._deaths(number) >= MAX_DEATHS:
            return _LOST, b""
        with self._begun(number):
            try:
                return _DONE, pickle.dumps(pickle.loads(self._call)(pickle.loads(task)))
            except Exception as error:
                return _RAISED, _reason(error).encode()

    def _deaths(self, number: int) -> int:
        """How many workers have begun the task and were ended, those apart whose whole node was lost."""
        nodes = [path.name.split(".")[1] for path in self._marks.glob(f"{number}.*")]
        if not nodes:
            return 0
        alive = {node["NodeID"] for node in importlib.import_module("ray").nodes() if node["Alive"]}
        return sum(node in alive for node in nodes)

    @contextmanager
    def _begun(self, number: int) -> Iterator[None]:
        """Within it, a mark stands that outlives this process."""
        node = importlib.import_module("ray").get_runtime_context().get_node_id()
        mark = self._marks / f"{number}.{node}.{os.getpid()}"
        mark.touch()
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)


@contextmanager
def _cluster(address: str, number: int) -> Iterator[Any]:
    """The module `ray`, connected to a cluster; one that was connected before stays so. Raises RayUnusable."""
    _check(address)
    try:
        ray = importlib.import_module("ray")
        importlib.import_module("ray.data")
    except ImportError:
        raise RayUnusable("Ray is not installed; pip install 'charger-triage[ray]' installs it") from None
    if ray.is_initialized():
        yield ray
        return
    with ExitStack() as stack:
        settings = SETTINGS
        options: dict[str, Any] = {"address": address, "logging_level": logging.ERROR, "log_to_driver": False}
        if address == LOCAL:
            settings = {**SETTINGS, "RAY_AUTH_TOKEN": _token()}
            options |= {
                "num_cpus": number or None,
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE_BYTES,
                "_temp_dir": stack.enter_context(_short_folder()),
            }
        stack.callback(ray.shutdown)
        try:
            with _same_signals(), _environment(settings), _silent():
                ray.init(**options)
        except Exception as error:
            raise RayUnusable(f"--ray {address}: {_reason(error)}; {_advice(address)}") from error
        yield ray


@cache
def _token() -> str:
    """What admits to the local clusters of this process; without it, Ray would leave one behind in the home directory."""
    return secrets.token_hex(32)


def _advice(address: str) -> str:
    if address == LOCAL:
        return "without --ray the run needs no cluster"
    if address == "auto":
        return "`ray start --head` starts a cluster, or name the address of one"
    return (
        "check that the cluster runs, by the same versions of Ray and Python, and that RAY_AUTH_MODE is as it was there"
    )


def _check(address: str) -> None:
    """Raise RayUnusable where an address is none, or its port does not answer: Ray itself would try for long."""
    if address in (LOCAL, "auto"):
        return
    if address.startswith("ray://"):
        raise RayUnusable(
            f"--ray {address}: Ray Data cannot work through the Ray client; give the command on a node of the cluster with "
            "--ray auto, or name the HOST:PORT of its head"
        )
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and int(port) < 2**16):
        raise RayUnusable(f"--ray {address}: is no address; name local, auto, or the HOST:PORT of a cluster's head")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED_WITHIN).close()
    except OSError as error:
        raise RayUnusable(f"--ray {address}: {error.strerror or error}; check that the cluster runs") from None


def _cores_of(ray: Any, address: str) -> int:
    cores = int(ray.cluster_resources().get("CPU", 0))
    if not cores:
        raise RayUnusable(f"--ray {address}: the cluster has no cores; add a node, or give the number with --workers")
    return cores


@contextmanager
def _short_folder() -> Iterator[str]:
    """A folder for the sockets of a local cluster, which is taken away in the end."""
    base = tempfile.gettempdir()
    folder = tempfile.mkdtemp(
        prefix="ray-", dir=base if len(base) <= MAX_SOCKET_FOLDER - len("/ray-12345678") else "/tmp"
    )
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Within it, the environment holds some settings, unless the user has chosen others."""
    new = {name: value for name, value in settings.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


@contextmanager
def _silent() -> Iterator[None]:
    """Within it, nothing is heard of standard error: Ray's core would tell there that it says less, and knows no other way."""
    before = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(nothing)
        os.close(before)


@contextmanager
def _same_signals() -> Iterator[None]:
    """Within it, Ray may put its own answer to a request to terminate; that of the run is put back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _quiet(data: Any) -> Iterator[None]:
    """Within it, Ray Data shows no progress of its own and says nothing but errors."""
    context = data.DataContext.get_current()
    bars, context.enable_progress_bars = context.enable_progress_bars, False
    logger = logging.getLogger("ray.data")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.enable_progress_bars = bars
        logger.setLevel(level)


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}".rstrip(".:")[:300]
