"""OCPP message logs, 1.6-J and 2.0.1, of charger or platform, in the common layouts: read as the records of a bundle."""

from __future__ import annotations

from .bundle import ocpp_records, read_ocpp_log

__all__ = ["ocpp_records", "read_ocpp_log"]
