"""A device that nobody modelled shows plausible values that move."""

import pytest

from agent.document import DocumentError, parse
from agent.points import standard
from agent.simulator.device import SimulatedDevice
from agent.simulator.motion import Motion
from agent.simulator.troubles import apply, read_troubles
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


FAULTS = """\
version: 1
faults:
  - {device: bat-1, do: dead, from: 10s, to: 20s}
  - {device: bat-1, do: late, late: 3s, from: 30s}
  - {device: bat-1, do: refuse, code: 6, from: 40s}
  - {device: bat-1, do: set, values: {cell_temperature_max_c: 58}, from: 50s}
"""


def test_faults_come_and_go_at_their_times():
    bat = SimulatedDevice(SHELF.find("sunspec-storage"))
    devices = {"bat-1": bat}
    troubles = read_troubles(parse(FAULTS, "faults.yaml"), devices)
    story = []
    for elapsed_s in (0, 10, 20, 30, 40, 50):
        apply(troubles, devices, elapsed_s * 1_000)
        story.append((bat.dead, bat.late_ms, bat.refuses, bat.value("cell_temperature_max_c")))
    assert story == [
        (False, 0, None, None),
        (True, 0, None, None),
        (False, 0, None, None),
        (False, 3_000, None, None),
        (False, 3_000, 6, None),
        (False, 3_000, 6, 58.0),
    ]


def test_faults_of_what_is_not_there_are_refused():
    text = FAULTS.replace("device: bat-1, do: dead", "device: bat-9, do: dead").replace(
        "cell_temperature_max_c", "warmth"
    )
    with pytest.raises(DocumentError) as caught:
        read_troubles(parse(text, "faults.yaml"), {"bat-1": SimulatedDevice(SHELF.find("sunspec-storage"))})
    assert [str(fault).split(";")[0] for fault in caught.value.faults] == [
        "faults.yaml:3:14: there is no device 'bat-9'",
        "faults.yaml:6:47: bat-1 has no point 'warmth'",
    ]
