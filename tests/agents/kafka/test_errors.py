"""One vocabulary for the errors of both client libraries."""

from __future__ import annotations

import asyncio

import aiokafka.errors
import kafka.errors
import pytest

from agents.kafka.errors import TROUBLE, describe, is_fenced, is_final, root_cause


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        aiokafka.errors.TopicAuthorizationFailedError("t"),
        kafka.errors.TopicAuthorizationFailedError("t"),
        aiokafka.errors.SaslAuthenticationFailed(),
        caused(aiokafka.errors.KafkaError("batch"), aiokafka.errors.MessageSizeTooLargeError()),
    ],
    ids=["aiokafka's", "kafka-python's", "of authentication", "as the cause of another"],
)
def test_refusals_are_final(error: Exception) -> None:
    assert is_final(error)


@pytest.mark.parametrize(
    "error",
    [aiokafka.errors.KafkaConnectionError(), kafka.errors.KafkaTimeoutError(), TimeoutError(), OSError()],
    ids=lambda error: type(error).__name__,
)
def test_trouble_that_passes_is_not_final(error: Exception) -> None:
    assert isinstance(error, TROUBLE)
    assert not is_final(error)


def test_a_timeout_is_a_root_cause_whatever_it_wraps() -> None:
    timeout = caused(TimeoutError(), asyncio.CancelledError())
    assert root_cause(caused(aiokafka.errors.KafkaError(), timeout)) is timeout
    assert not is_final(caused(TimeoutError(), aiokafka.errors.TopicAuthorizationFailedError("t")))


@pytest.mark.parametrize("cause", [aiokafka.errors.ProducerFenced(), aiokafka.errors.InvalidProducerEpoch()], ids=repr)
def test_a_fenced_producer_is_recognized_by_the_root_cause(cause: Exception) -> None:
    assert is_fenced(cause)
    assert is_fenced(caused(aiokafka.errors.KafkaError(), cause))
    assert not is_final(cause)


def test_an_error_is_described_in_one_line() -> None:
    assert describe(aiokafka.errors.MessageSizeTooLargeError("too large")).startswith("MessageSizeTooLargeError: ")
    assert describe(ValueError()) == "ValueError"
