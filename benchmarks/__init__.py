"""Measurements of speed and quality; each module is a program: `python -m benchmarks.race`."""
