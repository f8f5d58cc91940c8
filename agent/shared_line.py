"""A bus that its poller shares with a guest: somebody who reads a unit while the gateway runs.

The poller's slots come first. A guest's question is put where it ends before the next slot is due
even if it is never answered; elsewhere only so rarely that the live polling keeps 97.5 % of the time.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from agent.clock import Clock
from agent.modbus.bus import Bus
from agent.modbus.pdu import BusDown

T = TypeVar("T")

GUEST_SHARE = 0.025
"""Of the time in which live polls are due or under way, at most this much goes to guests."""

_MARGIN_MS = 100
"""After a time-out a line is listened to until it is silent, before the next request."""
_CONNECT_MS = 3_000
_NAP_MS = 5
_PATIENCE_MS = 120_000


class SharedLine:
    """One bus and the turns on it.

    Args:
        bus: the line.
        clock: for the time until the next slot.
        closes: the line is closed while nobody uses it.
    """

    def __init__(self, bus: Bus, clock: Clock, *, closes: bool = False) -> None:
        self.bus = bus
        self.turn = asyncio.Lock()
        """Held by whoever asks: the poller for a slot, a guest for one question."""
        self.due_ms: int | None = None
        """When the poller wants its next turn (monotonic); None: it never will."""
        self._clock = clock
        self._closes = closes
        self._closed = False
        self._squeeze_ms = 0

    async def ask(self, question: Callable[[], Coroutine[Any, Any, T]], longest_ms: float) -> T:
        """Put a guest's question to the bus, within `longest_ms` if it is not answered.

        Raises:
            BusDown: the poller has let go of the line, or has had no time for guests in two minutes.
        """
        give_up_ms = self._clock.monotonic_ms() + _PATIENCE_MS
        while (now_ms := self._clock.monotonic_ms()) < give_up_ms:
            async with self.turn:
                if self._closed:
                    raise BusDown("the gateway has let go of this line")
                if self._fits(longest_ms):
                    return await self._put(question)
            next_ms = self._squeeze_ms if self.due_ms is None else min(self._squeeze_ms, self.due_ms)
            await self._clock.sleep_until(max(now_ms, next_ms) + _NAP_MS)
        raise BusDown("the gateway's own polls leave no time on this line")

    async def leave(self) -> None:
        """The guest has gone: a line that is closed between polls is closed again."""
        if self._closes:
            async with self.turn:
                self.bus.close()

    def close(self) -> None:
        """Close the line for good; a guest's question ends with it."""
        self._closed = True
        self.bus.close()

    def _fits(self, longest_ms: float) -> bool:
        now_ms = self._clock.monotonic_ms()
        if now_ms >= self._squeeze_ms or self.due_ms is None:
            return True
        connect_ms = 0 if self.bus.is_open else _CONNECT_MS
        return now_ms + longest_ms + connect_ms + _MARGIN_MS <= self.due_ms

    async def _put(self, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        bus = self.bus
        load = bus.requests, bus.errors, bus.busy_s
        started_ms = self._clock.monotonic_ms()
        try:
            return await question()
        finally:
            bus.requests, bus.errors, bus.busy_s = load  # what a guest asks is none of the gateway's load
            ended_ms = self._clock.monotonic_ms()
            self._squeeze_ms = ended_ms + int((ended_ms - started_ms) * (1 / GUEST_SHARE - 1))
            if self._closed:  # the link may just have been opening
                bus.close()
