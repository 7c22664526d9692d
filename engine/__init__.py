"""An expert-system shell: facts, rules, forward chaining, beliefs, explanations and next checks.

It knows no charger. `Triage` is the façade that callers build; the rest is for those who write knowledge bases.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .diagnosis import Diagnosis, Incident, UnknownCause
    from .fault_explanation import FaultExplanation
    from .hypothesis import Hypothesis, WhyNot
    from .triage import Triage, UnknownCode

__all__ = ["Diagnosis", "FaultExplanation", "Hypothesis", "Incident", "Triage", "UnknownCause", "UnknownCode", "WhyNot"]

_MODULES = {
    "Diagnosis": "diagnosis",
    "FaultExplanation": "fault_explanation",
    "Hypothesis": "hypothesis",
    "Incident": "diagnosis",
    "Triage": "triage",
    "UnknownCause": "diagnosis",
    "UnknownCode": "triage",
    "WhyNot": "hypothesis",
}


def __getattr__(name: str) -> Any:
    """What is asked for, of which the module is loaded then: who needs one part of the engine does not wait for all."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
