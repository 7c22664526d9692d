"""The HTML form of an escalation: one file without a script, for a browser, a mail or paper."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from jinja2 import Environment
from markupsafe import Markup

from ..report import wording
from ..report.argument import chain, contradiction_in_words, covered_in_words
from ..report.html_environment import html_environment
from ..report.text import HOW_NUMBERS_WORK, warnings_in_words
from . import wording as words
from .charts import charts_of
from .content import Escalation, PayloadRecord
from .markdown import MAX_PROBLEMS, footer
from .reasoning import by_owner
from .telemetry import in_cell

PACKAGE = "charger_triage.adapters.escalation"

LONGEST_TEXT = 4000
"""Characters of one text that the document shows (our judgement: level 2 reads what a report may cut)."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Nothing may run, and nothing be fetched from anywhere."""

LONGEST_PAYLOAD = 50_000
"""Characters of a payload that the page shows (judgement; the JSON form holds all)."""


def html_of(escalation: Escalation) -> str:
    """An escalation as one HTML page."""
    problems, untold = warnings_in_words(escalation.data_problems, MAX_PROBLEMS)
    return (
        _environment()
        .get_template("escalation.html.j2")
        .render(
            escalation=escalation,
            policy=POLICY,
            style=Markup(files(PACKAGE).joinpath("escalation.css").read_text(encoding="utf-8").strip()),
            problems=problems,
            problems_untold=untold,
            footer=footer(escalation),
            has_ranking=any(i.ranking is not None for section in escalation.sections for i in section.incidents),
        )
    )


@cache
def _environment() -> Environment:
    environment = html_environment(PACKAGE, LONGEST_TEXT)
    for name in ("clean", "counted", "decibans", "minutes", "moment", "percent", "read_from", "span"):
        environment.globals[name] = getattr(wording, name)
    for name in (
        "effect_in_words", "facts_of_device", "headline_of", "incident_facts", "pseudonyms_in_words", "reason_in_words",
        "session_in_words", "upstream_in_words",
    ):  # fmt: skip
        environment.globals[name] = getattr(words, name)
    environment.globals.update(
        by_owner=by_owner,
        chain=chain,
        charts_of=charts_of,
        contradiction_in_words=contradiction_in_words,
        covered_in_words=covered_in_words,
        how_numbers_work=HOW_NUMBERS_WORK,
        in_cell=in_cell,
        payload=_payload,
        sources_of=words.owner_sources,
        where_words=wording.WHERE,
    )
    return environment


def _payload(record: PayloadRecord) -> Markup:
    """A record as indented JSON."""
    written = json.dumps(record.record, indent=2, ensure_ascii=True)
    if len(written) > LONGEST_PAYLOAD:
        written = f"{written[:LONGEST_PAYLOAD]}\n… ({len(written):,} characters; the JSON form holds all)"
    return Markup("{}").format(written)
