from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.real_parts.rekey.world import World, make_world
from tests.services.kafka import Kafka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def world(kafka: Kafka, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make a world: how many partitions each source has, and the rekeyed topic."""
    with ExitStack() as stack:
        yield partial(make_world, kafka, tmp_path, stack)
