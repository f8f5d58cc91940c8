"""The seats on the gateway's own buses: one guest at a time on each, whoever it is and from wherever."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from agent.device import BusLine
from agent.modbus.address import Span
from agent.modbus.endpoint import Endpoint
from agent.modbus.identity import Identity
from agent.modbus.pdu import reading
from agent.profile import Link
from agent.shared_line import SharedLine

_NAMEPLATE_BYTES = 150  # of the three basic texts, with their question
_DEFAULT_TIMEOUT_MS = Link().timeout_ms


class Polled(Protocol):
    """A bus that is polled."""

    @property
    def line(self) -> BusLine: ...
    @property
    def shared(self) -> SharedLine: ...


class SeatTaken(Exception):  # noqa: N818  # named for what it tells
    """Another guest asks on this bus just now; the message says who."""


class Seat:
    """A guest's place on a polled bus; it has what `agent.modbus.reader.Reader` asks for."""

    def __init__(self, polled: Polled) -> None:
        self._shared = polled.shared
        self._timeout_ms = polled.line.timeout_ms or _DEFAULT_TIMEOUT_MS

    @property
    def endpoint(self) -> Endpoint:
        return self._shared.bus.endpoint

    @property
    def opened(self) -> int:
        """1, and 0 once the poller has let go of the line."""
        return int(self.is_open)

    @property
    def is_open(self) -> bool:
        return not self._shared.is_closed

    async def fetch(self, unit: int, span: Span, *, timeout_ms: float | None = None) -> bytes:
        """The data bytes of a read's reply, when there is a turn for it.

        Raises:
            UnitSilent, UnitRefused, BadReply, BusDown: as `SharedLine.ask` does.
        """
        bus = self._shared.bus
        return await self._shared.ask(
            unit,
            timeout_ms or self._timeout_ms,
            lambda ms: bus.fetch(unit, span, timeout_ms=ms),
            rtu_bytes=reading(unit, span).rtu_bytes,
        )

    async def identify(self, unit: int, *, timeout_ms: float | None = None) -> Identity:
        """What the unit says of itself (function 43/14).

        Raises:
            UnitSilent, UnitRefused, BadReply, BusDown: as `fetch` does.
        """
        bus = self._shared.bus
        return await self._shared.ask(
            unit,
            timeout_ms or self._timeout_ms,
            lambda ms: bus.identify(unit, timeout_ms=ms),
            rtu_bytes=_NAMEPLATE_BYTES,
        )

    def probe_timeout_ms(self, unit: int) -> float:
        """The whole time-out: a guest knows nothing of how fast a unit has lately been."""
        return self._timeout_ms

    def close(self) -> None:
        """The line is the poller's; the seat is free when its owner leaves."""


class Seats:
    """Who sits on which bus of this gateway."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}

    def guest(self, bus: str) -> str | None:
        """Who asks on the bus just now."""
        return self._taken.get(bus)

    @asynccontextmanager
    async def take(self, bus: str, polled: Polled, who: str) -> AsyncIterator[Seat]:
        """A seat as long as the block runs.

        Raises:
            SeatTaken: there is a guest already.
        """
        if bus in self._taken:
            raise SeatTaken(f"{self._taken[bus]} asks on it just now")
        self._taken[bus] = who
        try:
            yield Seat(polled)
        finally:
            del self._taken[bus]
            await polled.shared.leave()
