"""Fuzzing: what reads bytes that others made, fed with bytes that mean harm. At length: `python -m tests.fuzz`."""
