"""How a poller behaves towards the devices of a bus: connections, pauses and adapters, as seen from the other end."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from agent.clock import SystemClock
from agent.device import BusLine, Device
from agent.modbus.address import Table
from agent.poller import BusPoller
from agent.profile import Format, Link, Point, Profile
from agent.reading import Text
from agent.simulator.server import RtuServer, TcpServer
from agent.simulator.unit import Unit

PROFILE = Profile(
    "p",
    "meter",
    (),
    "v",
    "m",
    Text("t", "t"),
    (),
    Link(timeout_ms=300),
    every_ms=300,
    points=tuple(Point(f"p{a}", Table.HOLDING, a, Format("u16", 1)) for a in (1, 1_000, 2_000)),
)


class Registers(Unit):
    """Remembers when it was asked, in a diary that units share."""

    def __init__(self, number=1, diary=None):
        super().__init__()
        self.number, self.diary = number, diary if diary is not None else []

    def read(self, table, start, count):
        self.diary.append((asyncio.get_running_loop().time(), self.number))
        return list(range(start, start + count))


@pytest.fixture
async def polled():
    """`polled(url, devices)` → the frames of a poller that runs."""
    async with asyncio.TaskGroup() as tasks:
        running = []

        def start(url, *devices):
            frames = []
            poller = BusPoller(BusLine("bus", url), devices, SystemClock(), frames.append)
            running.append(tasks.create_task(poller.run()))
            return frames

        yield start
        for task in running:
            task.cancel()


async def until(condition, within_s=10):
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)


def device(number, **link):
    return Device(f"m{number}", replace(PROFILE, link=replace(PROFILE.link, **link)), "bus", number)


async def test_the_pause_that_one_unit_wants_is_kept_before_and_after_it_and_not_elsewhere(polled):
    diary = []
    server = TcpServer({n: Registers(n, diary) for n in (1, 2, 3)})
    frames = polled(f"tcp://127.0.0.1:{await server.start()}", device(1, gap_ms=40), device(2), device(3))
    await until(lambda: len(frames) >= 12)
    for (before_s, before), (after_s, after) in pairwise(diary):
        if 1 in (before, after):
            assert after_s - before_s >= 0.039
    assert min(b[0] - a[0] for a, b in pairwise(diary) if 1 not in (a[1], b[1])) < 0.03
    await server.close()


async def test_after_a_connection_was_opened_a_device_is_left_alone_for_as_long_as_it_wants(polled):
    unit, opened_s = Registers(), []
    server = TcpServer({1: unit})
    serve = server._serve

    async def noting(reader, writer):
        opened_s.append(asyncio.get_running_loop().time())
        await serve(reader, writer)

    server._serve = noting
    polled(f"tcp://127.0.0.1:{await server.start()}", device(1, connect_delay_ms=200))
    await until(lambda: len(unit.diary) >= 3)
    assert unit.diary[0][0] - opened_s[0] >= 0.199
    assert len(opened_s) == 1
    await server.close()


async def test_a_device_never_has_two_connections_of_ours(polled):
    unit, seen = Registers(), []
    server = TcpServer({1: unit})
    read = unit.read

    def counting(*span):
        seen.append(server.connections)
        return read(*span)

    unit.read = counting
    frames = polled(f"tcp://127.0.0.1:{await server.start()}", device(1, close_between_polls=True))
    await until(lambda: len(frames) >= 4)
    assert set(seen) == {1}
    await server.close()


async def test_an_adapter_that_comes_back_under_another_name_is_found_by_its_stable_one(polled, tmp_path):
    link = tmp_path / "usb-FTDI"
    server = RtuServer({1: Registers()})
    await server.start(link)
    first = link.readlink()
    frames = polled(f"rtu://{link}?baudrate=115200", device(1))
    await until(lambda: frames and not frames[-1].failed)
    await server.behave("unplug")
    await until(lambda: frames[-1].failed)
    await server.behave(None)
    await until(lambda: not frames[-1].failed)
    assert link.readlink() != first
    await server.close()
