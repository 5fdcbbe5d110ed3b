"""Decode the batches of one source partition by the mapping that the standards of the moment have for its topic."""

from __future__ import annotations

from streams.decoding.batch import Batch
from streams.decoding.columns import BatchContent, Observations, read_batch
from streams.decoding.key_dictionary import KeyDictionary
from streams.engine.progress import Progress
from streams.engine.standards_log import StandardsLog
from streams.mappings.mapping import Mapper
from streams.mappings.paths import Path


class Decoder:
    """Decodes batches, and looks for those paths of the mapping that no record has had yet."""

    def __init__(self, standards_log: StandardsLog, progress: Progress) -> None:
        """Decode by the newest standards of ``standards_log``; ``progress`` records which paths were found."""
        self.names = KeyDictionary()
        self._log = standards_log
        self._progress = progress

    @property
    def paths(self) -> tuple[Path, ...]:
        """Paths that the mapping reads; none without a mapping."""
        mapper = self._log.mapper()
        return mapper.paths if mapper else ()

    @property
    def never_found(self) -> list[str]:
        """Paths of the mapping that no record has had; none before a record was mapped."""
        return list(map(str, self._sought(self._log.mapper()))) if self._progress.mapped else []

    def decode(self, batch: Batch) -> BatchContent:
        """Decode ``batch`` by the newest standards."""
        mapper = self._log.mapper()
        return read_batch(batch.values, self.names, mapper, self._sought(mapper))

    def decode_known(self, batch: Batch) -> BatchContent:
        """Decode ``batch``, and look up all standards that it proposes before any state changes.

        Raises `StandardsNeeded`.
        """
        content = self.decode(batch)
        for _, proposal in content.proposals():
            self._log.look_up(proposal.hash)
        return content

    def decode_again(self, batch: Batch) -> list[tuple[Batch, Observations]]:
        """Decode records that were folded before, each by the standards of its time; pieces in log order.

        All standards are looked up before any state changes. Raises `StandardsNeeded`.
        """
        pieces = [(self._log.mapper(named), piece) for named, piece in self._log.pieces(batch)]
        return [(piece, read_batch(piece.values, self.names, mapper).observations) for mapper, piece in pieces]

    def _sought(self, mapper: Mapper | None) -> list[Path]:
        found = self._progress.found
        return [path for path in mapper.paths if str(path) not in found] if mapper else []
