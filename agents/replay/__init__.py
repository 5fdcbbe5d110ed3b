"""Replay: event logs through the engine, without Kafka or a worker. The entry is `replay` in `replay`.

It has the figures of a live worker of the same log; whatever a live worker needs beyond that is not here.
"""
