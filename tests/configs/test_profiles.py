"""Every shipped profile is sound: it reads without a warning, plans, simulates, and its samples replay."""

import pytest

from agent.modbus.decode import compile_block
from agent.modbus.endpoint import parse_url
from agent.modbus.plan import plan
from agent.modbus.sunspec import assumed
from agent.simulator.device import SimulatedDevice
from agent.simulator.dump import Dump, DumpedDevice
from gateway.commands.check import faults_of_file
from gateway.profiles import ProfileShelf

SHELF = ProfileShelf()
LINE = parse_url("tcp://localhost").cost()


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


@pytest.mark.parametrize("name", SHELF.names())
def test_every_point_is_in_the_plan(name):
    profile = assumed(SHELF.find(name))
    planned = [point.name for block in plan(profile, cost=LINE) for point in block.points]
    assert sorted(planned) == sorted(point.name for point in profile.points)


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
