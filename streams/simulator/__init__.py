"""The simulated service floor: a contact centre, a hotel and a payments API, as they would report what they do.

Pure: the same seed, start and rate give the same events, on every machine and every version of Python.
"""
