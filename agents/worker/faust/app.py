"""The Faust app, with everything switched off that a monitor does not need."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterable, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import faust
from faust.app.base import BootStrategy
from faust.tables import TableManager
from faust.web.drivers import aiohttp as web_driver
from yarl import URL

from agents.worker.faust.consumer import Consumer, Transport
from agents.worker.faust.schema import BatchSchema

if TYPE_CHECKING:
    from aiohttp import web
    from faust.types import AppT, StreamT
    from faust.types.web import Web

    from agents.kafka.batches import Fetched
    from agents.settings.settings import Settings
    from agents.worker.partitions.assignment import Assignment

#: Fetched batches queued for the agent; together with aiokafka's buffers they bound memory.
_QUEUED_BATCHES: Final = 2
#: Seconds that Faust waits for seeks; it would end the worker after them. `partitions.liveness` judges delays instead.
_FOREVER: Final = 86_400.0


class _Boot(BootStrategy):
    """Starts no producer: nothing is sent through Faust."""

    enable_kafka_producer = False


class _NoTables(TableManager):
    """Keeps no tables, and does not wait a second for any to be registered."""

    async def on_start(self) -> None:
        """Let reading begin once the other parts of Faust have started."""
        await self.sleep(0)
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()


class _Web(web_driver.Web):
    """Faust's web server without Faust's own pages."""

    default_blueprints = ()
    production_blueprints = ()
    debug_blueprints = ()
    optional_blueprints = ()


class Worker(faust.App):
    """A Faust app that reads the source topics; see `follow` and `feed`.

    Args:
        settings: as resolved.
        mount: adds routes to the web server.
        on_touch: called with the moments (`time.monotonic`) at which the group still counted this worker as a member,
            also from the consumer's thread.
    """

    BootStrategy = _Boot
    assignment: Assignment

    def __init__(
        self,
        settings: Settings,
        *,
        mount: Callable[[web.Application], None],
        on_touch: Callable[[float], None],
    ) -> None:
        self.on_touch = on_touch
        self.settings = settings
        self.settled = False
        self._mount = mount
        super().__init__(settings.group, **_options(settings))
        self._events = self.topic(*settings.sources, schema=BatchSchema(), maxsize=_QUEUED_BATCHES)

    def follow(self, assignment: Assignment) -> None:
        """Keep ``assignment`` in step with the group's; call it once, before the start."""
        self.assignment = assignment
        self.on_partitions_assigned.connect(self._on_assigned)

    def feed(self, ingest: Callable[[AsyncIterable[Fetched]], Awaitable[None]]) -> None:
        """Hand everything that is fetched to ``ingest``; call it once, before the start."""

        async def agent(batches: StreamT[Fetched]) -> None:
            await ingest(batches)

        self.agent(self._events, name="ingest", concurrency=1)(agent)

    @property
    def reader(self) -> Consumer:
        """The consumer, made when it is first asked for."""
        consumer = self.consumer
        assert isinstance(consumer, Consumer)
        return consumer

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_web(self) -> _Web:
        return _Web(self)

    def _create_directories(self) -> None:
        """Create none: nothing is kept in files."""

    def on_webserver_init(self, web: Web) -> None:
        """Serve the monitor's pages from Faust's web server."""
        assert isinstance(web, _Web)
        self._mount(web.web_app)

    async def _on_assigned(self, sender: AppT, /, *args: Any, **others: Any) -> None:  # noqa: ANN401 - untyped
        del sender, others
        (assigned,) = args
        self.on_touch(time.monotonic())
        self.assignment.assigned(assigned)
        # New partitions are settled by the consumer's seek. For an empty assignment Faust does not seek.
        self.settled = not self.assignment.partitions.unknown(assigned)


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
