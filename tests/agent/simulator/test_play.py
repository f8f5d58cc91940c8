"""A script is played: faults come and go at their times, at the devices and buses that it names."""

import asyncio

import pytest

from agent.modbus.address import Span, Table
from agent.simulator.altered import altered
from agent.simulator.device import SimulatedDevice
from agent.simulator.fault import Acting, Fault
from agent.simulator.play import Play
from agent.simulator.server import RtuServer, TcpServer
from agent.simulator.shared import SharedUnit
from agent.simulator.stage import Stage
from gateway.profiles import ProfileShelf

SHELF = ProfileShelf()


@pytest.fixture
def played(stage, script):
    def start(*lines):
        told = []
        play = Play(script(*lines), stage, lambda one: told.append((one.fault.do, one.begins)))
        return play, told

    return start


def doing(device):
    return [acting.fault.do for acting in device.faults]


async def test_faults_come_and_go_at_their_times_and_are_told(stage, played):
    play, told = played(
        "device: bat-1, do: dead, from: 10s, to: 20s",
        "bus: line, do: twice, from: 15s",
        "do: garbage, from: 30s",
    )
    story = []
    for elapsed_s in (0, 10, 15, 20, 30):
        await play.step(elapsed_s * 1_000)
        story.append(
            (doing(stage.devices["bat-1"]), doing(stage.devices["meter-1"]), doing(stage.devices["meter-2"]))
        )
    assert story == [
        ([], [], []),
        (["dead"], [], []),
        (["dead"], ["twice"], ["twice"]),
        ([], ["twice"], ["twice"]),
        (["garbage"], ["twice", "garbage"], ["twice", "garbage"]),
    ]
    assert told == [("dead", True), ("twice", True), ("dead", False), ("garbage", True)]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("do: set, values: {soc_pct: 7}, from: 10s, to: 20s", [50, 7, 7, 50, 50]),
        ("do: set, values: {soc_pct: null}, from: 10s, to: 20s", [50, None, None, 50, 50]),
        ("do: shift, values: {soc_pct: -5}, from: 10s, to: 20s", [50, 45, 45, 50, 50]),
        ("do: shift, values: {soc_pct: 8}, over: 10s, from: 10s, to: 20s", [50, 50, 54, 58, 54]),
    ],
)
def test_values_are_altered_while_the_fault_lasts(played, line, shown):
    play, _ = played(f"device: bat-1, {line}")
    assert [
        play.values("bat-1", {"soc_pct": 50}, ms)["soc_pct"] for ms in (0, 10_000, 15_000, 20_000, 25_000)
    ] == shown
    assert play.values("meter-1", {"soc_pct": 50}, 15_000) == {"soc_pct": 50}


def test_a_point_that_nobody_moves_is_put_back(stage, played):
    play, _ = played("device: bat-1, do: set, values: {soc_pct: 7}, from: 10s, to: 20s")
    battery = stage.devices["bat-1"]
    battery.set(soc_pct=50)
    shown = []
    for ms in (0, 10_000, 15_000, 20_000, 25_000):
        battery.set(**play.values("bat-1", {}, ms))
        shown.append(battery.value("soc_pct"))
    assert shown == [50, 7, 7, 50, 50]


def test_a_new_meter_starts_where_the_script_says(played):
    play, _ = played("device: meter-1, do: reset, values: {energy_import_kwh: 3}, from: 10s")
    counted = [
        play.values("meter-1", {"energy_import_kwh": v}, ms)["energy_import_kwh"]
        for v, ms in ((900, 0), (901, 10_000), (902, 20_000))
    ]
    assert counted == [900, 3, 4]


def test_a_counter_passes_the_end_of_its_register():
    device = SimulatedDevice(SHELF.find("goodwe-et"))
    points = {p.name: p for p in device.profile.points}
    point = points["energy_total_kwh"]
    end = (1 << 16 * point.format.registers) * point.format.scale
    wrap = [Acting(Fault("wrap", values={point.name: 2}))]
    shown = [altered({point.name: v}, points, wrap, 0)[point.name] for v in (500, 501, 501.9, 503)]
    assert shown == pytest.approx([end - 2, end - 1, end - 0.2, 1], abs=0.01)  # the topmost is a sentinel


async def words(server, unit, span):
    """One read as any client does it; None where nothing comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server)
    try:
        writer.write(bytes((0, 1, 0, 0, 0, 6, unit, 3)) + span.start.to_bytes(2) + span.count.to_bytes(2))
        head = await asyncio.wait_for(reader.readexactly(9), 0.3)
        data = await asyncio.wait_for(reader.readexactly(head[8]), 0.3)
    except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
        return None
    finally:
        writer.close()
    return data


@pytest.mark.parametrize("door", ["refuse_connections", "hang_up", "hold"])
async def test_the_door_of_a_tcp_bus_opens_again_at_the_same_port(stage, played, door):
    play, _ = played(f"bus: lan, do: {door}, from: 1s, to: 2s")
    server = stage.servers["lan"]
    port = await server.start()
    span = Span(Table.HOLDING, 40_000, 2)
    try:
        heard = []
        for elapsed_ms in (0, 1_000, 2_000):
            await play.step(elapsed_ms)
            try:
                heard.append(await words(port, 1, span))
            except ConnectionRefusedError:
                heard.append("refused")
        assert heard == [b"SunS", "refused" if door == "refuse_connections" else None, b"SunS"]
    finally:
        await server.close()


async def test_an_adapter_comes_back_under_another_name_at_the_same_link(stage, played, tmp_path):
    play, _ = played("bus: line, do: unplug, from: 1s, to: 2s")
    server, link = stage.servers["line"], tmp_path / "by-id"
    await server.start(link)
    try:
        before = link.resolve()
        await play.step(1_000)
        assert not link.is_symlink()
        await play.step(2_000)
        assert link.resolve().exists()
        assert link.resolve() != before
    finally:
        await server.close()


async def test_a_fault_of_one_device_meets_all_that_share_its_unit(script):
    inverter, battery = (
        SimulatedDevice(SHELF.find("huawei-sun2000")),
        SimulatedDevice(SHELF.find("huawei-luna2000")),
    )
    shared = SharedUnit([inverter, battery])
    devices = {"inv": inverter, "bat": battery}
    stage = Stage(
        devices,
        dict.fromkeys(devices, shared),
        dict.fromkeys(devices, "lan"),
        {"lan": TcpServer({1: shared})},
    )
    play = Play([Fault("dead", device="bat")], stage, lambda _told: None)
    for device in devices.values():
        point = device.profile.points[0]
        assert not isinstance(shared.read(point.table, point.address, 1), int)
    assert shared.read(Table.HOLDING, 1, 1) == 2
    await play.step(0)
    assert doing(shared) == ["dead"]


def test_each_kind_of_server_knows_its_url():
    assert [TcpServer({}).scheme, TcpServer({}, rtu=True).scheme, RtuServer({}).scheme] == [
        "tcp",
        "rtu+tcp",
        "rtu",
    ]
