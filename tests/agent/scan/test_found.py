"""Which unit ids lead to one device, and what a site file needs for what was found."""

import pytest

from agent.modbus.endpoint import parse_url
from agent.scan.found import Proposal, Unit, is_same
from gateway.profiles import ProfileShelf

LINE = parse_url("tcp://192.0.2.1:502")
METER = ProfileShelf().find("eastron-sdm630")
BATTERY = ProfileShelf().find("byd-battery-box-premium")


def unit(profile=METER, **values):
    return Unit(LINE, 1, (Proposal(profile, 0.9, values),))


def meter(serial, kwh, export_kwh=0.0):
    return unit(serial=serial, energy_import_kwh=kwh, energy_export_kwh=export_kwh)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (meter("A1", 0.0), meter("A1", 0.0), True),  # new, but its number tells
        (meter("A1", 5_000.0), meter("A2", 5_000.0), False),
        (meter("A1", 5_000.0), meter("", 5_000.0), False),
        (meter("A1", 5_000.0), meter("A1", 0.0), False),
        (meter("A1", 5_000.0, 3.0), meter("A1", 5_000.0, 4.0), False),
        (meter("0000", 0.0), meter("0000", 0.0), False),  # nothing tells: rather one entry too many
        (meter("", 0.0), meter("", 0.0), False),
        (meter("", 0.5), meter("", 0.5), False),  # both new: half a kWh is soon counted
        (meter("0000", 5_000.0), meter("0000", 5_000.1), True),  # it has counted on between two reads
        (meter("", 5_000.0, 7.0), meter("", 5_000.0, 7.0), True),
        (meter("", 5_000.0), meter("", 5_100.0), False),
        (unit(BATTERY, serial="A1"), unit(METER, serial="A1"), False),
    ],
)
def test_what_makes_two_ids_one_device(one, other, same):
    assert is_same(one, other) is same
    assert is_same(other, one) is same


def test_unknown_units_are_one_where_they_say_the_same_and_not_just_zeros():
    def unknown(*words):
        return Unit(LINE, 1, (), said={"a": words, "b": None})

    assert is_same(unknown(1, 2), unknown(1, 2))
    assert not is_same(unknown(0, 0), unknown(0, 0))
    assert not is_same(unknown(1, 2), unknown(1, 3))
    assert not is_same(unknown(1, 2), meter("A1", 1.0))
