"""What becomes of a poll's values before they go into a frame, from registers on a real connection."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from agent.clock import ManualClock, SystemClock
from agent.device import BusLine, Device
from agent.modbus.address import Table
from agent.modbus.bus import open_bus
from agent.poller import BusPoller
from agent.profile import Format, Link, Point, Profile
from agent.reading import Quality, Text
from agent.second_look import SecondLook
from agent.simulator.device import SimulatedDevice
from agent.simulator.motion import Motion
from agent.simulator.server import TcpServer
from agent.unit_poll import UnitPoll
from gateway.profiles import ProfileShelf

ENERGY = Point("energy_total_kwh", Table.HOLDING, 10, Format("u32", 2, scale=0.1), unit="kWh", counter=True)
TEMPERATURE = Point("temperature_c", Table.HOLDING, 12, Format("i16", 1, scale=0.1), unit="°C")
CLOCK = Point("device_clock_offset_s", Table.HOLDING, 20, Format("time_bytes", 3), unit="s")
CLOCK_UTC = Point("device_clock_offset_s", Table.HOLDING, 20, Format("time_unix", 2, utc=True), unit="s")


def a_profile(*points):
    return Profile(
        "p", "inverter", (), "V", "M", Text("t", "t"), (), Link(timeout_ms=500), every_ms=1_000, points=points
    )


class Polled:
    def __init__(self, unit, clock, simulated):
        self.unit, self.clock, self.simulated = unit, clock, simulated

    async def poll(self, after_ms=1_000, **values):
        self.simulated.set(**values)
        self.clock.advance(after_ms)
        poll = await self.unit.poll(self.unit.rates_ms)
        return {
            name: (value, poll.faults.get(index, Quality.GOOD))
            for index, (name, value) in enumerate(zip(poll.points, poll.values, strict=True))
        }


@pytest.fixture
async def polled():
    opened = []

    async def make(*points, clock=None, remembered=None, pace=1.0, timezone="Asia/Shanghai"):
        profile, clock = a_profile(*points), clock or ManualClock()
        simulated = SimulatedDevice(profile)
        server = TcpServer({1: simulated})
        port = await server.start()
        bus = open_bus(BusLine("lan", f"tcp://127.0.0.1:{port}"), {1: profile.link})
        opened.append((server, bus))
        device = Device("inv-1", profile, "lan", 1, rated_kw=50.0, timezone=timezone)
        look = SecondLook(device, clock, remembered, pace)
        return Polled(UnitPoll(device, bus, clock, second_look=look), clock, simulated)

    yield make
    for server, bus in opened:
        bus.close()
        await server.close()


async def test_a_dip_is_no_value_and_the_device_page_can_say_why(polled):
    device = await polled(ENERGY, TEMPERATURE)
    await device.poll(energy_total_kwh=1_000.0, temperature_c=40.0)
    dip = await device.poll(energy_total_kwh=0.0)
    assert dip == {"energy_total_kwh": (None, Quality.BAD), "temperature_c": (40.0, Quality.GOOD)}
    assert "stood at 1000 and now shows 0" in device.unit.last().why["energy_total_kwh"]
    back = await device.poll(energy_total_kwh=1_000.0)
    assert back["energy_total_kwh"] == (1_000.0, Quality.GOOD)
    assert device.unit.last().why == {}


async def test_a_restart_amid_a_dip_is_no_way_round(polled):
    remembered = {"energy_total_kwh": (ManualClock().utc_ms() - 60_000, 1_000.0)}
    device = await polled(ENERGY, remembered=remembered)
    assert (await device.poll(energy_total_kwh=0.0))["energy_total_kwh"] == (None, Quality.BAD)
    assert (await device.poll(energy_total_kwh=1_000.5))["energy_total_kwh"] == (1_000.5, Quality.GOOD)


async def test_with_a_clock_that_nobody_trusts_a_gap_may_have_been_long(polled):
    clock = ManualClock(trusted=False)
    device = await polled(ENERGY, clock=clock, remembered={"energy_total_kwh": (clock.utc_ms(), 1_000.0)})
    assert (await device.poll(energy_total_kwh=9_000.0))["energy_total_kwh"] == (9_000.0, Quality.GOOD)


async def test_a_reset_is_told_in_the_log(polled):
    device = await polled(ENERGY)
    await device.poll(energy_total_kwh=1_000.0)
    with capture_logs() as logs:
        for _ in range(4):
            await device.poll(after_ms=6 * 60_000, energy_total_kwh=2.0)
    assert [(line["event"], line["device"], line["before"], line["after"]) for line in logs] == [
        ("counter.was_reset", "inv-1", 1_000.0, 2.0)
    ]


async def test_a_simulated_device_that_lives_faster_may_change_faster(polled):
    device = await polled(ENERGY, TEMPERATURE, pace=60.0)
    await device.poll(energy_total_kwh=1_000.0, temperature_c=20.0)
    later = await device.poll(energy_total_kwh=1_001.0, temperature_c=50.0)
    assert {quality for _, quality in later.values()} == {Quality.GOOD}


async def test_the_clock_of_a_device_is_held_against_ours(polled):
    clock = ManualClock(int(datetime(2026, 5, 30, 6, 0, tzinfo=UTC).timestamp() * 1_000))
    device = await polled(CLOCK, clock=clock)
    local = datetime(2026, 5, 30, 14, 0, 31, tzinfo=UTC)  # the site's time of day is 14:00:01 by then
    offset = await device.poll(device_clock_offset_s=local.timestamp())
    assert offset == {"device_clock_offset_s": (30.0, Quality.GOOD)}


async def test_summer_time_is_the_sites(polled):
    zone = ZoneInfo("Europe/Berlin")
    now = datetime(2026, 7, 1, 12, 0, tzinfo=zone)
    device = await polled(CLOCK, clock=ManualClock(int(now.timestamp() * 1_000)), timezone="Europe/Berlin")
    shown = datetime(2026, 7, 1, 12, 0, 1, tzinfo=UTC)
    assert (await device.poll(device_clock_offset_s=shown.timestamp()))["device_clock_offset_s"][0] == 0.0


async def test_a_clock_in_utc_and_one_that_cannot_be_judged(polled):
    clock = ManualClock()
    device = await polled(CLOCK_UTC, clock=clock)
    shown_s = clock.utc_ms() / 1_000 - 7_200
    assert (await device.poll(device_clock_offset_s=shown_s))["device_clock_offset_s"] == (
        -7_201.0,
        Quality.GOOD,
    )
    clock.is_trusted = False
    assert (await device.poll())["device_clock_offset_s"] == (-7_202.0, Quality.UNCERTAIN)


async def test_a_clock_that_shows_no_date_gives_no_offset(polled):
    device = await polled(CLOCK)
    device.simulated._words[Table.HOLDING].update({20: 0xFFFF, 21: 0xFFFF, 22: 0xFFFF})
    assert await device.poll() == {"device_clock_offset_s": (None, Quality.BAD)}
    assert "shows no date" in device.unit.last().why["device_clock_offset_s"]


async def test_a_jump_of_a_device_that_is_rarely_polled_is_settled_a_second_later():
    profile = replace(a_profile(TEMPERATURE), every_ms=3_000)
    simulated, frames, changed = SimulatedDevice(profile), [], asyncio.Event()

    def take(frame):
        frames.append(frame)
        changed.set()

    async def next_frame():
        changed.clear()
        await changed.wait()
        return frames[-1]

    simulated.set(temperature_c=25.0)
    server = TcpServer({1: simulated})
    port = await server.start()
    line, device = BusLine("lan", f"tcp://127.0.0.1:{port}"), Device("inv-1", profile, "lan", 1)
    try:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            running = group.create_task(BusPoller(line, [device], SystemClock(), take).run())
            first = await next_frame()
            simulated.set(temperature_c=58.0)
            jumped, settled = await next_frame(), await next_frame()
            running.cancel()
    finally:
        await server.close()
    assert (first.faults, jumped.faults, settled.faults) == ({}, {0: Quality.UNCERTAIN}, {})
    assert [frame.values for frame in frames] == [(25.0,), (58.0,), (58.0,)]
    assert settled.mono_ms - jumped.mono_ms < 2_000


@pytest.mark.parametrize("name", ["sungrow-sh", "deye-sg04lp3", "goodwe-et"])
async def test_a_clock_that_steps_is_told_at_once_and_moves_no_other_reading(name):
    profile, clock = ProfileShelf().find(name), ManualClock(1_780_000_000_000)
    simulated = SimulatedDevice(profile)
    motion = Motion(
        "inv-1", simulated.free_points, started_s=clock.utc_ms() / 1_000, timezone="Asia/Shanghai"
    )
    server = TcpServer({1: simulated})
    bus = open_bus(BusLine("lan", f"tcp://127.0.0.1:{await server.start()}"), {1: profile.link})
    unit = UnitPoll(Device("inv-1", profile, "lan", 1, timezone="Asia/Shanghai"), bus, clock)
    seen = []
    try:
        for step_s in (0, 0, 3_600, 3_600, -86_400, 0):
            values = motion.values(0.0)
            simulated.set(**values | {"device_clock_offset_s": values["device_clock_offset_s"] + step_s})
            poll = await unit.poll(unit.rates_ms)
            read = dict(zip(poll.points, poll.values, strict=True))
            offset = read.pop("device_clock_offset_s")
            assert poll.points.index("device_clock_offset_s") not in poll.faults
            assert offset == pytest.approx(step_s, abs=1.0)
            seen.append((read, poll.first_ms))
    finally:
        bus.close()
        await server.close()
    assert all(read == seen[1][0] for read, _ in seen[1:])
    assert {at_ms for _, at_ms in seen} == {clock.monotonic_ms()}, "the time of a reading is ours"
