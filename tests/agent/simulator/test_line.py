"""A simulated serial line takes the time of its bytes, and counts it without asking the gateway."""

import asyncio
import os

import pytest

from agent.device import BusLine
from agent.modbus.address import Span, Table
from agent.modbus.bus import open_bus
from agent.modbus.pdu import crc16
from agent.profile import Link
from agent.simulator.line import Line, Speed
from agent.simulator.server import RtuServer, TcpServer
from agent.simulator.unit import Unit

TEN = Span(Table.HOLDING, 0, 10)
SLOW = Speed(9_600, turnaround_ms=8)
BYTE_S = 10 / 9_600


def asking(unit):
    frame = bytes((unit, 3, 0, 0, 0, 10))
    return frame + crc16(frame).to_bytes(2, "little")


class Registers(Unit):
    def read(self, table, start, count):
        return list(range(start, start + count))


@pytest.fixture(params=["pty", "rtu+tcp"])
async def slow(request):
    """A line at 9,600 baud with two units, and its URL."""
    units = {1: Registers(), 2: Registers()}
    if request.param == "pty":
        server = RtuServer(units, speed=SLOW)
        url = f"rtu://{await server.start()}?baudrate=9600"
    else:
        server = TcpServer(units, rtu=True, speed=SLOW)
        url = f"rtu+tcp://127.0.0.1:{await server.start()}"
    yield server, url
    await server.close()


async def test_an_exchange_takes_the_time_of_its_bytes(slow):
    server, url = slow
    bus = open_bus(BusLine("b", url), {1: Link(timeout_ms=1_000), 2: Link(timeout_ms=1_000)})
    try:
        assert await bus.read(1, TEN) == tuple(range(10))  # opens and drains the line, too
        loop = asyncio.get_running_loop()
        start_s, busy_s = loop.time(), server.line.busy_s
        for number in (2, 1, 2, 1):
            assert await bus.read(number, TEN) == tuple(range(10))
        took_s = loop.time() - start_s
    finally:
        bus.close()
    wire_s = (8 + 25) * BYTE_S + 0.008
    assert server.line.busy_s - busy_s == pytest.approx(4 * wire_s, rel=1e-6)
    assert took_s >= 4 * wire_s + 3 * 3.5 * BYTE_S
    assert (server.line.requests, server.line.overlaps, server.line.hurried) == (5, 0, 0)


async def test_a_request_into_anothers_exchange_is_seen_and_not_heard():
    one, two = Registers(), Registers()
    server = RtuServer({1: one, 2: two}, speed=SLOW)
    path = await server.start()
    loop = asyncio.get_running_loop()
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(fd, asking(1))
        await asyncio.sleep(0.004)
        os.write(fd, asking(2))  # the first one is still going over the line
        end_s = loop.time() + 0.25
        got, pieces = b"", 0
        while loop.time() < end_s:
            await asyncio.sleep(0.001)
            try:
                got += os.read(fd, 512)
                pieces += 1
            except BlockingIOError:
                continue
    finally:
        os.close(fd)
        await server.close()
    assert (one.requests, two.requests, server.line.overlaps) == (1, 0, 1)
    assert len(got) == 25
    assert pieces > 3


def test_a_request_needs_the_silence_before_it():
    line = Line(SLOW)
    heard_s = line.hear(0.0, 8)
    end_s = line.speak(line.turn(heard_s), 25)
    assert end_s == pytest.approx(33 * BYTE_S + 0.008)
    line.hear(end_s + 3.4 * BYTE_S, 8)
    assert line.hurried == 1
    line.hear(end_s + 30 * BYTE_S, 8)
    assert (line.hurried, line.overlaps, line.requests) == (1, 0, 3)
    assert line.busy_s == pytest.approx(49 * BYTE_S + 0.008)


@pytest.mark.parametrize(("at_s", "heard"), [(0.001, False), (0.009, False), (0.020, False), (0.0084, True)])
def test_nothing_may_begin_within_an_exchange(at_s, heard):
    """Only within the unit's turnaround it can be heard: there no other bytes are on the line."""
    slow = Line(Speed(9_600, turnaround_ms=20 if heard else 8))
    slow.speak(slow.turn(slow.hear(0.0, 8)), 25)
    assert (slow.hear(at_s, 8) is not None) == heard
    assert slow.overlaps == 1


def test_a_line_without_a_speed_takes_no_time():
    line = Line(Speed())
    for at_s in (1.0, 1.0, 1.1):
        assert line.speak(line.turn(line.hear(at_s, 8)), 25) == at_s
    assert (line.busy_s, line.overlaps, line.hurried) == (0.0, 0, 0)
