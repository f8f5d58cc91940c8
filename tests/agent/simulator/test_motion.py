"""A device that nobody modelled shows plausible values that move."""

import pytest

from agent.modbus.address import Table
from agent.points import standard
from agent.profile import Format, Point
from agent.simulator.device import SimulatedDevice
from agent.simulator.motion import Motion
from gateway.profiles import ProfileShelf

SHELF = ProfileShelf()


@pytest.mark.parametrize("name", SHELF.names())
@pytest.mark.parametrize("rated_kw", [1.0, 10.0, 150.0])
def test_every_shipped_profile_can_say_what_moves(name, rated_kw):
    device = SimulatedDevice(SHELF.find(name))
    motion = Motion("d", device.profile.points, rated_kw)
    first = motion.values(0.0)
    for elapsed_s in (0.0, 60.0, 3_600.0, 86_400.0):
        device.set(**motion.values(elapsed_s))
    assert first != motion.values(60.0)
    for point in device.profile.points:
        known = standard(point.name)
        if known is not None and known.counter and point.value_type == "number":
            assert motion.values(7_200.0)[point.name] >= first[point.name]


def test_two_devices_of_one_profile_differ():
    points = SHELF.find("eastron-sdm630").points
    assert Motion("a", points).values(0.0) != Motion("b", points).values(0.0)


@pytest.mark.parametrize(("utc", "ahead_s"), [(True, 0), (False, 8 * 3_600)])
def test_a_clock_shows_the_time_of_day(utc, ahead_s):
    clock = Point("device_clock_offset_s", Table.HOLDING, 0, Format("time_bytes", 3, utc=utc), unit="s")
    motion = Motion("d", (clock,), started_s=1_780_000_000.0, timezone="Asia/Shanghai")
    assert motion.values(5.0) == {"device_clock_offset_s": 1_780_000_005.0 + ahead_s}
