"""A bus that its poller shares with a guest: somebody who reads a unit while the gateway runs.

The poller's slots come first. A guest's question is put where it ends before the next slot is due
even if it is never answered; its time-out is cut to that gap, though never below what the bus itself
gives a unit that it tries again. Where no gap is long enough, a guest gets 2.5 % of the line's time.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

from agent.clock import Clock
from agent.modbus.bus import Bus
from agent.modbus.pdu import BusDown, UnitSilent

T = TypeVar("T")
Question: TypeAlias = Callable[[float], Coroutine[Any, Any, T]]
"""Asks with a time-out in ms."""

GUEST_SHARE = 0.025
"""Of the time in which no gap between live polls is long enough, at most this much goes to guests."""

_MARGIN_MS = 100
"""After a time-out a line is listened to until it is silent, before the next request."""
_CONNECT_MS = 3_000
_NAP_MS = 5
_LEAST_MS = 250
"""No reply is waited for less long than this."""
_PATIENCE_MS = 60_000


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

    async def ask(self, unit: int, timeout_ms: float, question: Question[T], *, rtu_bytes: int) -> T:
        """Put a guest's question to a unit; it is called with its time-out, at most `timeout_ms`.

        `rtu_bytes` is the length of request and reply on a serial line, whose time comes on top.

        Raises:
            UnitSilent, UnitRefused, BadReply: as the question does.
            BusDown: the same, or the poller has let go of the line or had no time for guests in a minute.
        """
        give_up_ms = self._clock.monotonic_ms() + _PATIENCE_MS
        while (now_ms := self._clock.monotonic_ms()) < give_up_ms:
            async with self.turn:
                if self._closed:
                    raise BusDown("the gateway has let go of this line")
                allowed_ms = self._allowed_ms(unit, timeout_ms, rtu_bytes)
                if allowed_ms is not None:
                    return await self._put(question, allowed_ms, timeout_ms)
            next_ms = self._squeeze_ms if self.due_ms is None else min(self._squeeze_ms, self.due_ms)
            await self._clock.sleep_until(max(now_ms, next_ms) + _NAP_MS)
        raise BusDown("the gateway's own polls leave no time on this line")

    async def leave(self) -> None:
        """The guest has gone: a line that is closed between polls is closed again."""
        if self._closes:
            async with self.turn:
                self.bus.close()

    @property
    def is_closed(self) -> bool:
        """Whether the poller has let go of the line; it never takes it up again."""
        return self._closed

    def close(self) -> None:
        """Close the line for good; a guest's question ends with it."""
        self._closed = True
        self.bus.close()

    def _allowed_ms(self, unit: int, timeout_ms: float, rtu_bytes: int) -> float | None:
        """The time-out for a question now; None: not now."""
        if self.due_ms is None:
            return timeout_ms
        now_ms = self._clock.monotonic_ms()
        endpoint = self.bus.endpoint
        beside_ms = _MARGIN_MS + (endpoint.byte_ms * rtu_bytes if endpoint.is_rtu else 0)
        gap_ms = self.due_ms - now_ms - beside_ms - (0 if self.bus.is_open else _CONNECT_MS)
        least_ms = min(timeout_ms, max(_LEAST_MS, self.bus.probe_timeout_ms(unit)))
        if gap_ms >= least_ms:
            return min(timeout_ms, gap_ms)
        return least_ms if now_ms >= self._squeeze_ms else None

    async def _put(self, question: Question[T], allowed_ms: float, timeout_ms: float) -> T:
        bus = self.bus
        load = bus.requests, bus.errors, bus.busy_s
        started_ms = self._clock.monotonic_ms()
        try:
            return await question(allowed_ms)
        except UnitSilent as silent:
            if allowed_ms == timeout_ms:
                raise
            raise UnitSilent(
                f"{silent}: within {allowed_ms:.0f} ms, all that the gateway's polls leave"
            ) from None
        finally:
            bus.requests, bus.errors, bus.busy_s = load  # what a guest asks is none of the gateway's load
            ended_ms = self._clock.monotonic_ms()
            self._squeeze_ms = ended_ms + int((ended_ms - started_ms) * (1 / GUEST_SHARE - 1))
            if self._closed:  # the link may just have been opening
                bus.close()
