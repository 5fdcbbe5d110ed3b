"""Kafka's errors: which of them recur however often a request is repeated, and how they are described to users.

Two client libraries are in use, aiokafka and kafka-python, with separate exception classes of mostly equal names;
therefore errors are classified by class name.
"""

from __future__ import annotations

from typing import Final

from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced
from kafka.errors import KafkaError as KafkaPythonError

#: Errors that both client libraries raise, and those of their sockets.
TROUBLE: Final = (KafkaError, KafkaPythonError, TimeoutError, OSError)

#: Refusals of the client, or of what it wrote: a repeated request is refused again.
_FINAL: Final = frozenset(
    {
        "AuthenticationFailedError",
        "ClusterAuthorizationFailedError",
        "GroupAuthorizationFailedError",
        "InvalidTopicError",
        "InvalidTransactionTimeout",
        "MessageSizeTooLargeError",
        "PolicyViolationError",
        "RecordListTooLargeError",
        "SaslAuthenticationFailed",
        "TopicAuthorizationFailedError",
        "TransactionalIdAuthorizationFailed",
        "UnsupportedVersionError",
    }
)


def root_cause(error: BaseException) -> BaseException:
    """The error at the end of the chain of causes, or the first `TimeoutError` in it: it wraps a mere cancellation."""
    while error.__cause__ is not None and not isinstance(error, TimeoutError):
        error = error.__cause__
    return error


def is_final(error: BaseException) -> bool:
    """Whether the root cause of ``error`` recurs however often the request is repeated."""
    return type(root_cause(error)).__name__ in _FINAL


def is_fenced(error: BaseException) -> bool:
    """Whether the root cause of ``error`` is that another producer has taken over the transactional id."""
    return isinstance(root_cause(error), ProducerFenced | InvalidProducerEpoch)


def describe(error: BaseException) -> str:
    """One line for users: Kafka's name of the error, and its message."""
    message = str(error).removeprefix("[Error ").strip()
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
