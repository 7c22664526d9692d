"""Whether a source says where a figure or a rule comes from."""

from __future__ import annotations

import re

FEWEST_WORDS = 3
"""A judgement needs at least so many words of reason (our judgement: fewer cannot hold one)."""

_NAMED_SOURCE = re.compile(
    r"dictionary|runbook|platform notes|figures\.json|checks\.csv|field (?:figure|note)|datasheet|data sheet|handbook|\bmanual\b|guideline|contract|wire format|everest|https?://"
    r"|\b(?:IEC|ISO|EN|DIN|VDE|IEEE|UL|NEC|NFPA|SAE|OCPP|OCA|RFC|ETSI|3GPP|GB/?T|ENFSI|CISPR|CharIN|ChargeX|MREC|API)\b"
    r"|\bfigures?[.: ]+\w+_\w+|\b[A-Z][A-Za-z]*[- ]?\d{2,}",
    re.IGNORECASE,
)
_JUDGEMENT = re.compile(r"\b(?:(?:our|my|own) )*judge?ment\b", re.IGNORECASE)

MEND_SOURCE = "name the dictionary's section, a runbook, a standard or datasheet, or write 'judgement:' and why"
"""How to mend what is not sourced."""


def is_sourced(source: str) -> bool:
    """Whether a source names a document or standard, or says that it is judgement and why."""
    if _NAMED_SOURCE.search(source):
        return True
    reason = _JUDGEMENT.sub(" ", source)
    return reason != source and len(re.findall(r"[^\W_]{2,}", reason)) >= FEWEST_WORDS
