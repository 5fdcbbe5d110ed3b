"""Fixtures of the real parts; every test has them (`tests/conftest.py`)."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.services.alertmanager import SILENT, Alertmanager
from tests.services.kafka import Kafka, KafkaCluster
from tests.services.parts import require
from tests.services.prometheus import Prometheus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One Kafka broker, shared: a test uses its own topics. ``SLM_TEST_KAFKA=host:port`` names one that runs."""
    if given := os.environ.get("SLM_TEST_KAFKA"):
        yield Kafka(given)
        return
    require("kafka")
    with KafkaCluster(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Three Kafka nodes, shared, always our own: a test may kill some, and starts them again."""
    require("kafka")
    with KafkaCluster(tmp_path_factory.mktemp("kafka-cluster"), nodes=3) as cluster:
        yield cluster


@pytest.fixture
def start_prometheus(tmp_path: Path) -> Iterator[Callable[[Mapping[str, Any]], Prometheus]]:
    """Start Prometheus with the configuration given; it ends with the test."""
    require("prometheus")
    with ExitStack() as stack:
        yield lambda config: stack.enter_context(Prometheus(tmp_path, config))


@pytest.fixture
def start_alertmanager(tmp_path: Path) -> Iterator[Callable[..., Alertmanager]]:
    """Start Alertmanager with the configuration given, by default one that tells nobody; it ends with the test."""
    require("alertmanager")
    with ExitStack() as stack:
        yield lambda config=SILENT: stack.enter_context(Alertmanager(tmp_path, config))
