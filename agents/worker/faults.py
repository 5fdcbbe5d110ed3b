"""Translates the error that ended a worker into one line that says what to do, and an exit code."""

from __future__ import annotations

from aiokafka.errors import KafkaError

from agents.exits import Exit, Fault
from agents.worker.partitions.liveness import Stuck
from agents.worker.partitions.owned import LogTruncated


def fault_of(error: BaseException | None) -> Fault:
    """The fault to report for ``error``, which ended the worker; None: it ended without one."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, Stuck | LogTruncated):
        return Fault(str(error), Exit.STALLED)
    if isinstance(error, KafkaError) and not error.retriable:
        return Fault(
            f"Kafka refused: {error!r}; give this client the right to read its topics and group", Exit.UNAVAILABLE
        )
    if isinstance(error, KafkaError | ConnectionError | TimeoutError):
        return Fault(f"Kafka: {error!r}; start the worker again once the broker answers", Exit.UNAVAILABLE)
    return Fault(f"{error}" if error else "the worker ended by itself; start it again", Exit.STALLED)
