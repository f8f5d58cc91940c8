"""Alert and ticket changes on their way: strictly in order, over restarts and repetitions.

They are read from the journal, oldest first, whatever run of the gateway made them. What must
be said again (a lost connection, a refusal, no receipt) starts over from there with all that
follows, so that nobody ever hears a change before the one that it follows from.
"""

from collections import deque

from gateway.journal.journal import Journal
from gateway.journal.record import Position, Record
from gateway.sinks.live import read_live


class Changes:
    """One reader's changes.

    Args:
        journal: the log.
        reader: the reader's name there.
    """

    def __init__(self, journal: Journal, reader: str) -> None:
        self._journal = journal
        self._reader = reader
        self._loaded: deque[Record] = deque()
        self._read_to: Position = 0
        self._more = True
        self._late_to: Position = 0
        """Changes up to here are late: they were said before, or were made before the connection."""

    def begin(self, upto: Position) -> None:
        """A new connection: all that is unsettled comes, what was made up to `upto` late."""
        self._late_to = max(self._late_to, upto)
        self.back_to(self._journal.cursor(self._reader) + 1)
        self._read_to = self._journal.cursor(self._reader)

    def committed(self) -> None:
        """There may be a new one."""
        self._more = True

    def back_to(self, position: Position) -> None:
        """Say this one again, and then all unsettled ones after it."""
        self._read_to = min(self._read_to, position - 1)
        self._loaded.clear()
        self._more = True

    async def load(self) -> None:
        """Make some ready for `take`, unless some are."""
        while self._more and not self._loaded:
            head = self._journal.head()
            found = await read_live(self._journal, self._read_to, changes=True)
            self._more = bool(found) or head < self._journal.head()
            self._read_to = found[-1].position if found else max(self._read_to, head)
            cursor, settled = self._journal.cursor(self._reader), self._journal.settled(self._reader)
            self._loaded.extend(r for r in found if r.position > cursor and r.position not in settled)

    def take(self) -> tuple[Record, bool] | None:
        """The next one, and whether it is late."""
        if not self._loaded:
            return None
        record = self._loaded.popleft()
        late = record.position <= self._late_to
        self._late_to = max(self._late_to, record.position)
        return record, late
