"""Measurements around configuration."""
