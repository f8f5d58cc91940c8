"""Raw servers that say exactly what a test wants, on TCP and on a pseudo terminal."""

import asyncio
import contextlib
import os
import tty
from collections.abc import Awaitable, Callable
from struct import pack, unpack

import pytest

from agent.device import BusLine
from agent.modbus.bus import open_bus
from agent.modbus.pdu import crc16
from agent.profile import Link


def good_words(start, count):
    """Registers that tell their own address, so that a misplaced word shows."""
    return [(start + i) * 7 & 0xFFFF for i in range(count)]


def good_data(start, count):
    return pack(f">{count}H", *good_words(start, count))


def tcp_frame(transaction, unit, pdu, *, protocol=0, length=None):
    return pack(">HHHB", transaction, protocol, len(pdu) + 1 if length is None else length, unit) + pdu


def rtu_frame(unit, pdu):
    body = bytes([unit]) + pdu
    return body + crc16(body).to_bytes(2, "little")


class Asked:
    """A request as the server saw it, and the ways to answer it."""

    def __init__(self, frame, send, close, *, rtu):
        self.frame, self.send, self.close, self.rtu = frame, send, close, rtu
        self.transaction = None if rtu else int.from_bytes(frame[:2], "big")
        self.unit, *pdu = frame[:-2] if rtu else frame[6:]
        self.function = pdu[0]
        self.mei = self.function == 43
        if self.mei:
            _, mei, self.stream, self.first = pdu
            assert mei == 14
        else:
            self.start, self.count = unpack(">HH", bytes(pdu[1:]))

    @property
    def data(self):
        return good_data(self.start, self.count)

    def pdu(self, **other):
        data = other.get("data", self.data)
        return bytes([other.get("function", self.function), other.get("size", len(data))]) + data

    def framed(self, pdu=None, **other):
        pdu = self.pdu() if pdu is None else pdu
        unit = other.pop("unit", self.unit)
        if self.rtu:
            return rtu_frame(unit, pdu)
        return tcp_frame(other.pop("transaction", self.transaction), unit, pdu, **other)

    def answer(self, pdu=None, **other):
        self.send(self.framed(pdu, **other))


def request_bytes(received, *, rtu):
    """How long the request is that the bytes begin with; None while that cannot be told."""
    if not rtu:
        return 6 + int.from_bytes(received[4:6], "big") if len(received) >= 6 else None
    return (7 if received[1] == 43 else 8) if len(received) >= 2 else None


Script = Callable[[Asked], Awaitable[None]]


class TcpScript:
    """A TCP server that hands every request to `script`."""

    def __init__(self, *, rtu=False):
        self.rtu, self.script, self.connections, self.asked, self.times = rtu, None, 0, [], []
        self.open = 0

    async def _serve(self, reader, writer):
        self.connections += 1
        self.open += 1
        loop = asyncio.get_running_loop()
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                async with asyncio.TaskGroup() as tasks:
                    while True:
                        frame = await reader.readexactly(6)
                        frame += await reader.readexactly(request_bytes(frame, rtu=self.rtu) - 6)
                        self.times.append(loop.time())
                        asked = Asked(frame, writer.write, writer.close, rtu=self.rtu)
                        self.asked.append(asked)
                        tasks.create_task(self.script(asked))
        except* ConnectionError:
            pass
        finally:
            self.open -= 1
            writer.close()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'rtu+tcp' if self.rtu else 'tcp'}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()


class PtyScript:
    """A serial line whose far end hands every request to `script`."""

    rtu = True

    def __init__(self):
        self.script, self.asked, self._received = None, [], b""

    async def __aenter__(self):
        self._far, near = os.openpty()
        tty.setraw(self._far)
        tty.setraw(near)
        self._near = near
        os.set_blocking(self._far, False)
        self.url = f"rtu://{os.ttyname(near)}?baudrate=115200"
        self._tasks = await asyncio.TaskGroup().__aenter__()
        asyncio.get_running_loop().add_reader(self._far, self._readable)
        return self

    def _readable(self):
        with contextlib.suppress(OSError):
            self._received += os.read(self._far, 4096)
        while (size := request_bytes(self._received, rtu=True)) and size <= len(self._received):
            frame, self._received = self._received[:size], self._received[size:]
            asked = Asked(frame, self.send, self.unplug, rtu=True)
            self.asked.append(asked)
            self._tasks.create_task(self.script(asked))

    def send(self, data):
        os.write(self._far, data)

    def unplug(self):
        if self._far >= 0:
            asyncio.get_running_loop().remove_reader(self._far)
            os.close(self._far)
            os.close(self._near)
            self._far = -1

    async def __aexit__(self, *exc):
        await self._tasks.__aexit__(None, None, None)
        self.unplug()


@pytest.fixture(params=["tcp", "rtu+tcp", "pty"])
async def line(request):
    """Each kind of line in turn."""
    made = PtyScript() if request.param == "pty" else TcpScript(rtu=request.param == "rtu+tcp")
    async with made as server:
        yield server


@pytest.fixture
async def tcp():
    async with TcpScript() as server:
        yield server


@pytest.fixture
async def pty():
    async with PtyScript() as server:
        yield server


@pytest.fixture
async def bus_on():
    """Opens a bus on a script's line; time-out 120 ms."""
    buses = []

    def open_it(server, *, timeout_ms=120, **link):
        bus = open_bus(
            BusLine("b", server.url), {u: Link(timeout_ms=timeout_ms, **link) for u in range(1, 20)}
        )
        buses.append(bus)
        return bus

    yield open_it
    for bus in buses:
        bus.close()
    await asyncio.sleep(0)


async def answer_well(asked):
    asked.answer()
