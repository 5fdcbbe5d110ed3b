"""Transactions of rekeyers that were killed, replaced or partly lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ProducerFenced

from agents.settings.settings import Settings
from agents.worker.rekey.offsets import Offsets, group_of
from agents.worker.rekey.writer import RekeyWriter
from streams.decoding.batch import Batch, SourcePartition
from streams.decoding.rekeying import Baseline, RekeyMark, rekey
from tests.real_parts.rekey.world import World, check, events, log_ends, mixed, read, reading, send
from tests.services.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable


def source_batch(world: World, source: SourcePartition) -> Batch:
    records = [record for record in read(world.kafka, source.topic) if record.partition == source.partition]
    stamps = [record.timestamp for record in records]
    return Batch.of(*source, [record.value for record in records], timestamps=stamps)


async def half_written(writer: RekeyWriter, batch: Batch, settings: Settings) -> None:
    """What a rekeyer has done that is killed right before it commits."""
    await writer._producer.begin_transaction()
    await writer._send(rekey(batch).records, f"{batch.source}/{batch.partition}", ())
    offset = {TopicPartition(batch.source, batch.partition): (len(batch), "")}
    await writer._producer.send_offsets_to_transaction(offset, group_of(settings))


async def test_what_a_killed_rekeyer_had_not_committed_is_passed_by_its_heir_and_never_by_itself(
    world: Callable[..., World],
) -> None:
    here = world(1)
    source, settings = SourcePartition(here.sources[0], 0), Settings.resolve(environ=here.settings())
    await asyncio.to_thread(send, here.kafka, source.topic, mixed(500))
    batch = await asyncio.to_thread(source_batch, here, source)

    dead = await RekeyWriter.open(settings, source)
    await half_written(dead, batch, settings)
    heir = here.start()
    await asyncio.to_thread(here.wait_until_done, heir)
    with pytest.raises(ProducerFenced):
        await dead._producer.commit_transaction()
    await dead.close()
    assert await asyncio.to_thread(check, here) == 498
    assert await count_uncommitted(here) == 2 * 498


async def test_who_comes_back_after_others_have_taken_over_writes_nothing_more(world: Callable[..., World]) -> None:
    here = world(1)
    source, settings = SourcePartition(here.sources[0], 0), Settings.resolve(environ=here.settings())
    await asyncio.to_thread(send, here.kafka, source.topic, mixed(500))
    batch = await asyncio.to_thread(source_batch, here, source)

    zombie = await RekeyWriter.open(settings, source)
    heir = here.start()
    await asyncio.to_thread(here.wait_until_done, heir)
    with pytest.raises(ProducerFenced):
        await zombie.write(rekey(batch).records, f"{source.topic}/0", 500, RekeyMark.of(batch, Baseline(0, (0, 0, 0))))
    await zombie.close()
    assert await asyncio.to_thread(check, here) == 498


async def count_uncommitted(world: World) -> int:
    """How many records the rekeyed topic holds with those of transactions that were aborted."""
    ends = await log_ends(world.kafka.bootstrap, [world.rekeyed])
    consumer = AIOKafkaConsumer(bootstrap_servers=world.kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        count = 0
        for place, end in ends.items():
            tp = TopicPartition(*place)
            consumer.assign([tp])
            while await consumer.position(tp) < end:
                count += sum(map(len, (await consumer.getmany(timeout_ms=200)).values()))
        return count
    finally:
        await consumer.stop()


@pytest.mark.parametrize("pause", [0.0, 0.002, 0.01], ids=["at once", "a moment later", "a little later"])
async def test_who_takes_over_in_the_midst_of_a_commit_sees_offset_and_records_alike(
    world: Callable[..., World], pause: float
) -> None:
    here = world(1, rekeyed=1)
    source, settings = SourcePartition(here.sources[0], 0), Settings.resolve(environ=here.settings())
    batch = Batch.of(*source, events(1_000))

    offsets = Offsets(settings)
    writer = await RekeyWriter.open(settings, source)
    for turn in range(10):
        piece = batch.between(100 * turn, 100 * turn + 100)
        mark = RekeyMark.of(piece, Baseline(0, (0,)))
        committing = asyncio.ensure_future(writer.write(rekey(piece).records, "x/0", 100 * turn + 100, mark))
        await asyncio.sleep(pause)
        heir = await RekeyWriter.open(settings, source)
        committed = await offsets.committed(source)
        records = await reading(here.kafka.bootstrap, [here.rekeyed])
        origins = [int(dict(record.headers)["slm-source"].rpartition(b"/")[2]) for record in records]
        assert (committed.offset if committed else 0) == len(set(origins)) == len(origins)
        await asyncio.gather(committing, return_exceptions=True)
        await writer.close()
        writer = heir
        if committed is None or committed.offset != 100 * turn + 100:
            await writer.write(rekey(piece).records, "x/0", 100 * turn + 100, mark)
    await writer.close()
    offsets.close()


async def test_what_a_transaction_lost_of_its_partitions_is_written_again_and_only_that(
    world: Callable[..., World],
) -> None:
    here = world(1)
    source, settings = SourcePartition(here.sources[0], 0), Settings.resolve(environ=here.settings())
    await asyncio.to_thread(send, here.kafka, source.topic, mixed(1_000))
    batch = await asyncio.to_thread(source_batch, here, source)

    writer = await RekeyWriter.open(settings, source)
    mark = RekeyMark.of(batch, Baseline(0, (0, 0, 0)))
    arrived = [record for record in rekey(batch).records if writer.partition_of(record.key) != 1]
    await writer.write(arrived, f"{source.topic}/0", len(batch), mark)
    await writer.close()
    rekeyer = here.start()
    await asyncio.to_thread(wait_for, lambda: "lag=0, last_error=None" in rekeyer.tail(1), "the rekeyer to be done")
    assert await asyncio.to_thread(check, here) == 1_000 - 4
