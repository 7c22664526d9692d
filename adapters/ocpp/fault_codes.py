"""Which fault code a report names: one of ours, one of the ChargeX consortium, the standard's, or the vendor's own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...knowledge.fault_codes import NoFaultCode, normal_code
from ...knowledge.standard_codes import StandardCode, lookup, reported, said_in_words
from .values import LONGEST_TEXT, text

_OURS = re.compile(r"(?<![A-Za-z0-9])F[-_ ]?(\d{4})(?![A-Za-z0-9])", re.IGNORECASE)
_CHARGEX = re.compile(r"(?<![A-Za-z0-9])CX[-_ ]?0?(\d{2})(?!\d)", re.IGNORECASE)
_STANDARD = re.compile(
    r"\b(?:ConnectorLockFailure|EVCommunicationError|GroundFailure|HighTemperature|OverCurrentFailure|OverVoltage|PowerMeterFailure"
    r"|PowerSwitchFailure|ReaderFailure|ResetFailure|UnderVoltage|WeakSignal)\b"
)
"""Errors of OCPP 1.6 that no program calls its own mistakes."""

_NUMBER = re.compile(r"(?<![\w.])\d[\d.,:]*(?!\w)")

WORDS_FOR_A_FAULT = r"\b(?:error|fault(?:ed)?|alarm|fail(?:ed|ure)?)\b"
"""What a line has to say beside a vendor's words for a fault, as a pattern in which case is nothing."""

_FAULTY = re.compile(WORDS_FOR_A_FAULT, re.IGNORECASE)

_BARE_NUMBER = re.compile(r"(?:F[\s_-]*)?\d{1,4}(?:\.0)?", re.IGNORECASE)

LOST = "F-0301"
"""The dictionary's code for a charger that is not heard."""

_LINK_CODE = re.compile(r"(?<![A-Za-z0-9])F[-_ ]?(030[12])(?!\d)", re.IGNORECASE)
_MISSED = re.compile(
    r"(?=.*\bheartbeats?\b)(?=.*\b(?:missed|missing|lost|overdue|timed? ?out|no)\b).*\boffline\b|.*\bmissed (?:[2-9]|\d\d+) heartbeats\b",
    re.IGNORECASE,
)

SAYS_NOTHING = frozenset(
    ("", "none", "noerror", "no error", "ok", "null", "n/a", "na", "-", "0", "0x0", "0x00", "0x0000", "00")
)
"""What vendors send where there is no error."""

UNSPECIFIC = frozenset(("othererror", "noerror", ""))
"""Codes of the standard that leave it to the vendor's to say what is wrong."""

BROAD = frozenset(
    ("othererror", "internalerror", "hightemperature", "powerswitchfailure", "evcommunicationerror", "overvoltage")
)
"""Codes of the standard that hold for several parts, of which a vendor's words beside them may name one."""

VENDOR = "tellus"
"""The vendor whose chargers send the dictionary's codes; a bare number of another vendor is none of them."""


EVGO = "com.evgo.mrec"
"""The vendor id under which chargers report by EVgo's minimum required error codes of 2022, of which ChargeX's were made."""

OF_EVGO = {"A000": "CX009", "A001": "CX020", "F000": "CX023", "F007": "CX021", "F008": "CX024", "F009": "CX019"}
"""EVgo's codes as ChargeX's of the same meaning (mrec.evgo.com, version 1.0.1): authorisation timeout, partial insertion, proximity
signal, capacitance, voltage before or after charging, hot cable. The others are not known to us."""


def known_elsewhere(vendor: str | None, code: object) -> object:
    """A vendor's code, as ChargeX's where the vendor id says by whose table it is; of several the first that is known."""
    if vendor != EVGO or not isinstance(code, str):
        return code
    return next((OF_EVGO[each] for each in re.findall(r"[AF]0\d\d", code.upper()) if each in OF_EVGO), code)


def is_ours(vendor: str | None) -> bool:
    """Whether a vendor's bare numbers are codes of the dictionary."""
    return vendor is not None and VENDOR in vendor.lower()


def is_known(code: str) -> bool:
    """Whether a code is spelled like one of the dictionary's or of ChargeX."""
    return code.startswith(("F-", "CX0"))


def tells_of_absence(code: str) -> bool:
    """Whether a code says that the charger was not connected, which it cannot tell while it is not."""
    row = reported(code)
    return code == LOST or (row is not None and row.faults == (LOST,))


def alarm_of_link(said: str) -> str | None:
    """The code of connectivity that a platform raises in a line of its log: by name, or since it takes a charger that misses its
    heartbeat for offline; None where it raises none."""
    named = _LINK_CODE.search(said)
    if named is not None:
        return f"F-{named[1]}"
    return LOST if _MISSED.match(said) else None


def alarm_in_words(said: str) -> str | None:
    """The code that a line of a log without messages names: one error of the standard, or a vendor's words for a fault; None where
    it names none, or several."""
    named = {found.group() for found in _STANDARD.finditer(said)}
    if len(named) == 1:
        return named_code((), said.partition(next(iter(named)))[2].strip(" .:,-"), named.pop(), ours=False)
    # lines that differ in their numbers say the same, and are looked up once
    row = said_in_words(_NUMBER.sub("", said)) if not named and _FAULTY.search(said) else None
    return None if row is None or not row.maps_to else row.code


def says_in_words(code: str) -> bool:
    """Whether a code has a word in it (`FanSpeedLow`), and is no mere number or abbreviation (`0x3E07`, `E-117`, `V2G_SEQ_TMO`)."""
    return re.search(r"[a-z]{3}", re.sub(r"0[xX][0-9A-Fa-f]+", "", code)) is not None


def named_code(vendor_codes: Iterable[object], info: object, standard: object, *, ours: bool) -> str | None:
    """The code that a report names; None where it names none.

    `vendor_codes` are the fields meant for codes, `info` one that is meant for words, `standard` the standard's own code.
    `ours` says that bare numbers are the dictionary's.
    """
    given = [
        found for value in vendor_codes if (found := text(value)) is not None and found.lower() not in SAYS_NOTHING
    ]
    said = text(info)
    for found in (*given, *(() if said is None else (said,))):
        documented = _OURS.search(found)
        if documented is not None:
            return f"F-{documented.group(1)}"
        chargex = _CHARGEX.search(found)
        if chargex is not None:
            return f"CX0{chargex.group(1)}"
    if ours:
        for found in given:
            number = _normal(found) if _BARE_NUMBER.fullmatch(found) else None
            if number is not None:
                return number
    code = text(standard) or ""
    if code.lower() in BROAD:
        texts = [found for found in (*given, said) if found is not None]
        # that something is hot the code says, and the words may name what alone
        hot = (f"{code} {found}" for found in texts if code.lower() == "hightemperature")
        in_words = row_in_words(texts) or row_in_words(hot)
        if in_words is not None:
            return in_words.code
    if code.lower() not in UNSPECIFIC:
        return code
    for found in given:
        # A bare number would be read as one of the dictionary's: the standard's word keeps it apart.
        return f"{code or 'vendor code'} {found}"[:LONGEST_TEXT] if _BARE_NUMBER.fullmatch(found) else found
    return code if code.lower() == "othererror" else None


def alarm_code(tech_code: object, tech_info: object, variable: str, *, ours: bool) -> str | None:
    """The code that the alarm of a component names; None where it names none.

    `tech_code` and `tech_info` are the vendor's code and words, `variable` the component and its variable (`FanUnit.Problem`), `ours`
    says that bare numbers are the dictionary's.
    """
    code = named_code((tech_code,), tech_info, None, ours=ours)
    if code is not None and (is_known(code) or reported(code) is not None or says_in_words(text(tech_code) or "")):
        return code
    # A vendor's number or abbreviation means nothing to anybody else, and a component holds for several parts: words say more.
    own = lookup(variable)
    in_words = row_in_words(() if (said := text(tech_info)) is None else (said,))
    if in_words is not None and (own is None or own.depends_on_activity or in_words.faults != own.faults):
        return in_words.code
    return code if own is None or (code is None and in_words is None) else variable


def unwanted_end(info: str) -> str | None:
    """The code of a session that broke off where words beside a plug that was pulled say so; by itself that is how many end."""
    row = row_in_words((info,))
    return row.code if row is not None and row.faults == ("F-0805",) else None


def row_in_words(texts: Iterable[str]) -> StandardCode | None:
    """The row of the first text that says one in a vendor's own words."""
    return next((row for found in texts if (row := said_in_words(found)) is not None), None)


def _normal(value: str) -> str | None:
    try:
        return normal_code(value)
    except NoFaultCode:
        return None
