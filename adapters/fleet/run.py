"""A run from a data set to its results: gather, survey, diagnose in batches, bring together. It can be ended at any moment."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from ...engine.durable_matcher import available
from ...engine.facts import iso_timestamp
from ...engine.garbage import seldom_collected
from ...engine.triage import package_version
from ...knowledge.firmware import in_range
from ...knowledge.library import Library, knowledge_directory
from ...knowledge.records import SCHEMAS
from ..bundle import UnreadableInput
from ..report.wording import listed
from .data_set import NO_UTF8, DataSet, find_data_set, is_utf8
from .diagnosing import Job, diagnose, failed
from .fleet_files import FleetFiles
from .gathering import Gathered, Task, gather, halves, tasks_of, unread
from .manifest import LAYOUT, MANIFEST, UNFINISHED, Manifest, inputs_of, read_manifest, write_manifest, write_whole
from .on_ray import RayWorkers, Terms
from .parts import Part, in_order, missing, parts_in
from .plan import Batch
from .results import REPORT_FILE, RESULTS, SUMMARY_FILE, bring_together
from .sole_run import LOCK, sole_run, unwritable
from .sorting import lost_piece, put_in_order
from .summary import Summary, summarised
from .surveying import BatchSize, Surveyed, Surveyor, stated_moment
from .troubles import NO_FIELD, NO_ROW, Trouble, merged
from .workers import Workers, workers_begun

WORK = "work"
PARTS = "parts"

OURS = frozenset({MANIFEST, WORK, PARTS, LOCK, *RESULTS})
"""What a run writes into its folder, and may take away again."""

MAX_TRIED = 3
"""Files without a record that are named (our judgement: one line)."""


class Progress(Protocol):
    """Who is told how far a run has come."""

    def stage(self, what: str, total: int, noun: str, /) -> None:
        """A stage begins, of so many things of a kind."""
        ...

    def advance(self, number: int, /) -> None:
        """So many more of them are done."""
        ...


class Silence:
    """Tells nobody."""

    def stage(self, *_: object) -> None:
        """Pass over it."""

    def advance(self, *_: object) -> None:
        """Pass over it."""


@dataclass(frozen=True)
class Options:
    """How a run is done: the moment of the diagnosis (epoch seconds) after which nothing counts, where none is given the
    newest of the data set; worker processes (0 for this one alone); how much a batch holds; how rules are matched; the
    address of the Ray cluster that the workers are of (0 of them for as many as it has cores), "local" for one of this machine;
    the folder of the knowledge, None for the shipped one.
    """

    as_of: float | None = None
    workers: int = 1
    size: BatchSize = field(default_factory=BatchSize)
    matcher: str | None = None
    ray: str | None = None
    knowledge: str | None = None


def run_fleet(
    paths: Sequence[str | Path],
    output: Path,
    options: Options = Options(),
    *,
    restart: bool = False,
    progress: Progress | None = None,
    begun: Workers | None = None,
) -> Summary:
    """Diagnose all chargers of a data set into a folder, or go on where an earlier run was ended; what it came to.

    Raises UnreadableInput where the data set cannot be read or has no record, where the folder is a file or the data itself,
    where another run is at work in it, or where it holds something else, a run with other inputs among it; `restart` takes such
    a run away and begins anew. Workers that have begun before are used instead of those of the options, and left to whoever
    began them. Raises WorkersFailed where worker processes end before they do anything, RayUnusable where the
    work cannot be done on the Ray cluster.
    """
    _refuse_place(output, paths)
    own = workers_begun(options.workers, options.ray) if begun is None else nullcontext(begun)
    with seldom_collected(), own as workers:
        data_set = find_data_set(paths, without=output)
        if restart or not (output / MANIFEST).exists():
            _refuse_others(output)
        with sole_run(output):
            return _Run(data_set, output, options, progress or Silence(), workers).carried_out(restart)


class _Run:
    def __init__(self, data_set: DataSet, output: Path, options: Options, progress: Progress, workers: Workers) -> None:
        self.data_set = data_set
        self.output = output
        self.options = options
        self.progress = progress
        self.workers = workers
        # workers may be of another folder
        self.knowledge = None if options.knowledge is None else str(Path(options.knowledge).absolute())
        self.library = Library(knowledge_directory(self.knowledge))
        self.work = output / WORK
        self.parts = output / PARTS
        self.fleet = FleetFiles(self.work / "fleet", secrets.token_hex(8))

    def carried_out(self, restart: bool) -> Summary:
        manifest = self._begun(restart)
        if manifest.state == "done":
            return _told_before(self.output)
        with self._workers() as workers:
            tasks, gathered = self._gathered(workers)
            if not any(each.rows for each in gathered):
                self._leave_nothing()
                raise UnreadableInput(self._nothing_read(gathered))
            surveyed, troubles = self._surveyed(tasks, gathered)
            batches, lost = self._sorted(workers, surveyed)
            parts = self._diagnosed(workers, surveyed, batches)
            workers.dismiss()
            summary = self._summarised(manifest, surveyed, gathered, tasks, [*troubles, *lost], parts)
        write_manifest(self.output, manifest.model_copy(update={"state": "done"}))
        for folder in (self.work, self.parts):
            shutil.rmtree(folder, ignore_errors=True)
        return summary

    def _workers(self) -> Workers | RayWorkers:
        if self.options.ray is None:
            return self.workers
        self.progress.stage("joining the Ray cluster", 1, "cluster")
        folder = (self.work / "ray").absolute()
        folder.mkdir(exist_ok=True)
        terms = Terms(
            str(Path.cwd()),
            (str(folder), self.data_set.files[0].path),
            package_version(),
            self.knowledge,
            self.library.digest,
        )
        workers = RayWorkers(self.options.ray, self.options.workers, folder, terms)
        self.progress.advance(1)
        return workers

    def _begun(self, restart: bool) -> Manifest:
        """The manifest of an earlier run that goes on, or of a new one."""
        there = None if restart else read_manifest(self.output)
        now = self._manifest()
        if there is None:
            _clear(self.output)
            for folder in (self.work, self.parts):
                folder.mkdir(parents=True)
            write_manifest(self.output, now)
            return now
        differences = list(there.differences(now))
        if differences:
            more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
            raise UnreadableInput(
                f"{self.output}: holds a run that began otherwise: {differences[0]}{more}; begin anew with --restart, or "
                "name another folder"
            )
        return there

    def _manifest(self) -> Manifest:
        return Manifest(
            layout=LAYOUT,
            version=package_version(),
            knowledge=self.library.reference,
            matcher=self.options.matcher or ("durable-rules" if available() else "verdicts"),
            as_of=self.options.as_of,
            batch_rows=self.options.size.rows,
            batch_chargers=self.options.size.chargers,
            inputs=inputs_of(self.data_set),
        )

    def _gathered(self, workers: Workers | RayWorkers) -> tuple[list[Task], list[Gathered]]:
        tasks = tasks_of(self.data_set, self.work / "gathered", self.options.as_of)
        self.progress.stage("reading records", self.data_set.size, "byte")
        found = []
        # the largest first, so that no worker waits long for the last
        by_size = sorted(tasks, key=lambda task: task.size, reverse=True)
        for outcome in workers.run(gather, by_size, split=halves, give_up=unread):
            found.append(outcome)
            self.progress.advance(outcome.size)
            _page_loaded()  # while workers are busy: before there are tasks, and when it is needed, they have nothing to do
        return tasks, found

    def _leave_nothing(self) -> None:
        """Take the run away, so that the same command reads anew what has been mended."""
        for folder in (self.work, self.parts):
            shutil.rmtree(folder, ignore_errors=True)
        (self.output / MANIFEST).unlink(missing_ok=True)

    def _nothing_read(self, gathered: Sequence[Gathered]) -> str:
        """Which files were tried, and what is wrong with the first that says so."""
        names = [file.name for file in self.data_set.files]
        rest = [f"{len(names) - MAX_TRIED} more"] if len(names) > MAX_TRIED else []
        until = "" if self.options.as_of is None else " up to --as-of"
        said = f"no record{until} was read of {listed([*names[:MAX_TRIED], *rest])}"
        troubles = sorted(t for each in gathered for t in each.troubles if t.problem)
        return (
            f"{said}; {troubles[0].file}: {troubles[0].problem}" if troubles else f"{said}; give files that hold some"
        )

    def _job(self, as_of: float | None) -> Job:
        return Job(self.fleet, str(self.parts), as_of, self.options.matcher, self.knowledge)

    def _surveyed(self, tasks: Sequence[Task], gathered: Sequence[Gathered]) -> tuple[Surveyed, list[Trouble]]:
        self.progress.stage("finding incidents", 1, "data set")
        stated, wrong = stated_moment(self.data_set.bundle)
        given = self.options.as_of
        # beside a Ray cluster in this process: each round would be a job of its own, which takes longer to begin
        surveyor = Surveyor(self.work, self.fleet, tasks, self.workers, self.options.size, self.knowledge)
        surveyed = surveyor.survey(gathered, stated if given is None else given, cut=given is not None)
        passed_over = [Trouble("bundle", NO_FIELD, p.name, NO_ROW, p.reason) for p in self.data_set.passed_over]
        read = [trouble for each in gathered for trouble in each.troubles]
        self.progress.advance(1)
        return surveyed, merged([*passed_over, *wrong, *read, *surveyed.troubles])

    def _sorted(self, workers: Workers | RayWorkers, surveyed: Surveyed) -> tuple[Sequence[Batch], list[Trouble]]:
        """The batches with the places of their rows in the pieces that were put in order, and what is wrong with those that were not."""
        if not surveyed.to_sort:
            return surveyed.batches, []
        (self.work / "sorted").mkdir(exist_ok=True)
        self.progress.stage("putting rows in order", len(surveyed.to_sort), "piece")
        found = []
        for outcome in workers.run(put_in_order, surveyed.to_sort, split=lambda _: (), give_up=lost_piece):
            found.append(outcome)
            self.progress.advance(1)
        return surveyed.with_stretches(found), merged(trouble for each in found for trouble in each.troubles)

    def _diagnosed(self, workers: Workers | RayWorkers, surveyed: Surveyed, batches: Sequence[Batch]) -> list[Part]:
        """The parts of all batches: those that workers tell of, as another node's may be late in a shared folder's list."""
        job = self._job(surveyed.as_of)
        there = parts_in(self.parts)
        self.progress.stage("diagnosing", surveyed.chargers, "charger")
        self.progress.advance(sum(part.chargers for part in there))
        left = missing(batches, there)
        outcomes = workers.run(
            partial(diagnose, job),
            left,
            split=Batch.halves,
            give_up=partial(failed, job),
            alike=attrgetter("codes"),
        )
        for part in outcomes:
            there.append(part)
            self.progress.advance(part.chargers)
        return in_order(there)

    def _summarised(
        self,
        manifest: Manifest,
        surveyed: Surveyed,
        gathered: Sequence[Gathered],
        tasks: Sequence[Task],
        troubles: Sequence[Trouble],
        parts: Sequence[Part],
    ) -> Summary:
        """Bring the parts together, and say what they come to."""
        from .summary_html import summary_html

        results = bring_together(self.output, self.parts, parts, troubles)
        records = dict.fromkeys(SCHEMAS, 0)
        for each in gathered:
            records[tasks[each.number].list] += each.rows
        fleet = self.fleet.facts(records, self._applies)
        summary = summarised(
            results,
            fleet,
            None if surveyed.as_of is None else iso_timestamp(surveyed.as_of),
            manifest.version,
            manifest.knowledge,
            manifest.matcher,
        )
        write_whole(self.output / SUMMARY_FILE, summary.model_dump_json(indent=1).encode() + b"\n")
        write_whole(self.output / REPORT_FILE, summary_html(summary).encode())
        return summary

    def _applies(self, code: str, version: str) -> bool | None:
        """Whether the firmware issue of a code holds for a version."""
        issue = self.library.firmware_issue(code)
        return None if issue is None else in_range(version, issue.from_, issue.to)


def _page_loaded() -> None:
    """Load the template of the report, and what fills it in."""
    from .summary_html import page_template

    page_template()


def _told_before(output: Path) -> Summary:
    """The summary of a run that is done."""
    path = output / SUMMARY_FILE
    try:
        return Summary.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise UnreadableInput(f"{path}: cannot be read; begin anew with --restart") from None


def _refuse_place(output: Path, paths: Sequence[str | Path]) -> None:
    """Raise UnreadableInput where results cannot be put: into a file, or among the data."""
    if not is_utf8(output):
        raise UnreadableInput(f"{output}: {NO_UTF8}; name another folder")
    there = next((path for path in (output, *output.parents) if path.exists()), output)
    if there.is_file():
        raise UnreadableInput(f"{there}: is a file; --output names a folder, which the run makes")
    if output.exists() and any(os.path.realpath(path) == os.path.realpath(output) for path in paths):
        raise UnreadableInput(f"{output}: is the data itself; name another folder for the results")


def _refuse_others(output: Path) -> None:
    """Raise UnreadableInput where a folder holds anything that no run wrote, or cannot be looked into."""
    for name in _names_in(output):
        if name not in OURS and not name.endswith(UNFINISHED):
            raise UnreadableInput(f"{output}: holds {name}, which no run wrote; name a new folder")


def _clear(output: Path) -> None:
    """Take away what an earlier run has left. Raises UnreadableInput where the folder holds anything else."""
    _refuse_others(output)
    try:
        for name in _names_in(output):
            path = output / name
            if name != LOCK:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError as error:
        raise unwritable(output, error) from None


def _names_in(output: Path) -> list[str]:
    try:
        return sorted(path.name for path in output.iterdir()) if output.exists() else []
    except OSError as error:
        raise unwritable(output, error) from None
