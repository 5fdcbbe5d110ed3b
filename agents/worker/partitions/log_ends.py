"""Where the owned logs begin and end, asked of the broker from time to time."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

if TYPE_CHECKING:
    from agents.control.topic import ControlTopic
    from agents.settings.settings import Settings
    from agents.worker.partitions.owned import OwnedPartitions
    from agents.worker.partitions.source_reader import SourceReader

log = logging.getLogger(__name__)


class LogEnds:
    """Asks where logs begin and end; ``answered`` says whether the broker did so the last time.

    Args:
        settings: name the source topics.
        partitions: whose logs are asked about.
        control: knows how many partitions each source topic had at the first start.
        reader: asks the broker.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: OwnedPartitions,
        control: ControlTopic,
        reader: SourceReader,
    ) -> None:
        self.answered = True
        self._settings = settings
        self._partitions = partitions
        self._control = control
        self._reader = reader

    async def ask(self) -> None:
        """Ask for the bounds, for at most the session timeout, and let the partitions note the answer.

        Raises:
            Fault: a source topic has gained partitions.
            LogTruncated: a log ends before what has been read of it.
        """
        before = self._partitions.read()
        try:
            for topic in self._settings.sources:
                await self._control.require_partitions(topic, self._reader.topic_partitions(topic))
            async with asyncio.timeout(self._settings.session_timeout):
                logs = await self._reader.bounds(list(before))
        except (KafkaError, TimeoutError) as error:
            self.note(error)
            return
        self._partitions.observe(logs, before)
        self.note(None)

    def note(self, error: Exception | None) -> None:
        """Note whether the broker answered, and log each change once."""
        if (error is None) != self.answered:
            self.answered = error is None
            if error is None:
                log.warning("The broker answers again.")
            else:
                log.warning("The broker does not answer (%r); trying on.", error)
