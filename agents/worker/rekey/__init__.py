"""Rekeying: records of topics with other keys are written again, keyed by service; enter through `rekeyer.Rekeyer`.

Moves records and judges nothing. Knows nothing of Faust or of the partitions of the monitor.
"""
