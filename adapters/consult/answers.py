"""An answer as a person writes it: a place in the list, a word of any spelling, a number with or without its unit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from string import ascii_lowercase

from ...engine.facts import in_words
from ...engine.knowledge_base import Check, CheckResult
from ...knowledge.measurements.checks import limits_in
from ..report.wording import clean, listed

SPELLING = 0.8
"""How alike two words with the same first letter must be to be taken for one (our judgement: a slip in five letters, such
as `oxidized`; `abnormal` and `unsound` begin otherwise and are not taken for their opposites)."""

LONGEST_SHOWN = 40
"""Characters of an answer that are repeated to the person who wrote it."""

FACTORS: Mapping[str, Mapping[str, float]] = {
    "Ω": {"Ω": 1.0, "ohm": 1.0, "ohms": 1.0, "mΩ": 1e-3, "mOhm": 1e-3, "milliohm": 1e-3, "kΩ": 1e3, "kohm": 1e3,
          "MΩ": 1e6, "MOhm": 1e6, "Mohm": 1e6, "megohm": 1e6},
    "kΩ": {"Ω": 1e-3, "ohm": 1e-3, "ohms": 1e-3, "mΩ": 1e-6, "mOhm": 1e-6, "milliohm": 1e-6, "kΩ": 1.0, "kohm": 1.0,
           "MΩ": 1e3, "MOhm": 1e3, "Mohm": 1e3, "megohm": 1e3, "GΩ": 1e6, "gohm": 1e6},
    "s": {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "min": 60.0, "minutes": 60.0, "h": 3600.0},
    "%": {"%": 1.0, "percent": 1.0, "per cent": 1.0},
    "°C": {"°C": 1.0, "c": 1.0, "degc": 1.0, "celsius": 1.0, "°": 1.0},
    "dBm": {"dBm": 1.0, "db": 1.0},
}  # fmt: skip
"""What a number in some unit is in the check's (SI prefixes; words in small letters are read in any case)."""

_NUMBER = re.compile(r"[<>≤≥=~≈]?\s*([+−-]?\d{1,15}(?:[.,]\d{1,12})?)\s*(.*)", re.DOTALL)
_THOUSANDS = re.compile(r"[+−-]?\d{1,3}(?:[,'’ ]\d{3})+(?:\.\d+)?\b")


class NotUnderstood(ValueError):
    """An answer that cannot be taken; the message is one line: what is wrong, and what can be written instead."""


def written_results(check: Check) -> list[tuple[str, CheckResult]]:
    """The results with what stands before each: numbers, or letters where a number is an answer itself."""
    marks = ascii_lowercase if check.is_number else [str(place) for place in range(1, len(check.results) + 1)]
    return list(zip(marks, check.results, strict=False))


def read_answer(check: Check, text: str) -> float | str:
    """The value that an answer stands for, in the check's unit. Raises NotUnderstood."""
    written = unicodedata.normalize("NFKC", text).strip()
    if not written:
        raise NotUnderstood(f"nothing was written; {_choices(check)}")
    chosen = _chosen(check, written)
    if chosen is not None:
        return chosen.value
    if check.is_number and re.match(r"[<>≤≥=~≈]?\s*[+−-]?\d", written):
        return _number(check, written)
    return _named(check, written).value


def stands_for(check: Check, text: str) -> str | None:
    """What was chosen from the list of a check that is a measurement: its value only stands for that; None for a number."""
    chosen = _chosen(check, unicodedata.normalize("NFKC", text).strip()) if check.is_number else None
    return None if chosen is None else chosen.name


def _chosen(check: Check, written: str) -> CheckResult | None:
    """The result whose mark or name is written; None where it is neither."""
    for mark, result in written_results(check):
        if written.rstrip(".)").casefold() == mark:
            return result
    bands = (
        (result, {_word(result.name), _word(result.name.replace(check.unit or " ", " "))}) for result in check.results
    )
    return next((result for result, words in bands if _word(written) in words), None)


def _named(check: Check, written: str) -> CheckResult:
    by_word = {_word(result.name): result for result in check.results}
    word = _word(written)
    shown = f"“{clean(written, LONGEST_SHOWN)}”"
    begun = [name for name in by_word if name.startswith(word)] if word else []
    if len(begun) == 1:
        return by_word[begun[0]]
    if begun:
        raise NotUnderstood(f"{shown} may be {listed([by_word[n].name for n in begun], 'or')}; write more of it")
    candidates = [] if check.is_number else [name for name in by_word if name[:1] == word[:1]]
    alike = get_close_matches(word[:100], candidates, n=2, cutoff=SPELLING)
    if len(alike) == 1:
        return by_word[alike[0]]
    raise NotUnderstood(f"{shown} is none of the results; {_choices(check)}")


def _word(text: str) -> str:
    return re.sub(r"[\s_−-]+", "-", text.strip().casefold()).strip("-.,;:!?\"'")


def _number(check: Check, written: str) -> float:
    return read_number(written, check.unit, _choices(check))


def read_number(written: str, unit: str | None, mend: str) -> float:
    """A number in a unit, from one that is written with or without it, or in another of its kind (`0.9 kΩ`, `1,5 h`).

    Raises NotUnderstood for anything else and for what no measurement can be; `mend` says what could be written instead.
    """
    shown = f"“{clean(written, LONGEST_SHOWN)}”"
    if _THOUSANDS.match(written):
        raise NotUnderstood(f"{shown} can be read in two ways; write the number without marks between thousands")
    found = _NUMBER.fullmatch(written)
    if found is None or written[0] in "<>≤≥" or found[2][:1].isdigit():
        raise NotUnderstood(f"{shown} is no single number; {mend}")
    value = float(found[1].replace(",", ".").replace("−", "-")) * _factor(unit, found[2].strip(), shown, mend)
    low, high = limits_in(unit)
    if not low <= value <= high:
        raise NotUnderstood(
            f"{shown} cannot be: it would have to lie between {in_words(low, unit)} and {in_words(high, unit)}"
        )
    return round(value, 6) + 0.0


def _factor(unit: str | None, written: str, shown: str, mend: str) -> float:
    if not written:
        return 1.0
    factors = FACTORS.get(unit or "", {unit or "": 1.0})
    known = {unicodedata.normalize("NFKC", name): factor for name, factor in factors.items()}
    factor = known.get(written, known.get(written.casefold()))
    if factor is None and "Ω" in known and written.casefold() == "mohm":
        raise NotUnderstood(f"{shown} can be milliohms or megohms; write mΩ or MΩ, or mOhm or MOhm")
    if factor is None:
        # the caller may say the same
        expected = dict.fromkeys((f"a number in {unit or 'no unit'} is expected", mend))
        raise NotUnderstood(f"{shown}: {'; '.join(expected)}")
    return factor


def _choices(check: Check) -> str:
    results: Sequence[tuple[str, CheckResult]] = written_results(check)
    marks = f"{results[0][0]} to {results[-1][0]}"
    if check.is_number:
        return f"write a number{f' in {check.unit}' if check.unit else ''}, or {marks} of the list"
    return f"write {marks}, or {listed([clean(result.name) for _, result in results], 'or')}"
