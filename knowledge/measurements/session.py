"""Measurements around session."""
