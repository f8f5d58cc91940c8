"""A bus with simulated devices on real sockets and pseudo terminals, and what its frames say."""

import asyncio
import contextlib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.device import BusLine, Device
from agent.document import parse
from agent.modbus.address import Span, Table
from agent.modbus.lessons import Lessons
from agent.modbus.plan import Holes
from agent.poll import Poll
from agent.poller import BusPoller, FrameNumbers
from agent.profile import Format, Link, Point, Profile
from agent.profile_file import read_profile
from agent.reading import Quality, Text
from agent.simulator.device import SimulatedDevice
from agent.simulator.fault import faulty
from agent.simulator.server import TcpServer
from agent.simulator.unit import Unit

CONFIGS = Path(__file__).parents[2] / "configs"


class Registers(Unit):
    """A unit whose registers say their own address; it refuses a read that touches `lacks`."""

    def __init__(self, *, lacks=(), code=2, mute=()):
        super().__init__()
        self.lacks, self.code, self.mute, self.reads = set(lacks), code, set(mute), []

    def read(self, table, start, count):
        self.reads.append((start, count))
        touched = set(range(start, start + count))
        return self.code if touched & self.lacks else list(range(start, start + count))

    def answer(self, pdu):
        start, count = int.from_bytes(pdu[1:3]), int.from_bytes(pdu[3:5])
        return None if set(range(start, start + count)) & self.mute else super().answer(pdu)


def a_point(name, address, **more):
    return Point(name, Table.HOLDING, address, Format("u16", 1), **more)


def a_profile(*points, every_ms=100, **link):
    link.setdefault("timeout_ms", 150)
    return Profile(
        "p", "meter", (), "Maker", "M1", Text("t", "t"), (), Link(**link), every_ms=every_ms, points=points
    )


THREE = a_profile(a_point("a", 1), a_point("b", 2), a_point("c", 5))


class Watched:
    """A poller that runs, and the frames that it has given."""

    def __init__(self, url, devices, **more):
        self.frames = []
        self.changed = asyncio.Event()
        self.poller = BusPoller(BusLine("lan", url), devices, SystemClock(), self._take, **more)

    def _take(self, frame):
        self.frames.append(frame)
        self.changed.set()

    async def until(self, wanted, *, within_s=8.0):
        """The first frame from now on for which `wanted` holds."""
        seen = len(self.frames)
        async with asyncio.timeout(within_s):
            while True:
                for frame in self.frames[seen:]:
                    if wanted(frame):
                        return frame
                seen = len(self.frames)
                self.changed.clear()
                await self.changed.wait()

    async def __aenter__(self):
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._task = self._tasks.create_task(self.poller.run())
        return self

    async def __aexit__(self, *exc):
        self._task.cancel()
        await self._tasks.__aexit__(None, None, None)


@contextlib.asynccontextmanager
async def served(units, *, port=0, **more):
    server = TcpServer(units, **more)
    server.port = await server.start(port=port)
    server.url = f"tcp://127.0.0.1:{server.port}"
    try:
        yield server
    finally:
        await server.close()


def good(frame):
    return not frame.failed


async def test_one_poll_of_one_device_is_one_frame():
    async with served({1: Registers()}) as server, Watched(server.url, [Device("m", THREE, "lan", 1)]) as bus:
        frame = await bus.until(good)
        assert frame.points == ("a", "b", "c")
        assert frame.values == (1.0, 2.0, 5.0)
        assert frame.faults == {}
        assert (frame.device, frame.seq, frame.reason, frame.unsure) == ("m", 1, None, frame.unsure)


async def test_frames_are_counted_without_holes_and_their_time_rises():
    async with served({1: Registers()}) as server, Watched(server.url, [Device("m", THREE, "lan", 1)]) as bus:
        await bus.until(lambda f: f.seq == 6)
        frames = bus.frames[:6]
        assert [f.seq for f in frames] == [1, 2, 3, 4, 5, 6]
        assert all(a.ts_ms < b.ts_ms and a.mono_ms < b.mono_ms for a, b in pairwise(frames))
        assert len({f.boot for f in frames}) == 1
        assert all(f.points is frames[0].points for f in frames)
        assert frames[5].mono_ms - frames[0].mono_ms >= 450, "never faster than its period"


async def test_points_of_several_rates_meet_in_one_frame():
    profile = a_profile(a_point("fast", 1), a_point("slow", 2, every_ms=300))
    async with (
        served({1: Registers()}) as server,
        Watched(server.url, [Device("m", profile, "lan", 1)]) as bus,
    ):
        await bus.until(lambda f: f.seq == 7)
        assert [f.points for f in bus.frames[:7]] == [
            ("fast", "slow"),
            ("fast",),
            ("fast",),
            ("fast", "slow"),
            ("fast",),
            ("fast",),
            ("fast", "slow"),
        ]


async def test_slow_points_among_fast_ones_cost_no_request_of_their_own():
    profile = a_profile(a_point("a", 1), a_point("slow", 2, every_ms=200), a_point("c", 3))
    unit = Registers()
    async with served({1: unit}) as server, Watched(server.url, [Device("m", profile, "lan", 1)]) as bus:
        frame = await bus.until(lambda f: f.seq == 3)
        assert frame.good_values() == {"a": 1.0, "slow": 2.0, "c": 3.0}
        assert set(unit.reads) == {(1, 3)}


async def test_all_devices_of_a_bus_share_one_connection():
    units = {n: Registers() for n in (1, 2, 3)}
    devices = [Device(f"m{n}", THREE, "lan", n) for n in units]
    async with served(units) as server, Watched(server.url, devices) as bus:
        await bus.until(lambda f: f.seq == 4)
        assert server.connections == 1
        assert {f.device for f in bus.frames} == {"m1", "m2", "m3"}


async def test_two_devices_may_live_in_one_unit():
    devices = [Device("inv", THREE, "lan", 1), Device("meter", a_profile(a_point("x", 40)), "lan", 1)]
    async with served({1: Registers()}) as server, Watched(server.url, devices) as bus:
        assert (await bus.until(lambda f: f.device == "meter")).values == (40.0,)


@pytest.mark.parametrize("code", [2, 3])
async def test_a_refused_block_is_halved_in_the_same_poll_and_no_readable_point_is_lost(code):
    profile = a_profile(
        a_point("a", 1),
        a_point("b", 2),
        a_point("gone", 3),
        a_point("maybe", 4, optional=True),
        a_point("e", 9),
    )
    unit = Registers(lacks=(3, 4), code=code)
    async with served({1: unit}) as server, Watched(server.url, [Device("m", profile, "lan", 1)]) as bus:
        first = await bus.until(good)
        assert first.seq == 1
        assert first.good_values() == {"a": 1.0, "b": 2.0, "e": 9.0}
        assert first.reading("gone").quality is Quality.BAD
        assert first.reading("maybe").quality is Quality.ABSENT
        await bus.until(lambda f: f.seq == 2)  # it is believed when it is met again
        asked = len(unit.reads)
        later = await bus.until(lambda f: f.seq > 4)
        assert later.good_values() == first.good_values()
        assert set(unit.reads[asked:]) == {(1, 2), (9, 1)}
        assert bus.poller.holes("m").refused == {Span(Table.HOLDING, 3, 1), Span(Table.HOLDING, 4, 1)}
        assert "illegal data" in bus.poller.last_poll("m").why["gone"]
        assert bus.poller.statistics().errors_pct == 0


async def test_a_refused_gap_is_read_around():
    profile = a_profile(a_point("a", 1), a_point("b", 20))
    unit = Registers(lacks=(10,))
    lessons = Lessons()
    async with served({1: unit}) as server:
        async with Watched(server.url, [Device("m", profile, "lan", 1)], lessons=lessons) as bus:
            assert (await bus.until(lambda f: f.seq == 2)).values == (1.0, 20.0)
            assert bus.poller.holes("m") == Holes(apart=frozenset({Span(Table.HOLDING, 1, 20)}))
        unit.reads.clear()
        async with Watched(server.url, [Device("m", profile, "lan", 1)], lessons=lessons) as bus:
            assert (await bus.until(good)).values == (1.0, 20.0)
            assert unit.reads[:2] == [(1, 1), (20, 1)]


@pytest.mark.parametrize(
    ("code", "reason"), [(1, "exception_1"), (2, "exception_2"), (4, "exception_4"), (6, "exception_6")]
)
async def test_a_device_that_refuses_everything_fails_as_a_whole_and_comes_back(code, reason):
    unit = Registers()
    unit.faults = faulty("refuse", code=code)
    async with served({1: unit}) as server, Watched(server.url, [Device("m", THREE, "lan", 1)]) as bus:
        frame = await bus.until(lambda f: f.failed)
        assert (frame.reason, frame.values, frame.points) == (reason, (None, None, None), ("a", "b", "c"))
        assert set(frame.faults.values()) == {Quality.BAD}
        unit.faults = ()
        assert (await bus.until(good)).values == (1.0, 2.0, 5.0)


async def test_a_silent_device_gives_a_failed_frame_for_every_slot_and_is_asked_less_and_less():
    unit = Registers()
    unit.faults = faulty("dead")
    profile = a_profile(a_point("a", 1), every_ms=50, timeout_ms=40)
    async with served({1: unit}) as server, Watched(server.url, [Device("m", profile, "lan", 1)]) as bus:
        last = await bus.until(lambda f: f.seq == 30)
        assert {f.reason for f in bus.frames} == {"timeout"}
        assert last.faults == {0: Quality.BAD}
        assert unit.requests <= 10
        assert bus.poller.statistics().devices_silent == 1
        unit.faults = ()
        assert (await bus.until(good)).values == (1.0,)
        assert bus.poller.statistics().devices_silent == 0


async def test_a_dead_bus_fails_every_slot_and_heals_by_itself():
    async with served({1: Registers()}) as server:
        url, port = server.url, server.port
    async with Watched(url, [Device("m", THREE, "lan", 1)]) as bus:
        frame = await bus.until(lambda f: f.seq == 3)
        assert frame.reason == "refused"
        async with served({1: Registers()}, port=port):
            assert (await bus.until(good)).values == (1.0, 2.0, 5.0)


async def test_part_of_a_poll_may_fail_alone():
    profile = a_profile(a_point("a", 1), a_point("b", 200))
    unit = Registers(mute=())
    async with served({1: unit}) as server, Watched(server.url, [Device("m", profile, "lan", 1)]) as bus:
        await bus.until(good)
        unit.mute.add(200)
        frame = await bus.until(lambda f: f.faults)
        assert (frame.reason, frame.values, frame.faults) == (None, (1.0, None), {1: Quality.BAD})
        assert bus.poller.last_poll("m").why == {"b": "no reply in time"}


async def test_the_last_poll_shows_raw_words_and_why_a_value_is_not_good():
    limited = Point("a", Table.HOLDING, 1, Format("u16", 1, range=(5, 9)))
    profile = a_profile(limited, a_point("b", 2))
    async with (
        served({1: Registers()}) as server,
        Watched(server.url, [Device("m", profile, "lan", 1)]) as bus,
    ):
        await bus.until(good)
        last = bus.poller.last_poll("m")
        assert [(b.table, b.start, b.count, b.words) for b in last.blocks] == [(Table.HOLDING, 1, 2, (1, 2))]
        assert last.why == {"a": "1 is outside 5..9"}
        assert bus.poller.last_poll("stranger") is None


async def test_a_device_that_wants_to_be_left_alone_gets_its_connection_closed_between_polls():
    profile = a_profile(a_point("a", 1), every_ms=400, close_between_polls=True)
    async with (
        served({1: Registers()}) as server,
        Watched(server.url, [Device("m", profile, "lan", 1)]) as bus,
    ):
        await bus.until(lambda f: f.seq == 2)
        async with asyncio.timeout(0.3):
            while server.connections:
                await asyncio.sleep(0.01)
        assert good(await bus.until(lambda f: f.seq == 3))


def shipped(name):
    return read_profile(parse((CONFIGS / "profiles" / f"{name}.yaml").read_text(), f"{name}.yaml"))


async def test_a_sunspec_device_is_asked_what_it_is_first():
    profile = shipped("sunspec-inverter")
    simulated = SimulatedDevice(profile)
    simulated.set(ac_power_kw=12.5)
    known = []
    async with served({1: simulated}) as server:
        watched = Watched(server.url, [Device("inv", profile, "lan", 1, every_ms=200)])
        watched.poller.on_identified = lambda device, found: known.append((device, found))
        assert watched.poller.device_facts("inv").profile is None
        async with watched as bus:
            frame = await bus.until(good)
            assert frame.reading("ac_power_kw").value == 12.5
            facts = bus.poller.device_facts("inv")
            assert (facts.vendor, facts.serial) == ("Maplebridge", "SIM-1")
            assert [device for device, _ in known] == ["inv"]
            await server.hang_up()
            await bus.until(good)
            assert len(known) == 1


async def test_a_device_without_the_marker_is_no_sunspec_device():
    device = Device("inv", shipped("sunspec-inverter"), "lan", 1)
    async with served({1: Registers()}) as server, Watched(server.url, [device]) as bus:
        assert (await bus.until(lambda f: f.failed)).reason == "bad_reply"


async def test_a_sunspec_device_without_the_models_wanted_says_so():
    profile = shipped("sunspec-inverter")
    strangers = tuple(replace(p, models=((64_999, "X"),)) for p in profile.sunspec.points)
    device = Device("inv", replace(profile, sunspec=replace(profile.sunspec, points=strangers)), "lan", 1)
    async with served({1: SimulatedDevice(profile)}) as server, Watched(server.url, [device]) as bus:
        assert (await bus.until(lambda f: f.failed)).reason == "bad_reply"
        assert "none of the SunSpec models" in bus.poller.last_poll("inv").problem


async def test_statistics_tell_load_and_who_is_silent():
    units = {1: Registers(), 2: Registers()}
    units[2].faults = faulty("dead")
    devices = [Device(f"m{n}", THREE, "lan", n) for n in units]
    async with served(units) as server, Watched(server.url, devices) as bus:
        await bus.until(lambda f: f.device == "m1" and f.seq == 5)
        statistics = bus.poller.statistics()
        assert (statistics.devices_total, statistics.devices_silent) == (2, 1)
        assert 0 < statistics.load_pct <= 100
        assert statistics.requests_per_s > 0
        assert statistics.errors_pct > 0


async def test_a_line_is_silent_when_five_devices_in_a_row_are_asked_in_vain():
    units = {n: Registers() for n in range(1, 8)}
    devices = [Device(f"m{n}", THREE, "lan", n) for n in units]
    async with served(units) as server, Watched(server.url, devices) as bus:
        await bus.until(lambda f: f.seq == 2 and f.device == "m7")
        for unit in (1, 2, 3, 4):
            units[unit].faults = faulty("dead")
        await bus.until(lambda f: f.failed and f.device == "m4")
        assert bus.poller.statistics().silent_for_s == 0, "others answer"
        for unit in (5, 6, 7):
            units[unit].faults = faulty("dead")
        await bus.until(lambda f: f.failed and f.device == "m7")
        await bus.until(lambda f: f.failed and f.device == "m1")
        assert bus.poller.statistics().silent_for_s > 0
        units[6].faults = ()
        await bus.until(lambda f: not f.failed and f.device == "m6")
        assert bus.poller.statistics().silent_for_s == 0


async def test_a_bus_without_devices_just_stays():
    async with Watched("tcp://127.0.0.1:1", []) as bus:
        await asyncio.sleep(0)
        assert bus.frames == []


def test_times_stamped_ahead_by_an_untrusted_clock_do_not_push_the_trusted_ones():
    numbers = FrameNumbers()
    stamps = [(9_000, True), (9_000, True), (500, False), (400, False), (300, True), (800, False)]
    stamped = [numbers.next("m", 70, ts_ms, unsure=unsure) for ts_ms, unsure in stamps]
    assert [(seq, ts_ms) for seq, _, ts_ms in stamped] == [
        (1, 9_000),
        (2, 9_001),
        (3, 500),
        (4, 501),
        (5, 502),
        (6, 800),
    ]
    assert [mono_ms for _, mono_ms, _ in stamped] == [70, 71, 72, 73, 74, 75], (
        "so that mended times rise, too"
    )


def test_a_poll_with_more_points_than_values_makes_no_frame():
    poller = BusPoller(BusLine("lan", "tcp://127.0.0.1:1"), [], SystemClock(), [].append)
    with pytest.raises(ValueError, match="m: a poll of 2 points with 1 values"):
        poller._frame("m", Poll(("a", "b"), (1.0,), {}, None, 0, 0))
