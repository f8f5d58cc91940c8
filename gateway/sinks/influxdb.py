"""Writes frames and alert changes to InfluxDB: newest first, nothing dropped, nothing believed lightly.

A reader of the journal. A record is settled when the database has answered that it
stored it, or when the database refuses that very line for ever: then it goes to the
journal's dead letters with the reason.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from agent.clock import Clock
from agent.reading import Frame
from gateway.journal.journal import Journal
from gateway.journal.record import Record
from gateway.secret import SecretError
from gateway.sinks.backoff import BackOff
from gateway.sinks.config import InfluxConfig
from gateway.sinks.influx_courier import Broken, Courier, Item, WritePace
from gateway.sinks.influx_tiers import InfluxTier, Level, TierSource
from gateway.sinks.lanes import Lanes, Settler
from gateway.sinks.line_protocol import LineEncoder

log = structlog.get_logger(__name__)

READER = "influxdb"


class InfluxSink:
    """One database.

    Args:
        config: the `influxdb:` block.
        journal: the log to read.
        clock: for pauses and dates.
        site: the site's id.
        kinds: device id → kind, of every device whose frames may be in the journal.
        secrets: the folder that secret files are looked up in.
        pace: how much at once and how patient.
        spans: where the tiers come from.
    """

    name = READER

    def __init__(
        self,
        config: InfluxConfig,
        journal: Journal,
        clock: Clock,
        *,
        site: str,
        kinds: Mapping[str, str],
        secrets: Path,
        pace: WritePace | None = None,
        spans: TierSource | None = None,
    ) -> None:
        self.connected = False
        self.written = 0
        """Lines that the database has stored."""
        self.rejected = 0
        """Lines that it refused for ever."""
        self._config = config
        self._journal = journal
        self._clock = clock
        self._pace = pace or WritePace()
        self._courier = Courier[Record](
            config,
            clock,
            bucket=config.bucket,
            secrets=secrets,
            pace=self._pace,
            stored=self._stored,
            refused=self._reject,
        )
        self._encoder = LineEncoder(site, kinds)
        self._lanes = Lanes(journal, READER)
        self._settler = Settler(journal, READER)
        journal.lag(READER, self._pace.sure_after_ms)
        self._seen = 0
        self._nothing_new = True
        """Since the last doubt the database has taken nothing that it could lose."""
        self.trouble: str | None = None
        buckets: dict[Level, str | None] = {"minute": config.tiers.minute, "quarter": config.tiers.quarter}
        self.tiers = [
            InfluxTier(
                level, bucket, config, clock, spans, site=site, kinds=kinds, secrets=secrets, pace=self._pace
            )
            for level, bucket in buckets.items()
            if bucket is not None and spans is not None
        ]

    @property
    def errors_pct(self) -> float:
        """Failed requests among the latest ones."""
        return self._courier.errors_pct

    async def run(self) -> None:
        """Follow the journal until cancelled, and the history for the tiers."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name="sink:influxdb:follow")
            for tier in self.tiers:
                tasks.create_task(tier.run(), name=f"sink:influxdb:{tier.level}")

    async def _follow(self) -> None:
        backoff = BackOff(self._pace.retry_first_ms, self._pace.retry_cap_ms)
        self._begin()
        try:
            while True:
                try:
                    await self._write_some()
                    backoff.reset()
                except Broken as broken:
                    (self._doubt if broken.dead else self._begin)()
                    await self._pause(backoff.next_ms(broken.wait_ms), str(broken))
                except SecretError as unusable:
                    self._begin()
                    await self._pause(self._pace.hold_ms, str(unusable))
        finally:
            self._courier.close()

    def _begin(self) -> None:
        """From here on what is committed is live; all that is unsettled before it comes beside."""
        self._seen = self._journal.head()
        self._lanes.begin(self._seen)

    def _doubt(self) -> None:
        """What the database has taken lately goes once more."""
        self._journal.recede(READER)
        self._nothing_new = True
        self._begin()

    async def _pause(self, pause_ms: int, why: str) -> None:
        self.connected = False
        if self.trouble is None or (why[:3].isdigit() and why[:3] != self.trouble[:3]):
            log.warning("influxdb.broken", why=why)
        self.trouble = why
        await self._clock.sleep_until(self._clock.monotonic_ms() + pause_ms)

    # one turn

    async def _write_some(self) -> None:
        """Write what is new and a batch of the backlog; wait for news when there is neither.

        Raises:
            Broken, SecretError: not everything was written; what was not is still owed.
        """
        await self._collect()
        batch = await self._batch()
        if batch:
            breaks, nothing_new = self._courier.breaks, self._nothing_new
            await self._courier.deliver(batch)
            self._settler.flush()
            self._nothing_new = False
            if self._courier.breaks > breaks and not nothing_new:
                self._doubt()
        elif not self._lanes.has_backlog:
            self._settler.flush()
            await self._journal.wait(self._seen)
            # a moment later there are more lines for the same request
            await self._clock.sleep_until(self._clock.monotonic_ms() + self._config.flush_every)

    async def _collect(self) -> None:
        while not self._lanes.has_live and self._journal.head() > self._seen:
            for record in await self._journal.read(self._seen, self._courier.batch_lines):
                self._lanes.committed(record)
                self._seen = record.position
            if self._journal.head() - self._seen > self._courier.batch_lines:
                self._begin()

    async def _batch(self) -> list[Item[Record]]:
        """Live lines first, then of the backlog as many as fit."""
        items: list[Item[Record]] = []
        size = 0
        while len(items) < self._courier.batch_lines and size < self._pace.batch_bytes:
            record = self._lanes.take_live()
            if record is None:
                await self._lanes.load(self._courier.batch_lines)
                record = self._lanes.take_backlog()
            if record is None:
                break
            line = await self._line(record)
            if line is None:
                continue
            items.append(Item(record, line))
            size += len(line) + 1
        return items

    async def _line(self, record: Record) -> bytes | None:
        """The record's line; None when there is nothing to write, and then it is settled or held."""
        if self._journal.boots.waits(record.entry):
            self._lanes.hold(record)
            return None
        entry = self._journal.boots.mended(record.entry)
        if isinstance(entry, Frame):
            try:
                return self._encoder.frame(entry).encode()
            except KeyError:
                await self._reject(record, f"{entry.device} is no device of this site any more")
                return None
        line = self._encoder.alert(entry)
        if line is None:
            self._settler.add(record.position)
            return None
        return line.encode()

    def _stored(self, part: Sequence[Item[Record]]) -> None:
        for item in part:
            self._settler.add(item.what.position)
        self._settler.flush()
        self.written += len(part)
        if not self.connected:
            log.info("influxdb.connected", after=self.trouble)
        self.connected = True
        self.trouble = None

    async def _reject(self, record: Record, why: str) -> None:
        if self.rejected == 0:
            log.warning("influxdb.refused_line", why=why, position=record.position)
        self.rejected += 1
        await self._journal.reject(READER, record, why)
