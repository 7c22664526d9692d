"""What the knowledge base says of a code or a cause, for people: text for a terminal, and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.text import Text

from ...engine.fault_explanation import CauseInWords, CheckInWords, FaultExplanation, RuleInWords
from ...engine.rules import statement_with
from .markup import code, escaped, table
from .page import Page
from .wording import WHERE, clean, counted, decibans, listed, minutes, short_id

_PRIORS = {"most-common": "most common", "ordinary": "", "rare": "rare"}


def catalogue_text(explanations: Sequence[FaultExplanation], *, width: int = 80, colour: bool = False) -> str:
    """All codes with their causes, one line each."""
    page = Page(width, colour=colour)
    for place, explained in enumerate(explanations):
        if place:
            page.blank()
        page.line(f"{clean(explained.fault_code)} {clean(explained.title)}", style="bold")
        for cause in explained.causes:
            label = Text(f"{clean(cause.cause_id)}  ")
            page.line(
                Text(f"{clean(cause.title)}{_prior_note(cause)}", "dim"),
                label=label,
                indent=2,
                hang=_widest(explained) + 2,
            )
    page.blank()
    causes = sum(len(explained.causes) for explained in explanations)
    rules = sum(len(explained.rules) for explained in explanations)
    page.line(
        f"{counted(len(explanations), 'code')}, {counted(causes, 'cause')}, {counted(rules, 'rule')}", style="dim"
    )
    return str(page)


def _widest(explained: FaultExplanation) -> int:
    return max((len(clean(cause.cause_id)) for cause in explained.causes), default=0)


def _prior_note(cause: CauseInWords) -> str:
    word = _PRIORS.get(cause.prior, cause.prior)
    return f" ({word})" if word else ""


def explanation_text(explained: FaultExplanation, *, width: int = 80, colour: bool = False) -> str:
    """The entry of a code, and every rule in words with its thresholds and their sources."""
    page = Page(width, colour=colour)
    page.line(f"{clean(explained.fault_code)} {clean(explained.title)}", style="bold")
    scope = "one connector" if explained.scope == "connector" else "the whole charger"
    page.line(f"{clean(explained.severity)} · {clean(explained.category)} · concerns {scope}")
    page.blank()
    page.line(clean(explained.meaning, 2000))
    _bullets(page, "Symptoms", explained.symptoms)
    _bullets(page, "Telemetry to look at", explained.telemetry)
    _bullets(page, "Firmware", explained.firmware_notes)
    page.heading("Causes")
    for cause in explained.causes:
        _cause(page, cause)
    page.heading("Rules")
    for rule in explained.rules:
        _rule(page, rule)
    _checks(page, explained.checks)
    _actions(page, [(action.title, action.where, action.for_) for action in explained.actions])
    page.blank()
    page.line(WEIGHTS, style="dim")
    return str(page)


WEIGHTS = "Weights are decibans: +3 dB is a likelihood ratio of 2, +7 dB 5, +13 dB 20, +20 dB 100; negative ones speak against."


def cause_text(explained: FaultExplanation, cause_id: str, *, width: int = 80, colour: bool = False) -> str:
    """One cause with the rules that bear on it, directly or by a finding, the code's checks that they read, its actions."""
    page = Page(width, colour=colour)
    cause = next(cause for cause in explained.causes if cause.cause_id == cause_id)
    page.line(f"{clean(cause.cause_id)}", style="bold")
    page.line(clean(cause.title))
    page.line(f"a cause of {clean(explained.fault_code)} {clean(explained.title)}", style="dim")
    page.blank()
    page.line(clean(cause.explanation, 2000))
    page.line(f"Prior {decibans(cause.prior_db, sign=False)} dB ({clean(cause.prior)}): {clean(cause.prior_source)}")
    rules = bearing_rules(explained, cause_id)
    supporting = [rule for rule in rules if cause_id in rule.supports]
    opposing = [rule for rule in rules if cause_id in rule.against]
    raising = [rule for rule in rules if rule.raises is not None]
    for title, part in (
        ("Speaks for it", supporting),
        ("Speaks against it", opposing),
        ("Findings behind these", raising),
    ):
        if part:
            page.heading(title)
            for rule in part:
                _rule(page, rule, cause_id)
    if not rules:
        page.heading("No rule bears on it")
    _checks(page, read_checks(explained, rules))
    _actions(page, [(action.title, action.where, ()) for action in explained.actions if cause_id in action.for_])
    return str(page)


def bearing_rules(explained: FaultExplanation, cause_id: str) -> list[RuleInWords]:
    """The rules that weigh a cause, and those that raise findings which these read."""
    bearing = [rule for rule in explained.rules if cause_id in rule.supports or cause_id in rule.against]
    raised = {rule.raises: rule for rule in explained.rules if rule.raises is not None}
    pending = list(bearing)
    while pending:
        texts = pending.pop().conditions
        for name in raised:
            if any(text == f"finding {name}" or text.startswith(f"finding {name} ") for text in texts):
                new = [rule for rule in explained.rules if rule.raises == name and rule not in bearing]
                bearing.extend(new)
                pending.extend(new)
    return bearing


def read_checks(explained: FaultExplanation, rules: Iterable[RuleInWords]) -> list[CheckInWords]:
    """The checks whose results any of the rules reads."""
    texts = [text for rule in rules for text in rule.conditions]
    return [check for check in explained.checks if any(text.startswith(f"check {check.check_id} ") for text in texts)]


def _bullets(page: Page, title: str, items: Sequence[str]) -> None:
    if items:
        page.heading(title)
        for item in items:
            page.line(clean(item, 1000), label="- ", indent=2)


def _cause(page: Page, cause: CauseInWords) -> None:
    page.line(Text(f"{clean(cause.title)}{_prior_note(cause)}"), label="- ", indent=2)
    page.line(
        f"{short_id(cause.cause_id)}, prior {decibans(cause.prior_db, sign=False)} dB: {clean(cause.prior_source)}",
        indent=4,
        style="dim",
    )


def _rule(page: Page, rule: RuleInWords, cause_id: str | None = None) -> None:
    page.line(Text(clean(rule.rule_id), "cyan"), indent=2)
    for number, condition in enumerate(rule.conditions):
        page.line(clean(condition), label="when" if number == 0 else "and", indent=4, hang=6)
    effects = {**rule.supports, **rule.against}
    if cause_id is not None:
        effects = {cause: weight for cause, weight in effects.items() if cause == cause_id}
    for number, (cause, weight) in enumerate(sorted(effects.items(), key=lambda entry: -entry[1])):
        body = Text(f"{decibans(weight)} dB ", "green" if weight > 0 else "red")
        body.append(short_id(cause))
        page.line(body, label="then" if number == 0 else "", indent=4, hang=6)
    for consequence in other_consequences(rule):
        page.line(clean(consequence), label="then", indent=4, hang=6)
    page.line(f"“{clean(said(rule), 1000)}”", label="says", indent=4, hang=6)
    group = f"; counts once with others of group {clean(rule.group)}" if rule.group is not None else ""
    page.line(f"{clean(rule.source, 1000)}{group}", label=Text("from", "dim"), indent=4, hang=6, style="dim")


def other_consequences(rule: RuleInWords) -> list[str]:
    """What a rule does besides weighing causes."""
    found = [] if rule.raises is None else [f"finding {rule.raises}"]
    if rule.contradicts:
        found.append(f"cannot both be true: {listed(rule.contradicts)}")
    if rule.brings_about is not None:
        found.append(f"told as brought about by this fault: {rule.brings_about}")
    if rule.upstream is not None:
        found.append("the earlier incident is named as standing behind this one")
    return found


def said(rule: RuleInWords) -> str:
    """The rule's sentence with the names of the values that go into it: `The click was ‹close click›.`"""
    return statement_with(
        rule.statement,
        lambda name: f"‹{name.removeprefix('check.').replace('_', ' ').replace('-', ' ')}›",
    )


def _checks(page: Page, checks: Sequence[CheckInWords]) -> None:
    if checks:
        page.heading("Checks")
        for check in checks:
            results = ", ".join(clean(result) for result in check.results)
            body = Text(
                f"{clean(check.title)} ({WHERE.get(check.where, clean(check.where))}, {minutes(check.minutes)}): {results}"
            )
            body.append(f"  {clean(check.check_id)}", "dim")
            page.line(body, label="- ", indent=2)


def _actions(page: Page, actions: Sequence[tuple[str, str, Sequence[str]]]) -> None:
    if actions:
        page.heading("Actions")
        for title, where, causes in actions:
            body = Text(f"{clean(title)} ({WHERE.get(where, clean(where))})")
            if causes:
                body.append(f" for {', '.join(short_id(cause) for cause in causes)}", "dim")
            page.line(body, label="- ", indent=2)


def explanation_markdown(explained: FaultExplanation) -> str:
    """The entry of a code and its rules as Markdown."""
    lines = [f"# {escaped(explained.fault_code)} {escaped(explained.title)}", ""]
    lines += [f"{escaped(explained.severity)} · {escaped(explained.category)} · {escaped(explained.scope)}", ""]
    lines += [escaped(clean(explained.meaning, 2000)), ""]
    for title, items in (
        ("Symptoms", explained.symptoms),
        ("Telemetry to look at", explained.telemetry),
        ("Firmware", explained.firmware_notes),
    ):
        if items:
            lines += [f"## {title}", "", *(f"- {escaped(item)}" for item in items), ""]
    causes = [
        [escaped(c.title), code(c.cause_id), f"{decibans(c.prior_db, sign=False)} dB", escaped(c.prior_source)]
        for c in explained.causes
    ]
    lines += ["## Causes", "", *table(["cause", "id", "prior", "source of the prior"], causes)]
    lines += [
        "## Rules",
        "",
        *table(["rule", "when", "then", "says", "source"], [_rule_row(rule) for rule in explained.rules]),
    ]
    if explained.checks:
        checks = [
            [
                escaped(c.title),
                WHERE.get(c.where, escaped(c.where)),
                minutes(c.minutes),
                escaped(", ".join(c.results)),
                code(c.check_id),
            ]
            for c in explained.checks
        ]
        lines += ["## Checks", "", *table(["check", "where", "time", "results", "id"], checks)]
    actions = [
        f"- {escaped(a.title)} ({WHERE.get(a.where, escaped(a.where))}) for {', '.join(code(c) for c in a.for_)}"
        for a in explained.actions
    ]
    lines += ["## Actions", "", *actions, "", escaped(WEIGHTS), ""]
    return "\n".join(lines)


def _rule_row(rule: RuleInWords) -> list[str]:
    effects: Mapping[str, float] = {**rule.supports, **rule.against}
    then = [f"{decibans(weight)} dB {code(cause)}" for cause, weight in effects.items()]
    then += [escaped(consequence) for consequence in other_consequences(rule)]
    conditions = "<br>".join(escaped(condition) for condition in rule.conditions)
    return [code(rule.rule_id), conditions, "<br>".join(then), escaped(said(rule)), escaped(rule.source)]
