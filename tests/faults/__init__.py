"""Faults on real parts: workers and brokers are crashed, stalled and cut off, and nothing may be lost or counted twice.

``python -m tests.faults --help`` says how to run them; `tests/faults/ledger.jsonl` holds what was found.
"""
