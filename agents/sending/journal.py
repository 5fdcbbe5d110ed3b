"""How far a log has been sent: one small file per content and destination, so that an interrupted send can continue.

A journal is identified by the content of the log (not its name), the cluster, the topic, and Kafka's id of the topic: a
topic that was deleted and created again is another topic, to which nothing has been sent.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.kafka.admin import Destination

FOLDER: Final = Path("service-level-monitor", "send")


def state_folder(environ: Mapping[str, str]) -> Path:
    """Folder of journals: below ``XDG_STATE_HOME``, which defaults to ``~/.local/state``."""
    base = environ.get("XDG_STATE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local/state") / FOLDER


class JournalEntry(msgspec.Struct, frozen=True):
    """The content of a journal: every line up to ``acknowledged``, out of ``lines``, is in the topic."""

    log: str
    content: str
    cluster: str
    topic: str
    topic_id: str
    acknowledged: int
    lines: int


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of sending one content to one destination.

    ``content`` is the SHA-256 of the log; ``variant`` separates sends of different records, as with `--as-is`.
    """

    folder: Path
    log: str
    content: str
    destination: Destination
    lines: int
    variant: str = ""

    @property
    def path(self) -> Path:
        """The file."""
        about = (
            self.content,
            self.destination.cluster,
            self.destination.topic,
            self.destination.topic_id,
            self.variant,
        )
        return self.folder / (hashlib.sha256("\n".join(about).encode()).hexdigest()[:32] + ".json")

    def read(self) -> int:
        """Last line known to be acknowledged; 0 if none, or if the journal is unreadable: lines are then sent again."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=JournalEntry).acknowledged
        except (OSError, msgspec.MsgspecError):
            return 0

    def write(self, acknowledged: int) -> None:
        """Note that every line up to ``acknowledged`` is in the topic. The file is replaced atomically."""
        where = self.destination
        progress = JournalEntry(
            self.log, self.content, where.cluster, where.topic, where.topic_id, acknowledged, self.lines
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        written = self.path.with_suffix(f".{os.getpid()}")
        written.write_bytes(orjson.dumps(msgspec.to_builtins(progress), option=orjson.OPT_INDENT_2) + b"\n")
        written.replace(self.path)
