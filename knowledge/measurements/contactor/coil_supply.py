"""What holds the contactor closed: the coil's supply as reported, and what else of the charger sags with it."""

from __future__ import annotations

import re

import numpy as np

from ...readings import DAY, HOUR, MINUTE, Reading, few, median
from ...scene import Scene
from ..common import RESTART_COMMANDS, UPGRADE_COMMANDS, upgrades
from ..registry import measures
from .payload import Figure, figures, said_sound
from .series import early_and_late

_COIL = (
    r"coil|driver|solenoid|actuator|control (supply|voltage|power)|aux\w* (supply|power|psu|rail|voltage)"
    r"|\b(12|24|48) ?v\b|\bv(12|24|48)\b|psu|rail|contactor (supply|voltage)|supply|pick ?up (v|voltage|volts)|hold(ing)? (v|voltage|volts)"
)
_NO_COIL = (
    r"mains|grid|input|line|phase|\bbus\b|(?<!psu )(?<!supply )output|connector|limit|threshold|allowed|idle|standby|at rest"
    r"|before|open circuit|current|tolerance|load side|ripple|temp|required|pull in v|minimum"
)
_NAMED = r"nominal|rated|expected|spec\b|reference|design"
_NOMINAL = (12.0, 24.0, 48.0, 110.0, 230.0)
"""Volts that control supplies are made for."""


def _levels(scene: Scene) -> list[Reading]:
    """Reported coil supplies in percent of their nominal voltage, in time order."""

    def load() -> list[Reading]:
        told = figures(
            scene,
            _COIL,
            rf"{_NO_COIL}|(nominal|rated|expected|reference) (v|volt|supply|coil)",
            ("v", "mv", "pct", "ratio", None),
        )
        named = [figure for figure in figures(scene, _NAMED, None, ("v", "mv")) if figure.number > 0]
        found = []
        for figure in told:
            beside = [_volts(n) for n in named if n.source == figure.source and n.path != figure.path]
            level = _level(figure, beside[-1] if beside else None)
            if level is not None:
                found.append(figure.reading(level))
        return found

    return scene.once(("contactor-coil",), load)


_DROP = re.compile(r"(drop|sag|dip|droop)( m?v| voltage| volts)?$|(drop|sag|dip|droop)\w* (by|of) \w+ ?$")
_RAIL = re.compile(r"\b(12|24|48) ?v\b|\bv(12|24|48)\b")


def _volts(figure: Figure) -> float:
    return figure.number / 1000.0 if figure.unit == "mv" else figure.number


def _level_left(drop: float, nominal: float | None) -> float | None:
    """What a drop in volts leaves of the nominal voltage, else of 24 V, which control supplies mostly have, where it fits."""
    nominal = nominal or next((usual for usual in _NOMINAL if usual >= 24.0 and drop < usual), None)
    return 100.0 * (nominal - drop) / nominal if nominal and 0 < drop < nominal else None


def _level(figure: Figure, nominal: float | None) -> float | None:
    """A reported supply in percent of what is named as nominal in the same details, else of the next usual voltage."""
    if figure.unit in ("pct", "ratio"):
        level = figure.percent
        falls = (
            re.search(r"drop|sag|dip|below|deficit|droop|deviation", figure.path) and "to" not in figure.path.split()
        )
        if falls and abs(level) < 60:
            level = 100.0 - abs(level)
        return level if 20.0 <= level <= 200.0 else None
    volts = _volts(figure)
    rail = _RAIL.search(figure.path)
    if nominal is None and rail is not None:
        nominal = float(rail.group(1) or rail.group(2))
    if figure.unit is None and not (5.0 <= abs(volts) <= 60.0 and re.search(r"(coil|supply|rail|psu)$", figure.path)):
        return None
    if _DROP.search(figure.path):
        return _level_left(abs(volts), nominal)
    if re.search(rf"drop\b|sag\b|dip\b|droop|deficit|{_NAMED}", figure.path) and not re.search(
        r"\bto\b|during|level", figure.path
    ):
        return None
    if figure.spoken and volts in _NOMINAL:
        return None  # in a sentence a round figure names the rail, not its reading
    if nominal is None:
        nominal = next((usual for usual in _NOMINAL if volts <= 1.2 * usual), None)
    return 100.0 * volts / nominal if nominal and 0.2 <= volts / nominal <= 2.0 else None


@measures(
    "coil_supply_level",
    "lowest coil or control supply that details, texts or command results around the failed starts report, in percent of nominal",
    unit="%",
    low=0,
)
def coil_supply_level(scene: Scene) -> Reading | None:
    found = [level for level in _levels(scene) if scene.first - DAY <= (level.at or 0.0) <= scene.anchor + DAY]
    return min(found, key=lambda level: float(level.value), default=None)


@measures(
    "coil_supply_decline",
    "change of the reported coil supply from the earliest third to the latest third of at least four reports over a day or more, "
    "in percent of nominal",
    unit="%",
)
def coil_supply_decline(scene: Scene) -> Reading | None:
    found = _levels(scene)
    if len(found) < 4 or (found[-1].at or 0.0) - (found[0].at or 0.0) < DAY:
        return None
    early, late = early_and_late([float(level.value) for level in found])
    return Reading(late - early, scene.anchor, few([source for level in found for source in level.sources]))


@measures("coil_supply_ok", "what details say of the coil's supply or its driver: whether it was sound", kind="flag")
def coil_supply_ok(scene: Scene) -> Reading | None:
    return said_sound(
        scene,
        r"coil|driver|control supply|aux\w* supply|24 ?v|psu|rail",
        r"low|under|brown|dip|sag|fault|fail|error|energi|command|feedback",
    )


LOW_SUPPLY_CODES = ("F-0601", "F-0411", "F-0301", "F-0302")
"""Codes that a sagging control supply raises as well: fan, module communication, controller restarts (our judgement)."""


@measures(
    "low_supply_companions",
    "different codes among fan below nominal, module communication, lost heartbeat and reconnect storm that the charger reported "
    "within a day of a failed start",
    unit="1",
    low=0,
)
def low_supply_companions(scene: Scene) -> Reading | None:
    hits = [
        fault
        for fault in scene.faults(device=scene.device_id)
        if fault.code in LOW_SUPPLY_CODES and scene.first - DAY <= fault.time <= scene.anchor + DAY
    ]
    codes = {fault.code for fault in hits}
    return Reading(float(len(codes)), scene.anchor, few([fault.source for fault in hits])) if codes else None


_RESTARTS = (*RESTART_COMMANDS, *UPGRADE_COMMANDS)


@measures(
    "dropouts_at_failed_starts",
    "failed starts on any connector within two minutes of which the charger dropped off the network or restarted without having been told to",
    unit="1",
    low=0,
)
def dropouts_at_failed_starts(scene: Scene) -> Reading | None:
    told = [c.time for c in scene.records("commands") if c.fields["command"] in _RESTARTS and c.time]
    told += [time for time, _ in upgrades(scene)]
    drops = [
        (r.time, scene.source("connections", r))
        for r in scene.records("connections")
        if r.time is not None
        and r.fields.get("transition") in ("offline", "reconnect")
        and not any(0 <= r.time - time <= 10 * MINUTE for time in told)
    ]
    if not drops:
        return None
    failures = {fault.time for fault in scene.faults("own", device=scene.device_id)} | set(scene.times)
    hit = {time: source for time in sorted(failures) for drop, source in drops if abs(drop - time) <= 2 * MINUTE}
    return Reading(float(len(hit)), scene.anchor, few(list(hit.values()) or [source for _, source in drops]))


@measures(
    "fan_dip_at_failed_starts",
    "how far the cabinet fan fell within 20 s of a failed start below its median of the ten minutes around, in percent, median "
    "over the failed starts that have both",
    unit="%",
)
def fan_dip_at_failed_starts(scene: Scene) -> Reading | None:
    column = scene.readings("component_health.cooling_fan_rpm", which="all")
    dips, sources = [], []
    for time in sorted(fault.time for fault in scene.faults("own", device=scene.device_id))[-20:]:
        near = column.between(time - 20.0, time + 10.0)
        around = column.between(time - 10 * MINUTE, time + 10 * MINUTE)
        if len(near) < 2 or len(around) < len(near) + 4:
            continue
        usual = median(around.values)
        if usual > 0:
            dips.append(100.0 * (usual - float(near.values.min())) / usual)
            sources.append(near.source(int(np.argmin(near.values))))
    return Reading(median(dips), scene.anchor, few(sources)) if dips else None


@measures(
    "fan_decline",
    "change of the cabinet fan's speed from the first third to the last of at least nine readings over three days or more, in percent",
    unit="%",
)
def fan_decline(scene: Scene) -> Reading | None:
    column = scene.readings("component_health.cooling_fan_rpm", which="all").between(
        scene.anchor - 90 * DAY, scene.anchor
    )
    if len(column) < 9 or column.times[-1] - column.times[0] < 3 * DAY:
        return None
    early, late = early_and_late(column.values)
    return column.reading(100.0 * (late - early) / early) if early > 0 else None


@measures(
    "control_board_heat",
    "highest temperature of the control board in the hour before the latest occurrence",
    unit="°C",
    low=-60,
    high=1000,
)
def control_board_heat(scene: Scene) -> Reading | None:
    found = scene.near(scene.readings("component_health.internal_temps.control_board", which="all"), HOUR, MINUTE).max()
    return found if found is not None and -60 <= float(found.value) <= 1000 else None
