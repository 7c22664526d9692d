"""How many random examples a test looks at, where each of them takes long; the nightly profile has more of all."""

from __future__ import annotations

from hypothesis import settings

few = settings(max_examples=max(20, settings.default.max_examples // 5)) if settings.default else settings()
"""A fifth of the profile's examples: for tests whose examples are whole diagnoses or documents."""
