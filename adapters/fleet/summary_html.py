"""The summary of a fleet as one HTML page without a script, for a browser, a mail or paper."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Template
from markupsafe import Markup

from ..report import wording
from ..report.html_environment import html_environment
from . import summary_text as words
from .summary import Summary

PACKAGE = "charger_triage.adapters.fleet"
STYLE = "charger_triage.adapters.report.html"

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Nothing may run, and nothing be fetched from anywhere."""

MAX_LINES = 200
"""Lines of a table on the page (our judgement: more is a matter for the Parquet files, which hold all)."""

MAX_NAMED = 50
"""Chargers that a line of the page names."""


def summary_html(summary: Summary) -> str:
    """A summary as one HTML page, which needs neither network nor server. The same summary gives the same bytes."""
    style = files(STYLE).joinpath("report.css").read_text(encoding="utf-8").strip()
    return page_template().render(
        summary=summary, policy=POLICY, style=Markup(style), most=MAX_LINES, most_named=MAX_NAMED
    )


@cache
def page_template() -> Template:
    """The template of the page, compiled once in a process."""
    environment = html_environment(PACKAGE)
    for name in ("counted", "moment", "percent"):
        environment.globals[name] = getattr(wording, name)
    for name in (
        "cause_in_words", "code_title", "codes_in_words", "footer", "headline", "named", "place_of", "roll_out_in_words",
        "setting", "site_of", "step_in_words",
    ):  # fmt: skip
        environment.globals[name] = getattr(words, name)
    environment.globals.update(where_words=wording.WHERE, files_in_words=words.FILES_IN_WORDS)
    return environment.get_template("summary.html.j2")
