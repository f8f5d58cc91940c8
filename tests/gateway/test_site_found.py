"""What the page is told of a scan: which units are known, what is pasted, which values come first."""

import pytest

from agent.commission.finding import Finding
from agent.device import Device
from agent.modbus.endpoint import parse_url
from agent.reading import Text
from agent.scan.found import Proposal, Unit
from gateway.profiles import ProfileShelf
from gateway.site_found import known_as, unit_documents, yaml_of

LINE = parse_url("rtu:///dev/ttyUSB0?baudrate=9600")
SHELF = ProfileShelf()
METER = SHELF.find("eastron-sdm630")
DEVICES = (
    Device("meter-1", METER, "rs485-1", 1),
    Device("meter-3", METER, "rs485-1", 9),
    Device("inv-1", METER, "lan-1", 5),
)


def unit(number, *proposals, **more):
    return Unit(LINE, number, proposals, **more)


def meter(confidence=0.9, findings=(), **values):
    return Proposal(METER, confidence, values, findings)


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (unit(1), "meter-1"),
        (unit(2, also=(1,)), "meter-1"),
        (unit(5), None),  # that unit id is on another bus
        (unit(2), None),
    ],
)
def test_a_unit_is_known_by_its_bus_and_any_of_its_ids(found, name):
    assert known_as(found, "rs485-1", DEVICES) == name


def test_only_what_is_new_is_pasted_under_names_that_are_free():
    units = [unit(1, meter()), unit(2, meter()), unit(4, meter()), unit(7)]
    assert yaml_of(units, "rs485-1", DEVICES) == (
        "devices:\n"
        "  - {id: meter-2, profile: eastron-sdm630, bus: rs485-1, unit: 2}\n"
        "  - {id: meter-4, profile: eastron-sdm630, bus: rs485-1, unit: 4}\n"
        "  # - {id: unknown-1, bus: rs485-1, unit: 7}\n"
    )
    assert yaml_of(units[:1], "rs485-1", DEVICES) is None
    assert yaml_of([], "rs485-1", DEVICES) is None


def test_the_values_that_tell_most_come_first():
    best = meter(ac_current_l1_a=6.0, ac_voltage_l1_v=231.0, frequency_hz=50.0, active_power_kw=4.0)
    (document,) = unit_documents([unit(2, best)], "rs485-1", DEVICES, {2: 1_780_000_000_000})
    assert [value["point"] for value in document["values"]] == [
        "active_power_kw",
        "frequency_hz",
        "ac_voltage_l1_v",
        "ac_current_l1_a",
    ]
    assert document["values"][0]["unit"] == "kW"
    assert document["values"][0]["label"]["zh"]
    assert document["read"] == 1_780_000_000_000


def test_a_guess_is_sure_only_where_it_is_alone_at_the_top():
    odd = Finding(
        "reversed_meter", "look", ("active_power_kw",), Text("negative", "为负"), Text("look", "看")
    )
    sure, unsure, tied, nobody = unit_documents(
        [unit(2, meter()), unit(3, meter(0.6, (odd,))), unit(4, meter(), meter()), unit(5)], "rs485-1", (), {}
    )
    assert [one["sure"] for one in (sure, unsure, tied, nobody)] == [True, False, False, False]
    assert unsure["findings"][0]["message"] == {"en": "negative", "zh": "为负"}
    assert tied["candidates"] == [{"profile": "eastron-sdm630", "confidence": 0.9}]
    assert (nobody["profile"], nobody["confidence"], nobody["values"]) == (None, 0.0, [])
