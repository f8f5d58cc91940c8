"""One request in flight on one open line: sends it, and finds its reply in what comes back.

What is not exactly the awaited reply is dropped and counted, never given to anybody else.
"""

import asyncio
from collections.abc import Coroutine
from struct import Struct
from typing import Any, Protocol

from agent.modbus.late import LateReplies, other_function, other_length
from agent.modbus.pdu import (
    MAX_BUFFERED,
    MAX_MBAP_LENGTH,
    MBAP_HEAD,
    Ask,
    BadReply,
    BusDown,
    BusError,
    UnitRefused,
    UnitSilent,
    check,
    find_rtu_replies,
    has_damaged_reply,
    request,
    rtu_head,
)

_HEAD = Struct(">HHHB")
_QUIET_S = 0.05  # covers the 16 ms packets of USB adapters
_NEVER_QUIET_S = 2.0


class Line(Protocol):
    """What carries the bytes: `agent.modbus.wire.Wire`."""

    def send(self, request: bytes) -> None: ...

    def end(self, why: str) -> None: ...


class Exchange:
    """What both framings share: the buffer, the deadline and the end of the line."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray(MAX_BUFFERED)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._line: Line | None = None
        self.is_open = False
        self._reply: asyncio.Future[bytes] | None = None
        self._asked: Ask | None = None
        self._deadline_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = 0.0
        self.dropped = 0
        """Bytes that were nobody's reply; whoever counts them sets it back."""
        self._proved = False
        self._given_up = False
        self.is_useless = False
        """The other side has ended the line before it ever brought a reply, be it a refusal."""
        self.heard_s: float | None = None
        """When the last byte of a serial line came (loop time): it is in use until then."""
        self.sent_s = 0.0
        """When the last request was sent (loop time)."""

    def use(self, line: Line) -> None:
        """Talk on this line from now on."""
        self._line = line
        self.is_open = True

    def close(self) -> None:
        """Close the line; whoever waits for a reply gets `BusDown`."""
        self._given_up = True
        if self._line is not None:
            self._line.end("the link was closed")

    def room(self) -> memoryview:
        """Where the next bytes go."""
        return self._view[self._filled :] if self._filled else self._view

    def ended(self, why: str) -> None:
        """The line is closed."""
        self._line = None
        self.is_open = False
        self.is_useless = not (self._proved or self._given_up)
        self._fail(BusDown(why))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _exchange(self, ask: Ask, timeout_s: float, transaction: int | None) -> bytes:
        line = self._line
        if line is None:
            raise BusDown("the link is closed")
        if self._reply is not None:
            raise RuntimeError("a line has one owner and one request in flight")
        self._asked = ask
        reply: asyncio.Future[bytes] = self._loop.create_future()
        self._reply = reply
        try:
            self.sent_s = sent_s = self._loop.time()
            self._deadline_s = deadline_s = sent_s + timeout_s
            if self._timer is None or self._timer_s > deadline_s:
                self._set_deadline(deadline_s)
            line.send(request(ask, transaction))
            return await reply
        finally:
            self._reply = None

    def _set_deadline(self, at_s: float) -> None:
        # one timer serves many requests: it goes off, looks, and is set again where it was too early
        self._deadline_s = at_s
        if self._timer is not None:
            if self._timer_s <= at_s:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at_s, self._tick)
        self._timer_s = at_s

    def _tick(self) -> None:
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

    def _take(self, reply: asyncio.Future[bytes], ask: Ask, unit: int, pdu: bytes) -> None:
        try:
            data = check(ask, unit, pdu)
        except (BadReply, UnitRefused) as error:
            self._proved = self._proved or isinstance(error, UnitRefused)
            reply.set_exception(error)
        else:
            self._proved = True
            reply.set_result(data)


class TcpExchange(Exchange):
    """Modbus TCP: each request has a transaction id of its own, so late replies are known as such."""

    def __init__(self) -> None:
        super().__init__()
        self._transaction = 0

    def ask(self, ask: Ask, timeout_s: float) -> Coroutine[Any, Any, bytes]:
        """The data bytes of the reply.

        Raises:
            BusError: any of its kinds, when it is awaited.
        """
        self._transaction = self._transaction + 1 & 0xFFFF
        return self._exchange(ask, timeout_s, self._transaction)

    def received(self, size: int) -> None:
        """Bytes have come: find the frames in them."""
        filled = self._filled + size
        while filled >= MBAP_HEAD + 2:
            transaction, protocol, length, unit = _HEAD.unpack_from(self._buffer)
            if protocol or not 2 <= length <= MAX_MBAP_LENGTH:
                self._filled = filled
                self._give_up(BadReply("what came is not Modbus TCP"))
                return
            end = MBAP_HEAD + length
            if filled < end:
                break
            pdu = bytes(self._view[MBAP_HEAD + 1 : end])
            if filled > end:
                self._buffer[: filled - end] = self._buffer[end:filled]
            filled -= end
            reply, asked = self._reply, self._asked
            if asked is None or reply is None or reply.done() or transaction != self._transaction:
                self.dropped += end
            else:
                self._take(reply, asked, unit, pdu)
        self._filled = filled

    def _time_out(self) -> None:
        if self._filled:  # where the next frame would begin is not known any more
            self._give_up(BadReply(f"{self._filled} bytes came that are no whole reply"))
        else:
            super()._time_out()

    def _give_up(self, error: BadReply) -> None:
        self.dropped += self._filled
        self._filled = 0
        self._fail(error)
        self.close()


class RtuExchange(Exchange):
    """RTU frames on a serial line, or through a TCP serial server.

    A reply counts once the line has been silent after it, as the standard has it (Modbus over Serial
    Line V1.02, 2.5.1.1): should another one follow, neither is believed. After a lost request the line
    is drained until it is silent, and late replies are guarded against (`agent.modbus.late`).

    Args:
        byte_ms: time of one byte on the line.
        silence_ms: the silence that ends a frame.
        late: the replies that may still come; kept from one opening of the line to the next.
    """

    def __init__(self, byte_ms: float, silence_ms: float, late: LateReplies) -> None:
        super().__init__()
        self._byte_s = byte_ms / 1_000
        self._silence_s = silence_ms / 1_000
        self._late = late
        self._must_drain = True
        self._longest_s = 0.0
        self._answered = False
        self._first_s = 0.0
        self._believed: dict[int, tuple[Ask, bytes]] = {}
        """By unit, the last reply that was believed, and to what."""
        self._frame = b""
        self._equal: dict[Ask, bytes] = {}
        """Replies that were proved right though the unit's last reply to something else was the same."""

    async def ask(self, ask: Ask, timeout_s: float) -> bytes:
        """The data bytes of the reply.

        Raises:
            BusError: any of its kinds.
        """
        self._longest_s = max(self._longest_s, timeout_s)
        if self._must_drain:
            await self._drain()
        if doubted := self._late.doubts(ask, self._loop.time()):
            await self._pass_late(ask, doubted, timeout_s)
        try:
            data = await self._one(ask, timeout_s)
            if self._is_old(ask, self._frame):
                await self._pass_late(ask, frozenset((ask.shape,)), timeout_s)
                data = await self._one(ask, timeout_s)
                self._equal[ask] = self._frame
            self._believed[ask.unit] = ask, self._frame
        finally:
            if self._answered:
                self._late.passed(ask.unit)
        return data

    def _is_old(self, ask: Ask, frame: bytes) -> bool:
        """Whether it may be the unit's last reply once more, though something else was asked for."""
        before, last = self._believed.get(ask.unit, (ask, b""))
        return frame == last and ask != before and frame != self._equal.get(ask)

    async def _one(self, ask: Ask, timeout_s: float) -> bytes:
        self._answered = False
        self._first_s = 0.0
        self.heard_s = None
        try:
            data = await self._exchange(ask, timeout_s + self._byte_s * ask.rtu_bytes, None)
        except UnitRefused:
            self._answered = True
            raise
        except (BusError, asyncio.CancelledError):
            self._must_drain = True
            self._late.lose(ask, self._loop.time())
            raise
        else:
            self._answered = True
        finally:
            if not self._answered:
                self.dropped += self._filled
            self._filled = 0
        return data

    async def _pass_late(self, ask: Ask, doubted: frozenset[tuple[int, int]], timeout_s: float) -> None:
        """Have the unit answer something unmistakable, or let so much time pass that nothing can follow."""
        if guard := other_length(ask, doubted):
            try:
                await self._one(guard, timeout_s)
            except UnitRefused:
                pass  # a refusal has no length: it may be that of a lost request
            else:
                self._late.passed(ask.unit)
                return
        if guard := other_function(ask, doubted):
            try:
                await self._one(guard, timeout_s)
            except (UnitRefused, UnitSilent) as error:
                if isinstance(error, UnitSilent):  # as some meet a function that they do not have
                    await self._let_time_pass()
        else:
            await self._let_time_pass()
        self._late.passed(ask.unit)

    async def _let_time_pass(self) -> None:
        await asyncio.sleep(2 * self._longest_s)
        await self._drain()

    async def _drain(self) -> None:
        loop = self._loop
        started_s = heard_s = loop.time()
        while (silent_s := loop.time() - heard_s) < _QUIET_S:
            if loop.time() - started_s > _NEVER_QUIET_S:
                raise BadReply("the line is never silent")
            await asyncio.sleep(_QUIET_S - silent_s)
            heard_s = max(started_s, self.heard_s or 0.0)
        if self._answered and self._asked is not None:
            frames, _ = find_rtu_replies(self._asked, bytes(self._view[: self._filled]))
            if frames:  # it answers more often than it is asked
                self._late.repeat(self._asked, loop.time())
        self.dropped += self._filled
        self._filled = 0
        self._must_drain = False

    def received(self, size: int) -> None:
        """Bytes have come: see whether they make the reply whole."""
        self._filled += size
        self.heard_s = now_s = self._loop.time()
        ask = self._asked
        if ask is None or self._reply is None or self._reply.done():
            self._must_drain = True
        else:
            received = bytes(self._view[: self._filled])
            frames, rest = find_rtu_replies(ask, received)
            if frames:
                first_s = self._first_s = self._first_s or now_s
                doubtful = rest or (len(frames) == 1 and self._is_old(ask, frames[0]))
                self._set_deadline(first_s + _QUIET_S if doubtful else now_s + self._silence_s)
            elif has_damaged_reply(ask, received):
                self._set_deadline(min(self._deadline_s, now_s + _QUIET_S))
        if self._filled == MAX_BUFFERED:  # there must be room for more
            kept = MAX_BUFFERED // 2 if ask is None else min(ask.rtu_bytes, MAX_BUFFERED - 1)
            self._buffer[:kept] = self._buffer[self._filled - kept : self._filled]
            self.dropped += self._filled - kept
            self._filled = kept

    def _time_out(self) -> None:
        ask, reply = self._asked, self._reply
        if ask is None or reply is None:
            return
        received = bytes(self._view[: self._filled])
        frames, rest = find_rtu_replies(ask, received)
        if not frames:
            super()._time_out()
        elif len(set(frames)) > 1 or rtu_head(ask) in rest:
            self._late.repeat(ask, self._loop.time())
            self._fail(BadReply("more than one reply to one request"))
        else:
            if len(frames) > 1:
                self._late.repeat(ask, self._loop.time())
            self.dropped += len(received) - len(frames[0])
            self._frame = frames[0]
            self._take(reply, ask, frames[0][0], frames[0][1:-2])
