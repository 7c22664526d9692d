"""Readings in the data of vendors' own messages, known by the words of their names: which of telemetry each of them is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ...knowledge.texts import words_of
from .values import number

Path = tuple[str, ...]
"""Where a reading stands in a telemetry record."""

_HEALTH = "component_health"
_INTERNAL = (_HEALTH, "internal_temps")
FAN_SPEED: Path = (_HEALTH, "cooling_fan_rpm")
MODULE: Path = (*_INTERNAL, "power_module")
CONTROL_BOARD: Path = (*_INTERNAL, "control_board")
AC_INLET: Path = (*_INTERNAL, "ac_inlet")
DC_OUTLET: Path = (*_INTERNAL, "dc_outlet")
CONNECTOR_TEMPERATURE: Path = ("temperature",)
SYNC: Path = ("inverter_sync_status",)

MOST_LEAVES = 300
"""Values of one object that are looked at (our judgement: no message of readings holds more)."""

DEEPEST = 4
"""Objects within each other that are looked into (our judgement)."""

MOST_CONNECTORS = 4
"""Readings of a list that are taken for those of connectors 1, 2 and so on (our judgement: chargers have no more)."""


class _Kind(NamedTuple):
    """A reading by the words of its name, what the message must be about (any where empty), and between what it lies."""

    path: Path
    name: re.Pattern[str]
    about: re.Pattern[str] | None
    least: float
    most: float


def _kind(path: Path, name: str, least: float, most: float, about: str = "") -> _Kind:
    return _Kind(path, re.compile(name), re.compile(about) if about else None, least, most)


def _warmth(path: Path, part: str) -> _Kind:
    """A temperature of a part, in °C: `t_cab`, `cabinetTemp_C`, `temp_cabinet`, `cabinet`."""
    said = rf"((t|temp|temperature|tmax|t max)( of)? ?)?({part})( ?\d)?( (t|temp|temperature|air))?( (c|deg|deg c|celsius))?"
    return _kind(path, said, -60.0, 250.0)


_KINDS = (
    _warmth(("ambient_temperature",), "amb|ambient|ambient air|outside|outdoor|external|environment"),
    _warmth(("cabinet_temperature",), "cab|cabinet|enclosure|housing|inside|internal"),
    _warmth(CONTROL_BOARD, "ctrl|ctl|control board|controller|control|board|ctrl board|pcb|cpu"),
    _warmth(MODULE, "pm|power module|power modules|modules|converter|igbt"),
    _warmth(AC_INLET, "ac inlet|ac in"),
    _warmth(DC_OUTLET, "dc outlet|dc out"),
    _kind(
        CONNECTOR_TEMPERATURE,
        r"((t|temp|temperature|tmax|t max)( of)? )?(cable|connector|plug|gun|coupler|pin|pins|contact|contacts)"
        r"( (t|temp|temperature)( (c|deg|deg c|celsius))?)|(t|temp|temperature|tmax|t max) (cable|connector|plug|gun|coupler|pin|pins)( c)?",
        -60.0,
        250.0,
    ),
    _kind(FAN_SPEED, r"(cooling )?(fan|fans) ?\d{0,2} ?((in|out|supply|intake|exhaust|front|rear|zu|ab) )?(rpm|speed|speed rpm|n rpm)|rpm fan ?\d{0,2}|(fan|fans) rpm \d{1,2}", 0.0, 20_000.0),
    _kind(FAN_SPEED, r"(rpm|tach|tacho)( ?\d{1,2})?( rpm)?|n ?\d{1,2}|(speed|n) rpm", 0.0, 20_000.0, r"\b(fan|fans)\b"),
    # a speed without its unit may be a share in percent
    _kind(FAN_SPEED, r"speed( ?\d{1,2})?", 150.0, 20_000.0, r"\b(fan|fans)\b"),
    _kind(("dc_bus_voltage",), r"(dc ?bus|dc ?link)( (v|u|volts|voltage))?( v)?|(u|v) (dc ?bus|dc ?link)|(v ?bus|bus v|bus voltage)( (max|peak|v))?", 0.0, 2_000.0),
    _kind(("dc_bus_current",), r"(dc ?bus|dc ?link) (a|i|amps|current)|i (dc ?bus|dc ?link)", -2_000.0, 2_000.0),
    _kind(("inverter_health_pct",), r"(inverter )?(health|hlth)( (pct|percent|index|score))?", 0.0, 100.0, r"\b(inverter|inv|v2g)\b"),
    _kind(
        (_HEALTH, "harmonic_distortion_v2g_pct"), r"(grid |current |i )?thd( (pct|percent))?|harmonic distortion( (pct|percent))?",
        0.0, 100.0, r"\binverter\b|\bv2g\b",
    ),
    _kind(
        (_HEALTH, "contactor_cycles"), r"(contactor |relay |k\d )?(cycles|cyc|cycle count|cycle cnt|switch(ing)? cycles|operations|op count)",
        0.0, 1e8, r"\bcontactor|\bk1\b",
    ),
    _kind(
        (_HEALTH, "contactor_max_cycles"), r"(contactor |relay |k\d )?(rated|max|life|design) (cycles|cyc|operations)",
        1.0, 1e8, r"\bcontactor|\bk1\b",
    ),
    # a contactor is rated for amperes as well, and its life is told in percent or years as well, which are fewer
    _kind((_HEALTH, "contactor_max_cycles"), r"(contactor |relay |k\d )?(rated|life)", 1_000.0, 1e8, r"\bcontactor|\bk1\b"),
    _kind((_HEALTH, "isolation_test_kohms"), r"(isolation|insulation|r ?iso)( resistance)? (kohm|kohms|k ohm)", 0.0, 1e7),
)  # fmt: skip
"""By whole names, so that what a limit, a nominal value or a difference is named is none of them."""

_PHASES = re.compile(r"((grid|mains|ac|line|supply|ac in|phase) )?(v|u|voltage|voltages|volts)")
"""The name of a list of three voltages."""
_PHASE = re.compile(r"((grid|mains|ac|line|supply|phase) )?((u|v) )?l([123])( (v|u|voltage|volts))?")
_SYNC = re.compile(r"(inverter )?sync( (status|state))?")
SYNCS = frozenset(("synced", "unsynced", "lost"))


_FOREIGN = {
    "ambient": "aussen außen umgebung ambiante ambiant exterieur extérieur ambiente exterior esterna esterno buiten omgeving omgivelse ute",
    "cabinet": "schrank gehaeuse gehäuse armoire coffret armario armadio quadro kast skap skåp",
    "cable": "kabel câble manguera cavo",
    "connector": "stecker kupplung connecteur prise conector connettore stekker plugg",
    "contactor": "schuetz schütz relais contacteur contattore kontaktor",
    "cycles": "schaltspiele schaltzyklen manoeuvres manœuvres maniobras ciclos manovre cicli",
    "fan": "luefter lüfter ventilator ventilateur ventilador ventola ventilatore vifte flakt fläkt",
    "module": "modul módulo modulo",
    "rated": "nenn nominal nominale",
    "speed": "drehzahl vitesse velocidad velocita velocità toerental turtall varvtal",
    "temperature": "temperatur température temperatura temperatuur",
    "voltage": "spannung tensión spanning spenning",
}
"""Words of the names in German, French, Spanish, Italian, Dutch and Norwegian or Swedish, by what they are in English."""

_ENGLISH = {word: english for english, words in _FOREIGN.items() for word in words.split()}


class VendorReading(NamedTuple):
    """A reading, of which connector where it is one of several, and where it stands in telemetry."""

    place: int | None
    path: Path
    value: float | str


def vendor_readings(subject: str, data: Mapping[str, Any]) -> Iterator[VendorReading]:
    """The readings that an object holds, in the order of their names; `subject` is what its message is called."""
    about = words_of(subject)
    for count, (path, value) in enumerate(_leaves(data, "", DEEPEST)):
        if count >= MOST_LEAVES:
            return
        yield from _read(about, path, value)


def reading_named(about: str, name: str, value: Any) -> VendorReading | None:
    """The reading that one value of a name is; None where the words of the name are of no reading, or the value of none."""
    return next(_read(words_of(about), words_of(name), value), None)


def measurand_reading(measurand: str, value: float) -> VendorReading | None:
    """The reading that a measurand of a vendor's own is (`acme.climate.t_cabinet`); None where its words are of none, as those of
    the standard's measurands."""
    *about, name = measurand.split(".")
    within = (f"{about[-1]} {name}",) if about else ()
    found = (reading_named(measurand, each, value) for each in (name, *within))
    return next((reading for reading in found if reading is not None), None)


def _leaves(data: Mapping[str, Any], path: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key in sorted(data, key=str):
        value, here = data[key], f"{path} {words_of(str(key))}".strip()
        if value.__class__ is dict:
            if depth > 1:
                yield from _leaves(value, here, depth - 1)
        else:
            yield here, value


def _read(about: str, path: str, value: Any) -> Iterator[VendorReading]:
    if value.__class__ is str and value in SYNCS and _SYNC.fullmatch(path):
        yield VendorReading(None, SYNC, value)
        return
    values = [number(each) for each in value] if value.__class__ is list else [number(value)]
    told = [each for each in values if each is not None]
    if not told or len(told) < len(values):
        return
    if len(told) == 3 and _PHASES.fullmatch(path):
        yield from (VendorReading(None, _voltage_of(phase), volts) for phase, volts in zip("abc", told, strict=True))
        return
    phase_named = _PHASE.fullmatch(path)
    if phase_named is not None and len(told) == 1 and 50.0 <= told[0] <= 600.0:
        yield VendorReading(None, _voltage_of("abc"[int(phase_named.group(5)) - 1]), told[0])
        return
    for kind in _kinds_named(about, path):
        if not all(kind.least <= each <= kind.most for each in told):
            continue
        if kind.path == CONNECTOR_TEMPERATURE and 1 < len(told) <= MOST_CONNECTORS:
            yield from (VendorReading(place, kind.path, each) for place, each in enumerate(told, 1))
        else:
            yield VendorReading(None, kind.path, min(told) if kind.path == FAN_SPEED else max(told))
        return


def _voltage_of(phase: str) -> Path:
    return ("phase_details", f"phase_{phase}", "voltage")


@lru_cache(maxsize=4096)
def _kinds_named(about: str, path: str) -> tuple[_Kind, ...]:
    words = " ".join(_ENGLISH.get(word, word) for word in path.split())
    return tuple(
        kind
        for kind in _KINDS
        if kind.name.fullmatch(words) and (kind.about is None or kind.about.search(f"{about} {path}"))
    )


def put(fields: dict[str, Any], path: Path, value: float | str) -> None:
    """Put a reading into a record of telemetry."""
    for key in path[:-1]:
        fields = fields.setdefault(key, {})
    before = fields.get(path[-1])
    if before.__class__ is not float or value.__class__ is not float:
        fields.setdefault(path[-1], value)
        return
    # of several fans or sensors of one kind at one moment, the fan that turns slowest and the part that is hottest
    fields[path[-1]] = min(before, value) if path == FAN_SPEED else max(before, value)
