"""Comparisons with alternatives: `python -m benchmarks.<name>`."""
