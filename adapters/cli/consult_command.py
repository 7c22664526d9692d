"""`consult`: the conversation in the terminal, or over a pipe. What it knows of causes and checks is the session's."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from .failures import INTERRUPTED, ReaderGone, Unusable
from .lookup import demand_code, fault_code_of, load_triage, moment_of, read_case, usable_knowledge
from .options import AsOf, KnowledgeFolder, OneCharger, OneCode
from .output import Destination
from .shell import PROGRAM, Shell, wants_colour

if TYPE_CHECKING:
    from ...engine import Triage
    from ...engine.diagnosis import Incident, NextCheck
    from ..bundle import Bundle
    from ..consult import Consultation, ResultsFile
    from ..report.page import Page

LONGEST_LINE = 4_096
"""Characters of one answer that are read; the rest of the line is passed over."""

HELP = ("?", "help")
WHY = ("why",)
CANNOT = ("skip", "cannot", "can't", "cannot do that")
UNDO = ("undo", "back")
STOP = ("stop", "quit", "exit")

STDOUT = "-"


def consult(
    context: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders or zips; also earlier answers.")
    ],
    device: OneCharger = None,
    code: OneCode = None,
    as_of: AsOf = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where the answers go; - for standard output. [check_results.jsonl]"
        ),
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who found the results. [consultation]")] = None,
    on_site: Annotated[
        bool, typer.Option("--on-site", help="You are at the charger: no way to it is counted.")
    ] = False,
    knowledge: KnowledgeFolder = None,
) -> None:
    """Ask for the most useful check, take the answer, rank again.

    Ends when one cause passes 90 % or no check is worth its time, and writes the answers as check results.
    """
    if STDOUT in paths:
        raise Unusable(
            "PATH -: your answers are read from standard input, so the case cannot be; save it to a file and name that"
        )
    shell = context.ensure_object(Shell)
    moment = None if as_of is None else moment_of(as_of)
    fault_code = None if code is None else fault_code_of(code)
    results = None if output == STDOUT else _results_file(output, paths)
    with shell.progress("reading records"):
        bundle = read_case(paths, device)
    talk = _Talk(sys.stderr if output == STDOUT else None)
    with shell.progress("diagnosing"):
        triage = load_triage(knowledge)
        with usable_knowledge(knowledge):
            session = _session(triage, bundle, device, fault_code, moment, by, on_site)
    if session is None:
        if fault_code is not None:
            demand_code(triage, bundle, fault_code, moment)
        asked = " and ".join(part for part in (device, fault_code) if part is not None)
        talk.say(f"There is nothing to ask{f' for {asked}' if asked else ''}: no incident with documented causes.")
        return
    options = {
        "--device": device, "--code": code, "--as-of": as_of, "--output": output, "--by": by, "--knowledge": knowledge,
    }  # fmt: skip
    again = None if results is None else _again(paths, results, options, ["--on-site"] if on_site else [])
    _Conversation(session, triage, talk).hold(lambda: _keep(session, results, talk, again))


def _results_file(output: str | None, paths: Sequence[str]) -> ResultsFile:
    from ..consult import ResultsFile
    from ..consult.results_file import DEFAULT_NAME, UnusableFile

    if output is None:
        here = Path.cwd()
        for path in paths:
            with suppress(OSError):
                if Path(path).is_dir() and Path(path).resolve() == here:
                    raise Unusable(
                        f"PATH {path}: is the current folder, and a case is left as it is; name a file with --output"
                    )
    try:
        return ResultsFile(DEFAULT_NAME if output is None else output)
    except UnusableFile as error:
        raise Unusable(f"--output {error}") from None


def _session(
    triage: Triage,
    bundle: Bundle,
    device: str | None,
    code: str | None,
    as_of: float | None,
    by: str | None,
    on_site: bool,
) -> Consultation | None:
    """The session about the incidents that are asked for; None where there is none with documented causes."""
    from ..consult import Consultation
    from ..consult.session import DEFAULT_BY

    session = Consultation(triage, bundle, as_of=as_of, by=DEFAULT_BY if by is None else by, on_site=on_site)
    wanted = [
        incident.incident_id
        for incident in session.incidents
        if (device is None or incident.device_id == device) and (code is None or incident.fault_code == code)
    ]
    return session.about(wanted) if wanted else None


def _again(
    paths: Sequence[str], results: ResultsFile, options: Mapping[str, str | None], switches: Sequence[str]
) -> str:
    """The command that goes on where this consultation ends, in the same way and with the same file of answers."""
    inputs = [*paths, *([] if str(results.path) in paths else [str(results.path)])]
    given = [part for name, value in options.items() if value is not None for part in (name, value)]
    return shlex.join([PROGRAM, "consult", *inputs, *given, *switches])


def _keep(session: Consultation, results: ResultsFile | None, talk: _Talk, again: str | None) -> None:
    """Write the answers. Where the file fails they are not lost: they go to the conversation."""
    from ..consult.results_file import UnusableFile, as_line

    records = session.records
    if not records:
        talk.say("No answer was given; nothing is written.")
        return
    lines = "".join(f"{as_line(record)}\n" for record in records)
    if results is None:
        Destination().write(lines)
        return
    try:
        replaced = results.add(records)
    except UnusableFile as error:
        talk.say(lines.rstrip("\n"))
        raise Unusable(f"--output {error}; the answers stand above instead") from None
    note = f" ({replaced} of the same check and moment replaced)" if replaced else ""
    talk.say(f"Answers written to {results.path}{note}. To go on from there:\n  {again}")


@dataclass
class _Talk:
    """Where the conversation goes: standard output, or standard error where the answers go there. Answers come in by
    standard input, with line editing on a terminal."""

    stream: TextIO | None = None
    _destination: Destination = field(default_factory=Destination)

    @property
    def colour(self) -> bool:
        return self._destination.colour if self.stream is None else wants_colour(self.stream)

    def page(self) -> Page:
        """An empty page as wide as the conversation."""
        from ..report.page import Page

        return Page(self._destination.width, colour=self.colour)

    def say(self, text: object) -> None:
        """Say something, with the line's end, at once."""
        from ..report.wording import clean

        if isinstance(text, str):
            text = "\n".join(clean(line, 100_000) for line in text.splitlines())
        self._write(str(text).rstrip("\n") + "\n")

    def _write(self, text: str) -> None:
        if self.stream is None:
            self._destination.write(text)
            return
        encoding = self.stream.encoding or "utf-8"
        with suppress(OSError):  # whoever does not listen still gets the answers
            self.stream.write(text.encode(encoding, "replace").decode(encoding))
            self.stream.flush()

    def ask(self, prompt: str) -> str | None:
        """One line of answer; None at the end of input."""
        if sys.stdin is None:
            return None
        if sys.stdin.isatty() and self.stream is None and self._destination.is_terminal:
            with suppress(ImportError):
                import readline  # noqa: F401  # gives input() line editing and a history
            try:
                return input(f"{prompt} ")[:LONGEST_LINE]
            except (EOFError, UnicodeDecodeError):
                self._write("\n")
                return None
        self.say(prompt)
        return _line(sys.stdin)


def _line(stream: TextIO) -> str | None:
    """A line of standard input however it is encoded and however long it is; None at its end."""
    try:
        first = rest = stream.buffer.readline(LONGEST_LINE)
        while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.buffer.readline(LONGEST_LINE)
    except (OSError, ValueError):
        return None
    return first.decode("utf-8", "replace").strip("\r\n") if first else None


class _Conversation:
    """Asks until the session has no question, the person stops, or input ends."""

    def __init__(self, session: Consultation, triage: Triage, talk: _Talk) -> None:
        self._session = session
        self._triage = triage
        self._talk = talk
        self._asked_about: list[str] = []
        self._shown: tuple[str, str] | None = None

    def hold(self, keep: Callable[[], None]) -> None:
        """Converse, say how it stands at the end, and keep the answers whatever happens on the way."""
        interrupted = False
        try:
            try:
                self._converse()
            except KeyboardInterrupt:
                interrupted = True
                self._session.stop()
                self._talk.say("")
            page = self._talk.page()
            from ..consult.turns import close

            close(page, self._session, self._asked_about)
            self._talk.say(page)
        finally:
            # a second Ctrl-C or a reader that is gone must not cost the answers
            with suppress(ReaderGone, KeyboardInterrupt):
                keep()
        if interrupted:
            raise typer.Exit(INTERRUPTED)

    def _converse(self) -> None:
        while True:
            incident, check = self._session.incident, self._session.question
            if incident is None or check is None:
                if not self._confirmed():
                    continue
                return
            self._show(incident, check)
            text = self._talk.ask(self._prompt(check))
            if text is None:
                self._session.stop()
                return
            if not self._take(text, incident, check):
                return

    def _show(self, incident: Incident, check: NextCheck) -> None:
        """How the incident stands and what is asked, once for each question."""
        from ..consult.turns import question, standing
        from ..report.wording import headline, where_of

        current = (incident.incident_id, f"{check.check_id} {len(self._session.answers)}")
        if current == self._shown:
            return
        page = self._talk.page()
        page.blank()
        page.line(f"{headline(incident)} at {where_of(incident)}", style="bold")
        standing(page, incident)
        question(page, len(self._session.answers) + 1, check, self._triage.knowledge.base.checks[check.check_id])
        self._talk.say(page)
        self._shown = current
        if incident.incident_id not in self._asked_about:
            self._asked_about.append(incident.incident_id)

    def _prompt(self, check: NextCheck) -> str:
        from ..consult.turns import prompt

        return prompt(self._triage.knowledge.base.checks[check.check_id])

    def _take(self, text: str, incident: Incident, check: NextCheck) -> bool:
        """Do what a line says; false where it ends the conversation."""
        from ..consult import NotUnderstood

        word = " ".join(text.casefold().split())
        if word in STOP:
            alike = [o.result for o in check.outcomes if o.result.casefold().startswith(word)]
            if alike:
                self._talk.say(f"To end write quit; for the answer write {alike[0]}.")
                return True
            self._session.stop()
            return False
        if word in HELP or word in WHY:
            self._tell(word, incident, check)
        elif word in CANNOT:
            self._session.cannot()
            self._talk.say(f"Left out: {check.title}.")
        elif word in UNDO:
            self._undo()
        else:
            before = self._session.incidents
            try:
                given = self._session.answer(text)
            except NotUnderstood as error:
                self._talk.say(f"{error}.")
                return True
            self._changed(before, incident.incident_id, given.record["value"], check)
        return True

    def _tell(self, word: str, incident: Incident, check: NextCheck) -> None:
        from ..consult.turns import help_text, why

        page = self._talk.page()
        if word in HELP:
            help_text(page, check, self._triage.knowledge.base.checks[check.check_id])
        else:
            why(page, incident)
        self._talk.say(page)

    def _undo(self) -> None:
        from ..consult import NothingToUndo

        try:
            self._session.undo()
        except NothingToUndo as error:
            self._talk.say(f"There is nothing to undo: {error}.")
            return
        self._shown = None
        self._talk.say("Taken back.")

    def _changed(self, before: Sequence[Incident], about: str, value: float | str, check: NextCheck) -> None:
        from ...engine.facts import in_words
        from ..consult.turns import changed

        page = self._talk.page()
        page.blank()
        page.line(f"{check.title}: {in_words(value, check.unit)}.")
        changed(page, before, self._session.incidents, about)
        self._talk.say(page)

    def _confirmed(self) -> bool:
        """Whether the consultation is over: after an answer it can still be taken back."""
        if not self._session.can_undo:
            return True
        stopped = self._session.stopped
        self._talk.say(f"\nNothing more to ask: {stopped}.")
        while True:
            text = self._talk.ask("Write undo to take the last answer back, or an empty line to finish:")
            word = "" if text is None else " ".join(text.casefold().split())
            if word in UNDO:
                self._undo()
                return False
            if not word or word in STOP:
                return True
            self._talk.say("Nothing is asked any more; write undo, or an empty line.")
