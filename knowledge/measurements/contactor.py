"""Measurements around contactor."""
