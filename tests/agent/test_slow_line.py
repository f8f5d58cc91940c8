"""Ten units on a line of 9,600 baud, two of them dead: what the line itself has seen of it."""

import asyncio

import pytest

from agent.bus_statistics import BusMeter
from agent.clock import SystemClock
from agent.device import BusLine, Device
from agent.modbus.address import Span, Table
from agent.modbus.endpoint import parse_url
from agent.poller import BusPoller
from agent.profile import Format, Link, Point, Profile
from agent.reading import Text
from agent.simulator.fault import faulty
from agent.simulator.line import Speed
from agent.simulator.server import RtuServer
from agent.simulator.unit import Unit

EVERY_MS = 750
REGISTERS = 10
DEAD, ALIVE = (4, 9), (1, 2, 3, 5, 6, 7, 8, 10)
LINE = Speed(9_600, 10, turnaround_ms=5)
LEAST_S = (8 + 5 + 2 * REGISTERS) * LINE.byte_s + 0.005
"""Of one read: the bytes of request and reply (Modbus over Serial Line V1.02, 2.5.1) and the turnaround."""


class Registers(Unit):
    def read(self, table, start, count):
        return list(range(start, start + count))


class Watched:
    """A poller on a simulated line, and the frames that it has given."""

    def __init__(self, units, every_ms=EVERY_MS):
        self.units, self.every_ms, self.frames = units, every_ms, []
        self.server = RtuServer(units, speed=LINE)

    async def __aenter__(self):
        points = tuple(Point(f"p{n}", Table.HOLDING, n, Format("u16", 1)) for n in range(REGISTERS))
        profile = Profile(
            "p", "meter", (), "v", "m", Text("t", "t"), (), Link(), every_ms=self.every_ms, points=points
        )
        devices = [Device(f"m{n}", profile, "serial", n) for n in self.units]
        line = BusLine("serial", f"rtu://{await self.server.start()}?baudrate=9600")
        self.poller = BusPoller(line, devices, SystemClock(), self.frames.append)
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._task = self._tasks.create_task(self.poller.run())
        return self

    async def __aexit__(self, *exc):
        self._task.cancel()
        await self._tasks.__aexit__(None, None, None)
        await self.server.close()

    async def until(self, wanted, *, within_s):
        async with asyncio.timeout(within_s):
            while not (found := next(filter(wanted, self.frames), None)):
                await asyncio.sleep(0.01)
        return found

    async def window(self, seconds):
        """Share of the living units' slots that brought a frame, and their line time beside all line time."""
        frames, busy_s = len(self.frames), self.server.line.busy_s
        clock = SystemClock()
        begun_ms = clock.monotonic_ms()
        await asyncio.sleep(seconds)
        slots = len(ALIVE) * ((clock.monotonic_ms() - begun_ms) // EVERY_MS)
        good = sum(not f.failed for f in self.frames[frames:])
        return good / slots, good * LEAST_S, self.server.line.busy_s - busy_s


@pytest.fixture
async def bus():
    units = {n: Registers() for n in range(1, 11)}
    for n in DEAD:
        units[n].faults = faulty("dead")
    async with Watched(units) as watched:
        await watched.until(lambda f: f.device == f"m{DEAD[-1]}" and f.seq >= 3, within_s=15)
        yield watched


async def test_the_dead_cost_the_living_nothing_the_line_does_little_else_and_the_revived_are_read(bus):
    for _ in range(3):  # a machine that is busy with other things may spoil a window
        kept, least_s, busy_s = await bus.window(6)
        if kept >= 0.95:
            break
    assert kept >= 0.95
    assert busy_s <= 1.10 * least_s
    bus.units[4].faults = ()
    since = len(bus.frames)
    await bus.until(lambda f: f.device == "m4" and not f.failed and f in bus.frames[since:], within_s=10)


async def test_frames_on_the_line_never_meet_and_keep_their_silence(bus):
    await asyncio.sleep(2)
    assert (bus.server.line.overlaps, bus.server.line.hurried) == (0, 0)


async def test_what_the_poller_says_of_its_line_is_what_the_line_has_seen(bus):
    for unit in bus.units.values():
        unit.faults = ()
    await bus.until(lambda f: f.device == "m9" and not f.failed, within_s=10)
    since = len(bus.frames)
    bus.poller._meter = BusMeter(bus.poller._bus, SystemClock().monotonic_ms())  # the minute begins here
    requests, busy_s = bus.server.line.requests, bus.server.line.busy_s
    await asyncio.sleep(5)
    told = bus.poller.statistics()
    seen, busy_s = bus.server.line.requests - requests, bus.server.line.busy_s - busy_s
    assert told.requests_per_s == pytest.approx(seen / 5, rel=0.1)
    assert 0 <= told.load_pct - 100 * busy_s / 5 <= 20  # silences, and the latency of this machine
    expected_s = (
        parse_url("rtu:///x?baudrate=9600").cost().request_ms(Span(Table.HOLDING, 0, REGISTERS)) / 1_000
    )
    assert told.planned_load_pct == pytest.approx(100 * 10 * expected_s / 0.75, rel=0.01)
    assert (told.errors_pct, told.devices_silent, told.missed_polls_pct) == (0, 0, 0)
    assert told.longest_delay_s < 0.75
    assert told.cycle_s == pytest.approx(10 * LEAST_S, rel=0.5)
    assert all(not f.failed for f in bus.frames[since:])


async def test_a_line_that_cannot_keep_up_says_how_many_polls_it_missed_and_starves_nobody():
    units = {n: Registers() for n in range(1, 11)}
    async with Watched(units, every_ms=250) as bus:  # half a second of reads in a quarter
        await asyncio.sleep(4)
        told = bus.poller.statistics()
    assert told.planned_load_pct > 190
    assert told.missed_polls_pct > 30
    assert told.load_pct > 90
    assert told.skipped > 30
    polls = [sum(f.device == f"m{n}" for f in bus.frames) for n in units]
    assert max(polls) - min(polls) <= 1
