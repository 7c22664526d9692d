"""An expert-system shell: facts, rules, forward chaining, beliefs, explanations and next checks.

It knows no charger. `Triage` is the façade that callers build; the rest is for those who write knowledge bases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .on_demand import names_on_demand

if TYPE_CHECKING:
    from .diagnosis import Diagnosis, Incident, UnknownCause
    from .fault_explanation import FaultExplanation
    from .hypothesis import Hypothesis, WhyNot
    from .triage import Triage, UnknownCode

__all__ = ["Diagnosis", "FaultExplanation", "Hypothesis", "Incident", "Triage", "UnknownCause", "UnknownCode", "WhyNot"]

__getattr__ = names_on_demand(
    __name__,
    {
        "Diagnosis": "diagnosis",
        "FaultExplanation": "fault_explanation",
        "Hypothesis": "hypothesis",
        "Incident": "diagnosis",
        "Triage": "triage",
        "UnknownCause": "diagnosis",
        "UnknownCode": "triage",
        "WhyNot": "hypothesis",
    },
)
