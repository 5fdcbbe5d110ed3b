"""What a worker logs: one line an entry to standard error, quiet unless something needs attention."""

from __future__ import annotations

import logging
import sys
from typing import Final

_FORMAT: Final = "%(asctime)s %(levelname)s %(message)s"
_TIME: Final = "%Y-%m-%dT%H:%M:%S%z"
#: What they log is about their own ways: retries one by one, states on the way. `agents.app` says what matters.
_QUIET: Final = ("faust", "mode", "aiokafka", "kafka", "asyncio", "agents.worker", "agents.consumer")


def configure() -> None:
    """Log warnings of the product; of the libraries beneath it only what ends the process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT, _TIME))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
