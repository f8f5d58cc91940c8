"""One end of a line: units answer in the order in which they are asked, and none waits for another."""

import asyncio

import pytest

from agent.modbus.pdu import crc16
from agent.simulator.fault import Acting, Fault, faulty
from agent.simulator.line import Line, Speed
from agent.simulator.talk import Talk
from agent.simulator.unit import Unit


class Registers(Unit):
    def read(self, table, start, count):
        return list(range(start, start + count))


def asking(unit, start):
    frame = bytes((unit, 3)) + start.to_bytes(2) + (1).to_bytes(2)
    return frame + crc16(frame).to_bytes(2, "little")


@pytest.fixture
async def talk():
    """A line with two units, and what came from it: (unit, register)."""
    units = {1: Registers(), 2: Registers()}
    said = []
    made = Talk(
        units, Line(Speed()), lambda data: said.append((data[0], data[4])), lambda: said.append("closed")
    )
    yield made, units, said
    made.end()


async def test_a_late_unit_answers_in_order_and_holds_nobody_else_up(talk):
    line, units, said = talk
    units[1].faults = (Acting(Fault("late", late_ms=60, times=1)),)
    line.received_rtu(asking(1, 10) + asking(1, 11) + asking(2, 12))
    await asyncio.sleep(0.02)
    assert said == [(2, 12)]
    await asyncio.sleep(0.1)
    assert said == [(2, 12), (1, 10), (1, 11)]


async def test_noise_between_requests_is_skipped_and_a_torn_request_waits_for_its_end(talk):
    line, _, said = talk
    request = asking(1, 10)
    line.received_rtu(b"\xff\x00" + request[:5])
    assert said == []
    line.received_rtu(request[5:] + b"\x07" + asking(2, 11))
    await asyncio.sleep(0)
    assert said == [(1, 10), (2, 11)]


async def test_the_function_for_names_is_shorter_than_reads_and_is_heard_too(talk):
    line, units, said = talk
    units[1].identity = {0: "V"}
    frame = bytes.fromhex("012b0e0100")
    line.received_rtu(frame + crc16(frame).to_bytes(2, "little") + asking(2, 11))
    await asyncio.sleep(0)
    assert len(said) == 2
    assert units[1].requests == units[2].requests == 1


async def test_nothing_is_said_after_the_end(talk):
    line, units, said = talk
    units[1].faults = faulty("late")
    line.received_rtu(asking(1, 10))
    line.end()
    await asyncio.sleep(0.02)
    assert said == []


async def test_what_is_not_modbus_tcp_ends_the_connection(talk):
    line, _, said = talk
    line.received_tcp(b"GET / HTTP/1.1\r\n\r\n")
    assert said == ["closed"]
