from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.parts.site import Site
from tests.services.parts import require

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three Kafka nodes with a proxy before them; whoever does harm to them heals it."""
    require("kafka")
    with Site(tmp_path_factory.mktemp("site")) as site:
        yield site
