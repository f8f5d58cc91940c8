"""The newest committed records in memory, so that readers who keep up never touch the card. Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice

from agent.reading import Frame
from gateway.journal.record import Position, Record

_MAX_VALUES = 60_000
_MAX_RECORDS = 4_000


class Tail:
    """Holds all records beyond `floor` up to the head."""

    def __init__(self, floor: Position) -> None:
        self.floor = floor
        self._records: list[Record] = []
        self._values = 0

    def extend(self, records: Sequence[Record]) -> None:
        self._records += records
        self._values += sum(weight(record) for record in records)
        drop = 0
        while drop < len(self._records) and (
            self._values > _MAX_VALUES or len(self._records) - drop > _MAX_RECORDS
        ):
            self._values -= weight(self._records[drop])
            drop += 1
        if drop:
            self.floor = self._records[drop - 1].position
            del self._records[:drop]

    def after(self, position: Position, limit: int, *, changes: bool = False) -> list[Record]:
        """Up to `limit` records beyond `position`, which is not below the floor; changes only, if asked."""
        start = bisect_right(self._records, position, key=_position)
        if changes:
            beyond = islice(self._records, start, None)
            return list(islice((r for r in beyond if not isinstance(r.entry, Frame)), limit))
        return self._records[start : start + limit]


def weight(record: Record) -> int:
    """What a record costs in memory, in values."""
    return len(record.entry.values) if isinstance(record.entry, Frame) else 20


def _position(record: Record) -> Position:
    return record.position
