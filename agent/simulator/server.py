"""Modbus servers for simulated units: TCP, RTU frames over TCP, and RTU over a pseudo terminal.

They are made for tests and demonstrations: they keep count of what they were
asked, and a unit may be dead, late or refusing (`agent.simulator.unit`).
"""

import asyncio
import contextlib
import os
import tty
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from agent.modbus.pdu import crc16
from agent.simulator.unit import TARGET_SILENT, Unit, refusal

_MBAP = 7  # transaction, protocol, length, unit: Modbus Messaging on TCP/IP V1.0b, 3.1.3
_MAX_LENGTH = 254
_RTU_REQUEST = 8  # unit, function, address, count, CRC: all four read requests are this long


class TcpServer:
    """Units behind one TCP listener.

    Args:
        units: unit id → unit; the mapping may change while the server runs.
        rtu: the sockets carry RTU frames, as behind a serial server.
    """

    def __init__(self, units: Mapping[int, Unit], *, rtu: bool = False) -> None:
        self.units = units
        self.requests = 0
        self.connections = 0
        self._rtu = rtu
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port.

        Raises:
            OSError: the port is taken.
        """
        self._server = await asyncio.start_server(self._serve, host, port)
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    async def close(self) -> None:
        """Stop listening and hang up."""
        if self._server is None:
            return
        self._server.close()
        for writer in tuple(self._writers):
            writer.close()
        await self._server.wait_closed()
        self._server = None

    async def hang_up(self) -> None:
        """Break all connections; new ones are welcome."""
        for writer in tuple(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            await (self._talk_rtu(reader, writer) if self._rtu else self._talk(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.connections -= 1
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readexactly(_MBAP)
            length = int.from_bytes(head[4:6])
            if head[2:4] != b"\0\0" or not 2 <= length <= _MAX_LENGTH:
                return
            pdu = await reader.readexactly(length - 1)
            self.requests += 1
            unit = self.units.get(head[6])
            reply = unit.answer(pdu) if unit is not None else refusal(pdu, TARGET_SILENT)
            if reply is None:
                continue
            await asyncio.sleep(unit.late_ms / 1_000 if unit is not None else 0)
            writer.write(head[:4] + (len(reply) + 1).to_bytes(2) + head[6:7] + reply)
            await writer.drain()

    async def _talk_rtu(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = _RtuLine(self, writer.write)
        while chunk := await reader.read(1024):
            line.received(chunk)


class RtuServer:
    """Units on a simulated serial line: one end of a pseudo terminal, the other is for the gateway."""

    def __init__(self, units: Mapping[int, Unit]) -> None:
        self.units = units
        self.requests = 0
        self._fds: tuple[int, int] | None = None
        self._link: Path | None = None

    async def start(self, link: Path | None = None) -> str:
        """Open the line; returns the path to open as serial port, with `link` a symlink of that name.

        Raises:
            OSError: no pseudo terminal, or the link exists already and is no symlink.
        """
        ours, theirs = os.openpty()
        self._fds = ours, theirs
        tty.setraw(ours)
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        path = os.ttyname(theirs)
        if link is not None:
            _point_to(link, path)
            self._link = link
        line = _RtuLine(self, partial(_write, ours))
        asyncio.get_running_loop().add_reader(ours, _readable, ours, line)
        return str(link or path)

    async def close(self) -> None:
        """Close the line and remove the link."""
        if self._fds is None:
            return
        asyncio.get_running_loop().remove_reader(self._fds[0])
        for fd in self._fds:
            os.close(fd)
        self._fds = None
        if self._link is not None:
            with contextlib.suppress(FileNotFoundError):
                self._link.unlink()


class _RtuLine:
    """Finds requests in what a line brings; a wrong byte is skipped until a frame fits again."""

    def __init__(self, server: TcpServer | RtuServer, write: Callable[[bytes], object]) -> None:
        self._server = server
        self._write = write
        self._buffer = bytearray()

    def received(self, chunk: bytes) -> None:
        self._buffer += chunk
        while len(self._buffer) >= _RTU_REQUEST:
            frame = bytes(self._buffer[:_RTU_REQUEST])
            if crc16(frame) != 0:
                del self._buffer[0]
                continue
            del self._buffer[:_RTU_REQUEST]
            self._answer(frame)

    def _answer(self, frame: bytes) -> None:
        self._server.requests += 1
        unit = self._server.units.get(frame[0])
        reply = unit.answer(frame[1:-2]) if unit is not None else None
        if unit is None or reply is None:
            return
        whole = frame[:1] + reply
        whole += crc16(whole).to_bytes(2, "little")
        if unit.late_ms:
            asyncio.get_running_loop().call_later(unit.late_ms / 1_000, self._write, whole)
        else:
            self._write(whole)


def _point_to(link: Path, path: str) -> None:
    if link.is_symlink():
        link.unlink()
    link.symlink_to(path)


def _readable(fd: int, line: _RtuLine) -> None:
    with contextlib.suppress(BlockingIOError):
        line.received(os.read(fd, 4096))


def _write(fd: int, data: bytes) -> None:
    with contextlib.suppress(OSError):  # nobody has the other end open, or the line was closed meanwhile
        os.write(fd, data)
