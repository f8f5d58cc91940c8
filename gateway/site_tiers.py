"""The history's finished spans in the words of the database's tiers."""

from collections.abc import Sequence

from gateway.history.history import History
from gateway.sinks.influx_tiers import Level
from gateway.sinks.tier_lines import TierRow


class HistoryTiers:
    """What the tiers of a database are written from."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def changed(self, level: Level, after: int, limit: int) -> Sequence[TierRow]:
        """Spans that records beyond `after` went into."""
        return [
            TierRow(
                upto,
                device,
                from_ms,
                row.polls,
                sum(row.failed.values()),
                {point: (span.mean, span.least, span.most) for point, span in row.points.items()},
                {point: (register.first, register.last) for point, register in row.registers.items()},
            )
            for upto, device, from_ms, row in await self._history.changed(level, after, limit)
        ]

    async def told(self, level: Level) -> int:
        """How far the database is known to have got."""
        return await self._history.told(level)

    async def note_told(self, level: Level, was: int, upto: int) -> bool:
        """The database has all spans up to this record for good."""
        return await self._history.note_told(level, was, upto)
