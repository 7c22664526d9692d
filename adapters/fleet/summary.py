"""What a run came to, for whoever plans the week: what fails and why, what to roll out, whom to send where, what comes next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict

from ...engine.diagnosis import KnowledgeRef
from ...knowledge.owners import owners
from .fleet_files import FleetFacts
from .rows import ONSITE

MAX_NAMED = 50
"""Chargers that a line of the summary names (our judgement: hypotheses.parquet names all)."""

MAX_WATCHES = 1_000
"""Early warnings that the summary holds, the soonest (our judgement: watches.parquet holds all)."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CauseLine(_Model):
    """A cause that leads incidents of a code: how many, and the least and greatest of its probabilities."""

    cause_id: str
    cause: str
    incidents: int
    least: float
    greatest: float


class CodeLine(_Model):
    """A fault code: how often, on how many chargers of how many sites, by which causes; `open` counts the incidents whose
    causes the records do not tell apart."""

    fault_code: str
    title: str | None
    severity: str | None
    documented: bool
    incidents: int
    chargers: int
    sites: int
    causes: tuple[CauseLine, ...]
    open: int


class GroupLine(_Model):
    """Chargers that have something in common (a site, a model, a firmware version): how many there are, how many have
    incidents, and their codes with the numbers of incidents."""

    name: str | None
    title: str | None = None
    chargers: int
    affected: int
    incidents: int
    codes: Mapping[str, int]


class RollOut(_Model):
    """A firmware release that mends a documented defect: chargers with incidents of it, and those that may come to have them
    since they run an affected version."""

    fault_code: str
    title: str | None
    affected: str
    fixed_in: str
    chargers: int
    models: tuple[str, ...]
    others: int
    named: tuple[str, ...]


class Step(_Model):
    """Something to do about an incident: a check where its causes are not told apart, else an action for the leading cause."""

    incident_id: str
    device_id: str
    connector_id: int | None
    fault_code: str
    cause: str | None
    probability: float | None
    what: str
    is_check: bool


class Visit(_Model):
    """Whom to send to a site, and what to do there first on each charger."""

    site_id: str | None
    title: str | None
    owner: str
    chargers: int
    steps: tuple[Step, ...]


class Errand(_Model):
    """Something to do from afar: who, what, for which code, for how many incidents on how many chargers."""

    owner: str
    what: str
    is_check: bool
    fault_code: str
    incidents: int
    chargers: int
    named: tuple[str, ...]


class Ahead(_Model):
    """An early warning."""

    site_id: str | None
    device_id: str
    connector_id: int | None
    what: str
    leads_to: str
    expected_at: str | None
    trend: str


class Undecided(_Model):
    """Incidents of a code whose causes are not told apart, and the check that would tell."""

    fault_code: str
    title: str | None
    check: str | None
    where: str | None
    owner: str | None
    incidents: int
    chargers: int
    named: tuple[str, ...]


class Unused(_Model):
    """Something that could not be used: of a field of a file the first problem, and how many records have one there."""

    list: str
    field: str | None
    file: str | None
    problem: str
    records: int


class Summary(_Model):
    """All of it. Lists are in the order in which they matter: codes by incidents, places and releases by chargers, what is on
    its way by when."""

    as_of: str | None
    version: str
    knowledge: KnowledgeRef
    matcher: str
    records: Mapping[str, int]
    chargers: int
    affected: int
    incidents: int
    brought_about: int
    watched: int
    failed: tuple[str, ...]
    codes: tuple[CodeLine, ...]
    sites: tuple[GroupLine, ...]
    models: tuple[GroupLine, ...]
    firmware: tuple[GroupLine, ...]
    roll_out: tuple[RollOut, ...]
    visits: tuple[Visit, ...]
    errands: tuple[Errand, ...]
    undecided: tuple[Undecided, ...]
    ahead: tuple[Ahead, ...]
    unused: tuple[Unused, ...]


@dataclass(frozen=True)
class Results:
    """The tables of a run."""

    hypotheses: pl.DataFrame
    watches: pl.DataFrame
    warnings: pl.DataFrame
    failed: Sequence[str]

    @property
    def incidents(self) -> pl.DataFrame:
        """One row an incident: that of its leading cause."""
        return self.hypotheses.filter(pl.col("rank").fill_null(1) == 1)


def summarised(
    results: Results, fleet: FleetFacts, as_of: str | None, version: str, knowledge: KnowledgeRef, matcher: str
) -> Summary:
    """The summary of a run's results."""
    incidents = results.incidents
    own = incidents.filter(pl.col("caused_by").is_null())
    return Summary(
        as_of=as_of,
        version=version,
        knowledge=knowledge,
        matcher=matcher,
        records=fleet.records,
        chargers=fleet.chargers.height,
        affected=incidents["device_id"].n_unique(),
        incidents=incidents.height,
        brought_about=incidents.height - own.height,
        watched=results.watches["device_id"].n_unique(),
        failed=tuple(results.failed),
        codes=tuple(_codes(incidents)),
        sites=tuple(_groups(incidents, fleet.chargers, "site_id", fleet.site_titles)),
        models=tuple(_groups(incidents, fleet.chargers, "model", {})),
        firmware=tuple(_groups(incidents, fleet.chargers, "firmware_version", {})),
        roll_out=tuple(_roll_out(incidents, fleet)),
        visits=tuple(_visits(own, fleet.site_titles)),
        errands=tuple(_errands(own)),
        undecided=tuple(_undecided(incidents)),
        ahead=tuple(_ahead(results.watches)),
        unused=tuple(_unused(results.warnings)),
    )


def _codes(incidents: pl.DataFrame) -> Iterable[CodeLine]:
    lines = [
        CodeLine(
            fault_code=code,
            title=of_code["title"][0],
            severity=of_code["severity"][0],
            documented=of_code["documented"][0],
            incidents=of_code.height,
            chargers=of_code["device_id"].n_unique(),
            sites=of_code["site_id"].drop_nulls().n_unique(),
            causes=tuple(_causes(of_code.filter(pl.col("told_apart")))),
            open=of_code.filter(~pl.col("told_apart")).height,
        )
        for (code,), of_code in incidents.group_by("fault_code", maintain_order=True)
    ]
    return sorted(lines, key=lambda line: (-line.incidents, line.fault_code))


def _causes(incidents: pl.DataFrame) -> Iterable[CauseLine]:
    lines = [
        CauseLine(
            cause_id=cause,
            cause=led["cause"][0],
            incidents=led.height,
            least=float(led["probability"].min()),  # type: ignore[arg-type]
            greatest=float(led["probability"].max()),  # type: ignore[arg-type]
        )
        for (cause,), led in incidents.group_by("cause_id", maintain_order=True)
    ]
    return sorted(lines, key=lambda line: (-line.incidents, line.cause_id))


def _groups(
    incidents: pl.DataFrame, chargers: pl.DataFrame, column: str, titles: Mapping[str, str]
) -> Iterable[GroupLine]:
    """The groups that have incidents, the most of them first."""
    sizes = dict(chargers.group_by(column).len().iter_rows())
    counted = incidents.group_by(column, "fault_code").agg(pl.len()).sort("len", "fault_code", descending=[True, False])
    codes: dict[str | None, dict[str, int]] = {}
    for name, code, number in counted.iter_rows():
        codes.setdefault(name, {})[code] = number
    affected = incidents.group_by(column).agg(pl.col("device_id").n_unique(), pl.len())
    lines = [
        GroupLine(
            name=name,
            title=titles.get(name),
            chargers=max(sizes.get(name, 0), devices),
            affected=devices,
            incidents=number,
            codes=codes[name],
        )
        for name, devices, number in affected.iter_rows()
    ]
    return sorted(lines, key=lambda line: (-line.affected, -line.incidents, line.name is None, line.name or ""))


def _roll_out(incidents: pl.DataFrame, fleet: FleetFacts) -> Iterable[RollOut]:
    """Releases that mend what chargers report, those for the most chargers first."""
    lines = []
    there = incidents.filter(pl.col("firmware_fix_applies"))
    for (code, fix), of_fix in there.group_by("fault_code", "firmware_fix", maintain_order=True):
        versions = fleet.chargers["firmware_version"].drop_nulls().unique().sort().to_list()
        affected = [each for each in versions if fleet.applies(code, each)]
        devices = sorted(set(of_fix["device_id"]))
        run_it = fleet.chargers.filter(pl.col("firmware_version").is_in(affected) & ~pl.col("device_id").is_in(devices))
        lines.append(
            RollOut(
                fault_code=code,
                title=of_fix["title"][0],
                affected=of_fix["firmware_affected"][0],
                fixed_in=fix,
                chargers=len(devices),
                models=tuple(sorted(set(of_fix["model"].drop_nulls()))),
                others=run_it.height,
                named=tuple(devices[:MAX_NAMED]),
            )
        )
    return sorted(lines, key=lambda line: (-line.chargers, line.fault_code, line.fixed_in))


def _steps(incidents: pl.DataFrame, what: str, where: str, owner: str, *, is_check: bool) -> pl.DataFrame:
    """A step for each incident that has one: what, where and by whom, as some columns say."""
    there = incidents.filter(pl.col(what).is_not_null())
    return there.with_columns(
        what=pl.col(what), where=pl.col(where) if where in there.columns else pl.lit(where), owner=pl.col(owner),
        is_check=pl.lit(is_check),
    )  # fmt: skip


def _to_do(incidents: pl.DataFrame) -> pl.DataFrame:
    """What to do about incidents: where causes are not told apart the best check, else the first action for the leading cause
    from afar and the first on site, unless the visit for another incident does it too."""
    told = pl.col("told_apart").fill_null(False)
    return pl.concat(
        [
            _steps(incidents.filter(~told), "next_check", "next_check_where", "next_check_owner", is_check=True),
            _steps(
                incidents.filter(told & (pl.col("action_where") != ONSITE)), "action", "action_where", "action_owner",
                is_check=False,
            ),
            _steps(
                incidents.filter(told & pl.col("visit_covered_by").is_null()), "visit", ONSITE, "visit_owner",
                is_check=False,
            ),
        ]
    )  # fmt: skip


def _visits(incidents: pl.DataFrame, titles: Mapping[str, str]) -> Iterable[Visit]:
    steps: dict[tuple[str | None, str], list[Step]] = {}
    on_site = _to_do(incidents).filter(pl.col("where") == ONSITE).sort("incident_id")
    for row in on_site.iter_rows(named=True):
        steps.setdefault((row["site_id"], row["owner"]), []).append(_step(row))
    visits = [
        Visit(
            site_id=site,
            title=None if site is None else titles.get(site),
            owner=owner,
            chargers=len({step.device_id for step in there}),
            steps=tuple(there),
        )
        for (site, owner), there in steps.items()
    ]
    return sorted(visits, key=lambda visit: (-visit.chargers, visit.site_id is None, visit.site_id or "", visit.owner))


def _step(row: Mapping[str, Any]) -> Step:
    return Step(**{name: row[name] for name in Step.model_fields})


def _errands(incidents: pl.DataFrame) -> Iterable[Errand]:
    from_afar = _to_do(incidents).filter(pl.col("where") != ONSITE)
    errands = [
        _errand(owner, what, code, steps, is_check=is_check)
        for (owner, what, is_check, code), steps in from_afar.group_by(
            "owner", "what", "is_check", "fault_code", maintain_order=True
        )
    ]
    contact = owners().vendor_contact.address
    for (code,), unknown in incidents.filter(~pl.col("documented")).group_by("fault_code", maintain_order=True):
        what = f"report the code to {contact} with charger-triage escalate"
        errands.append(_errand(owners().title("support"), what, code, unknown, is_check=False))
    return sorted(errands, key=lambda errand: (errand.owner, -errand.incidents, errand.fault_code, errand.what))


def _errand(owner: str, what: str, code: str, steps: pl.DataFrame, *, is_check: bool) -> Errand:
    devices = sorted(set(steps["device_id"]))
    return Errand(
        owner=owner,
        what=what,
        is_check=is_check,
        fault_code=code,
        incidents=steps.height,
        chargers=len(devices),
        named=tuple(devices[:MAX_NAMED]),
    )


def _undecided(incidents: pl.DataFrame) -> Iterable[Undecided]:
    lines = [
        Undecided(
            fault_code=code,
            title=alike["title"][0],
            check=check,
            where=alike["next_check_where"][0],
            owner=alike["next_check_owner"][0],
            incidents=alike.height,
            chargers=alike["device_id"].n_unique(),
            named=tuple(sorted(set(alike["device_id"]))[:MAX_NAMED]),
        )
        for (code, check), alike in incidents.filter(~pl.col("told_apart")).group_by(
            "fault_code", "next_check", maintain_order=True
        )
    ]
    return sorted(lines, key=lambda line: (-line.incidents, line.fault_code, line.check or ""))


def _ahead(watches: pl.DataFrame) -> Iterable[Ahead]:
    """Early warnings, those with a date first."""
    order = ["expected_at", "site_id", "device_id", "connector_id", "rule_id"]
    for row in watches.sort(order, nulls_last=True, maintain_order=True).head(MAX_WATCHES).iter_rows(named=True):
        expected = row["expected_at"]
        yield Ahead(
            **{name: row[name] for name in Ahead.model_fields if name != "expected_at"},
            expected_at=None if expected is None else expected.isoformat(),
        )


def _unused(warnings: pl.DataFrame) -> Iterable[Unused]:
    """What could not be used, once for each field of a file; what is of no single file by what is wrong."""
    alike: dict[tuple[str | None, ...], list[Mapping[str, Any]]] = {}
    for row in warnings.iter_rows(named=True):
        place = row["file"] or row["problem"]
        alike.setdefault((row["list"], row["field"], row["file"], place), []).append(row)
    for (_, of_field, file, _), rows in alike.items():
        yield Unused(
            list=rows[0]["list"],
            field=of_field,
            file=file,
            problem=rows[0]["problem"],
            records=sum(row["records"] for row in rows),
        )
