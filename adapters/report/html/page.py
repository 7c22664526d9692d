"""The page: what each template is given, and how it is filled. Everything that data can fill is escaped on its way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import vl_convert
from jinja2 import Environment
from markupsafe import Markup, escape

from ....engine.diagnosis import CheckOutcome, Diagnosis, Incident
from ....engine.facts import Source, in_words
from ....engine.hypothesis import Hypothesis
from ....engine.trace import RuleRead
from ....knowledge.observations import plain_json
from ...bundle import Bundle
from .. import argument, text, wording
from ..html_environment import html_environment
from ..record_book import RecordBook, as_diagnosed
from .chain import BOX_WIDTH, LINE_HEIGHT, PADDING, Picture, chain_of
from .citations import Citation, Citations, EvidencePlace, cite, sources_of
from .fleet import Fleet, FleetBook
from .scripts import content_security_policy, json_in_script
from .timeline import Timeline, timeline_of

PACKAGE = "charger_triage.adapters.report.html"

LONGEST_PAYLOAD = 20_000
"""Characters of an event payload that the page shows (our judgement: a screen or two; the embedded JSON holds all)."""

MAX_REASONS = 8
"""Reasons of each kind why a cause does not lead (our judgement; the verdicts of all rules stand below)."""

MAX_PAYLOADS = 20
"""Payloads of an undocumented code that are shown one by one."""

MAX_WARNINGS = 100
"""Data warnings that the page lists one by one (our judgement; the embedded JSON holds all)."""


@dataclass(frozen=True)
class IncidentView:
    """An incident with everything its card shows; `anchor` begins all ids in the card."""

    incident: Incident
    anchor: str
    citations: Citations
    timeline: Timeline | None
    chain: Picture | None
    fleet: Fleet | None
    book: RecordBook
    measurements: Mapping[str, str]

    @property
    def leader(self) -> Hypothesis | None:
        """The likeliest cause."""
        return next(iter(self.incident.hypotheses), None)

    def meaning(self, name: str) -> str:
        """What a measurement measures, where the diagnosis says so."""
        return self.measurements.get(name, "")

    def evidence_of(self, hypothesis: Hypothesis) -> list[EvidencePlace]:
        """The evidence of a cause in the order in which it is told."""
        return [place for place in self.citations.evidence if place.hypothesis is hypothesis]

    def marks_of(self, place: EvidencePlace) -> str:
        """The numbers of the records behind a piece of evidence that have a place in time, as the page's script takes them."""
        dated = [source for source in sources_of(place.item) if self.book.time(source) is not None]
        return " ".join(map(str, self.citations.numbers(dated)))

    def links_of(self, sources: Sequence[Source]) -> Iterator[tuple[Source, int]]:
        """The records to name behind a fact: all where they are few, else the first and the last of each list."""
        by_list: dict[str, list[Source]] = {}
        for source in dict.fromkeys(sources):
            by_list.setdefault(source.list, []).append(source)
        for _, named in sorted(by_list.items()):
            shown = named if len(named) <= wording.MAX_SOURCES_SHOWN else [named[0], named[-1]]
            yield from ((source, self.citations.by_source[source].number) for source in shown)

    def cited(self) -> list[Citation]:
        """Every record that the evidence names."""
        return self.citations.all()

    def rules(self) -> list[RuleRead]:
        """Every rule that bears on any cause, those that fired first, then those that did not, then the unknown."""
        order = {"met": 0, "not met": 1, "unknown": 2}
        read = {rule.rule_id: rule for h in self.incident.hypotheses for rule in h.verdicts}
        return sorted(read.values(), key=lambda rule: (order[rule.verdict], rule.rule_id))

    def title_of(self, cause_id: str) -> str:
        """The title of a cause; its id where it is none of this incident's."""
        return argument.title_of(self.incident, cause_id)

    def shares_of(self, outcome: CheckOutcome) -> list[tuple[str, float]]:
        """What a result would make of the ranking: titles and probabilities in the order of the present ranking."""
        shares = [(h.title, outcome.probabilities.get(h.cause_id, 0.0)) for h in self.incident.hypotheses]
        return [*shares, ("none of the documented causes", outcome.undocumented_probability)]


class _Page:
    def __init__(self, diagnosis: Diagnosis, bundle: Bundle, asked: str, as_of: float | None) -> None:
        self.diagnosis = diagnosis
        self.asked = asked
        self.book, self.faults, shown = as_diagnosed(diagnosis, bundle, as_of)
        self.fleets = FleetBook(diagnosis, self.book, self.faults, shown)
        self.kinds = text.by_kind(diagnosis.incidents)
        chosen = text.told_in_full(diagnosis.incidents, self.kinds)
        self.views = [self._view(incident, f"incident-{number}") for number, incident in enumerate(chosen, 1)]
        self.anchors = {view.incident.incident_id: view.anchor for view in self.views}
        self.left_out = len(diagnosis.incidents) - len(chosen)

    def _view(self, incident: Incident, anchor: str) -> IncidentView:
        citations = cite(incident, anchor)
        return IncidentView(
            incident,
            anchor,
            citations,
            timeline_of(incident, citations, self.book, self.faults, self.diagnosis.as_of),
            chain_of(incident.hypotheses[0]) if incident.hypotheses else None,
            self.fleets.around(incident),
            self.book,
            self.diagnosis.measurements,
        )

    def embedded(self) -> Markup:
        """The JSON of the diagnosis with the incidents that the page tells in full."""
        told = self.diagnosis.model_copy(update={"incidents": [view.incident for view in self.views]})
        return json_in_script(told.model_dump(mode="python", by_alias=True))

    def charts(self) -> Markup:
        """What the page's script draws: for each chart its specification, and which record each mark is."""
        charts = [chart for view in self.views if view.timeline is not None for chart in view.timeline.all()]
        return json_in_script({chart.anchor: {"spec": chart.spec, "marks": chart.marks} for chart in charts})

    def rendered(self) -> str:
        scripts = (_library(), _asset("report.js"))
        problems, untold = text.warnings_in_words(self.diagnosis.warnings, MAX_WARNINGS)
        template = _environment().get_template("page.html.j2")
        return template.render(
            page=self,
            diagnosis=self.diagnosis,
            policy=content_security_policy(scripts),
            style=Markup(_asset("report.css")),
            library=Markup(scripts[0]),
            script=Markup(scripts[1]),
            has_charts=any(view.timeline is not None for view in self.views),
            problems=problems,
            problems_untold=untold,
        )


def page_of(diagnosis: Diagnosis, bundle: Bundle, asked: str, as_of: float | None) -> str:
    """A diagnosis as an HTML page; see `diagnosis_html`."""
    return _Page(diagnosis, bundle, asked, as_of).rendered()


@cache
def _library() -> str:
    """The chart library as one script: vega, vega-lite and vega-embed, as the installed vl-convert carries them."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").strip().replace("\r", "")


@cache
def _asset(name: str) -> str:
    return files(PACKAGE).joinpath(name).read_text(encoding="utf-8").strip()


@cache
def _environment() -> Environment:
    environment = html_environment(PACKAGE)
    environment.globals.update(
        {
            name: getattr(wording, name)
            for name in (
                "age", "arithmetic", "brief_place", "contradiction", "counted", "decibans", "firmware_applies", "for_and_against",
                "PERHAPS_MORE", "headline", "indecision", "is_unexplained", "listed", "may_be_more", "minutes", "moment", "percent", "short_id", "span",
                "times_of", "where_of", "with_titles",
            )
        }
    )  # fmt: skip
    environment.globals.update(
        {
            name: getattr(text, name)
            for name in ("footer", "kind_in_words", "nothing_found", "report_contents", "summary", "what_if")
        }
    )
    environment.globals.update(
        {
            name: getattr(argument, name)
            for name in ("change_in_words", "covered_in_words", "mapping_in_words", "why_not_in_words")
        }
    )
    environment.globals.update(
        how_numbers_work=text.HOW_NUMBERS_WORK,
        unexplained=wording.UNEXPLAINED,
        where_words=wording.WHERE,
        max_places=text.MAX_PLACES,
        most_reasons=MAX_REASONS,
        in_words=in_words,
        payloads_of=_payloads_of,
        measured=_measured,
        box_width=BOX_WIDTH,
        line_height=LINE_HEIGHT,
        padding=PADDING,
    )
    return environment


def _measured(name: str) -> str:
    """A measurement's name as words."""
    return name.removeprefix("finding.").replace("_", " ")


def _payloads_of(incident: Incident) -> list[Markup]:
    """The event payloads of an undocumented code as indented JSON, long ones cut."""
    payloads = (incident.escalation or {}).get("payloads") or []
    shown = []
    for payload in payloads[:MAX_PAYLOADS]:
        written = json.dumps(plain_json(payload), indent=2, ensure_ascii=True, sort_keys=True)
        if len(written) > LONGEST_PAYLOAD:
            written = f"{written[:LONGEST_PAYLOAD]}\n… ({len(written):,} characters; the embedded JSON holds all)"
        shown.append(escape(written))
    return shown
