"""How long a diagnosis takes and what it keeps in memory: `python -m benchmarks`."""
