"""The Faust app, with everything switched off that a monitor does not need."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import faust
from faust.app.base import BootStrategy
from faust.tables import TableManager
from faust.web.drivers import aiohttp as web_driver
from yarl import URL

from agents.worker.faust.consumer import Consumer, Transport
from agents.worker.faust.schema import BatchSchema

if TYPE_CHECKING:
    from aiohttp import web
    from faust.types import AppT
    from faust.types.web import Web

    from agents.settings.settings import Settings
    from agents.worker.partitions.owned import OwnedPartitions
    from streams.decoding.batch import SourcePartition

#: Fetched batches that wait for the agent; with those in aiokafka's buffers they bound memory.
_QUEUED_BATCHES: Final = 2
#: Faust waits so long for seeks, and takes the wait's end for the worker's; `partitions.liveness` judges delays.
_FOREVER: Final = 86_400.0


class _Boot(BootStrategy):
    """Without Faust's producer: nothing is sent through it."""

    enable_kafka_producer = False


class _NoTables(TableManager):
    """Keeps no table, and so does not wait a second for any to be registered."""

    async def on_start(self) -> None:
        """Let reading begin, once everything else of Faust's has started."""
        await self.sleep(0)
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()


class _Web(web_driver.Web):
    """Faust's web server without any page of Faust's."""

    default_blueprints = ()
    production_blueprints = ()
    debug_blueprints = ()
    optional_blueprints = ()


class Worker(faust.App):
    """A Faust app that reads the source topics for `OwnedPartitions`.

    Args:
        settings: as resolved.
        partitions: which are kept in step with the group's assignment.
        mount: adds routes to the web server.
        on_unknown: is asked to recover partitions that have no task.
        on_assigned: is told of every assignment, before anything of it is read.
        on_touch: is told the moments (`time.monotonic`) at which the group still counted this worker as a member;
            called from the consumer's thread.
    """

    BootStrategy = _Boot

    def __init__(
        self,
        settings: Settings,
        partitions: OwnedPartitions,
        *,
        mount: Callable[[web.Application], None],
        on_unknown: Callable[[Sequence[SourcePartition]], None],
        on_assigned: Callable[[Collection[tuple[str, int]]], None],
        on_touch: Callable[[float], None],
    ) -> None:
        self.on_touch = on_touch
        self.on_unknown = on_unknown
        self._on_assignment = on_assigned
        self.settings = settings
        self.partitions = partitions
        self.settled = False
        self._mount = mount
        super().__init__(settings.group, **_options(settings))
        self.on_partitions_assigned.connect(cast("Any", self._on_assigned))
        self.events = self.topic(*settings.sources, schema=BatchSchema(), maxsize=_QUEUED_BATCHES)

    @property
    def reader(self) -> Consumer:
        """The consumer, as the kind that it is."""
        return cast("Consumer", self.consumer)

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_web(self) -> _Web:
        return _Web(self)

    def _create_directories(self) -> None:
        """None: nothing is kept in files."""

    def on_webserver_init(self, web: Web) -> None:
        """Serve our pages from Faust's web server."""
        self._mount(cast("_Web", web).web_app)

    async def _on_assigned(self, sender: AppT, assigned: Any, **_: Any) -> None:  # noqa: ANN401 - signals are untyped
        del sender
        self.on_touch(time.monotonic())
        self._on_assignment(assigned)
        # Where something is new the consumer settles it with its seek; for an empty assignment Faust asks for none.
        self.settled = not self.partitions.unknown(assigned)


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "broker": [URL(f"kafka://{address}") for address in settings.bootstrap],
        "TableManager": _NoTables,
        "autodiscover": False,
        "datadir": Path(tempfile.gettempdir()),
        "store": "memory://",
        "cache": "memory://",
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "table_standby_replicas": 0,
        "stream_wait_empty": False,
        "broker_session_timeout": settings.session_timeout,
        "broker_heartbeat_interval": settings.heartbeat,
        "broker_request_timeout": _FOREVER,
        "consumer_auto_offset_reset": "earliest",
        "web_enabled": True,
        "web_bind": settings.web_host,
        "web_host": settings.web_host,
        "web_port": settings.web_port,
        "web_in_thread": False,
        "web_cors_options": None,
        "web_tables_enabled": False,
        "web_router_enabled": False,
        "worker_redirect_stdouts": False,
    }
