from __future__ import annotations

import gc
import logging
import threading
from pathlib import Path

import pytest
from kafka.errors import KafkaError

from agents.kafka.admin import AdminClient
from tests.services.loopback import free_ports
from tests.services.waiting import wait_for


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_client_that_reaches_no_broker_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL + 1, "kafka")  # what is logged keeps what it is about
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    before = threading.active_count(), _descriptors()
    for _ in range(3):
        with pytest.raises(KafkaError):
            AdminClient(bootstrap_servers=nobody, bootstrap_timeout_ms=100)
    wait_for(lambda: threading.active_count() <= before[0], "threads to end")
    gc.collect()  # sockets that were refused are left to it
    assert _descriptors() <= before[1]
