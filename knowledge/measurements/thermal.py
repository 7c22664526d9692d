"""Measurements around thermal."""
