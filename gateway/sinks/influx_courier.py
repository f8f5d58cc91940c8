"""Brings lines to one bucket: never longer than we allow, halving around what the database refuses.

It keeps nothing: what was stored and what was refused for good is told, what is neither is still
the owner's to bring.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

from agent.clock import Clock
from gateway.secret import find_file, read_secret
from gateway.sinks.config import InfluxConfig
from gateway.sinks.influx_answer import Answer, Verdict
from gateway.sinks.influx_client import InfluxWriter, NoAnswer

_RATE_OF = 20
"""Requests that `errors_pct` looks back on."""
_RATE_FOR_MS = 600_000

T = TypeVar("T")


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


class Broken(Exception):  # noqa: N818  # named for what happened
    """The write did not go through; try the same again not before `wait_ms`.

    `dead`: as if the database had died, and with it what it had taken lately.
    """

    def __init__(self, why: str, wait_ms: int = 0, *, dead: bool = False) -> None:
        super().__init__(why)
        self.wait_ms, self.dead = wait_ms, dead


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """A line, and what it is the line of."""

    what: T
    line: bytes


class Courier(Generic[T]):
    """Writes to one bucket.

    Args:
        config: the `influxdb:` block.
        clock: for the rate of errors and dates.
        bucket: to write to.
        secrets: the folder that secret files are looked up in.
        pace: how much at once and how patient.
        stored: told of lines that the database has acknowledged.
        refused: told of a line that it refuses for ever, and why.
    """

    def __init__(
        self,
        config: InfluxConfig,
        clock: Clock,
        *,
        bucket: str,
        secrets: Path,
        pace: WritePace,
        stored: Callable[[Sequence[Item[T]]], None],
        refused: Callable[[T, str], Awaitable[None]],
    ) -> None:
        self.batch_lines = pace.batch_lines
        self._config, self._bucket, self._secrets = config, bucket, secrets
        self._clock = clock
        self._pace = pace
        self._stored = stored
        self._refused = refused
        self._writer: InfluxWriter | None = None
        self._outcomes: deque[tuple[int, bool]] = deque(maxlen=_RATE_OF)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="influxdb")

    @property
    def errors_pct(self) -> float:
        """Failed requests among the latest ones."""
        since_ms = self._clock.monotonic_ms() - _RATE_FOR_MS
        recent = [ok for at_ms, ok in self._outcomes if at_ms >= since_ms]
        return 100.0 * recent.count(False) / len(recent) if recent else 0.0

    @property
    def breaks(self) -> int:
        """How often the connection has ended without a word."""
        return self._writer.breaks if self._writer is not None else 0

    def close(self) -> None:
        """End it, also in the middle of a write."""
        if self._writer is not None:
            self._writer.cut()
            self._writer.close()
        self._thread.shutdown(wait=False)

    async def deliver(self, batch: Sequence[Item[T]]) -> None:
        """Write all of it, halving around lines that the database refuses.

        Raises:
            Broken: not all of it was written, or refused for ever.
            SecretError: what the configuration names cannot be used.
        """
        if self._writer is None:
            self._writer = await asyncio.to_thread(self._open)
        refused: list[tuple[Item[T], Answer]] = []
        takes_lines = False
        waiting = deque([batch])
        while waiting:
            part = waiting.popleft()
            answer = await self._post(self._writer, b"\n".join(item.line for item in part))
            match answer.verdict:
                case Verdict.STORED:
                    takes_lines = True
                    self._stored(part)
                case Verdict.BAD_LINES | Verdict.TOO_LARGE if len(part) > 1:
                    if answer.verdict is Verdict.TOO_LARGE:
                        self.batch_lines = max(1, len(part) // 2)
                    middle = len(part) // 2
                    waiting.extendleft((part[middle:], part[:middle]))
                case Verdict.BAD_LINES | Verdict.TOO_LARGE:
                    refused.append((part[0], answer))
                case Verdict.HOLD:
                    raise Broken(str(answer), self._pace.hold_ms)
                case Verdict.LATER:
                    now = datetime.fromtimestamp(self._clock.utc_ms() / 1_000, UTC)
                    wait_ms = answer.retry_after_ms(now)
                    raise Broken(str(answer), wait_ms, dead=answer.status >= 500)
        for item, answer in refused:
            await self._judge(self._writer, item, answer, others_taken=takes_lines)

    def _open(self) -> InfluxWriter:
        config = self._config
        token = read_secret(config.token_file, self._secrets) if config.token_file else ""
        ca_file = str(find_file(config.ca_file, self._secrets)) if config.ca_file else None
        return InfluxWriter(
            config.url, config.org, self._bucket, token, ca_file=ca_file, timeout_s=self._pace.timeout_s
        )

    async def _judge(
        self, writer: InfluxWriter, item: Item[T], answer: Answer, *, others_taken: bool
    ) -> None:
        """Give a line up that was refused by itself.

        A refusal that does not say that it is about the line is believed beside lines that
        were taken, and when it is said once more.

        Raises:
            Broken: it was about something else.
        """
        if not answer.is_about_lines:
            if not others_taken:
                raise Broken(str(answer), self._pace.hold_ms)
            again = await self._post(writer, item.line)
            if again.verdict is Verdict.STORED:
                self._stored([item])
                return
            if again.verdict not in (Verdict.BAD_LINES, Verdict.TOO_LARGE):
                raise Broken(str(again))
        await self._refused(item.what, str(answer))

    async def _post(self, writer: InfluxWriter, lines: bytes) -> Answer:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._pace.timeout_s + 1):
                answer = await loop.run_in_executor(self._thread, writer.write, lines)
        except (NoAnswer, TimeoutError) as failed:
            writer.cut()
            self._outcomes.append((self._clock.monotonic_ms(), False))
            raise Broken(str(failed) or "no answer in time", dead=True) from failed
        ok = answer.verdict in (Verdict.STORED, Verdict.BAD_LINES)
        self._outcomes.append((self._clock.monotonic_ms(), ok))
        return answer
