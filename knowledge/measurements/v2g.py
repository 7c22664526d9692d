"""Measurements around v2g."""
