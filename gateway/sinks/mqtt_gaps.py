"""Which gaps a broker was told of. Every new one once, and once more what a broken connection may have lost.

Gaps have no receipts: one counts as told for good when the connection that told it has lasted a
while longer. That place is kept in the journal, so that a restart repeats little.
"""

from agent.clock import Clock
from gateway.journal.journal import Journal
from gateway.journal.record import Gap

GAPS_TOLD = "gaps|"
"""Begins the journal's keys of these places; no rule's watch."""
_CHUNK = 20
_EVERY_MS = 5_000
_SAFE_AFTER_MS = 60_000


class Gaps:
    """The gaps of one sink, over all connections.

    Args:
        journal: where they stand.
        reader: the sink's name.
        clock: for the pauses.
    """

    def __init__(self, journal: Journal, reader: str, clock: Clock) -> None:
        self._journal = journal
        self._key = f"{GAPS_TOLD}{reader}"
        self._clock = clock
        self._safe = int(journal.watches().get(self._key, b"0"))
        self._sent = self._told = self._mark = self._safe
        self._marked_ms = 0
        self._due_ms = 0

    def begin(self) -> None:
        """A new connection: what the last one told just before it broke comes again."""
        self._sent = self._told = self._mark = self._safe
        self._marked_ms = self._clock.monotonic_ms()
        self._due_ms = 0

    async def load(self) -> list[Gap]:
        """Those to tell now; asks the journal now and then only."""
        now_ms = self._clock.monotonic_ms()
        if now_ms < self._due_ms:
            return []
        if now_ms - self._marked_ms >= _SAFE_AFTER_MS:
            self._keep(self._mark)
            self._mark, self._marked_ms = self._told, now_ms
        gaps = await self._journal.gaps(self._sent, _CHUNK)
        self._due_ms = now_ms if len(gaps) == _CHUNK else now_ms + _EVERY_MS
        if gaps:
            self._sent = gaps[-1].id
        return gaps

    def told(self, gap: Gap) -> None:
        """The broker has acknowledged it."""
        self._told = max(self._told, gap.id)

    def _keep(self, safe: int) -> None:
        if safe == self._safe:
            return
        self._safe = safe
        clock = self._clock
        times = {"mono_ms": clock.monotonic_ms(), "ts_ms": clock.utc_ms()}
        self._journal.append_outcome((), {self._key: b"%d" % safe}, **times, unsure=not clock.trusted())
