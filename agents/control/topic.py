"""The control topic: standards by their digest, and the number of partitions that each source had at first.

Standards are written here before a control record in a source topic names them, so that its readers find them.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
import orjson
from aiokafka.errors import KafkaError

from agents.exits import Exit, Fault
from agents.kafka.log_reader import read_committed
from streams.engine.standards_log import StandardsNeeded
from streams.standards.load import load
from streams.standards.problems.problems import StandardsError

if TYPE_CHECKING:
    from agents.files.standards_file import StandardsFile
    from agents.kafka.appender import Appender
    from agents.settings.settings import Settings
    from streams.standards.model import Standards

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 0.5


class StandardsRecord(msgspec.Struct, tag_field="kind", tag="standards", kw_only=True, frozen=True):
    """Standards as the text of their file."""

    version: Literal[1] = 1
    digest: str
    file: str

    @property
    def key(self) -> bytes:
        """Key of the record."""
        return f"standards/{self.digest}".encode()


class SourceRecord(msgspec.Struct, tag_field="kind", tag="source", kw_only=True, frozen=True):
    """Number of partitions that a source had when a group first judged it."""

    version: Literal[1] = 1
    topic: str
    group: str
    partitions: Annotated[int, msgspec.Meta(ge=1)]

    @property
    def key(self) -> bytes:
        """Key of the record."""
        return f"source/{self.group}/{self.topic}".encode()


_decode: Final = msgspec.json.Decoder(StandardsRecord | SourceRecord).decode


def _encode(record: StandardsRecord | SourceRecord) -> bytes:
    return orjson.dumps(msgspec.to_builtins(record), option=orjson.OPT_SORT_KEYS)


class ControlTopic:
    """The content of the control topic, as far as it was read.

    Args:
        settings: as resolved.
        append: writes to topics; None: the broker keeps nothing, so nothing is read or written.
    """

    def __init__(self, settings: Settings, append: Appender | None) -> None:
        self._settings = settings
        self._append = append
        self._standards: dict[str, Standards | None] = {}
        self._partitions: dict[str, int] = {}
        self._compiled: dict[str, Standards] = {}  # of files of this worker, whether or not the topic has them

    def have(self, file: StandardsFile) -> None:
        """Remember the compiled standards of ``file``; those of the same digest in the topic need no compiling then."""
        self._compiled[file.standards.digest] = file.standards

    def book(self, digest: str) -> Standards | None:
        """The standards of ``digest``; None where there are none.

        Raises:
            StandardsNeeded: they have not been looked up yet; `look_up` does.
        """
        if digest not in self._standards:
            raise StandardsNeeded(digest)
        return self._standards[digest]

    async def look_up(self, digest: str) -> None:
        """Read the topic for the standards of ``digest``, again and again until Kafka answers."""
        while digest not in self._standards:
            try:
                await self.read()
            except (KafkaError, TimeoutError) as error:
                log.warning("The control topic cannot be read (%r); trying on.", error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self._standards.setdefault(digest, None)

    async def read(self) -> None:
        """Read the topic from its beginning.

        Raises:
            KafkaError, TimeoutError: Kafka did not answer.
            Fault: standards in it were written by a later version and cannot be understood.
        """
        if self._append is None:
            return
        async for pairs in read_committed(self._settings, self._settings.control_topic, 0):
            for key, value in pairs:
                self._note(key or b"", value)

    async def publish(self, file: StandardsFile) -> None:
        """Write the standards of ``file``, unless the topic has them.

        Raises:
            KafkaError, TimeoutError: Kafka did not take them.
        """
        digest = file.standards.digest
        if self._standards.get(digest) is None and self._append is not None:
            await self._write(self._append, StandardsRecord(digest=digest, file=file.text))
        self._standards[digest] = file.standards

    async def require_partitions(self, topic: str, found: int | None) -> None:
        """Refuse to go on if ``topic`` has more partitions than at the group's first start, which may be this one.

        Raises:
            KafkaError, TimeoutError: Kafka did not answer.
            Fault: it has more; the message says how to go on.
        """
        if self._append is None or found is None:
            return
        if topic not in self._partitions:
            await self._write(self._append, SourceRecord(topic=topic, group=self._settings.group, partitions=found))
        fixed = self._partitions.setdefault(topic, found)
        if found > fixed:
            raise Fault(_grown(topic, fixed, found), Exit.UNAVAILABLE)

    async def _write(self, append: Appender, record: StandardsRecord | SourceRecord) -> None:
        await append(self._settings.control_topic, 0, record.key, _encode(record))

    def _note(self, key: bytes, value: bytes | None) -> None:
        """Note one record; those of other programs or other groups are skipped."""
        if value is None:
            return
        try:
            record = _decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            log.warning("A record of %s with the key %r was not understood.", self._settings.control_topic, key)
            return
        if key != record.key:
            log.warning(
                "A record of %s has the key %r and should have %r.", self._settings.control_topic, key, record.key
            )
        elif isinstance(record, StandardsRecord):
            self._note_standards(record.digest, record.file)
        elif record.group == self._settings.group:
            self._partitions[record.topic] = record.partitions

    def _note_standards(self, digest: str, text: str) -> None:
        if self._standards.get(digest) is not None:
            return
        if digest in self._compiled:
            self._standards[digest] = self._compiled[digest]
            return
        try:
            # Keep the digest of the key: with other time-zone data the same file compiles to another one.
            self._standards[digest] = replace(load(text, file=digest), digest=digest)
        except StandardsError as error:
            message = (
                f"the standards {digest} in {self._settings.control_topic} cannot be read by this version: {error};"
                " run the version of slm that wrote them, or a later one"
            )
            raise Fault(message, Exit.STALLED) from None


def _grown(topic: str, fixed: int, found: int) -> str:
    return (
        f"{topic} has {found} partitions and had {fixed} when it was first judged: events of one service may now lie in"
        " another partition than its state. Make a new topic with as many partitions as you want, let producers write"
        " there, and start the workers with it and another --group; or let --rekey merge this topic by service"
    )
