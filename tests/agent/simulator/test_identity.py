"""Simulated devices say who they are when function 43/14 asks."""

import pytest

from agent.simulator.identity import identified
from agent.simulator.unit import Unit

NAMES = {0: "Eastron", 1: "SDM630", 2: "1.2", 5: "Modbus V2"}


def objects_of(reply):
    assert reply[:2] == b"\x2b\x0e"
    count, rest, found = reply[6], reply[7:], {}
    for _ in range(count):
        number, size = rest[0], rest[1]
        found[number] = rest[2 : 2 + size].decode()
        rest = rest[2 + size :]
    assert rest == b""
    return found


@pytest.mark.parametrize(
    ("ask", "objects"),
    [
        ("2b0e0100", {0: "Eastron", 1: "SDM630", 2: "1.2"}),
        ("2b0e0101", {1: "SDM630", 2: "1.2"}),
        ("2b0e0200", NAMES),
        ("2b0e0300", NAMES),
        ("2b0e0405", {5: "Modbus V2"}),
    ],
)
def test_objects_are_told_by_category_or_one_alone(ask, objects):
    reply = identified(bytes.fromhex(ask), NAMES)
    assert objects_of(reply) == objects
    assert reply[2:6] == bytes((int(ask[4:6]), 0x82, 0, 0))


def test_what_does_not_fit_is_told_in_the_next_reply():
    names = dict.fromkeys(range(5), "x" * 100)
    first = identified(bytes.fromhex("2b0e0200"), names)
    assert (objects_of(first).keys(), first[4:6]) == ({0, 1}, b"\xff\x02")
    second = identified(bytes.fromhex("2b0e0202"), names)
    assert (objects_of(second).keys(), second[4:6]) == ({2, 3}, b"\xff\x04")
    assert objects_of(identified(bytes.fromhex("2b0e0204"), names)).keys() == {4}


@pytest.mark.parametrize(("ask", "code"), [("2b0e0500", 3), ("2b0e01", 3), ("2b0e0409", 2)])
def test_what_cannot_be_told_is_refused(ask, code):
    assert identified(bytes.fromhex(ask), NAMES) == bytes((0xAB, code))


def test_a_unit_without_a_name_does_not_know_the_function():
    unit = Unit()
    assert unit.answer(bytes.fromhex("2b0e0100")) == bytes.fromhex("ab01")
    unit.identity = NAMES
    assert objects_of(unit.answer(bytes.fromhex("2b0e0100")))[1] == "SDM630"
