"""A simulated device says over the wire what was set by name."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.modbus.address import Table
from agent.modbus.decode import compile_block
from agent.modbus.meaning import judge
from agent.modbus.plan import block_of
from agent.profile import Format, Link, Point, Profile
from agent.reading import Quality, Text
from agent.simulator.device import SimulatedDevice
from agent.simulator.fault import faulty
from agent.simulator.server import RtuServer, TcpServer
from gateway.profiles import ProfileShelf


def point(name, address, type_="u16", registers=1, *, table=Table.HOLDING, **form):
    return Point(name, table, address, Format(type_, registers, **form))


def profile(*points):
    return Profile("x", "meter", (), "V", "M", Text("x", "x"), (), Link(), 1_000, tuple(points))


def decoded(device, name):
    """What a reader of the registers would make of the point."""
    wanted = next(p for p in device.profile.points if p.name == name)
    block = block_of([wanted], 1_000)
    words = device.read(block.span.table, block.span.start, block.span.count)
    values, faults = compile_block(block)(words)
    return values[0], faults.get(0, Quality.GOOD)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ({"type_": "u16", "scale": 0.1}, 230.4),
        ({"type_": "i16", "scale": 0.001}, -12.345),
        ({"type_": "i16", "scale": 0.1, "raw_offset": -2731}, 25.9),
        ({"type_": "u32", "registers": 2, "scale": 0.01}, 123_456.78),
        ({"type_": "i32", "registers": 2, "word_order": "little"}, -70_000.0),
        ({"type_": "u64", "registers": 4}, 5_000_000_000.0),
        ({"type_": "f32", "registers": 2, "scale": 0.001}, 3.747276),
        ({"type_": "f64", "registers": 4, "word_order": "little"}, -0.123456789),
        ({"type_": "u16", "states": {0: "off", 7: "fault"}}, "fault"),
        ({"type_": "u32", "registers": 2, "bits": {}}, "0,3,31"),
        ({"type_": "string", "registers": 4}, "SN-12345"),
        ({"type_": "bool", "table": Table.COIL}, True),
    ],
    ids=lambda x: x.get("type_") if isinstance(x, dict) else "",
)
def test_what_is_set_is_read_back(form, value):
    device = SimulatedDevice(profile(point("p", 10, **form)))
    device.set(p=value)
    read, quality = decoded(device, "p")
    assert quality is Quality.GOOD
    assert read == (pytest.approx(value, rel=1e-6) if isinstance(value, float) else value)


@pytest.mark.parametrize(
    "form", [{"type_": "i16", "absent": frozenset({0x8000})}, {"type_": "f32", "registers": 2}]
)
def test_none_is_said_by_the_makers_sentinel(form):
    device = SimulatedDevice(profile(point("p", 10, **form)))
    device.set(p=None)
    assert decoded(device, "p") == (None, Quality.ABSENT)


def test_a_scale_register_grows_with_the_values_that_share_it():
    device = SimulatedDevice(
        profile(point("a", 0, "i16", scale_at=2), point("b", 1, "i16", scale_at=1)),
    )
    device.set(a=1.234, b=-0.5)
    assert device.registers(Table.HOLDING)[2] == 0xFFFD
    device.set(a=40_000.0)
    assert device.registers(Table.HOLDING)[2] == 1
    assert decoded(device, "a")[0] == pytest.approx(40_000.0)
    device.set(a=2.0)
    assert device.registers(Table.HOLDING)[2] == 1


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"other": 1.0}, "no point 'other'"),
        ({"u": 70_000.0}, "does not fit u16"),
        ({"u": "x"}, "is a number"),
        ({"u": None}, "no way to say"),
        ({"s": "flying"}, "cannot be 'flying'; it knows off"),
    ],
)
def test_what_the_registers_cannot_say_is_refused(values, problem):
    device = SimulatedDevice(profile(point("u", 0), point("s", 1, states={0: "off"})))
    with pytest.raises(ValueError, match=problem):
        device.set(**values)


def test_gaps_between_points_answer_and_far_addresses_are_refused():
    device = SimulatedDevice(profile(point("a", 10), point("b", 20), point("c", 900)))
    assert device.read(Table.HOLDING, 10, 11) == [0] * 11
    assert device.read(Table.HOLDING, 10, 12) == 2
    assert device.read(Table.INPUT, 10, 1) == 2


async def exchange(reader, writer, request, size):
    writer.write(request)
    return await asyncio.wait_for(reader.readexactly(size), 5)


async def test_a_tcp_server_answers_for_each_of_its_units():
    one, two = SimulatedDevice(profile(point("a", 10))), SimulatedDevice(profile(point("a", 10)))
    one.set(a=7.0)
    two.faults = faulty("refuse", code=4)
    server = TcpServer({1: one, 2: two})
    port = await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ask = "000900000006{:02x}03000a0001"
    assert (
        await exchange(reader, writer, bytes.fromhex(ask.format(1)), 11)
    ).hex() == "0009000000050103020007"
    assert (await exchange(reader, writer, bytes.fromhex(ask.format(2)), 9)).hex() == "000900000003028304"
    assert (await exchange(reader, writer, bytes.fromhex(ask.format(3)), 9)).hex() == "00090000000303830b"
    writing = bytes.fromhex("00090000000601060001000a")
    assert (await exchange(reader, writer, writing, 9)).hex() == "000900000003018601"
    assert server.requests == 4
    assert one.requests == 2
    writer.close()
    await server.close()


async def test_a_dead_unit_is_silent_until_it_lives_again():
    unit = SimulatedDevice(profile(point("a", 10)))
    unit.faults = faulty("dead")
    server = TcpServer({1: unit})
    reader, writer = await asyncio.open_connection("127.0.0.1", await server.start())
    ask = bytes.fromhex("00010000000601 03000a0001")
    writer.write(ask)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(reader.readexactly(1), 0.1)
    unit.faults = ()
    assert len(await exchange(reader, writer, ask, 11)) == 11
    writer.close()
    await server.close()


async def test_a_serial_line_answers_whole_frames_and_skips_noise(tmp_path):
    unit = SimulatedDevice(profile(point("a", 10)))
    unit.set(a=7.0)
    server = RtuServer({1: unit})
    path = await server.start(tmp_path / "line")
    loop = asyncio.get_running_loop()
    with Path(path).open("r+b", buffering=0) as line:
        line.write(b"\xff\x00" + bytes.fromhex("0103000a0001a408"))
        got = b""
        while len(got) < 7:
            got += await asyncio.wait_for(loop.run_in_executor(None, line.read, 7), 5)
    assert got.hex() == "0103020007f986"
    await server.close()
    assert not (tmp_path / "line").exists()


def test_a_power_that_is_current_times_voltage_is_said_by_its_current():
    device = SimulatedDevice(
        profile(
            point("voltage_v", 0, scale=0.01),
            point("power_kw", 1, "i16", scale=1e-7, times_at=(-1,)),
        )
    )
    device.set(voltage_v=52.34, power_kw=-2.5)
    assert decoded(device, "power_kw")[0] == pytest.approx(-2.5, rel=1e-3)
    assert device.registers(Table.HOLDING)[1] == 0x10000 - 4776


WHOLE = {"u16": 1, "i16": 1, "u32": 2, "i32": 2, "u64": 4, "i64": 4}


@given(
    st.sampled_from(sorted(WHOLE)),
    st.sampled_from(["big", "little"]),
    st.sampled_from([1.0, 0.1, 0.01, 0.001, -0.001, 10.0]),
    st.integers(-3_000, 3_000),
    st.integers(-30_000, 30_000),
)
def test_whatever_a_register_can_say_is_read_back(type_, word_order, scale, raw_offset, raw):
    sayable = raw if type_[0] == "i" else abs(raw)
    value = (sayable + raw_offset) * scale
    device = SimulatedDevice(
        profile(
            point("p", 10, type_, WHOLE[type_], word_order=word_order, scale=scale, raw_offset=raw_offset)
        )
    )
    device.set(p=value)
    assert decoded(device, "p")[0] == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "serial", "said"),
    [
        ("mennekes-amtron-compact", "SIM0000001", "SIM0000001"),
        ("deye-sg04lp3", "2104XYZ-and-more", "2104XYZ-an"),
        ("deye-sg04lp3", "村部一号", "村部一"),
        ("mennekes-amtron-compact", "", ""),
    ],
)
def test_a_serial_number_is_said_as_far_as_there_is_room_for_it(name, serial, said):
    device = SimulatedDevice(ProfileShelf().find(name), serial)
    (point,) = (point for point in device.profile.points if point.name == "serial")
    span = point.span
    value, _, _ = judge(point, device.read(span.table, span.start, span.count))
    assert (value or "") == said
    assert ("serial" in {point.name for point in device.free_points}) is not bool(serial)
