"""The running gateway's door: an abstract Unix socket on which a guest asks for reads on one of its buses.

An abstract socket has no file: nothing is left of a killed gateway, no folder has to be known or
writable, and the kernel tells who knocks. Whoever runs on this machine may know which lines are held,
so that nobody disturbs them; asking is for root and for the user that the gateway runs as.
"""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct

import structlog

from agent.modbus.pdu import BusError
from gateway.guests.seats import Polled, Seat, Seats, SeatTaken
from gateway.guests.words import MAX_WORDS, Answer, Choice, Hello, Line, Nameplate, Question, told, understood

_log = structlog.get_logger(__name__)

DOOR = "maplebridge-guests-"
"""How the names of all doors begin, after the NUL of an abstract socket."""

_IDLE_S = 60.0
_DELIVERY_S = 5.0
_CREDENTIALS = Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end, as the kernel knows it; `pid` is 0 for one in another container."""

    pid: int
    uid: int


def peer_of(writer: asyncio.StreamWriter) -> Peer:
    """Who is at the other end of a Unix socket (unix(7), SO_PEERCRED)."""
    sock: socket.socket = writer.get_extra_info("socket")
    pid, uid, _ = _CREDENTIALS.unpack(
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return Peer(pid, uid)


class Door:
    """Lets guests in, one at a time on each bus.

    Args:
        site: id of the site.
        lines: the buses that are polled now, by id; the mapping may change meanwhile.
        seats: on these buses, shared with the guests that this process has itself.
    """

    def __init__(self, site: str, lines: Mapping[str, Polled], seats: Seats | None = None) -> None:
        self._site = site
        self._lines = lines
        self._seats = seats or Seats()

    async def run(self) -> None:
        """Until cancelled. Without abstract sockets there is no door, and the gateway does without."""
        async with asyncio.TaskGroup() as guests:

            def knock(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                guests.create_task(self._receive(reader, writer), name="guest")

            name = f"\0{DOOR}{secrets.token_hex(8)}"
            try:
                server = await asyncio.start_unix_server(knock, name, limit=MAX_WORDS)
            except OSError as error:
                _log.warning("guests.no_door", why=str(error))
                return
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                server.close()

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = peer_of(writer)
        welcome = peer.uid in (0, os.geteuid())
        lines = [
            Line(bus=name, url=bus.line.url, timeout_ms=bus.line.timeout_ms)
            for name, bus in self._lines.items()
        ]
        try:
            await _say(writer, Hello(site=self._site, lines=lines, welcome=welcome))
            if welcome:
                await self._seat(reader, writer, peer)
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            pass  # a guest may leave, or fall asleep, at any time; its seat is free then
        except (ValueError, asyncio.LimitOverrunError) as error:
            writer.write(told(Answer(error="wrong", why=str(error).partition("\n")[0])))
        except asyncio.CancelledError:
            writer.write(told(Answer(error="bus_down", why="the gateway is stopping")))
            raise
        finally:
            writer.close()

    async def _seat(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer) -> None:
        bus = understood(Choice, await _line(reader)).bus
        polled = self._lines.get(bus)
        if polled is None:
            raise ValueError(f"there is no bus {bus!r}")
        try:
            async with self._seats.take(bus, polled, f"another guest (pid {peer.pid})") as seat:
                await self._serve(reader, writer, peer, bus, seat)
        except SeatTaken as taken:
            await _say(writer, Answer(error="occupied", why=str(taken)))

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer, bus: str, seat: Seat
    ) -> None:
        _log.info("guest.came", bus=bus, pid=peer.pid, uid=peer.uid)
        try:
            await _say(writer, Answer())
            while True:
                question = understood(Question, await _line(reader))
                answer = await _unless_gone(reader, seat, question)
                if answer is None:
                    return
                await _say(writer, answer)
        finally:
            _log.info("guest.left", bus=bus, pid=peer.pid)


async def _line(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(_IDLE_S):
        return await reader.readuntil()


async def _say(writer: asyncio.StreamWriter, said: Hello | Answer) -> None:
    writer.write(told(said))
    async with asyncio.timeout(_DELIVERY_S):
        await writer.drain()


async def _unless_gone(reader: asyncio.StreamReader, seat: Seat, question: Question) -> Answer | None:
    """The answer; None as soon as the guest has left, since then nobody waits for it."""
    async with asyncio.TaskGroup() as both:
        asking = both.create_task(_answer(seat, question))
        leaving = both.create_task(_gone(reader))
        await asyncio.wait((asking, leaving), return_when=asyncio.FIRST_COMPLETED)
        answer = asking.result() if asking.done() else None
        asking.cancel()
        leaving.cancel()
    return answer


async def _gone(reader: asyncio.StreamReader) -> None:
    """Until the guest hangs up, or speaks where it should listen."""
    with contextlib.suppress(ConnectionError):
        await reader.read(1)


async def _answer(seat: Seat, question: Question) -> Answer:
    unit, timeout_ms, where = question.unit, question.timeout_ms, question.read
    try:
        if where is None:
            return Answer(nameplate=Nameplate.of(await seat.identify(unit, timeout_ms=timeout_ms)))
        data = await seat.fetch(unit, where.span(), timeout_ms=timeout_ms)
    except BusError as error:
        return Answer.of_error(error)
    return Answer(data=data.hex())
