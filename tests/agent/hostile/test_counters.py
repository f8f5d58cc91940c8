"""A counter that dips, passes its end or starts anew, seen over the wire: no energy is made of it."""

import asyncio
from itertools import pairwise

import pytest

from agent.clock import SystemClock
from agent.device import BusLine, Device
from agent.modbus.address import Table
from agent.poller import BusPoller
from agent.profile import Format, Link, Point, Profile
from agent.reading import Text
from agent.simulator.device import SimulatedDevice
from agent.simulator.fault import Fault
from agent.simulator.play import Play
from agent.simulator.server import TcpServer
from agent.simulator.stage import Stage

PROFILE = Profile(
    "m", "meter", (), "V", "M", Text("m", "m"), (), Link(timeout_ms=500), 50,
    (
        Point("active_power_kw", Table.HOLDING, 0, Format("u16", 1), unit="kW"),
        Point("energy_import_kwh", Table.HOLDING, 10, Format("u32", 2, scale=0.01), unit="kWh", counter=True),
    ),
)  # fmt: skip
END_KWH = (1 << 32) * 0.01
FROM_S, TO_S, ALL_S = 0.7, 1.4, 2.4


async def counted(fault):
    """(seconds, what the meter truly counted, value or None where it is not believed) of each frame."""
    device = SimulatedDevice(PROFILE)
    server = TcpServer({1: device})
    stage = Stage({"m": device}, {"m": device}, {"m": "b"}, {"b": server})
    play = Play([fault], stage, lambda _told: None)
    loop = asyncio.get_running_loop()
    started_s, true_kwh, frames = loop.time(), 1_000.0, []

    def take(frame):
        at = frame.points.index("energy_import_kwh")
        frames.append(
            (loop.time() - started_s, true_kwh, frame.values[at] if at not in frame.faults else None)
        )

    device.set(energy_import_kwh=true_kwh)
    url = f"tcp://127.0.0.1:{await server.start()}"
    poller = BusPoller(BusLine("b", url), [Device("m", PROFILE, "b", 1)], SystemClock(), take)
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(poller.run())
            while (elapsed_s := loop.time() - started_s) < ALL_S:
                true_kwh = 1_000.0 + 0.2 * elapsed_s
                values = {"active_power_kw": 720.0, "energy_import_kwh": true_kwh}
                device.set(**play.values("m", values, round(elapsed_s * 1_000)))
                await asyncio.sleep(0.02)
            task.cancel()
    finally:
        await server.close()
    return frames


def within(frames, from_s, to_s):
    return [value for at_s, _, value in frames if from_s + 0.1 < at_s < to_s - 0.05]


async def test_a_dip_and_its_recovery_add_nothing():
    dip = Fault("shift", device="m", values={"energy_import_kwh": -40}, from_ms=700, until_ms=1_400)
    frames = await counted(dip)
    assert set(within(frames, FROM_S, TO_S)) == {None}
    good = [(true, value) for _, true, value in frames if value is not None]
    assert all(value == pytest.approx(true, abs=0.05) for true, value in good)
    assert all(later >= earlier for (_, earlier), (_, later) in pairwise(good))
    assert len(within(frames, TO_S, ALL_S)) > 5
    assert None not in within(frames, TO_S, ALL_S)


async def test_a_counter_that_passes_its_end_is_believed_on_the_other_side():
    frames = await counted(Fault("wrap", device="m", values={"energy_import_kwh": 0.1}, from_ms=0))
    good = [value for _, _, value in frames if value is not None]
    assert max(good) == pytest.approx(END_KWH, abs=0.2)
    assert good[-1] < 1.0
    assert None not in within(frames, FROM_S, ALL_S)


async def test_a_meter_that_starts_anew_is_not_believed_at_once():
    frames = await counted(Fault("reset", device="m", values={"energy_import_kwh": 3}, from_ms=700))
    assert set(within(frames, FROM_S, ALL_S)) == {None}
