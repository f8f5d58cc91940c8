"""One request in flight on one open line: sends it, and finds its reply in what comes back.

The only place that hands bytes to a transport. A line is a TCP connection or a
serial port; both fill the small buffer of an `asyncio.BufferedProtocol`. Whatever is
not exactly the awaited reply is dropped and counted, never given to anybody else.
"""

import asyncio
from struct import Struct
from typing import Protocol, TypeAlias

from agent.modbus.address import Span, Table
from agent.modbus.pdu import (
    MAX_BUFFERED,
    MAX_MBAP_LENGTH,
    MBAP_HEAD,
    VARIES,
    Ask,
    BadReply,
    BusDown,
    BusError,
    UnitRefused,
    UnitSilent,
    check,
    find_rtu_replies,
    has_damaged_reply,
    reading,
    request,
)

_HEAD = Struct(">HHHB")
_LATE_S = 30.0  # a serial reply that comes even later than this is not known from any device
_QUIET_S = 0.05  # covers the 16 ms packets of USB adapters
_NEVER_QUIET_S = 2.0


Lost: TypeAlias = dict[int, tuple[set[tuple[int, int]], float]]
"""Unit → (function, data bytes) of requests whose replies may still come, and until when (loop time)."""


class Wire(Protocol):
    """What carries the bytes: a TCP transport or a serial port."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...

    def is_closing(self) -> bool: ...


class Exchange(asyncio.BufferedProtocol):
    """What both framings share: the buffer, the deadline and the end of the line."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray(MAX_BUFFERED)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._wire: Wire | None = None
        self._reply: asyncio.Future[bytes] | None = None
        self._expected: Ask | None = None
        self._deadline_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.dropped = 0
        """Pieces of input that were nobody's reply."""

    @property
    def is_open(self) -> bool:
        return self._wire is not None and not self._wire.is_closing()

    def close(self) -> None:
        """Close the line; whoever waits for a reply gets `BusDown`."""
        if self._wire is not None:
            self._wire.close()
        self._lose("the link was closed")

    def connection_made(self, transport: Wire) -> None:  # type: ignore[override]  # ports come here too
        self._wire = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost_line()
        self._lose(f"the link broke ({exc})" if exc else "the device closed the connection")

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view[self._filled :]

    def _lost_line(self) -> None:
        self._wire = None

    async def _exchange(self, ask: Ask, timeout_s: float, transaction: int | None) -> bytes:
        wire = self._wire
        if wire is None or wire.is_closing():
            raise BusDown("the link is closed")
        if self._reply is not None and not self._reply.done():
            raise RuntimeError("a line has one owner and one request in flight")
        self._expected = ask
        reply: asyncio.Future[bytes] = self._loop.create_future()
        self._reply = reply
        wire.write(request(ask, transaction))
        self._set_deadline(self._loop.time() + timeout_s)
        return await reply

    def _set_deadline(self, at_s: float) -> None:
        self._deadline_s = at_s
        if self._timer is None or self._timer.when() > at_s:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(at_s, self._tick)

    def _tick(self) -> None:
        # one timer serves many requests: it goes off, looks, and is set again where it was too early
        self._timer = None
        if self._reply is None or self._reply.done():
            return
        if self._loop.time() < self._deadline_s:
            self._set_deadline(self._deadline_s)
        else:
            self._time_out()

    def _time_out(self) -> None:
        if self._filled:
            self._fail(BadReply(f"{self._filled} bytes came that are no whole reply"))
        else:
            self._fail(UnitSilent("no reply in time"))

    def _fail(self, error: BusError) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)

    def _succeed(self, data: bytes) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(data)

    def _lose(self, why: str) -> None:
        self._fail(BusDown(why))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class TcpExchange(Exchange):
    """Modbus TCP: each request has a transaction id of its own, so late replies are known as such."""

    def __init__(self) -> None:
        super().__init__()
        self._transaction = 0

    async def ask(self, ask: Ask, timeout_s: float) -> bytes:
        """The data bytes of the reply.

        Raises:
            BusError: any of its kinds.
        """
        self._transaction = self._transaction + 1 & 0xFFFF
        return await self._exchange(ask, timeout_s, self._transaction)

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        while self._filled >= MBAP_HEAD + 2:
            transaction, protocol, length, unit = _HEAD.unpack_from(self._buffer)
            if protocol or not 2 <= length <= MAX_MBAP_LENGTH:
                self._garbled("what came is not Modbus TCP")
                return
            end = MBAP_HEAD + length
            if self._filled < end:
                return
            pdu = bytes(self._view[MBAP_HEAD + 1 : end])
            rest = self._filled - end
            if rest:
                self._buffer[:rest] = self._buffer[end : self._filled]
            self._filled = rest
            self._take(transaction, unit, pdu)

    def _take(self, transaction: int, unit: int, pdu: bytes) -> None:
        reply, expected = self._reply, self._expected
        if expected is None or reply is None or reply.done() or transaction != self._transaction:
            self.dropped += 1
            return
        try:
            data = check(expected, unit, pdu)
        except (BadReply, UnitRefused) as error:
            reply.set_exception(error)
        else:
            reply.set_result(data)

    def _time_out(self) -> None:
        partial = self._filled > 0
        super()._time_out()
        if partial:  # where the next frame would begin is not known any more
            self.close()

    def _garbled(self, why: str) -> None:
        self.dropped += 1
        self._filled = 0
        self._fail(BadReply(why))
        self.close()


class RtuExchange(Exchange):
    """RTU frames on a serial line, or through a TCP serial server.

    RTU has no transaction id, and a reply may come after its time-out with a good checksum.
    So after a lost request the line is drained until it is silent, and the unit is first asked
    something whose reply looks different: a unit answers in order, so once that reply is
    there, nothing older can follow.

    Args:
        byte_ms: time of one byte on the line.
        lost: the lost requests by unit, kept from one opening of the line to the next.
    """

    def __init__(self, byte_ms: float, lost: Lost) -> None:
        super().__init__()
        self._byte_s = byte_ms / 1_000
        self._must_drain = True
        self._heard_s = 0.0
        self._longest_s = 0.0
        self._lost = lost

    async def ask(self, ask: Ask, timeout_s: float) -> bytes:
        """The data bytes of the reply.

        Raises:
            BusError: any of its kinds.
        """
        self._longest_s = max(self._longest_s, timeout_s)
        if self._must_drain or self._filled:
            await self._drain()
        if ask.unit in self._lost:
            await self._pass_lost(ask, timeout_s)
        return await self._guarded(ask, timeout_s)

    async def _guarded(self, ask: Ask, timeout_s: float) -> bytes:
        wire_s = self._byte_s * ask.rtu_bytes
        try:
            data = await self._exchange(ask, timeout_s + wire_s, None)
        except (UnitSilent, BadReply, asyncio.CancelledError):
            self._must_drain = True
            lost, _ = self._lost.setdefault(ask.unit, (set(), 0.0))
            lost.add(ask.shape)
            self._lost[ask.unit] = lost, self._loop.time() + _LATE_S
            raise
        finally:
            self._filled = 0
        return data

    async def _pass_lost(self, ask: Ask, timeout_s: float) -> None:
        """Make sure that no reply to a lost request can be taken for the next one."""
        lost, until_s = self._lost[ask.unit]
        if self._loop.time() < until_s:
            try:
                await self._guarded(_looks_different(ask, lost | {ask.shape}), timeout_s)
            except UnitRefused:
                # a refusal has no size, so it may be the lost request's own: let time settle it
                await asyncio.sleep(2 * self._longest_s)
                await self._drain()
        self._lost.pop(ask.unit, None)

    async def _drain(self) -> None:
        started_s = self._heard_s = self._loop.time()
        while (silent_s := self._loop.time() - self._heard_s) < _QUIET_S:
            if self._loop.time() - started_s > _NEVER_QUIET_S:
                raise BadReply("the line is never silent")
            await asyncio.sleep(_QUIET_S - silent_s)
        self._filled = 0
        self._must_drain = False

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        self._heard_s = self._loop.time()
        expected = self._expected
        if expected is None or self._reply is None or self._reply.done():
            self.dropped += 1
            self._filled = 0
            self._must_drain = True
            return
        received = bytes(self._view[: self._filled])
        for reply in find_rtu_replies(expected, received):
            self._filled = 0
            if isinstance(reply, UnitRefused):
                self._fail(reply)
            else:
                self._succeed(reply)
            return
        if has_damaged_reply(expected, received):
            self._set_deadline(min(self._deadline_s, self._heard_s + _QUIET_S))
        if self._filled == MAX_BUFFERED:  # room for more, or the transport takes the full buffer for the end
            kept = expected.rtu_bytes - 9
            self._buffer[:kept] = self._buffer[self._filled - kept :]
            self._filled = kept
            self.dropped += 1


def _looks_different(ask: Ask, taken: set[tuple[int, int]]) -> Ask:
    """A read of the same unit whose reply has a shape that none of `taken` has."""
    table, start = Table.HOLDING, 0
    if ask.size != VARIES:
        table = next(table for table in Table if table.function == ask.function)
        start = int.from_bytes(ask.pdu[1:3], "big")
    for count in range(1, 250, 8 if table.is_bits else 1):
        if start + count <= 0x10000:
            other = reading(ask.unit, Span(table, start, count))
            if other.shape not in taken:
                return other
    raise UnitSilent("too many lost requests; waiting until none of their replies can come")
