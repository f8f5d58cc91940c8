"""Writes means of a minute and of a quarter hour into buckets of their own, as the history makes them.

Spans come in the order of the journal's last record in them; late readings bring a span again. How far the
database has got is noted only once it can be sure of it: what it took in its last half minute goes again
after a breakdown.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import structlog

from agent.clock import Clock
from gateway.secret import SecretError
from gateway.sinks.backoff import BackOff
from gateway.sinks.config import InfluxConfig
from gateway.sinks.influx_courier import Broken, Courier, Item, WritePace
from gateway.sinks.tier_lines import TierRow, tier_line

log = structlog.get_logger(__name__)

Level: TypeAlias = Literal["minute", "quarter"]
_NAMES: Mapping[Level, str] = {"minute": "1m", "quarter": "15m"}
_LOOK_MS = 5_000
_AT_ONCE = 200


class TierSource(Protocol):
    """Where finished spans come from."""

    async def changed(self, level: Level, after: int, limit: int) -> Sequence[TierRow]:
        """Spans that records beyond `after` went into, in the order of their last one."""

    async def told(self, level: Level) -> int:
        """How far the database is known to have got."""

    async def note_told(self, level: Level, was: int, upto: int) -> bool:
        """The database has all spans up to this record for good; false where `told` is not `was` any more."""


class InfluxTier:
    """One tier of one database.

    Args:
        level: which spans.
        bucket: where they go.
        config: the `influxdb:` block.
        clock: for pauses.
        source: where they come from.
        site: the site's id.
        kinds: device id → kind.
        secrets: the folder that secret files are looked up in.
        pace: how much at once and how patient.
    """

    def __init__(
        self,
        level: Level,
        bucket: str,
        config: InfluxConfig,
        clock: Clock,
        source: TierSource,
        *,
        site: str,
        kinds: Mapping[str, str],
        secrets: Path,
        pace: WritePace,
    ) -> None:
        self.written = 0
        """Spans that the database has stored."""
        self.level: Level = level
        self._clock = clock
        self._source = source
        self._site, self._kinds = site, kinds
        self._pace = pace
        self._courier = Courier[TierRow](
            config,
            clock,
            bucket=bucket,
            secrets=secrets,
            pace=pace,
            stored=self._stored,
            refused=self._reject,
        )
        self._lately: deque[tuple[int, int]] = deque()
        self._trouble: str | None = None

    async def run(self) -> None:
        """Until cancelled."""
        backoff = BackOff(self._pace.retry_first_ms, self._pace.retry_cap_ms)
        try:
            while True:
                try:
                    await self._bring(await self._source.told(self.level))
                except Broken as broken:
                    await self._pause(backoff.next_ms(broken.wait_ms), str(broken))
                except SecretError as unusable:
                    await self._pause(self._pace.hold_ms, str(unusable))
                else:
                    backoff.reset()
        finally:
            self._courier.close()

    async def _pause(self, pause_ms: int, why: str) -> None:
        if self._trouble is None:
            log.warning("influxdb.tier_broken", tier=_NAMES[self.level], why=why)
        self._trouble = why
        await self._clock.sleep_until(self._clock.monotonic_ms() + pause_ms)

    async def _bring(self, told: int) -> None:
        """All spans beyond a record, until the connection breaks or the history goes back."""
        self._lately.clear()
        after = told
        breaks: int | None = None
        while True:
            rows = await self._source.changed(self.level, after, min(_AT_ONCE, self._courier.batch_lines))
            known = [row for row in rows if row.device in self._kinds]
            if known:
                await self._courier.deliver([Item(row, self._line(row)) for row in known])
                if breaks is not None and self._courier.breaks > breaks:
                    return  # it may have died and lost what it had taken: from what is sure once more
                breaks = self._courier.breaks
            if rows:
                after = rows[-1].upto
                self._lately.append((self._clock.monotonic_ms(), after))
            sure = self._sure(told)
            if not await self._source.note_told(self.level, told, sure):
                return
            told = sure
            if len(rows) < _AT_ONCE:
                await self._clock.sleep_until(self._clock.monotonic_ms() + min(_LOOK_MS, self._pace.hold_ms))

    def _sure(self, told: int) -> int:
        """How far the database will keep what it has taken."""
        sure_ms = self._clock.monotonic_ms() - self._pace.sure_after_ms
        while self._lately and self._lately[0][0] <= sure_ms:
            told = self._lately.popleft()[1]
        return told

    def _line(self, row: TierRow) -> bytes:
        kind = self._kinds[row.device]
        return tier_line(row, site=self._site, kind=kind, tier=_NAMES[self.level]).encode()

    def _stored(self, items: Sequence[Item[TierRow]]) -> None:
        self.written += len(items)
        if self._trouble is not None:
            log.info("influxdb.tier_healed", tier=_NAMES[self.level], after=self._trouble)
        self._trouble = None

    async def _reject(self, row: TierRow, why: str) -> None:
        """A span is no reading: those are in the journal, and the history has it."""
        log.warning(
            "influxdb.refused_span", tier=_NAMES[self.level], device=row.device, at=row.from_ms, why=why
        )
