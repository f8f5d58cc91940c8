"""Any profile becomes a device: what it is told to show is what a gateway polls from it over the wire."""

import asyncio
import math

import pytest

from agent.clock import SystemClock
from agent.device import BusLine, Device
from agent.modbus.bus import open_bus
from agent.reading import Quality
from agent.simulator.device import SimulatedDevice
from agent.simulator.motion import Motion
from agent.simulator.server import TcpServer
from agent.unit_poll import UnitPoll
from gateway.profiles import ProfileShelf

SHELF = ProfileShelf()
NAMES = SHELF.names()


async def polled(name):
    """The device, and what a second poll of it brings: a SunSpec device is known after the first."""
    profile = SHELF.find(name)
    shown = SimulatedDevice(profile)
    shown.set(**Motion(name, shown.free_points).values(0.0))
    server = TcpServer({1: shown})
    device = Device("d", profile, "b", 1)
    bus = open_bus(BusLine("b", f"tcp://127.0.0.1:{await server.start()}"), {1: profile.link})
    unit = UnitPoll(device, bus, SystemClock())
    try:
        await unit.poll(unit.rates_ms)
        return shown, await unit.poll(unit.rates_ms)
    finally:
        bus.close()
        await server.close()


@pytest.fixture(scope="module")
def all_polled():
    """Profile → the device and a poll of it; side by side, as some devices want long pauses."""

    async def everyone():
        return dict(zip(NAMES, await asyncio.gather(*map(polled, NAMES)), strict=True))

    return asyncio.run(everyone())


@pytest.mark.parametrize("name", NAMES)
def test_what_it_shows_is_what_is_polled(all_polled, name):
    shown, poll = all_polled[name]
    assert poll.reason is None
    read = dict(zip(poll.points, poll.values, strict=True))
    faults = {poll.points[index]: quality for index, quality in poll.faults.items()}
    assert read.keys() == {point.name for point in shown.profile.points}
    for point in shown.free_points:
        value = shown.value(point.name)
        if value is None or value == "":
            assert faults.get(point.name, Quality.GOOD) in (Quality.ABSENT, Quality.GOOD), point.name
        elif not point.format.is_clock:
            assert faults.get(point.name, Quality.GOOD) is not Quality.BAD, point.name
            if isinstance(value, float):
                assert math.isclose(read[point.name], value, rel_tol=0.02, abs_tol=1.0), point.name
            else:
                assert read[point.name] == value, point.name
