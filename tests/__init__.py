"""Tests; a package, so that they share what lies in `support`."""
