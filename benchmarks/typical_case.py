"""The typical case, which the tests of counts measure as well."""

from __future__ import annotations

from tests.support.typical_case import DEVICE, MOMENT, at, typical_case

__all__ = ["DEVICE", "MOMENT", "at", "typical_case"]
