"""Kafka's errors: which of them come again however often something is tried, and how people are told."""

from __future__ import annotations

from typing import Final

from aiokafka.errors import KafkaError

#: Refusals of what was written, or of who wrote it: they come again however often it is tried.
_FINAL: Final = frozenset(
    {
        "ClusterAuthorizationFailedError",
        "InvalidTopicError",
        "MessageSizeTooLargeError",
        "PolicyViolationError",
        "RecordListTooLargeError",
        "TopicAuthorizationFailedError",
        "TransactionalIdAuthorizationFailed",
        "UnsupportedVersionError",
    }
)


def first_cause(error: BaseException) -> BaseException:
    """The error at the bottom of ``error``."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def is_final(error: KafkaError) -> bool:
    """Whether ``error`` comes again however often it is tried."""
    return type(error).__name__ in _FINAL


def describe(error: KafkaError) -> str:
    """One line for people: what Kafka calls it, and what it says."""
    message = str(error).removeprefix("[Error ").strip()
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
