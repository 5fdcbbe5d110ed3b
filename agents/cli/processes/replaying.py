"""The process of `slm replay`: service levels from event logs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from agents.cli import garbage
from agents.cli.terminal.progress import record_progress
from agents.cli.topic_choice import topic_of_replay
from agents.files.dead_letter_file import LettersFile
from agents.files.event_log import EventLog
from agents.files.standards_file import read_standards
from agents.replay.replay import Replay, document, replay
from streams.engine.watermark import TimePolicy
from streams.texts.phrase import Language


def run(
    files: Sequence[str],
    standards: Path | None,
    topic: str | None,
    *,
    lateness: float,
    separate: bool,
    dead_letters: Path | None,
    language: Language | None,
) -> None:
    """Replay ``files`` and print the service levels.

    Args:
        files: paths of logs; - is standard input.
        standards: standards file; None: the usual indicators.
        topic: whose mapping and lateness apply; None: the wire format's.
        lateness: seconds that events may be late where the standards do not say.
        separate: each file is a partition of its own.
        dead_letters: file for rejected records; None: they are counted only.
        language: of the tables; None: print one JSON document instead.

    Raises:
        Fault: a file cannot be read or written, the standards are bad, or the topic is not known.
    """
    garbage.begin()
    logs = [EventLog(name) for name in files]
    compiled = read_standards(standards)
    chosen = topic_of_replay(compiled, topic)
    garbage.collect_rarely()
    with LettersFile.to(dead_letters) as letters, record_progress(logs) as advance:
        result = replay(
            logs,
            compiled,
            topic=chosen,
            policy=TimePolicy(lateness_ms=round(lateness * 1_000)),
            separate=separate,
            on_records=advance,
            on_dead_letters=letters.write,
        )
    if language is None:
        _print_json(result)
    else:
        from agents.cli.terminal.replay import print_tables  # noqa: PLC0415 - rich, which JSON does not need

        print_tables(result, language)


def _print_json(result: Replay) -> None:
    sys.stdout.buffer.write(orjson.dumps(document(result), option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()
