"""Every shipped profile is sound: it reads without a warning, plans, simulates, and its samples replay."""

from dataclasses import replace

import pytest

from agent.clock import ManualClock
from agent.device import BusLine, Device
from agent.modbus.bus import open_bus
from agent.modbus.decode import compile_block
from agent.modbus.endpoint import parse_url
from agent.modbus.plan import plan
from agent.modbus.sunspec import assumed
from agent.simulator.device import SimulatedDevice
from agent.simulator.dump import Dump, DumpedDevice
from agent.simulator.motion import Motion
from agent.simulator.server import TcpServer
from agent.unit_poll import UnitPoll
from gateway.commands.check import faults_of_file
from gateway.profiles import ProfileShelf

SHELF = ProfileShelf()
LINE = parse_url("tcp://localhost").cost()
LINES = {"tcp": LINE, "rtu": parse_url("rtu+tcp://localhost:502?baudrate=9600").cost()}


def test_the_profiles_that_the_house_promises_are_there():
    promised = {"sunspec-inverter", "sunspec-storage", "sunspec-meter", "eastron-sdm630", "goodwe-et"}
    assert promised <= set(SHELF.names())
    kinds = {SHELF.find(name).kind for name in SHELF.names() if not name.startswith("sunspec")}
    assert kinds == {"inverter", "battery", "charger", "meter", "weather"}


@pytest.mark.parametrize("name", SHELF.names())
def test_a_shipped_profile_has_no_fault_and_no_warning(name):
    assert [str(fault) for fault in faults_of_file(SHELF.path(name))] == []


@pytest.mark.parametrize("name", SHELF.names())
def test_a_shipped_profile_names_its_sources(name):
    assert SHELF.find(name).sources


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("name", SHELF.names())
def test_every_point_is_in_the_plan_within_what_the_port_allows(name, line):
    profile = assumed(SHELF.find(name))
    blocks = plan(profile, cost=LINES[line])
    assert sorted(point.name for block in blocks for point in block.points) == sorted(
        point.name for point in profile.points
    )
    never = {at for start, count in profile.link.forbidden for at in range(start, start + count)}
    for block in blocks:
        assert block.span.count <= profile.link.max_registers
        assert not never & set(range(block.span.start, block.span.end))


@pytest.mark.parametrize("name", SHELF.names())
def test_a_simulated_device_reads_back_its_own_first_values(name):
    device = SimulatedDevice(SHELF.find(name))
    for block in plan(device.profile, cost=LINE):
        words = device.read(block.span.table, block.span.start, block.span.count)
        assert not isinstance(words, int), block.span
        values, _ = compile_block(block)(words)
        for point, value in zip(block.points, values, strict=True):
            first = device.value(point.name)
            if first not in (None, "") and point in device.free_points and not point.format.is_clock:
                assert value == pytest.approx(first) if isinstance(first, float) else value == first


@pytest.mark.parametrize("name", SHELF.names())
async def test_a_simulated_device_is_read_behind_a_serial_server_as_its_registers_say(name, read_all):
    found = SHELF.find(name)
    profile = replace(found, link=replace(found.link, gap_ms=0, connect_delay_ms=0))
    device = SimulatedDevice(profile)
    device.set(**Motion("d", device.free_points).values(100.0))
    server = TcpServer({1: device}, rtu=True)
    url = f"rtu+tcp://127.0.0.1:{await server.start()}?baudrate=9600"
    bus = open_bus(BusLine("lan", url), {1: profile.link})
    asked = UnitPoll(Device("d", profile, "lan", 1), bus, ManualClock())
    try:
        poll = await asked.poll(asked.rates_ms)
        if profile.sunspec is not None:  # its rates are known only once it has said what it is
            poll = await asked.poll(asked.rates_ms)
    finally:
        bus.close()
        await server.close()
    assert poll.reason is None
    clocks = {point.name for point in profile.points if point.format.is_clock}
    got = {n: v for n, v in zip(poll.points, poll.values, strict=True) if n not in clocks}
    wanted = await read_all(profile, device)
    assert got == {point: wanted[point] for point in got}
    assert len(got) == len(wanted) - len(clocks)


SAMPLES = [(name, i) for name in SHELF.names() for i in range(len(SHELF.find(name).samples))]


@pytest.mark.parametrize(("name", "index"), SAMPLES)
async def test_a_recorded_sample_replays(name, index, read_all):
    profile = SHELF.find(name)
    sample = profile.samples[index]
    unit = DumpedDevice(
        Dump(
            unit_id=1, holding=sample.holding, input=sample.input, coil=sample.coil, discrete=sample.discrete
        )
    )
    values = await read_all(profile, unit)
    for point, wanted in sample.expect.items():
        got = values.get(point)
        assert got == (pytest.approx(wanted, rel=1e-4) if isinstance(wanted, float) else wanted), point


def test_a_name_has_one_type_and_one_unit_over_all_profiles():
    seen = {}
    for name in SHELF.names():
        for point in assumed(SHELF.find(name)).points:
            known = seen.setdefault(point.name, (point.value_type, point.unit))
            assert (point.value_type, point.unit) == known, f"{point.name} in {name}"
