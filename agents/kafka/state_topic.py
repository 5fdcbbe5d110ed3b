"""The state topic: keys of its rows, and reading the rows of a source partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agents.kafka.log_reader import read_committed

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.settings.settings import Settings
    from streams.decoding.batch import SourcePartition

#: Separates the parts of a row's key; names of topics cannot contain it.
_TAB: Final = b"\t"


def state_prefix(source: SourcePartition, group: str) -> bytes:
    """Prefix of the keys of a source partition's rows. It names the group: groups that share a topic share no rows."""
    return _TAB.join((source.topic.encode(), str(source.partition).encode(), group.encode(), b""))


async def read_rows(settings: Settings, source: SourcePartition, on_read: Callable[[int], None]) -> dict[bytes, bytes]:
    """The newest committed value of each row of ``source``, by row name; deleted rows are left out.

    Waits for open transactions of others. Rows of other groups and partitions in the same log are skipped.

    Args:
        settings: name the state topic and the group.
        source: the partition whose rows are read.
        on_read: called with the number of records of each batch of the log, skipped ones included.

    Raises:
        KafkaError, TimeoutError: the log could not be read to its end.
    """
    rows: dict[bytes, bytes] = {}
    prefix = state_prefix(source, settings.group)
    async for pairs in read_committed(settings, settings.state_topic, source.partition):
        on_read(len(pairs))
        for key, value in pairs:
            if key is None or not key.startswith(prefix):
                continue
            name = key[len(prefix) :]
            if value is None:
                rows.pop(name, None)
            else:
                rows[name] = value
    return rows
