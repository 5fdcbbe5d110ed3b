"""The log of a worker: one line per entry on standard error, quiet unless something needs attention."""

from __future__ import annotations

import logging
import sys
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError

_FORMAT: Final = "%(asctime)s %(levelname)s %(message)s"
_TIME: Final = "%Y-%m-%dT%H:%M:%S%z"
#: Loggers of libraries and of Faust's room: single retries, intermediate states. The other rooms log what matters.
_QUIET: Final = (
    "faust",
    "mode",
    "aiokafka",
    "kafka",
    "asyncio",
    "agents.worker.faust",
)


def configure() -> None:
    """Log warnings of the product, and of the libraries below only what ends the process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT, _TIME))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("aiohttp.server").addFilter(_is_own_fault)


def _is_own_fault(record: logging.LogRecord) -> bool:
    """Whether an error of the web server is the program's own: malformed requests must not fill the log."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)
