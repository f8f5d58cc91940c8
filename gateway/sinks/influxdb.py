"""Writes frames and alert changes to InfluxDB: newest first, nothing dropped, nothing believed lightly.

A reader of the journal. A record is settled when the database has answered that it
stored it, or when the database refuses that very line for ever: then it goes to the
journal's dead letters with the reason.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from agent.clock import Clock
from agent.reading import Frame
from gateway.journal.journal import Journal
from gateway.journal.record import Record
from gateway.secret import SecretError, find_file, read_secret
from gateway.sinks.backoff import BackOff
from gateway.sinks.config import InfluxConfig
from gateway.sinks.influx_answer import Answer, Verdict
from gateway.sinks.influx_client import InfluxWriter, NoAnswer
from gateway.sinks.lanes import Lanes, Settler
from gateway.sinks.line_protocol import LineEncoder

log = structlog.get_logger(__name__)

READER = "influxdb"

_RATE_OF = 20
"""Requests that `errors_pct` looks back on."""
_RATE_FOR_MS = 600_000


@dataclass(frozen=True, slots=True)
class WritePace:
    """How much at once and how patient.

    Args:
        batch_lines, batch_bytes: one POST at most; smaller after a 413.
        timeout_s: for one POST, all in all.
        retry_first_ms, retry_cap_ms: between attempts after a failure that may pass.
        hold_ms: between attempts when a person must mend it first.
        sure_after_ms: for so long after its answer a database that breaks down may lose what it took:
            VictoriaMetrics keeps rows in memory for 5 s (`-inmemoryDataFlushInterval`), then writes them.
    """

    batch_lines: int = 1_000
    batch_bytes: int = 1_000_000
    timeout_s: float = 25.0
    retry_first_ms: int = 1_000
    retry_cap_ms: int = 60_000
    hold_ms: int = 60_000
    sure_after_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class _Item:
    record: Record
    line: bytes


class _Broken(Exception):  # noqa: N818  # named for what happened
    """The write did not go through; try the same again not before `wait_ms`.

    `dead`: as if the database had died, and with it what it had taken lately.
    """

    def __init__(self, why: str, wait_ms: int = 0, *, dead: bool = False) -> None:
        super().__init__(why)
        self.wait_ms, self.dead = wait_ms, dead


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
    ) -> None:
        self.connected = False
        self.written = 0
        """Lines that the database has stored."""
        self.rejected = 0
        """Lines that it refused for ever."""
        self._config = config
        self._journal = journal
        self._clock = clock
        self._secrets = secrets
        self._pace = pace or WritePace()
        self._encoder = LineEncoder(site, kinds)
        self._lanes = Lanes(journal, READER)
        self._settler = Settler(journal, READER)
        journal.lag(READER, self._pace.sure_after_ms)
        self._seen = 0
        self._nothing_new = True
        """Since the last doubt the database has taken nothing that it could lose."""
        self._batch_lines = self._pace.batch_lines
        self._outcomes: deque[tuple[int, bool]] = deque(maxlen=_RATE_OF)
        self._trouble: str | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="influxdb")

    @property
    def errors_pct(self) -> float:
        """Failed requests among the latest ones."""
        since_ms = self._clock.monotonic_ms() - _RATE_FOR_MS
        recent = [ok for at_ms, ok in self._outcomes if at_ms >= since_ms]
        return 100.0 * recent.count(False) / len(recent) if recent else 0.0

    async def run(self) -> None:
        """Follow the journal until cancelled."""
        backoff = BackOff(self._pace.retry_first_ms, self._pace.retry_cap_ms)
        writer: InfluxWriter | None = None
        self._begin()
        try:
            while True:
                try:
                    if writer is None:
                        writer = await asyncio.to_thread(self._open)
                    await self._write_some(writer)
                    backoff.reset()
                except _Broken as broken:
                    (self._doubt if broken.dead else self._begin)()
                    await self._pause(backoff.next_ms(broken.wait_ms), str(broken))
                except SecretError as unusable:
                    await self._pause(self._pace.hold_ms, str(unusable))
        finally:
            if writer is not None:
                writer.cut()
                writer.close()
            self._thread.shutdown(wait=False)

    def _open(self) -> InfluxWriter:
        config = self._config
        token = read_secret(config.token_file, self._secrets) if config.token_file else ""
        ca_file = str(find_file(config.ca_file, self._secrets)) if config.ca_file else None
        return InfluxWriter(
            config.url, config.org, config.bucket, token, ca_file=ca_file, timeout_s=self._pace.timeout_s
        )

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
        if self._trouble is None or (why[:3].isdigit() and why[:3] != self._trouble[:3]):
            log.warning("influxdb.broken", why=why)
        self._trouble = why
        await self._clock.sleep_until(self._clock.monotonic_ms() + pause_ms)

    # one turn

    async def _write_some(self, writer: InfluxWriter) -> None:
        """Write what is new and a batch of the backlog; wait for news when there is neither.

        Raises:
            _Broken: not everything was written; what was not is still owed.
        """
        await self._collect()
        batch = await self._batch()
        if batch:
            breaks, nothing_new = writer.breaks, self._nothing_new
            await self._write(writer, batch)
            self._settler.flush()
            self._nothing_new = False
            if writer.breaks > breaks and not nothing_new:
                self._doubt()
        elif not self._lanes.has_backlog:
            self._settler.flush()
            await self._journal.wait(self._seen)
            # a moment later there are more lines for the same request
            await self._clock.sleep_until(self._clock.monotonic_ms() + self._config.flush_every)

    async def _collect(self) -> None:
        while not self._lanes.has_live and self._journal.head() > self._seen:
            for record in await self._journal.read(self._seen, self._batch_lines):
                self._lanes.committed(record)
                self._seen = record.position
            if self._journal.head() - self._seen > self._batch_lines:
                self._begin()

    async def _batch(self) -> list[_Item]:
        """Live lines first, then of the backlog as many as fit."""
        items: list[_Item] = []
        size = 0
        while len(items) < self._batch_lines and size < self._pace.batch_bytes:
            record = self._lanes.take_live()
            if record is None:
                await self._lanes.load(self._batch_lines)
                record = self._lanes.take_backlog()
            if record is None:
                break
            line = await self._line(record)
            if line is None:
                continue
            items.append(_Item(record, line))
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

    async def _write(self, writer: InfluxWriter, batch: Sequence[_Item]) -> None:
        """Write all of it, halving around lines that the database refuses.

        Raises:
            _Broken: see `_write_some`.
        """
        refused: list[tuple[_Item, Answer]] = []
        takes_lines = False
        waiting = deque([batch])
        while waiting:
            part = waiting.popleft()
            answer = await self._post(writer, b"\n".join(item.line for item in part))
            match answer.verdict:
                case Verdict.STORED:
                    takes_lines = True
                    self._stored(part)
                case Verdict.BAD_LINES | Verdict.TOO_LARGE if len(part) > 1:
                    if answer.verdict is Verdict.TOO_LARGE:
                        self._batch_lines = max(1, len(part) // 2)
                    middle = len(part) // 2
                    waiting.extendleft((part[middle:], part[:middle]))
                case Verdict.BAD_LINES | Verdict.TOO_LARGE:
                    refused.append((part[0], answer))
                case Verdict.HOLD:
                    raise _Broken(str(answer), self._pace.hold_ms)
                case Verdict.LATER:
                    now = datetime.fromtimestamp(self._clock.utc_ms() / 1_000, UTC)
                    wait_ms = answer.retry_after_ms(now)
                    raise _Broken(str(answer), wait_ms, dead=answer.status >= 500)
        for item, answer in refused:
            await self._judge(writer, item, answer, others_taken=takes_lines)

    async def _judge(self, writer: InfluxWriter, item: _Item, answer: Answer, *, others_taken: bool) -> None:
        """Set a line aside that was refused by itself.

        A refusal that does not say that it is about the line is believed beside lines that
        were taken, and when it is said once more.

        Raises:
            _Broken: it was about something else.
        """
        if not answer.is_about_lines:
            if not others_taken:
                raise _Broken(str(answer), self._pace.hold_ms)
            again = await self._post(writer, item.line)
            if again.verdict is Verdict.STORED:
                self._stored([item])
                return
            if again.verdict not in (Verdict.BAD_LINES, Verdict.TOO_LARGE):
                raise _Broken(str(again))
        await self._reject(item.record, str(answer))

    async def _post(self, writer: InfluxWriter, lines: bytes) -> Answer:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._pace.timeout_s + 1):
                answer = await loop.run_in_executor(self._thread, writer.write, lines)
        except (NoAnswer, TimeoutError) as failed:
            writer.cut()
            self._outcomes.append((self._clock.monotonic_ms(), False))
            raise _Broken(str(failed) or "no answer in time", dead=True) from failed
        ok = answer.verdict in (Verdict.STORED, Verdict.BAD_LINES)
        self._outcomes.append((self._clock.monotonic_ms(), ok))
        return answer

    def _stored(self, part: Sequence[_Item]) -> None:
        for item in part:
            self._settler.add(item.record.position)
        self._settler.flush()
        self.written += len(part)
        if not self.connected:
            log.info("influxdb.connected", after=self._trouble)
        self.connected = True
        self._trouble = None

    async def _reject(self, record: Record, why: str) -> None:
        if self.rejected == 0:
            log.warning("influxdb.refused_line", why=why, position=record.position)
        self.rejected += 1
        await self._journal.reject(READER, record, why)
