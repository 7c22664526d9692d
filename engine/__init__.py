"""An expert-system shell: facts, rules, forward chaining, beliefs, explanations and next checks.

It knows no charger. `Triage` is the façade that callers build; the rest is for those who write knowledge bases.
"""

from __future__ import annotations

from .diagnosis import Diagnosis, Incident, UnknownCause
from .fault_explanation import FaultExplanation
from .hypothesis import Hypothesis, WhyNot
from .triage import Triage, UnknownCode

__all__ = ["Diagnosis", "FaultExplanation", "Hypothesis", "Incident", "Triage", "UnknownCause", "UnknownCode", "WhyNot"]
