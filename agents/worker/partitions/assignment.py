"""The source partitions of this worker: recovered when assigned, released when revoked, dropped when fenced."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError

from agents.exits import Exit, Fault
from agents.status.worker import PartitionStatus
from agents.worker.partitions.liveness import Liveness, Moving
from agents.worker.partitions.owned import OwnedPartitions
from agents.worker.partitions.recoveries import Recoveries
from agents.worker.partitions.task import PartitionTask, TaskTotals
from agents.worker.transactions.writer import TRANSACTION_SECONDS, Fenced, Refused
from streams.decoding.batch import SourcePartition

if TYPE_CHECKING:
    from agents.control.topic import ControlTopic
    from agents.settings.settings import Settings
    from agents.worker.partitions.owned import OwnedPartition
    from agents.worker.partitions.recovery import Recovered, Recovery
    from agents.worker.partitions.source_reader import SourceReader

log = logging.getLogger(__name__)

_MEMBER_SECONDS: Final = 0.1


class Assignment:
    """The partition tasks of this worker, and the recoveries that lead to them.

    Args:
        settings: as resolved.
        control: looks up standards that logs name.
        recovery: fences earlier owners and reads their state.
        liveness: knows when the group last counted this worker as a member.
        reader: consumes the source logs.
        fail: called with an error after which the process must end.
        clock: gives seconds that never go back.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        control: ControlTopic,
        recovery: Recovery,
        liveness: Liveness,
        reader: SourceReader,
        fail: Callable[[Exception], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self.partitions = OwnedPartitions(self._let_go)
        self.totals = TaskTotals()
        self.recoveries = Recoveries(self._recover, done=self._recovered, fail=fail, clock=clock)
        self._control = control
        self._recovery = recovery
        self._liveness = liveness
        self._reader = reader
        self._fail = fail
        self._membership: tuple[str, int] | None = None
        self._assigned: frozenset[SourcePartition] = frozenset()
        self._lost: dict[SourcePartition, _Loss] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.damaged = False

    # -- view ---------------------------------------------------------------------------------------------------------

    @property
    def evicted(self) -> bool:
        """Whether another worker is known to own a partition that the group has assigned to this one."""
        return any(loss.fenced for loss in self._lost.values())

    @property
    def recovering(self) -> bool:
        """Whether the figures of a partition are not complete yet."""
        return bool(self.recoveries.in_progress) or any(one.engine.restoring for one in self.partitions.owned())

    def status(self) -> list[PartitionStatus]:
        """The status of every partition that is owned or being recovered."""
        owned = [one.status() for one in self.partitions.owned()]
        return owned + [_unread(source) for source in self.recoveries.in_progress]

    def certain(self) -> list[OwnedPartition]:
        """Owned partitions that no other worker can own yet: all, or none once the group may have given them away."""
        return self.partitions.owned() if self._liveness.in_touch(self._clock()) else []

    def waits(self) -> str | None:
        """Why nothing is read at the moment; None if that is not so."""
        tasks = (one.task.waits for one in self.partitions.owned())
        return next(filter(None, tasks), self.recoveries.trouble)

    def moving(self) -> list[Moving]:
        """The progress of every partition, for `Liveness`."""
        owned = self.partitions.owned()
        found = [
            Moving(
                one.source,
                one.read_to + (one.task.saved_offset or 0),
                bool(one.lag or one.task.transaction_seconds),
                one.task.waits,
            )
            for one in owned
        ]
        read = self._recovery.read
        trouble = self.recoveries.trouble
        return found + [Moving(s, read.get(s, 0), waiting=True, why=trouble) for s in self.recoveries.in_progress]

    def check(self, now: float) -> None:
        """End a worker that is fenced while its group still counts it as the owner.

        Raises:
            Fault: that has lasted for a session timeout, so that the group has had time to notice.
        """
        for source, loss in self._lost.items():
            confirmed = self._liveness.touched_at > loss.at
            if loss.fenced and confirmed and now - loss.at > self.settings.session_timeout:
                raise Fault(
                    f"{source.topic}/{source.partition} is owned by another process with the transactional id of this"
                    " one, though the group has assigned it here; start the worker again, and make sure that no other"
                    " cluster or group shares its topics under the same --group",
                    Exit.STALLED,
                )

    # -- assignments --------------------------------------------------------------------------------------------------

    def assigned(self, sources: Collection[tuple[str, int]]) -> None:
        """Keep what is still assigned, and release the rest.

        Partitions are kept only if this member took part in the previous generation: else another worker may have owned
        them in between.
        """
        before, self._membership = self._membership, self._reader.membership()
        member, generation = self._membership
        continuous = before is not None and before[0] == member and generation - before[1] <= 1
        self._assigned = frozenset(SourcePartition(*source) for source in sources)
        self._lost.clear()
        self.partitions.keep_only(self._assigned if continuous else ())
        self.recoveries.keep_only(self._assigned if continuous else ())

    def want(self, sources: Sequence[SourcePartition]) -> None:
        """Recover ``sources``, except those lost since they were assigned: `_ended` has decided about them."""
        self.recoveries.want(source for source in sources if source not in self._lost)

    async def _recover(self, source: SourcePartition) -> Recovered:
        """Recover ``source``, once a heartbeat after its last loss has confirmed that this worker is a member."""
        while not self._is_confirmed(source):  # noqa: ASYNC110 - heartbeats arrive in another thread
            await asyncio.sleep(_MEMBER_SECONDS)
        await self._control.require_partitions(source.topic, self._reader.topic_partitions(source.topic))
        try:
            return await self._recovery.recover(source)
        except Refused as error:
            raise _not_admitted(source, error) from error

    def _is_confirmed(self, source: SourcePartition) -> bool:
        loss = self._lost.get(source)
        return self._liveness.in_touch(self._clock()) and (loss is None or self._liveness.touched_at > loss.at)

    async def _recovered(self, source: SourcePartition, recovered: Recovered) -> None:
        if source not in self._assigned:
            await recovered.writer.close()
            return
        self._lost.pop(source, None)
        self.damaged = self.damaged or bool(recovered.processor.damaged)
        task = PartitionTask(
            source,
            self.settings,
            recovered.processor,
            recovered.writer,
            control=self._control,
            totals=self.totals,
            on_end=self._ended,
            clock=self._clock,
        )
        self.partitions.add(task, recovered.bounds, create_time=recovered.create_time)
        await self._reader.begin(source, max(recovered.bounds.beginning, task.processor.expected))

    # -- ends ---------------------------------------------------------------------------------------------------------

    def _ended(self, task: PartitionTask, error: Exception) -> None:
        """Drop the partition of ``task``, which has ended with ``error``, and recover it where that may help."""
        source = task.source
        if not self.partitions.drop(task):
            return  # it was released before; another worker may own the partition by now
        fenced = isinstance(error, Fenced)
        self._lost[source] = _Loss(self._clock(), fenced=fenced)
        self._reader.leave_alone(source)
        if fenced:
            log.warning("%s/%s was taken over by another worker.", *source)
        elif isinstance(error, KafkaError | TimeoutError | ConnectionError):
            log.warning("%s/%s: a transaction failed (%r); recovering.", *source, error)
            self.recoveries.want([source])
        else:
            self._fail(_refusal(source, error))

    def _let_go(self, task: PartitionTask) -> None:
        ending = asyncio.create_task(task.drop(), name=f"end of {task.source}")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def finish(self, seconds: float) -> None:
        """Write what is left, for at most ``seconds``, and end all tasks and recoveries."""
        await self.recoveries.stop()
        tasks = [one.task for one in self.partitions.owned()]
        await asyncio.gather(*(task.finish(seconds) for task in tasks), return_exceptions=True)
        self.partitions.keep_only(())
        if self._ending:
            await asyncio.wait(set(self._ending), timeout=seconds)


def _unread(source: SourcePartition) -> PartitionStatus:
    """The status of a partition whose state is being read."""
    return PartitionStatus(*source, 0, None, None, caught_up=False, recovering=True)


@dataclass(frozen=True, slots=True)
class _Loss:
    """When (`time.monotonic`) an assigned partition was lost; ``fenced``: to another worker."""

    at: float
    fenced: bool = field(kw_only=True)


def _not_admitted(source: SourcePartition, error: Refused) -> Fault:
    if f"{error}".startswith("InvalidTransactionTimeout"):
        remedy = f"set transaction.max.timeout.ms of the brokers to {TRANSACTION_SECONDS * 1_000} at least"
    else:
        remedy = "give this client the right to use transactional ids that begin with its --group"
    return Fault(
        f"Kafka does not let this worker take over {source.topic}/{source.partition}: {error}; {remedy}", Exit.STALLED
    )


def _refusal(source: SourcePartition, error: Exception) -> Exception:
    if not isinstance(error, Refused):
        log.critical("What was concluded about %s/%s could not be carried out.", *source, exc_info=error)
        return error
    return Fault(
        f"Kafka refuses what was concluded about {source.topic}/{source.partition}: {error}; “slm topics” says what"
        " is wrong with the topics, and this client needs the right to write to them",
        Exit.STALLED,
    )
