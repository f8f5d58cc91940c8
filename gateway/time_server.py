"""Asks a time server how UTC stands to the monotonic clock, for a gateway whose own clock nobody sets."""

import asyncio
import random
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from agent.clock import Clock
from agent.time_source import MeasuredTime
from gateway.sntp import SIZE, Measured, NoTimeError, measured, question

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AskPace:
    """How often and how patient.

    Args:
        questions: in one round; the answer that took the shortest way counts.
        apart_s: between two of them.
        timeout_s: for each answer.
        every_ms: between rounds that were answered.
        retry_first_ms, retry_cap_ms: between rounds that were not.
    """

    questions: int = 4
    apart_s: float = 0.5
    timeout_s: float = 1.0
    every_ms: int = 300_000
    retry_first_ms: int = 2_000
    retry_cap_ms: int = 64_000


class TimeServer:
    """The task that keeps a `MeasuredTime` up to date.

    Args:
        host, port: of the server.
        clock: for pauses.
        into: where measurements go.
        pace: how often and how patient.
    """

    def __init__(
        self, host: str, port: int, clock: Clock, into: MeasuredTime, pace: AskPace | None = None
    ) -> None:
        self._host = host
        self._port = port
        self._clock = clock
        self._into = into
        self._pace = pace or AskPace()
        self._trouble: str | None = None

    async def run(self) -> None:
        """Ask until cancelled."""
        pace, wait_ms = self._pace, self._pace.retry_first_ms
        while True:
            try:
                best = await _beside(self._round)
            except (OSError, NoTimeError) as failed:
                self._tell(str(failed) or type(failed).__name__)
                told_ms = failed.wait_ms if isinstance(failed, NoTimeError) else 0
                pause_ms = max(wait_ms, told_ms)
                wait_ms = min(2 * wait_ms, pace.retry_cap_ms)
            else:
                self._into.note(self._clock.monotonic_ms(), best.offset_ms)
                self._tell(None)
                pause_ms, wait_ms = pace.every_ms, pace.retry_first_ms
            # spread out, for the day when a village has its power back
            pause_ms = round(pause_ms * random.uniform(0.9, 1.1))  # noqa: S311
            await self._clock.sleep_until(self._clock.monotonic_ms() + pause_ms)

    def _tell(self, trouble: str | None) -> None:
        if (trouble is None) != (self._trouble is None):
            if trouble is None:
                _log.info("time_server.answers", server=self._host, after=self._trouble)
            else:
                _log.warning("time_server.no_time", server=self._host, why=trouble)
        self._trouble = trouble

    def _round(self) -> Measured:
        """Some questions; the best answer. Blocks.

        Raises:
            OSError: the server cannot be reached, or does not answer.
            NoTimeError: no answer can be used.
        """
        family, kind, protocol, _, address = socket.getaddrinfo(
            self._host, self._port, type=socket.SOCK_DGRAM
        )[0]
        answers: list[Measured] = []
        failed: OSError | NoTimeError = TimeoutError("no answer")
        with socket.socket(family, kind, protocol) as line:
            line.connect(address)  # nobody else's packets come in
            for number in range(self._pace.questions):
                if number:
                    select.select((), (), (), self._pace.apart_s)
                try:
                    answers.append(self._ask(line))
                except NoTimeError as unusable:
                    if unusable.wait_ms:
                        raise
                    failed = unusable
                except OSError as silent:
                    failed = silent
        if not answers:
            raise failed
        return min(answers, key=lambda answer: answer.delay_ms)

    def _ask(self, line: socket.socket) -> Measured:
        nonce = secrets.token_bytes(8)
        sent_ns = time.monotonic_ns()
        line.send(question(nonce))
        until_ns = sent_ns + round(self._pace.timeout_s * 1e9)
        while (left_ns := until_ns - time.monotonic_ns()) > 0:
            line.settimeout(left_ns / 1e9)
            answer = line.recv(2 * SIZE)
            got_ns = time.monotonic_ns()
            if answer[24:32] == nonce:
                return measured(answer, nonce, sent_ns / 1e6, got_ns / 1e6)
        raise TimeoutError("no answer")


async def _beside(work: Callable[[], Measured]) -> Measured:
    """In a thread that never holds up the end of the process, however long a name takes to look up."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Measured] = loop.create_future()

    def done(best: Measured | None, failed: Exception | None) -> None:
        if result.cancelled():
            return
        if failed is not None:
            result.set_exception(failed)
        elif best is not None:
            result.set_result(best)

    def thread() -> None:
        best, failed = None, None
        try:
            best = work()
        except (OSError, NoTimeError) as error:
            failed = error
        with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            loop.call_soon_threadsafe(done, best, failed)

    threading.Thread(target=thread, name="time-server", daemon=True).start()
    return await result
