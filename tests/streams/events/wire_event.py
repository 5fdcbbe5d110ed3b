"""A valid event as bytes, varied field by field."""

from __future__ import annotations

import json

from tests.oracles.logs import T0


def text(**fields: object) -> bytes:
    """A valid event with ``fields`` added or replaced; None in a field leaves it out."""
    event = {"time": T0 / 1_000, "service": "hotline", **fields}
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


NEIGHBOUR = text()
