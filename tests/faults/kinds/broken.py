"""Rules of the state protocol, each broken in one way: Python that runs in a worker before the worker.

They show that the harness finds what it is there to find: ``python -m tests.faults --broken NAME`` must fail.
"""

from __future__ import annotations

from typing import Final

BROKEN: Final = {
    # A new owner reads on behind the last record folded, not from where open slices begin.
    "resume-behind-the-last-record": """
import streams.state.saving as saving
_row = saving._partition_row
def _broken(engine):
    row = _row(engine)
    row.resume = row.offset + 1
    return row
saving._partition_row = _broken
""",
    # Dead letters go out in a transaction of their own, before the one that carries the state.
    "letters-apart": """
import asyncio
import agents.worker.transactions.writer as transactions
async def _write(self, outputs):
    letters = [output for output in outputs if output.topic.endswith("dead-letters")]
    others = [output for output in outputs if not output.topic.endswith("dead-letters")]
    with transactions._translated_errors():
        for part in filter(None, (letters, others)):
            await self._producer.begin_transaction()
            await transactions.send_all(self._producer, part)
            await self._producer.commit_transaction()
            await asyncio.sleep(0.1)
transactions.TransactionalWriter.write = _write
""",
    # State is written without a transaction around it and what goes with it.
    "no-transactions": """
import agents.worker.transactions.writer as transactions
transactions.TransactionalWriter = transactions.PlainWriter
""",
}
