"""What the records held at the time somebody did a check: the second reading of the thing that the check is about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...engine.facts import Source
from ..observations import at_path, epoch
from ..readings import DAY, HOUR, MINUTE, Reading, Readings, ends, few
from ..scene import Scene
from .checks import latest_results
from .configuration.pushes import pushes
from .configuration.snapshots import snapshots
from .connectivity.loss import away_at
from .power_module.telemetry import module_rows, row_source
from .registry import measures
from .thermal.ambient import weather_of
from .thermal.cabinet_frame import cabinet_readings
from .v2g.state_of_charge import soc_at_request

AT_CHECK = 30 * MINUTE
"""How far from a check's time a reading is still one of the same visit (judgement: checks on site take up to an hour)."""

HEARD_AROUND = 5 * MINUTE
"""How far before and after a moment signs of life show that a charger was up at it (judgement: ten missed heartbeats)."""


def _moment(scene: Scene, check: str) -> float | None:
    """When the result of a check that rules read was found."""
    found = latest_results(scene, check)
    return found[0].time if found else None


def _around(scene: Scene, check: str, readings: Callable[[], Readings], reach: float = AT_CHECK) -> Readings | None:
    """The readings around a check; None where it was not done, or not three of them lie there."""
    moment = _moment(scene, check)
    if moment is None:
        return None
    near = readings().between(moment - reach, moment + reach)
    return near if len(near) >= 3 else None


def _nearest(readings: Readings, moment: float) -> Reading | None:
    """The reading nearest to a moment."""
    if not len(readings):
        return None
    place = int(np.argmin(np.abs(readings.times - moment)))
    return readings.reading(float(readings.values[place]), float(readings.times[place]), [place])


def _number(scene: Scene, check: str) -> tuple[float, float, Source] | None:
    """Time, value and record of a check whose only newest result is a number."""
    found = latest_results(scene, check)
    if len(found) != 1 or not isinstance(found[0].value, float):
        return None
    return found[0].time, found[0].value, found[0].source


# Fan


def _fan_around_check(scene: Scene) -> Readings | None:
    return _around(scene, "fan-operation", lambda: scene.readings("component_health.cooling_fan_rpm", which="all"))


@measures(
    "slowest_fan_at_check",
    "lowest cabinet fan speed within 30 minutes of the fan-operation check; known from three readings on",
    unit="rpm",
    low=0,
)
def slowest_fan_at_check(scene: Scene) -> Reading | None:
    near = _fan_around_check(scene)
    return None if near is None else near.min()


@measures(
    "fastest_fan_at_check",
    "highest cabinet fan speed within 30 minutes of the fan-operation check; known from ten readings on",
    unit="rpm",
    low=0,
)
def fastest_fan_at_check(scene: Scene) -> Reading | None:
    near = _fan_around_check(scene)
    return None if near is None or len(near) < 10 else near.max()


# Heat


@measures(
    "cabinet_at_ir_check",
    "median of the cabinet's sensor within 30 minutes of the infrared measurement; from three readings on",
    unit="°C",
)
def cabinet_at_ir_check(scene: Scene) -> Reading | None:
    near = _around(scene, "ir-thermometer", lambda: cabinet_readings(scene, scene.device_id))
    return None if near is None else near.median()


@measures(
    "cabinet_over_ir_check", "how much more the cabinet's sensor showed then than the infrared thermometer", unit="K"
)
def cabinet_over_ir_check(scene: Scene) -> Reading | None:
    told, shown = _number(scene, "ir-thermometer"), cabinet_at_ir_check(scene)
    return None if told is None or shown is None else _gap(float(shown.value), told, shown)


def _gap(value: float, told: tuple[float, float, Source], shown: Reading) -> Reading:
    time, said, source = told
    return Reading(value - said, time, few([source, *shown.sources]))


@measures("weather_at_check", "ambient recorded for the site nearest to the ambient check, within an hour", unit="°C")
def weather_at_check(scene: Scene) -> Reading | None:
    moment = _moment(scene, "ambient-temperature")
    return (
        None
        if moment is None
        else _nearest(weather_of(scene, scene.site_id).between(moment - HOUR, moment + HOUR), moment)
    )


@measures(
    "weather_check_gap",
    "distance between that and the ambient that the check gave, whichever is higher",
    unit="K",
    low=0,
)
def weather_check_gap(scene: Scene) -> Reading | None:
    told, shown = _number(scene, "ambient-temperature"), weather_at_check(scene)
    if told is None or shown is None:
        return None
    return Reading(abs(float(shown.value) - told[1]), told[0], few([told[2], *shown.sources]))


# Isolation


@measures(
    "isolation_at_check",
    "the isolation test in telemetry that is nearest to the isolation check, done within an hour of it as far as it says when",
    unit="kΩ",
    low=0,
)
def isolation_at_check(scene: Scene) -> Reading | None:
    moment = _moment(scene, "isolation-test")
    if moment is None:
        return None
    tests = scene.readings("component_health.isolation_test_kohms").between(moment - HOUR, moment + HOUR)
    found = _nearest(tests, moment)
    if found is None:
        return None
    record = scene.observations["telemetry"].records[int(tests.rows[int(np.argmin(np.abs(tests.times - moment)))])]
    done = at_path(record.fields, "component_health.last_isolation_test")
    return found if done is None or abs(epoch(done) - moment) <= HOUR else None


# Connection


@measures(
    "site_network_at_check",
    "the site's network by its record, where that state had begun before the check of the network was done",
    kind="text",
    choices=("up", "down", "degraded"),
)
def site_network_at_check(scene: Scene) -> Reading | None:
    moment = _moment(scene, "site-network")
    network = None if scene.site is None else scene.site.fields.get("network")
    if moment is None or scene.site is None or not network or not network.get("status") or not network.get("since"):
        return None
    since = epoch(network["since"])
    if since > moment:
        return None
    return Reading(network["status"], since, (scene.source("sites", scene.site),))


@measures(
    "away_at_network_check",
    "whether the charger was still away when the site's network was checked, or where it was not checked is still away",
    kind="flag",
)
def away_at_network_check(scene: Scene) -> Reading:
    moment = _moment(scene, "site-network")
    return away_at(scene, scene.as_of if moment is None else moment)


def _heard(scene: Scene, device: str, start: float, end: float) -> list[Source]:
    """Heartbeats that do not say offline, and telemetry, of a charger from start to end."""
    found = []
    for name in ("heartbeats", "telemetry"):
        table = scene.observations[name]
        rows = table.by_device.get(device)
        if rows is None:
            continue
        times = table.times[rows]
        for row in rows[int(np.searchsorted(times, start, "left")) : int(np.searchsorted(times, end, "right"))]:
            if table.records[row].fields.get("status") != "offline":
                found.append(table.source(int(row)))
    return found


def _heard_through(scene: Scene, device: str, moment: float) -> list[Source]:
    """The signs of life of a charger around a moment; none where they lie on one side of it only."""
    before = _heard(scene, device, moment - HEARD_AROUND, moment - 1.0)
    after = _heard(scene, device, moment + 1.0, moment + HEARD_AROUND)
    return [*before, *after] if before and after else []


@measures(
    "neighbours_heard_at_network_check",
    "other chargers of the site on ethernet or wifi that were heard both within five minutes before and after the check of the "
    "site's network; known where one was",
    unit="1",
    low=1,
)
def neighbours_heard_at_network_check(scene: Scene) -> Reading | None:
    moment = _moment(scene, "site-network")
    if moment is None:
        return None
    wired = [r for r in scene.neighbours if scene.about("connectivity.type", r) in ("ethernet", "wifi")]
    signs = [found for r in wired if (found := _heard_through(scene, r.fields["device_id"], moment))]
    return Reading(float(len(signs)), moment, few([source for found in signs for source in found])) if signs else None


@measures(
    "signs_of_life_at_mains_check",
    "heartbeats and telemetry of the charger within five minutes before and after the check of its supply; known where both hold any",
    unit="1",
    low=2,
)
def signs_of_life_at_mains_check(scene: Scene) -> Reading | None:
    moment = _moment(scene, "mains-power")
    signs = [] if moment is None else _heard_through(scene, scene.device_id, moment)
    return Reading(float(len(signs)), moment, few(signs)) if signs else None


@measures(
    "minutes_between_ping_and_mains_check",
    "minutes between the ping on the local network and the check of the charger's supply, whichever was first",
    unit="min",
    low=0,
)
def minutes_between_ping_and_mains_check(scene: Scene) -> Reading | None:
    ping, mains = latest_results(scene, "local-ping"), latest_results(scene, "mains-power")
    if not ping or not mains:
        return None
    return Reading(abs(ping[0].time - mains[0].time) / MINUTE, None, few([ping[0].source, mains[0].source]))


@measures(
    "days_from_certificate_end_to_check",
    "days from the end of the charger's TLS certificate by its metadata to the check of the certificates",
    unit="days",
)
def days_from_certificate_end_to_check(scene: Scene) -> Reading | None:
    moment, ends = _moment(scene, "tls-certificate"), scene.metadata("certificates.tls_not_after")
    if moment is None or ends is None:
        return None
    return Reading((moment - float(ends.value)) / DAY, moment, ends.sources)


# Modules


@measures(
    "module_after_soft_reset",
    "what telemetry shows from two to 30 minutes after the check of a soft reset: silent where one module is ok in no row, ok "
    "where all are ok in every row; from three rows on",
    kind="text",
    choices=("silent", "ok"),
)
def module_after_soft_reset(scene: Scene) -> Reading | None:
    moment = _moment(scene, "module-soft-reset")
    if moment is None:
        return None
    rows = module_rows(scene).between(moment + 2 * MINUTE, moment + AT_CHECK)
    if len(rows) < 3:
        return None
    sources = few([row_source(scene, place) for place in ends(rows.places)])
    names = {name for said in rows.modules for name in said}
    states = {name: {said[name] for said in rows.modules if name in said} for name in names}
    if any("ok" not in seen for seen in states.values()):
        return Reading("silent", rows.times[-1], sources)
    return Reading("ok", rows.times[-1], sources) if all(seen == {"ok"} for seen in states.values()) else None


# Configuration


@measures(
    "push_status_at_history_check",
    "how the last configuration push before the check of the push history ended, by record or command",
    kind="text",
    choices=("interrupted", "failed", "completed", "pending"),
)
def push_status_at_history_check(scene: Scene) -> Reading | None:
    moment = _moment(scene, "push-history")
    earlier = [] if moment is None else [p for p in pushes(scene) if p.time is not None and p.time <= moment]
    last = [push for push in earlier if push.time == earlier[-1].time]
    if len(last) != 1 or last[0].status is None:
        return None
    return Reading(last[0].status, last[0].time, (last[0].source,))


def _hours_to_configuration(scene: Scene, check: str) -> Reading | None:
    """Hours between a check and the newest configuration record, whichever was first."""
    moment, known = _moment(scene, check), snapshots(scene)
    if moment is None or not known:
        return None
    return Reading(abs(known[-1].time - moment) / HOUR, moment, (known[-1].source,))


@measures(
    "hours_between_configuration_and_schema_check",
    "hours between the newest configuration record and the check of the schema versions, whichever was first",
    unit="h",
    low=0,
)
def hours_between_configuration_and_schema_check(scene: Scene) -> Reading | None:
    return _hours_to_configuration(scene, "profile-schema")


@measures(
    "hours_between_configuration_and_keepalive_check",
    "hours between the newest configuration record and the check of the keep-alive intervals, whichever was first",
    unit="h",
    low=0,
)
def hours_between_configuration_and_keepalive_check(scene: Scene) -> Reading | None:
    return _hours_to_configuration(scene, "keepalive-interval")


# State of charge


@measures(
    "soc_check_gap",
    "distance between the state of charge at the latest refusal by the records and the one that the check gave",
    unit="points",
    low=0,
    high=100,
)
def soc_check_gap(scene: Scene) -> Reading | None:
    told, shown = _number(scene, "vehicle-soc"), soc_at_request(scene)
    if told is None or shown is None or not 0 <= told[1] <= 100:
        return None
    return Reading(abs(float(shown.value) - told[1]), told[0], few([told[2], *shown.sources]))
