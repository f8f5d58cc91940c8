"""One connection, or the end of one serial line: requests in, replies out, each at its time."""

import asyncio
from collections.abc import Callable, Mapping

from agent.modbus.pdu import crc16
from agent.simulator.line import Line
from agent.simulator.mislabel import Past
from agent.simulator.refusal import TARGET_SILENT, refusal
from agent.simulator.reply import Piece, Reply, Sending
from agent.simulator.spoil import spoilt
from agent.simulator.unit import Unit

_RTU_REQUEST = 8  # unit, function, address, count, CRC: all four reads of registers and bits
_IDENTITY_REQUEST = 7  # unit, 0x2B, 0x0E, access, object, CRC: function 43/14
_IDENTITY = 0x2B
_MBAP = 7  # transaction, protocol, length, unit: Modbus Messaging on TCP/IP V1.0b, 3.1.3
_MAX_LENGTH = 254
_SLICE_S = 0.004
"""A line with a speed brings its bytes in slices about so long, as a serial adapter does."""
_SOON_S = 1e-4  # what is due sooner need not wait for the loop
_ORDER_S = 1e-6  # the loop keeps no order among calls of one instant


class Talk:
    """Answers for units, in the order in which each of them was asked.

    Args:
        units: by unit id; the mapping may change.
        line: what keeps the time.
        write: takes bytes for the wire.
        close: ends the connection.
    """

    def __init__(
        self,
        units: Mapping[int, Unit],
        line: Line,
        write: Callable[[bytes], object],
        close: Callable[[], object],
    ) -> None:
        self._units = units
        self._line = line
        self._write = write
        self._close = close
        self._loop = asyncio.get_running_loop()
        self._free_s: dict[int, float] = {}
        self._past: dict[int, Past] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._buffer = bytearray()
        self.ended = False

    def received_tcp(self, chunk: bytes) -> None:
        """Take what a connection brought; whatever is not Modbus TCP ends it."""
        self._buffer += chunk
        while len(self._buffer) >= _MBAP and not self.ended:
            length = int.from_bytes(self._buffer[4:6])
            if self._buffer[2:4] != b"\0\0" or not 2 <= length <= _MAX_LENGTH:
                self._close()
                return
            end = _MBAP - 1 + length
            if len(self._buffer) < end:
                return
            frame = bytes(self._buffer[:end])
            del self._buffer[:end]
            self._line.requests += 1
            self._answer(frame[6], frame[7:], int.from_bytes(frame[:2]), self._loop.time())

    def received_rtu(self, chunk: bytes) -> None:
        """Take what a line brought; a wrong byte is skipped until a frame fits again."""
        self._buffer += chunk
        while (size := self._frame_size()) <= len(self._buffer):
            frame = bytes(self._buffer[:size])
            if crc16(frame) != 0:
                del self._buffer[0]
                continue
            del self._buffer[:size]
            heard_s = self._line.hear(self._loop.time(), size)
            if heard_s is not None:
                self._answer(frame[0], frame[1:-2], None, heard_s)

    def end(self) -> None:
        """Say nothing more."""
        self.ended = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _frame_size(self) -> int:
        identity = len(self._buffer) > 1 and self._buffer[1] == _IDENTITY
        return _IDENTITY_REQUEST if identity else _RTU_REQUEST

    def _answer(self, number: int, request: bytes, transaction: int | None, heard_s: float) -> None:
        unit = self._units.get(number)
        if unit is None:  # a TCP gateway says so, a line stays silent
            if transaction is not None:
                nobody = Reply(request, number, refusal(request, TARGET_SILENT), transaction)
                self._send(number, Sending((Piece(nobody.framed()),)), heard_s)
            return
        pdu = unit.answer(request)
        if pdu is None:
            return
        reply = Reply(request, number, pdu, transaction)
        sending = spoilt(reply, unit.faults, self._past.setdefault(number, Past()))
        if sending is not None:
            self._send(number, sending, heard_s)

    def _send(self, number: int, sending: Sending, heard_s: float) -> None:
        at_s = self._line.turn(max(heard_s, self._free_s.get(number, 0.0)))
        for piece in sending.pieces:
            at_s = self._line.speak(at_s + _ORDER_S + piece.after_ms / 1_000, len(piece.data))
            self._pace(piece.data, at_s)
        self._free_s[number] = at_s
        if sending.closes:
            self._at(at_s, self._close)

    def _pace(self, data: bytes, end_s: float) -> None:
        """Let the bytes arrive as they go over the line, the last one at `end_s`."""
        byte_s = self._line.speed.byte_s
        step = max(1, round(_SLICE_S / byte_s)) if byte_s else len(data)
        for start in range(0, len(data), step):
            part = data[start : start + step]
            left = len(data) - start - len(part)
            self._at(end_s - left * byte_s, self._write, part)

    def _at(self, at_s: float, call: Callable[..., object], *arguments: object) -> None:
        if at_s <= self._loop.time() + _SOON_S and not self._timers:
            call(*arguments)
            return

        def due() -> None:
            self._timers.discard(timer)
            call(*arguments)

        timer = self._loop.call_at(at_s, due)
        self._timers.add(timer)
