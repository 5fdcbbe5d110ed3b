"""Options of the aiokafka consumer that reads the source topics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.kafka.security import client_options_aiokafka

if TYPE_CHECKING:
    from agents.settings.settings import Settings

#: How long the broker may wait for records before it answers a fetch. A partition with records can wait that long for a
#: fetch of others, since one request at a time is in flight to each broker; recoveries use a shorter wait.
FETCH_WAIT_MS = 100
_REQUEST_TIMEOUT_MS = 10_000
#: Age of metadata after which a topic that was recreated, or has gained partitions, is noticed.
_METADATA_AGE_MS = 15_000


def consumer_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of the aiokafka consumer that reads the source topics."""
    return {
        "bootstrap_servers": list(settings.bootstrap),
        "client_id": "service-level-monitor",
        "group_id": settings.group,
        "enable_auto_commit": False,
        # Applies only if a log has lost the next records; the seek at the start is made by the partitions.
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed",
        "max_poll_records": settings.batch_records,
        "max_partition_fetch_bytes": settings.fetch_bytes,
        "fetch_max_wait_ms": FETCH_WAIT_MS,
        "metadata_max_age_ms": _METADATA_AGE_MS,
        "request_timeout_ms": max(_REQUEST_TIMEOUT_MS, round(settings.session_timeout * 1_000)),
        "session_timeout_ms": round(settings.session_timeout * 1_000),
        "heartbeat_interval_ms": round(settings.heartbeat * 1_000),
        "rebalance_timeout_ms": round(settings.session_timeout * 3_000),
        "max_poll_interval_ms": round(settings.stall_timeout * 2_000),
        **client_options_aiokafka(settings),
    }
