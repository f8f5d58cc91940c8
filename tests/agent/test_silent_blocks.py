"""Devices that meet an illegal address with silence: found out like a refusal, at the cost of few time-outs."""

import random
from itertools import pairwise

import pytest

from agent.clock import ManualClock
from agent.device import BusLine, Device
from agent.modbus.address import Table
from agent.modbus.bus import open_bus
from agent.profile import Format, Link, Point, Profile
from agent.reading import Text
from agent.simulator.server import TcpServer
from agent.simulator.unit import Unit
from agent.unit_poll import UnitPoll


class Mute(Unit):
    """It says nothing to a read that touches `mute`, and to the next `deaf` requests."""

    def __init__(self, *mute):
        super().__init__()
        self.mute, self.deaf, self.asked = set(mute), 0, []

    def read(self, table, start, count):
        return list(range(start, start + count))

    def answer(self, pdu):
        start, count = int.from_bytes(pdu[1:3]), int.from_bytes(pdu[3:5])
        touched = self.mute & set(range(start, start + count))
        self.asked.append((start, count))
        self.deaf -= 1
        return None if touched or self.deaf >= 0 else super().answer(pdu)

    @property
    def silences(self):
        return sum(bool(self.mute & set(range(a, a + n))) for a, n in self.asked)


def a_profile(*addresses):
    points = tuple(Point(f"p{a}", Table.HOLDING, a, Format("u16", 1)) for a in addresses)
    return Profile(
        "p", "meter", (), "v", "m", Text("t", "t"), (), Link(timeout_ms=80), every_ms=1_000, points=points
    )


@pytest.fixture
async def polls():
    """Polls a unit so many times; the good values of each poll."""
    opened = []

    async def poll(unit, profile, count, *, before=None):
        server = TcpServer({1: unit})
        bus = open_bus(BusLine("lan", f"tcp://127.0.0.1:{await server.start()}"), {1: profile.link})
        opened.append((server, bus))
        clock = ManualClock()
        polled, seen = UnitPoll(Device("m", profile, "lan", 1), bus, clock), []
        for number in range(count):
            if before:
                before(number)
            poll = await polled.poll(polled.rates_ms)
            seen.append({n for n, v in zip(poll.points, poll.values, strict=True) if v is not None})
            clock.advance(1_000)
        return seen

    yield poll
    for server, bus in opened:
        bus.close()
        await server.close()


@pytest.mark.parametrize("other", [(), (1_000,)], ids=["its only block", "beside another block"])
@pytest.mark.parametrize(
    "mute", [3, 10, 20, 1], ids=["a point", "a gap", "the last point", "the first point"]
)
async def test_no_readable_point_is_missed_for_more_than_one_poll(polls, mute, other):
    addresses = (1, 2, 3, 4, 20)
    readable = {f"p{a}" for a in (*addresses, *other)} - {f"p{mute}"}
    unit = Mute(mute)
    seen = await polls(unit, a_profile(*addresses, *other), 4)
    assert [s >= readable for s in seen[1:]] == [True] * 3


async def test_once_known_it_costs_nothing_any_more(polls):
    unit = Mute(3)
    silences = []
    await polls(unit, a_profile(1, 2, 3, 4, 1_000), 5, before=lambda _n: silences.append(unit.silences))
    assert silences[-1] == silences[-2] == silences[-3]


async def test_two_time_outs_by_chance_teach_nothing(polls):
    unit = Mute()

    def disturb(number):
        if number in (1, 2):
            unit.deaf = 1  # of the first request of each of these polls

    await polls(unit, a_profile(1, 2, 3, 40), 5, before=disturb)
    assert unit.asked[-1] == (1, 40)


async def test_a_device_that_answers_now_and_then_keeps_all_its_points(polls):
    unit, chance = Mute(), random.Random(4)  # noqa: S311  # the same noise each time

    def disturb(number):
        unit.deafness = 0.4 if number < 50 else 0.0

    answer = unit.answer
    unit.answer = lambda pdu: None if chance.random() < unit.deafness else answer(pdu)
    seen = await polls(unit, a_profile(1, 2, 3, 1_000, 2_000), 60, before=disturb)
    assert seen[-1] == {"p1", "p2", "p3", "p1000", "p2000"}


async def test_a_device_that_lacks_many_points_is_not_asked_for_all_of_them_in_one_poll(polls):
    unit = Mute(*range(100, 140))
    readable = {f"p{a}" for a in range(1, 10)}
    before = []
    seen = await polls(
        unit,
        a_profile(*range(1, 10), *range(100, 140)),
        12,
        before=lambda _n: before.append(unit.silences),
    )
    assert all(s >= readable for s in seen[1:])
    assert max(b - a for a, b in pairwise(before)) <= 14  # of 40 that are mute
