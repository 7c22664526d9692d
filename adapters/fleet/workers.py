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
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any

from ...engine.garbage import collect_seldom

AHEAD = 2
"""Tasks a worker has before it at most: the one it does, and one that waits, so that it need not."""

MAX_FRUITLESS = 3
"""Deaths of workers before any task was done after which starting more of them is given up."""

LONGEST_TASK = 3600.0
"""Seconds after which a task counts as hung and its worker ends (our judgement: tasks take seconds; one large CSV file is a
single task, and may take many minutes)."""

THREADS_VARIABLE = "POLARS_MAX_THREADS"

ONE_THREAD = (THREADS_VARIABLE, "OPENBLAS_NUM_THREADS")
"""Variables that keep a worker to one core: Polars', and that of the library under NumPy."""

Places = tuple[tuple[int, Any], ...]
"""Cores for workers to stay on, each with a semaphore of those that may take it."""

PRELOADED = "charger_triage.adapters.fleet.preloaded"
"""What processes have loaded before they are made, where the system can fork."""


def prepare_processes() -> None:
    """Have the process that workers are forked from load what they need, while this one does something else."""
    if _forks():
        from multiprocessing import forkserver, resource_tracker

        resource_tracker.ensure_running()  # else the server does, and lets interrupts through
        multiprocessing.set_forkserver_preload([PRELOADED])
        with _for_workers():
            forkserver.ensure_running()


class WorkersFailed(RuntimeError):
    """Worker processes die before they do anything."""


class Workers:
    """A number of worker processes; 0 does everything in this process.

    Processes are forked from one that has loaded modules and compiled rules, and has done nothing else: Polars, which has threads,
    is not among them, and durable-rules has matched nothing. Where the system cannot fork they are spawned. Each works on one core,
    and stays on one of its own where they are as many as there are cores.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._pool: ProcessPoolExecutor | None = None
        self._done = self._fruitless = 0

    def prepare(self) -> None:
        """Have what processes are made from get ready, while this one does something else."""
        if self.number:
            prepare_processes()

    def begin(self) -> None:
        """Start the processes, and have them load what tasks need besides, before there is any."""
        if self.number:
            for _ in range(self.number):
                self.submit(_load, None)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the workers finish what they do, and end them."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def dismiss(self) -> None:
        """Let the workers end as soon as they are done, without waiting for them."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)

    def run(
        self,
        call: Callable[[Any], Any],
        tasks: Iterable[Any],
        *,
        split: Callable[[Any], Sequence[Any]],
        give_up: Callable[[Any, str], Any],
    ) -> Iterator[Any]:
        """The outcomes of a call of each task, as they come; not more is begun than workers can take.

        A task during which a worker dies is tried again by itself; one that kills a worker then as well is split, and
        where it cannot be split (`split` gives nothing) `give_up` makes its outcome from the task and a reason. So is a
        task whose call raises.
        """
        if self.number == 0:
            yield from map(call, tasks)
            return
        yield from _Run(self, call, split, give_up).outcomes(iter(tasks))

    def submit(self, call: Callable[[Any], Any], task: Any) -> Future[Any]:
        """Have a worker do a task; workers are started where none are there."""
        if self._pool is None:
            prepare_processes()
            context = _context()
            places = _places(context, self.number)
            self._pool = ProcessPoolExecutor(self.number, mp_context=context, initializer=_begin, initargs=(places,))
        with _for_workers():
            return self._pool.submit(_within, LONGEST_TASK, call, task)

    def succeeded(self) -> None:
        """Note that a task was done."""
        self._done += 1

    def died(self) -> None:
        """Note that a worker died, and have new ones started for the next task.

        Raises WorkersFailed where they die without doing anything.
        """
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        if not self._done:
            self._fruitless += 1
            if self._fruitless >= MAX_FRUITLESS:
                raise WorkersFailed("worker processes end before they do anything")


class _Run:
    def __init__(
        self,
        workers: Workers,
        call: Callable[[Any], Any],
        split: Callable[[Any], Sequence[Any]],
        give_up: Callable[[Any, str], Any],
    ) -> None:
        self._workers = workers
        self._call = call
        self._split = split
        self._give_up = give_up
        self._suspects: deque[Any] = deque()

    def outcomes(self, tasks: Iterator[Any]) -> Iterator[Any]:
        exhausted = False
        running: dict[Future[Any], Any] = {}
        while True:
            while not exhausted and not self._suspects and len(running) < AHEAD * self._workers.number:
                task = next(tasks, _NONE)
                exhausted = task is _NONE
                if not exhausted:
                    self._begin(task, running)
            if running:
                yield from self._finished(running)
            elif self._suspects:
                yield from self._alone(self._suspects.popleft())
            elif exhausted:
                return

    def _begin(self, task: Any, running: dict[Future[Any], Any]) -> None:
        try:
            running[self._workers.submit(self._call, task)] = task
        except BrokenProcessPool:
            self._suspects.append(task)

    def _finished(self, running: dict[Future[Any], Any]) -> Iterator[Any]:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        broken = False
        for future in done:
            task = running.pop(future)
            try:
                outcome = future.result()
            except BrokenProcessPool:
                broken = True
                self._suspects.append(task)
            except Exception as error:
                outcome = self._give_up(task, _reason(error))
                yield outcome
            else:
                self._workers.succeeded()
                yield outcome
        if broken:
            # whichever was at fault, all that were begun are lost with the pool
            self._suspects.extend(running.values())
            running.clear()
            self._workers.died()

    def _alone(self, task: Any) -> Iterator[Any]:
        """Try a task while nothing else runs, so that a death is its own doing."""
        future = self._submitted(task)
        try:
            outcome = future.result()
        except BrokenProcessPool:
            self._workers.died()
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

    def _submitted(self, task: Any) -> Future[Any]:
        try:
            return self._workers.submit(self._call, task)
        except BrokenProcessPool:  # workers died before they got it
            self._workers.died()
            return self._workers.submit(self._call, task)


_NONE: Any = object()


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]


def _forks() -> bool:
    return "forkserver" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"


def _context() -> Any:
    return multiprocessing.get_context("forkserver" if _forks() else "spawn")


@contextmanager
def _for_workers() -> Iterator[None]:
    """Within it, processes that are started use one thread and leave Ctrl-C to this process, from their first moment on."""
    before = {variable: os.environ.get(variable) for variable in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        with _interrupts_held(), _program_hidden():
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


def _places(context: Any, number: int) -> Places:
    """A core for each of as many workers as fill them all; none where some would be left over, which others may be using."""
    if not hasattr(os, "sched_getaffinity"):  # not on every system
        return ()
    cores = sorted(os.sched_getaffinity(0))
    if number < len(cores):
        return ()
    return tuple((cores[worker % len(cores)], context.Semaphore(1)) for worker in range(number))


def _take_one(places: Places) -> None:
    """Stay on the first core that no other worker has taken.

    Polars does its work in a thread of its own while the one that asked waits: wherever the system wakes it on the other
    worker's core, one of the two cores has nothing to do (a twentieth to a tenth of the time of a run of two workers).
    """
    core = next((core for core, free in places if free.acquire(block=False)), None)
    if core is not None:
        with suppress(OSError):  # a core that was taken away meanwhile
            os.sched_setaffinity(0, {core})


def _begin(places: Places) -> None:
    """Leave an interrupt to the process that gives the tasks, and end when that is gone."""
    _take_one(places)
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
