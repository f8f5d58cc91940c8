"""A bus with two units whose every value says where and when it was read, and a gateway that polls them.

A value is two registers: unit, table and address in the first, the number of the request that brought
it in the second. So a value that comes from elsewhere, or from an earlier request, is seen as such.
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from agent.clock import SystemClock
from agent.device import BusLine, Device
from agent.modbus.address import Table
from agent.poller import BusPoller
from agent.profile import Format, Link, Point, Profile
from agent.reading import Text
from agent.simulator.fault import Acting
from agent.simulator.line import Speed
from agent.simulator.server import DOORS, RtuServer, TcpServer
from agent.simulator.unit import Unit

PERIOD_S = 0.2
TIMEOUT_S = 0.15
STARTS = ((Table.HOLDING, 0), (Table.HOLDING, 1_000), (Table.INPUT, 0))
"""Three blocks of the same size: the replies to one look like those to the others."""
VALUES = 3
_SIDE_BY_SIDE = 40


def mark(number, table, address):
    """The first register of a value."""
    return number << 12 | (table is Table.INPUT) << 11 | address


class Witness(Unit):
    """A unit whose registers say who, where and when."""

    def __init__(self, number):
        super().__init__()
        self.number, self.generation = number, 0

    def read(self, table, start, count):
        self.generation += 1
        return [
            self.generation & 0xFFFF if address % 2 else mark(self.number, table, address)
            for address in range(start, start + count)
        ]


def a_profile(timeout_s=TIMEOUT_S, period_s=PERIOD_S):
    form = Format("u32", 2, absent=frozenset({0x80008000, 0xFFFFFFFF, 0x7FC07FC0}))
    points = tuple(
        Point(f"{table}_{start + 2 * n}", table, start + 2 * n, form)
        for table, start in STARTS
        for n in range(VALUES)
    )
    link = Link(timeout_ms=round(timeout_s * 1_000))
    return Profile(
        "witness", "meter", (), "V", "M", Text("w", "w"), (), link, round(period_s * 1_000), points
    )


@dataclass
class Account:
    """What the frames of one device said, held against what the unit had said.

    Args:
        invented: values that this unit did not give in answer to a request of this very poll.
        values: how many there were.
        whole: frames in which nothing is amiss.
    """

    unit: Witness
    whole: int = 0
    values: int = 0
    invented: list = field(default_factory=list)
    whole_at_s: float = 0.0
    _before: int = 0

    def take(self, frame, now_s):
        for name, value in zip(frame.points, frame.values, strict=True):
            if value is not None:
                table, address = name.split("_")
                first, generation = divmod(int(value), 1 << 16)
                known = first == mark(self.unit.number, Table(table), int(address))
                if not (known and self._before < generation <= self.unit.generation):
                    self.invented.append((name, hex(int(value)), self._before, self.unit.generation))
                self.values += 1
        self._before = self.unit.generation
        if frame.reason is None and not frame.faults:
            self.whole += 1
            self.whole_at_s = now_s


class World:
    """One bus of one kind, its two witnesses and the poller; unit 1 is the one that misbehaves."""

    def __init__(self, kind, folder, *, timeout_s=TIMEOUT_S, period_s=PERIOD_S):
        self._scheme, _, baudrate = kind.partition(" at ")
        self._link, self._query = folder, f"?baudrate={baudrate or 115_200}" if self._scheme == "rtu" else ""
        speed = Speed(int(baudrate), turnaround_ms=5) if baudrate else Speed()
        self.units = {n: Witness(n) for n in (1, 2)}
        self.accounts = {f"d{n}": Account(unit) for n, unit in self.units.items()}
        if self._scheme == "rtu":
            self.server = RtuServer(self.units, speed=speed)
        else:
            self.server = TcpServer(self.units, rtu=self._scheme == "rtu+tcp", speed=speed)
        if baudrate:
            timeout_s, period_s = 0.3, 0.8
        self._profile = a_profile(timeout_s, period_s)
        self._well = None

    @property
    def bad(self):
        return self.accounts["d1"]

    def _take(self, frame):
        self.accounts[frame.device].take(frame, asyncio.get_running_loop().time())
        if frame.device == "d1" and self._well is not None and not self._well.is_set():
            self.units[1].faults = ()
            self._well.set()

    @asynccontextmanager
    async def running(self):
        if self._scheme == "rtu":
            url = f"rtu://{await self.server.start(self._link)}{self._query}"
        else:
            url = f"{self._scheme}://127.0.0.1:{await self.server.start()}"
        devices = [Device(f"d{n}", self._profile, "b", n) for n in self.units]
        poller = BusPoller(BusLine("b", url), devices, SystemClock(), self._take)
        try:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(poller.run())
                yield self
                task.cancel()
        finally:
            await self.server.close()

    async def misbehave(self, fault):
        """Begin a fault."""
        if fault.do in DOORS:
            await self.server.behave(fault.do)
        else:
            self.units[1].faults = (Acting(fault),)

    async def be_well(self):
        """End the fault of unit 1 with its next frame, so between two polls; that of the bus at once."""
        self._well = asyncio.Event()
        try:
            async with asyncio.timeout(1.0):
                await self._well.wait()
        except TimeoutError:  # no frame comes: the fault holds the bus
            self.units[1].faults = ()
        await self.server.behave(None)

    async def whole_after(self, since_s, *, within_s, devices=("d1",)):
        """Seconds from then to the first frame in which nothing is amiss; None where none comes in time."""
        loop = asyncio.get_running_loop()
        counts = {name: self.accounts[name].whole for name in devices}
        while loop.time() - since_s < within_s:
            if all(self.accounts[name].whole > count for name, count in counts.items()):
                return max(self.accounts[name].whole_at_s for name in devices) - since_s
            await asyncio.sleep(0.005)
        return None


@dataclass
class Outcome:
    """What one fault did to a bus."""

    invented: list
    read: int
    """Values of the unit while it had the fault."""
    beside: int
    """Whole frames of the other unit in the same time."""
    recovery_s: float | None


async def suffer(kind, fault, link, *, lasts_s):
    """A bus that is well, has the fault for a while, and is well again."""
    world = World(kind, link)
    async with world.running():
        loop = asyncio.get_running_loop()
        assert await world.whole_after(loop.time(), within_s=10, devices=("d1", "d2")) is not None
        read, beside = world.bad.values, world.accounts["d2"].whole
        await world.misbehave(fault)
        await asyncio.sleep(lasts_s)
        read, beside = world.bad.values - read, world.accounts["d2"].whole - beside
        await world.be_well()
        ended_s = loop.time()
        recovery_s = await world.whole_after(ended_s, within_s=12 if fault.at == () else 0)
    invented = [one for account in world.accounts.values() for one in account.invented]
    return Outcome(invented, read, beside, recovery_s)


@pytest.fixture(scope="session")
def suffered(tmp_path_factory):
    """`suffered(cases)` → case → outcome; a case is (kind of bus, fault, seconds). Run once, many side by side."""
    known = {}

    async def all_of(cases):
        folder = tmp_path_factory.mktemp("ports")
        few = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def one(number, name):
            kind, fault, lasts_s = cases[name]
            async with few:
                return name, await suffer(kind, fault, folder / f"port-{number}", lasts_s=lasts_s)

        return dict(await asyncio.gather(*(one(*item) for item in enumerate(cases))))

    def get(cases):
        if not known:
            known.update(asyncio.run(all_of(cases)))
        return known

    return get


@pytest.fixture
def a_world():
    """Makes a bus of a kind: `tcp`, `rtu`, `rtu+tcp`, or `rtu at 9600` where bytes take their time."""
    return World


@pytest.fixture
def a_witness():
    """Makes a unit whose registers say who, where and when."""
    return Witness
