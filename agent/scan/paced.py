"""A reader that asks gently: pauses between requests, and time-outs that fit who is asked."""

import asyncio
import time
from collections.abc import Sequence

from agent.modbus.address import Span
from agent.modbus.endpoint import Endpoint
from agent.modbus.identity import Identity
from agent.modbus.pdu import BadReply, BusDown, UnitRefused, UnitSilent, words_of
from agent.modbus.reader import Reader
from agent.profile import Link
from agent.scan.line import Pace

_REOPEN_S = 1.0


class Paced:
    """Wraps a reader for one search; has what `agent.unit_poll` needs of a bus.

    `slowest_ms` is the longest time that a reply has taken so far, 0 before the first one. On a line
    that is lent, it is the wait for a turn, too, and says nothing of the units.
    """

    def __init__(self, reader: Reader, pace: Pace, *, is_lent: bool = False) -> None:
        self.is_lent = is_lent
        self._reader = reader
        self._pace = pace
        self._free_s = 0.0
        self._gap_ms = pace.gap_ms
        self._timeout_ms = pace.reply_ms
        self.slowest_ms = 0.0
        self.requests = 0

    @property
    def endpoint(self) -> Endpoint:
        return self._reader.endpoint

    @property
    def opened(self) -> int:
        return self._reader.opened

    @property
    def is_open(self) -> bool:
        return self._reader.is_open

    def as_wanted(self, link: Link | None) -> None:
        """Heed what a device's profile wants from now on; None: the search's own pace again."""
        self._gap_ms = max(self._pace.gap_ms, link.gap_ms if link is not None else 0)
        self._timeout_ms = max(self._pace.reply_ms, link.timeout_ms if link is not None else 0)

    async def fetch(self, unit: int, span: Span, *, timeout_ms: float | None = None) -> bytes:
        """As `Bus.fetch`; a line that breaks is opened again once.

        Raises:
            UnitSilent, UnitRefused, BadReply, BusDown: as the bus does.
        """
        try:
            return await self._fetch(unit, span, timeout_ms)
        except BusDown:
            if not self._reader.opened:
                raise
        await asyncio.sleep(_REOPEN_S)
        return await self._fetch(unit, span, timeout_ms)

    async def identify(self, unit: int, *, timeout_ms: float | None = None) -> Identity:
        """As `Bus.identify`."""
        await self._pause()
        try:
            return await self._reader.identify(unit, timeout_ms=timeout_ms or self._timeout_ms)
        finally:
            self._free_s = time.monotonic()

    def probe_timeout_ms(self, unit: int) -> float:
        return self._reader.probe_timeout_ms(unit)

    def close(self) -> None:
        self._reader.close()

    async def _fetch(self, unit: int, span: Span, timeout_ms: float | None) -> bytes:
        await self._pause()
        started_s = time.monotonic()
        try:
            data = await self._reader.fetch(unit, span, timeout_ms=timeout_ms or self._timeout_ms)
        except UnitRefused:
            self._note(started_s)
            raise
        finally:
            self._free_s = time.monotonic()
        self._note(started_s)
        return data

    async def _pause(self) -> None:
        self.requests += 1
        wait_s = self._free_s + self._gap_ms / 1_000 - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def _note(self, started_s: float) -> None:
        self.slowest_ms = max(self.slowest_ms, 1_000 * (time.monotonic() - started_s))


class Asked:
    """What one unit has answered; nothing is asked twice, and a refusal is an answer.

    A unit that meets an unknown address with silence costs a time-out each, one that hangs up a new
    connection; `patience` such are borne, then it is asked for nothing new.
    """

    def __init__(self, line: Paced, unit: int, patience: int = 12) -> None:
        self._line = line
        self._unit = unit
        self._patience = patience
        self.answers: dict[Span, tuple[int, ...] | None] = {}

    def known(self, span: Span) -> bool:
        return span in self.answers

    async def words(self, span: Span) -> tuple[int, ...] | None:
        """The words of a span, None where the unit does not give them."""
        if span not in self.answers:
            self.answers[span] = await self._ask(span) if self._patience > 0 else None
        return self.answers[span]

    async def must(self, span: Span) -> Sequence[int]:
        """The same for `sunspec.walk`, which knows a refusal as an error.

        Raises:
            UnitRefused: the unit does not give them.
        """
        words = await self.words(span)
        if words is None:
            raise UnitRefused(2)
        return words

    async def _ask(self, span: Span) -> tuple[int, ...] | None:
        try:
            return words_of(span, await self._line.fetch(self._unit, span))
        except UnitRefused:
            return None
        except (UnitSilent, BadReply, BusDown):
            self._patience -= 1
            return None
