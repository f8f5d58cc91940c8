"""What is learnt of a device that refuses, and when: one poll after the other on a real connection."""

import random
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.device import BusLine, Device
from agent.document import parse
from agent.modbus.address import Span, Table
from agent.modbus.bus import open_bus
from agent.profile import Format, Link, Point, Profile
from agent.profile_file import read_profile
from agent.reading import Quality, Text
from agent.simulator.fault import Acting, Fault, faulty
from agent.simulator.server import TcpServer
from agent.simulator.unit import Unit
from agent.unit_poll import UnitPoll

CONFIGS = Path(__file__).parents[2] / "configs"


class Registers(Unit):
    """A unit whose registers say their own address; it refuses a read that touches `lacks`."""

    def __init__(self, *, lacks=(), mute=None):
        super().__init__()
        self.lacks, self.mute = set(lacks), mute

    def answer(self, pdu):
        return None if int.from_bytes(pdu[1:3]) == self.mute else super().answer(pdu)

    def read(self, table, start, count):
        touched = range(start, start + count)
        return 2 if self.lacks & set(touched) else list(touched)


def a_point(name, address, **more):
    return Point(name, Table.HOLDING, address, Format("u16", 1), **more)


def a_profile(*points):
    return Profile(
        "p",
        "meter",
        (),
        "Maker",
        "M1",
        Text("t", "t"),
        (),
        Link(timeout_ms=150),
        every_ms=1_000,
        points=points,
    )


FAR_APART = a_profile(a_point("a", 1), a_point("b", 1_001), a_point("c", 2_001, optional=True))


@pytest.fixture
async def polled():
    """Makes the poll of a unit with a profile; the clock stands still until it is moved."""
    opened = []

    async def make(unit, profile, **more):
        server = TcpServer({1: unit})
        port = await server.start()
        bus = open_bus(BusLine("lan", f"tcp://127.0.0.1:{port}"), {1: profile.link})
        opened.append((server, bus))
        return UnitPoll(Device("m", profile, "lan", 1), bus, ManualClock(), **more)

    yield make
    for server, bus in opened:
        bus.close()
        await server.close()


async def test_a_poll_has_one_value_per_point_at_every_mix_of_rates(polled):
    profile = read_profile(
        parse((CONFIGS / "profiles" / "eastron-sdm630.yaml").read_text(), "eastron-sdm630.yaml")
    )
    fast_ms = min(p.every_ms or profile.every_ms for p in profile.points)
    slow = [p for p in profile.points if (p.every_ms or profile.every_ms) > fast_ms]
    lacks = {a for p in slow for a in range(p.span.start, p.span.end)}
    unit = await polled(Registers(lacks=lacks), profile)
    rates = sorted(unit.rates_ms)
    assert len(rates) == 3
    for due in (rates, rates[:1], rates[:2], rates[:1], rates):
        poll = await unit.poll(frozenset(due))
        assert poll.reason is None
        assert len(poll.points) == len(poll.values) == len(set(poll.points))
        assert max(poll.faults, default=0) < len(poll.points)
        assert {p.name for p in slow} & set(poll.points) == {p.name for p in slow if p.every_ms in due}


async def test_a_poll_that_is_refused_as_a_whole_teaches_nothing(polled):
    registers = Registers()
    unit = await polled(registers, FAR_APART)
    registers.faults = faulty("refuse", code=2)
    poll = await unit.poll(unit.rates_ms)
    assert (poll.reason, poll.points, poll.values) == ("exception_2", ("a", "b", "c"), (None,) * 3)
    assert not unit.holes
    registers.faults = ()
    poll = await unit.poll(unit.rates_ms)
    assert (poll.reason, poll.values, poll.faults) == (None, (1.0, 1_001.0, 2_001.0), {})


@pytest.mark.parametrize("order", ["first", "last"])
async def test_a_refused_block_is_believed_once_another_one_gave_data_twice(polled, order):
    lacking = {"first": {1, 1_001}, "last": {1_001, 2_001}}[order]
    unit = await polled(Registers(lacks=lacking), FAR_APART)
    for believed in (set(), lacking, lacking):
        poll = await unit.poll(unit.rates_ms)
        assert poll.reason is None
        assert {n: v for n, v in zip(poll.points, poll.values, strict=True) if v is not None} == (
            {"c": 2_001.0} if order == "first" else {"a": 1.0}
        )
        qualities = {poll.points[index]: quality for index, quality in poll.faults.items()}
        assert qualities == (
            {"a": Quality.BAD, "b": Quality.BAD}
            if order == "first"
            else {"b": Quality.BAD, "c": Quality.ABSENT}
        )
        assert unit.holes.refused == {Span(Table.HOLDING, address, 1) for address in believed}
        assert set(unit.last().why) >= (set("ab") if order == "first" else set("bc"))


async def test_a_point_that_is_given_up_for_its_silence_is_named_once(polled):
    unit = await polled(Registers(mute=1_001), FAR_APART)
    polls = [await unit.poll(unit.rates_ms) for _ in range(4)]
    assert "no reply" in unit.last().why["b"]
    assert [sorted(poll.points) for poll in polls] == [["a", "b", "c"]] * 4
    assert {dict(zip(poll.points, poll.values, strict=True))["b"] for poll in polls} == {None}


@pytest.mark.parametrize("times", range(1, 7))
async def test_what_was_refused_only_for_a_moment_is_asked_for_again(polled, times):
    registers = Registers()
    profile = a_profile(*(a_point(f"p{a}", a) for a in (1, 2, 3, 1_001, 2_001)))
    unit = await polled(registers, profile)
    await unit.poll(unit.rates_ms)
    registers.faults = (Acting(Fault("refuse", code=2, times=times)),)
    poll = await unit.poll(unit.rates_ms)
    assert sorted(poll.points) == ["p1", "p1001", "p2", "p2001", "p3"]
    assert not unit.holes
    for _ in range(3):
        unit._clock.advance(1_000)
        poll = await unit.poll(unit.rates_ms)
    assert (poll.reason, poll.faults) == (None, {})


class Whimsical(Registers):
    """Refuses three of ten requests, for no reason."""

    chance_of_refusal = 0.3

    def __init__(self, seed, code):
        super().__init__()
        self.dice, self.code = random.Random(seed), code  # noqa: S311  # the same every time

    def read(self, table, start, count):
        refuses = self.dice.random() < self.chance_of_refusal
        return self.code if refuses else super().read(table, start, count)


@pytest.mark.parametrize("code", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
async def test_what_refuses_at_random_loses_no_point(polled, seed, code):
    registers = Whimsical(seed, code)
    profile = a_profile(*(a_point(f"p{a}", a) for a in (1, 2, 3, 1_001, 2_001)))
    unit = await polled(registers, profile)
    for _ in range(60):
        await unit.poll(unit.rates_ms)
        assert not unit.holes
        unit._clock.advance(1_000)
    registers.chance_of_refusal = 0.0
    poll = await unit.poll(unit.rates_ms)
    assert (len(poll.points), poll.reason, poll.faults) == (5, None, {})
