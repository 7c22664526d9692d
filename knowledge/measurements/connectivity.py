"""Measurements around connectivity."""
