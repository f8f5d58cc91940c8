"""What a reader of the journal still owes: live records first, the rest beside them.

The journal is the only truth about what is settled; this only hands it out in an
order. Everything unsettled when a connection begins is backlog, what is
committed after that is live, and live records that nobody could take in time
become backlog, so memory stays bounded however slow the other end is.
"""

from collections import deque

from agent.reading import Frame
from gateway.journal.journal import Journal
from gateway.journal.record import Change, Position, Record


class Lanes:
    """One reader's two lanes.

    Args:
        journal: the log.
        reader: the reader's name there.
        live_limit: live records kept in memory at most.
        frames_only: changes go another way; here they are passed over.
    """

    def __init__(
        self, journal: Journal, reader: str, *, live_limit: int = 1_000, frames_only: bool = False
    ) -> None:
        self._journal = journal
        self._reader = reader
        self._live_limit = live_limit
        self._frames_only = frames_only
        self._live: deque[Record] = deque()
        self._owed: list[tuple[Position, Position]] = []
        self._backlog: deque[Record] = deque()
        self._held: dict[str, tuple[Frame | Change, list[tuple[Position, Position]]]] = {}
        """Boot → one entry of it, and all its records whose time is not known yet."""
        self.begun_at: Position = 0

    def begin(self, upto: Position) -> None:
        """Start over from what the journal knows: all that is unsettled up to `upto` is backlog.

        Args:
            upto: the last record that is not live.
        """
        self.begun_at = upto
        self._live.clear()
        self._backlog.clear()
        self._owed.clear()
        self._held.clear()
        start = self._journal.cursor(self._reader) + 1
        for first, last in self._journal.settled(self._reader):
            if first > upto:
                break
            if first > start:
                self._owed.append((start, first - 1))
            start = max(start, last + 1)
        if start <= upto:
            self._owed.append((start, upto))

    def committed(self, record: Record) -> None:
        """A record that came after `begin`; in order."""
        if record.position <= self.begun_at or (self._frames_only and isinstance(record.entry, Change)):
            return
        if record.entry.boot != self._journal.boot:  # imported: nobody waits for it
            self.owe(record.position)
            return
        if len(self._live) < self._live_limit:
            self._live.append(record)
            return
        for pushed_out in (*self._live, record):
            self.owe(pushed_out.position)
        self._live.clear()

    def take_live(self) -> Record | None:
        return self._live.popleft() if self._live else None

    def take_backlog(self) -> Record | None:
        """A record that `load` made ready, unless it was settled since."""
        while self._backlog:
            record = self._backlog.popleft()
            if not self.is_settled(record.position):
                return record
        return None

    def is_settled(self, position: Position) -> bool:
        cursor = self._journal.cursor(self._reader)
        return position <= cursor or position in self._journal.settled(self._reader)

    def again(self, record: Record) -> None:
        """The record could not be delivered now; it comes once more."""
        self._backlog.append(record)

    def hold(self, record: Record) -> None:
        """The time of the record is not known yet: it is owed again as soon as it is."""
        _, spans = self._held.setdefault(record.entry.boot, (record.entry, []))
        _grow(spans, record.position)

    def owe(self, position: Position) -> None:
        """The record is to be delivered once more."""
        _grow(self._owed, position)

    @property
    def has_live(self) -> bool:
        return bool(self._live)

    @property
    def has_backlog(self) -> bool:
        head = self._journal.head()
        return bool(self._backlog) or any(first <= head for first, _ in self._owed)

    async def load(self, limit: int) -> None:
        """Make backlog ready for `take_backlog`, unless some still is."""
        self._release()
        while not self._backlog and (span := self._next_owed()) is not None:
            first, last = span
            records = await self._journal.read(first - 1, limit)
            reached = records[-1].position if records else last
            if reached < last:
                self._owed.insert(0, (reached + 1, last))
            wanted = [record for record in records if record.position <= last]
            self._settle_missing(first, min(reached, last), wanted)
            if self._frames_only:
                wanted = [record for record in wanted if isinstance(record.entry, Frame)]
            self._backlog.extend(wanted)

    def _next_owed(self) -> tuple[Position, Position] | None:
        """Of what is owed the next span that the journal has; what its storage still refuses stays owed."""
        head = self._journal.head()
        for index, (first, last) in enumerate(self._owed):
            if first <= head:
                del self._owed[index]
                if last > head:
                    self._owed.insert(index, (head + 1, last))
                return first, min(last, head)
        return None

    def _release(self) -> None:
        """What was held until its time is known."""
        for boot, (entry, spans) in list(self._held.items()):
            if not self._journal.boots.waits(entry):
                self._owed += spans
                del self._held[boot]

    def _settle_missing(self, first: Position, last: Position, records: list[Record]) -> None:
        """Positions that the journal no longer has can never be delivered."""
        expected = first
        for record in records:
            if record.position > expected:
                self._journal.settle(self._reader, expected, record.position - 1)
            expected = record.position + 1
        if expected <= last:
            self._journal.settle(self._reader, expected, last)


def _grow(spans: list[tuple[Position, Position]], position: Position) -> None:
    if spans and spans[-1][1] == position - 1:
        spans[-1] = (spans[-1][0], position)
    else:
        spans.append((position, position))


class Settler:
    """Collects single deliveries and settles them in exact ranges."""

    def __init__(self, journal: Journal, reader: str) -> None:
        self._journal = journal
        self._reader = reader
        self._done: list[Position] = []

    def add(self, position: Position) -> None:
        self._done.append(position)

    def flush(self) -> None:
        if not self._done:
            return
        self._done.sort()
        first = last = self._done[0]
        for position in self._done[1:]:
            if position != last + 1:
                self._journal.settle(self._reader, first, last)
                first = position
            last = position
        self._journal.settle(self._reader, first, last)
        self._done.clear()
