"""The simulated service floor of the demo: the events of a contact centre, a hotel and a payments API.

The entry is `events` in `floor`. Pure: the same seed, start and rate give the same events on every machine and version
of Python. No clock, no sending, no knowledge of the rest of `streams`.
"""
