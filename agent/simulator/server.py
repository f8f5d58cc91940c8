"""Modbus servers for simulated units: TCP, RTU frames over TCP, and RTU over a pseudo terminal.

They are made for tests, training and demonstrations: they keep count of what they were asked,
a serial line takes the time of its bytes where it is given a speed, and a unit may misbehave
(`agent.simulator.unit`).
"""

import asyncio
import contextlib
import os
import tty
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from agent.simulator.line import Line, Speed
from agent.simulator.talk import Talk
from agent.simulator.unit import Unit

TCP_DOORS = frozenset({"refuse_connections", "hang_up", "hold"})
RTU_DOORS = frozenset({"unplug"})
DOORS = TCP_DOORS | RTU_DOORS
"""Faults of a bus's own end: docs/simulator.md."""

_AT_ONCE = Speed()


class TcpServer:
    """Units behind one TCP listener.

    Args:
        units: unit id → unit; the mapping may change while the server runs.
        rtu: the sockets carry RTU frames, as behind a serial server.
        speed: of the line behind the serial server, and of its units.
    """

    def __init__(self, units: Mapping[int, Unit], *, rtu: bool = False, speed: Speed = _AT_ONCE) -> None:
        self.units = units
        self.line = Line(speed)
        self.connections = 0
        self._rtu = rtu
        self._address = ("", 0)
        self._door: str | None = None
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def scheme(self) -> str:
        """Of the URL that reaches it."""
        return "rtu+tcp" if self._rtu else "tcp"

    @property
    def requests(self) -> int:
        """How many requests came."""
        return self.line.requests

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port.

        Raises:
            OSError: the port is taken.
        """
        self._server = await asyncio.start_server(self._serve, host, port)
        listening: int = self._server.sockets[0].getsockname()[1]
        self._address = host, listening
        return listening

    async def close(self) -> None:
        """Stop listening and hang up."""
        if self._server is None:
            return
        self._server.close()
        while self._writers:
            await self.hang_up()
            await asyncio.sleep(0)
        await self._server.wait_closed()
        self._server = None

    async def behave(self, door: str | None) -> None:
        """Refuse connections, hang up on each, or hold them without a word; None: all is well again.

        Raises:
            OSError: the port was taken meanwhile.
        """
        if door == self._door:
            return
        self._door = door
        if door == "refuse_connections":
            await self.close()
        elif self._server is None:
            await self.start(*self._address)
        if door == "hang_up":
            await self.hang_up()

    async def hang_up(self) -> None:
        """Break all connections; new ones are welcome."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        talk = Talk(self.units, self.line, writer.write, writer.close)
        take = talk.received_rtu if self._rtu else talk.received_tcp
        try:
            with contextlib.suppress(ConnectionError):  # broken by the other end, which is as good as closed
                while self._door != "hang_up" and (chunk := await reader.read(1024)):
                    if self._door != "hold":
                        take(chunk)
        finally:
            self.connections -= 1
            talk.end()
            self._writers.discard(writer)
            writer.close()


class RtuServer:
    """Units on a simulated serial line: one end of a pseudo terminal, the other is for the gateway.

    Args:
        units: unit id → unit; the mapping may change while the server runs.
        speed: of the line, and of its units.
    """

    scheme = "rtu"

    def __init__(self, units: Mapping[int, Unit], *, speed: Speed = _AT_ONCE) -> None:
        self.units = units
        self.line = Line(speed)
        self._fds: tuple[int, int] | None = None
        self._talk: Talk | None = None
        self._link: Path | None = None
        self._path = ""

    @property
    def requests(self) -> int:
        """How many requests came."""
        return self.line.requests

    async def start(self, link: Path | None = None) -> str:
        """Open the line; returns the path to open as serial port, with `link` a symlink of that name.

        Raises:
            OSError: no pseudo terminal, or the link exists already and is no symlink.
        """
        fds = os.openpty()
        if os.ttyname(fds[1]) == self._path:  # an adapter that comes back has another name
            other = os.openpty()
            _close(fds)
            fds = other
        self._fds = ours, theirs = fds
        tty.setraw(ours)
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        self._path = os.ttyname(theirs)
        self._link = link
        if link is not None:
            _point_to(link, self._path)
        self._talk = Talk(self.units, self.line, partial(_write, ours), _stay)
        asyncio.get_running_loop().add_reader(ours, _readable, ours, self._talk)
        return str(link or self._path)

    async def behave(self, door: str | None) -> None:
        """Be unplugged; None: plugged in again, under another name that the link leads to.

        Raises:
            OSError: no pseudo terminal.
        """
        if door is not None:
            await self.close()
        elif self._fds is None:
            await self.start(self._link)

    async def close(self) -> None:
        """Close the line and remove the link."""
        if self._fds is None or self._talk is None:
            return
        self._talk.end()
        asyncio.get_running_loop().remove_reader(self._fds[0])
        _close(self._fds)
        self._fds = None
        if self._link is not None:
            with contextlib.suppress(FileNotFoundError):
                self._link.unlink()


def _close(fds: tuple[int, int]) -> None:
    for fd in fds:
        os.close(fd)


def _stay() -> None:
    """A serial line has no connection to end."""


def _point_to(link: Path, path: str) -> None:
    if link.is_symlink():
        link.unlink()
    link.symlink_to(path)


def _readable(fd: int, talk: Talk) -> None:
    with contextlib.suppress(BlockingIOError):
        talk.received_rtu(os.read(fd, 4096))


def _write(fd: int, data: bytes) -> None:
    with contextlib.suppress(OSError):  # nobody has the other end open
        os.write(fd, data)
