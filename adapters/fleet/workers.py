"""Worker processes that are replaced when they die, so that a task which kills them costs no other task."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext, suppress
from itertools import pairwise
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any

from ...engine.garbage import collect_seldom

AHEAD = 2
"""Tasks a worker has before it at most: the one it does, and one that waits, so that it need not."""

MAX_FRUITLESS = 3
"""Deaths of workers before any task was done after which starting more of them is given up; one death of each counts as one."""

LONGEST_TASK = 3600.0
"""Seconds after which a task counts as hung and its worker ends (our judgement: tasks take seconds; one large CSV file is a
single task, and may take many minutes)."""

THREADS_VARIABLE = "POLARS_MAX_THREADS"

ONE_THREAD = (THREADS_VARIABLE, "OPENBLAS_NUM_THREADS")
"""Variables that keep a worker to one core: Polars', and that of the library under NumPy."""

FILES_OF_EACH = 8
"""Open files that this process has for each worker (pipes of `ProcessPoolExecutor`, measured on Linux)."""

FILES_BESIDE = 200
"""Open files that it may have for all else (our judgement: results, logs, and what a program has that calls this one)."""

PRELOADED = "charger_triage.adapters.fleet.preloaded"
"""What processes have loaded before they are made, where the system can fork."""


def prepare_processes() -> None:
    """Have the process that workers are forked from load what they need, while this one does something else."""
    if _forks():
        from multiprocessing import forkserver, resource_tracker

        resource_tracker.ensure_running()  # else the server does, and lets interrupts through
        multiprocessing.set_forkserver_preload([PRELOADED])
        with _own_surroundings(), _program_hidden():
            forkserver.ensure_running()


class WorkersFailed(RuntimeError):
    """Worker processes die before they do anything."""


class Workers:
    """A number of worker processes; 0 does everything in this process.

    Processes are forked from one that has loaded modules, and has done nothing else: Polars, which has threads, is not among
    them. Where the system cannot fork they are spawned. Each works on one core, and stays on one of its own where they are as
    many as there are cores.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        cores = _cores_for(number)
        self._workers = tuple(_Worker(cores[place] if cores else None) for place in range(number))
        self._done = self._fruitless = 0
        self._beside = ThreadPoolExecutor(1)
        self._begun: Future[None] | None = None

    def begin(self) -> None:
        """Have the processes started, and load what tasks need besides, before there is any task and while this one goes on.

        Raises WorkersFailed where the system does not allow as many.
        """
        _make_room(self.number)
        self._begun = self._beside.submit(self._start)

    def _start(self) -> None:
        for worker in self._workers:
            worker.submit(_load, None)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the workers finish what they do, and end them."""
        self._beside.shutdown()
        for worker in self._workers:
            worker.end()

    def dismiss(self) -> None:
        """Let the workers end as soon as they are done, without waiting for them."""
        for worker in self._workers:
            worker.dismiss()

    def run(
        self,
        call: Callable[[Any], Any],
        tasks: Iterable[Any],
        *,
        split: Callable[[Any], Sequence[Any]],
        give_up: Callable[[Any, str], Any],
        alike: Callable[[Any], object] = lambda _: False,
    ) -> Iterator[Any]:
        """The outcomes of a call of each task, as they come; not more is begun than workers can take.

        `alike` tells of which tasks those that lie beside each other have something in common that a worker does once: each worker
        takes them from a stretch of its own as long as there are any.

        A task during which a worker dies is tried again by itself; one that kills a worker then as well is split, and
        where it cannot be split (`split` gives nothing) `give_up` makes its outcome from the task and a reason. So is a
        task whose call raises.
        """
        if self.number == 0:
            yield from _here(call, tasks, give_up)
            return
        if self._begun is not None:
            self._begun.result()
        waiting = _Waiting(tasks, self.number, alike)
        yield from _Run(self, self._workers, waiting, call, split, give_up).outcomes()

    def succeeded(self) -> None:
        """Note that a task was done."""
        self._done += 1

    def died(self, worker: _Worker) -> None:
        """Note that a worker died; a new process is started for its next task.

        Raises WorkersFailed where they die without doing anything.
        """
        worker.end()
        if not self._done:
            self._fruitless += 1
            if self._fruitless >= MAX_FRUITLESS + self.number - 1:
                raise WorkersFailed("worker processes end before they do anything")


@contextmanager
def workers_begun(number: int, ray: str | None) -> Iterator[Workers]:
    """As many workers of this machine, which load what tasks need; none where those of a Ray cluster do the work."""
    with Workers(number if ray is None else 0) as workers:
        workers.begin()
        yield workers


class _Worker:
    """One process at a time."""

    def __init__(self, core: int | None) -> None:
        """Take the core on which to stay; None for any."""
        self._core = core
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, call: Callable[[Any], Any], task: Any) -> Future[Any]:
        """Have the process do a task; it is started where it is not there. Raises BrokenProcessPool where it has died."""
        if self._pool is None:
            prepare_processes()
            self._pool = ProcessPoolExecutor(1, mp_context=_context(), initializer=_begin, initargs=(self._core,))
        # what is forked has the surroundings of the process that it is forked from
        with nullcontext() if _forks() else _own_surroundings(), _program_hidden():
            return self._pool.submit(_within, LONGEST_TASK, call, task)

    def end(self) -> None:
        """Wait until it has finished what it does."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def dismiss(self) -> None:
        """Let it end once it is done."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)


class _Waiting:
    """Tasks that no worker was given yet: for each worker a stretch of those that have something in common, and the others."""

    def __init__(self, tasks: Iterable[Any], workers: int, alike: Callable[[Any], object]) -> None:
        near: list[Any] = []
        self._others: deque[Any] = deque()
        for task in tasks:
            (near if alike(task) else self._others).append(task)
        ends = [len(near) * worker // workers for worker in range(workers + 1)]
        self._stretches = [deque(near[start:end]) for start, end in pairwise(ends)]

    def __len__(self) -> int:
        return len(self._others) + sum(map(len, self._stretches))

    def next_of(self, worker: int) -> Any:
        """The next task of a worker, by its place: of its own stretch, else of the far end of the longest, else any."""
        own = self._stretches[worker]
        if own:
            return own.popleft()
        longest = max(self._stretches, key=len)
        return longest.pop() if longest else self._others.popleft()

    def put_back(self, task: Any) -> None:
        """Take a task back that was not done."""
        self._others.appendleft(task)


class _Run:
    def __init__(
        self,
        workers: Workers,
        each: Sequence[_Worker],
        waiting: _Waiting,
        call: Callable[[Any], Any],
        split: Callable[[Any], Sequence[Any]],
        give_up: Callable[[Any, str], Any],
    ) -> None:
        self._workers = workers
        # what each worker was given and has not done, in order
        self._given: dict[_Worker, dict[Future[Any], Any]] = {worker: {} for worker in each}
        self._waiting = waiting
        self._call = call
        self._split = split
        self._give_up = give_up
        self._suspects: deque[Any] = deque()

    def outcomes(self) -> Iterator[Any]:
        while True:
            if not self._suspects:
                self._give_out()
            running = [future for given in self._given.values() for future in given]
            if running:
                wait(running, return_when=FIRST_COMPLETED)
                for worker, given in self._given.items():
                    yield from self._finished(worker, given)
            elif self._suspects:
                yield from self._alone(self._suspects.popleft())
            else:
                return

    def _give_out(self) -> None:
        for ahead in range(1, AHEAD + 1):
            for place, (worker, given) in enumerate(self._given.items()):
                # of the last tasks none waits for one worker while another has nothing to do
                left = len(self._waiting)
                if left and len(given) < ahead and (ahead == 1 or left > len(self._given)):
                    self._begin(worker, given, self._waiting.next_of(place))

    def _begin(self, worker: _Worker, given: dict[Future[Any], Any], task: Any) -> None:
        if not given:
            given[self._submitted(worker, task)] = task
            return
        try:
            given[worker.submit(self._call, task)] = task
        except BrokenProcessPool:  # which is told with the outcome of the task before
            self._waiting.put_back(task)

    def _finished(self, worker: _Worker, given: dict[Future[Any], Any]) -> Iterator[Any]:
        while given:
            future, task = next(iter(given.items()))
            if not future.done():
                return
            del given[future]
            try:
                outcome = future.result()
            except BrokenProcessPool:
                self._suspects.append(task)
                # a process does one task after the other: it had not begun those behind
                for behind in given.values():
                    self._waiting.put_back(behind)
                given.clear()
                self._workers.died(worker)
            except Exception as error:
                yield self._give_up(task, _reason(error))
            else:
                self._workers.succeeded()
                yield outcome

    def _alone(self, task: Any) -> Iterator[Any]:
        """Try a task while nothing else runs, so that a death is its own doing."""
        worker = next(iter(self._given))
        try:
            outcome = self._submitted(worker, task).result()
        except BrokenProcessPool:
            self._workers.died(worker)
            parts = self._split(task)
            if parts:
                self._suspects.extendleft(reversed(parts))
            else:
                yield self._give_up(task, "the process that worked on it was ended twice")
        except Exception as error:
            yield self._give_up(task, _reason(error))
        else:
            self._workers.succeeded()
            yield outcome

    def _submitted(self, worker: _Worker, task: Any) -> Future[Any]:
        try:
            return worker.submit(self._call, task)
        except BrokenProcessPool:  # it died before it got it
            self._workers.died(worker)
            return worker.submit(self._call, task)


def _here(call: Callable[[Any], Any], tasks: Iterable[Any], give_up: Callable[[Any, str], Any]) -> Iterator[Any]:
    """The outcomes of tasks that are done in this process, one after the other."""
    for task in tasks:
        try:
            outcome = call(task)
        except Exception as error:
            outcome = give_up(task, _reason(error))
        yield outcome


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]


def _forks() -> bool:
    return "forkserver" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"


def _context() -> Any:
    return multiprocessing.get_context("forkserver" if _forks() else "spawn")


@contextmanager
def _own_surroundings() -> Iterator[None]:
    """Within it, processes that are started use one thread and leave Ctrl-C to this process, from their first moment on."""
    before = {variable: os.environ.get(variable) for variable in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        with _interrupts_held():
            yield
    finally:
        for variable, value in before.items():
            if value is None:
                del os.environ[variable]
            else:
                os.environ[variable] = value


@contextmanager
def _program_hidden() -> Iterator[None]:
    """Within it, processes that are started do not run the main module of the program again: no task needs it, and a script that
    does not guard its calls would begin a run of its own in each of them."""
    said = vars(sys.modules["__main__"])
    before: dict[str, Any] = {name: said[name] for name in ("__spec__", "__file__") if name in said}
    said.update(dict.fromkeys(before))
    try:
        yield
    finally:
        said.update(before)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):  # not on every system
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _load(_: object) -> None:
    """Load what all tasks need."""
    from . import gathering, survey_steps

    _ = gathering, survey_steps


def _make_room(workers: int) -> None:
    """See to it that this process may have as many open files as so many workers take. Raises WorkersFailed where it may not."""
    try:
        import resource
    except ImportError:  # not on every system
        return
    needed = FILES_BESIDE + FILES_OF_EACH * workers
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise WorkersFailed(f"{workers} workers need {needed} open files, and the system allows {hard} (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _cores_for(workers: int) -> Sequence[int]:
    """The core of each of as many workers as fill them all; none where some would be left over, which others may be using.

    Polars does its work in a thread of its own while the one that asked waits: wherever the system wakes it on the other
    worker's core, one of the two cores has nothing to do (a twentieth to a tenth of the time of a run of two workers).
    """
    if not hasattr(os, "sched_getaffinity"):  # not on every system
        return ()
    cores = sorted(os.sched_getaffinity(0))
    return () if workers < len(cores) else [cores[place % len(cores)] for place in range(workers)]


def _begin(core: int | None) -> None:
    """Stay on a core, leave an interrupt to the process that gives the tasks, and end when that is gone."""
    if core is not None:
        with suppress(OSError):  # a core that was taken away meanwhile
            os.sched_setaffinity(0, {core})
    collect_seldom()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _within(seconds: float, call: Callable[[Any], Any], task: Any) -> Any:
    """The outcome of a call; where it takes longer, this process ends, whatever holds it up, and counts as one that died."""
    with Path(os.devnull).open("w") as nowhere:
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            return call(task)
        finally:
            faulthandler.cancel_dump_traceback_later()


def _end_with(sentinel: Any) -> None:
    wait_for([sentinel])
    os._exit(1)
