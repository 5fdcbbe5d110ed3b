"""Sending the records of a transaction: the first refusal is the reason that is raised."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import IllegalOperation, KafkaError, MessageSizeTooLargeError

from agents.worker.transactions.outputs import Output
from agents.worker.transactions.writer import send_all

OUTPUTS = [Output("state", 0, b"key", b"value") for _ in range(3)]


class Producer:
    """Gives the result of each record in turn; an error in place of a list of them is raised by `send` itself."""

    def __init__(self, *results: Exception | list[KafkaError]) -> None:
        self.results = list(results)

    async def send(self, *_: object, **__: object) -> asyncio.Future[Any]:
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        sent: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if result:
            sent.set_exception(result[0])
        else:
            sent.set_result(None)
        return sent


async def test_the_first_record_that_is_refused_is_the_reason() -> None:
    with pytest.raises(MessageSizeTooLargeError):
        await send_all(Producer([], [MessageSizeTooLargeError()], [KafkaError()]), OUTPUTS)


async def test_a_refusal_that_ends_the_transaction_while_others_are_sent_is_the_reason() -> None:
    with pytest.raises(MessageSizeTooLargeError):
        await send_all(Producer([], [MessageSizeTooLargeError()], IllegalOperation()), OUTPUTS)


async def test_sending_outside_a_transaction_is_an_error_of_its_own() -> None:
    with pytest.raises(IllegalOperation):
        await send_all(Producer([], [], IllegalOperation()), OUTPUTS)
