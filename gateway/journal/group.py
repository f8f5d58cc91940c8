"""What waits for the next commit, in memory and bounded. Pure."""

from collections.abc import Mapping

from agent.reading import Frame
from gateway.journal.batch import Batch, DeadLetter, losses
from gateway.journal.ranges import Progress
from gateway.journal.record import Change, Gap, Position, Record
from gateway.journal.tail import weight

_MAX_VALUES = 600_000
"""Ten minutes of the reference load."""


class Group:
    """Records get their positions here; all of it goes into one batch."""

    def __init__(self, base: Position) -> None:
        self.last = base
        """The last position given out."""
        self.dropped = 0
        """Records given up because the storage refused for too long."""
        self.moved = False
        """Whether a reader has settled anything."""
        self.condemned: str | None = None
        """Why the file must be set aside first."""
        self.records: list[Record] = []
        self.watches: dict[str, bytes | None] = {}
        self.gaps: list[Gap] = []
        self.letters: list[DeadLetter] = []
        self._values = 0

    def __bool__(self) -> bool:
        return bool(self.records or self.watches or self.gaps or self.letters or self.moved or self.condemned)

    def take(self, entry: Frame | Change) -> Position:
        self.last += 1
        record = Record(self.last, entry)
        self.records.append(record)
        self._values += weight(record)
        return self.last

    def batch(
        self, mono_ms: int, readers: Mapping[str, Progress], active: frozenset[str], offset_ms: int | None
    ) -> Batch:
        """Everything; the group is empty afterwards."""
        batch = Batch(
            mono_ms,
            self.records,
            self.watches,
            self.gaps,
            self.letters,
            dict(readers),
            active,
            offset_ms,
            self.condemned,
        )
        self.records, self._values = [], 0
        self.watches, self.gaps, self.letters = {}, [], []
        self.moved, self.condemned = False, None
        return batch

    def take_back(self, batch: Batch) -> None:
        """The storage refused: what was in the batch goes first again."""
        self.records = [*batch.records, *self.records]
        self.watches = {**batch.watches, **self.watches}
        self.gaps = [*batch.gaps, *self.gaps]
        self.letters = [*batch.letters, *self.letters]
        self.moved = True
        self.condemned = batch.condemned
        self._values = sum(weight(record) for record in self.records)
        if self._values > _MAX_VALUES:
            self._shed()

    def _shed(self) -> None:
        """Give up the oldest frames, never a change."""
        kept: list[Record] = []
        shed: list[Record] = []
        for record in self.records:
            if self._values > _MAX_VALUES and isinstance(record.entry, Frame):
                self._values -= weight(record)
                shed.append(record)
            else:
                kept.append(record)
        self.records = kept
        self.dropped += len(shed)
        self.gaps += losses(shed, "journal_full")
