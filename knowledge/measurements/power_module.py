"""Measurements around power_module."""
