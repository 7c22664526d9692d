"""Redaction: whatever tells who somebody is, or opens something, leaves a document under a pseudonym.

docs/redaction.md says what is redacted, what is kept, why, and where the limits are.
"""

from __future__ import annotations

from .kinds import Kind
from .known import KnownValues, known_in
from .redactor import Redactor

__all__ = ["Kind", "KnownValues", "Redactor", "known_in"]
