"""A time server on a real socket is asked, measured and never obeyed blindly."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from agent.clock import SystemClock
from agent.time_source import MeasuredTime
from gateway.time_server import AskPace, TimeServer
from tests.gateway.time_server_double import TimeServerDouble, packet

YEAR_S = 365 * 86_400
PACE = AskPace(questions=2, apart_s=0.01, timeout_s=0.2, every_ms=50, retry_first_ms=20, retry_cap_ms=40)


@asynccontextmanager
async def asking(port, host="127.0.0.1"):
    """Runs an asker beside the test: a clock that only the server can make trusted."""
    into = MeasuredTime()
    clock = SystemClock(source=into, wall_ms=lambda: 0.0)  # a wall clock in 1970
    async with asyncio.TaskGroup() as group:
        task = group.create_task(TimeServer(host, port, clock, into, PACE).run())
        yield clock
        task.cancel()


async def until_trusted(clock, within_s=3.0):
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        clock._asked = None  # do not wait for the second in which an answer holds
        if clock.trusted():
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.parametrize("ahead_s", [0.0, 3_600.0, 12 * YEAR_S])
async def test_utc_is_the_servers_whatever_the_wall_clock_says(ahead_s):
    with TimeServerDouble(ahead_s) as server:
        async with asking(server.port) as clock:
            assert await until_trusted(clock)
            assert clock.utc_ms() / 1_000 == pytest.approx(time.time() + ahead_s, abs=0.1)
            assert clock.offset_s() == pytest.approx(-time.time() - ahead_s + time.monotonic(), abs=1)


async def test_it_is_asked_again_and_small_differences_are_slewed():
    with TimeServerDouble() as server:
        async with asking(server.port) as clock:
            assert await until_trusted(clock)
            before_ms = clock.utc_ms()
            server.ahead_s = 2.0
            asked = server.asked
            while server.asked < asked + 6:
                await asyncio.sleep(0.02)
            clock._asked = None
            assert clock.trusted()
            assert clock.utc_ms() - before_ms < 1_000, "nothing steps"


@pytest.mark.parametrize(
    "answer",
    [
        lambda _question: None,
        lambda _question: b"",
        lambda _question: b"\xff" * 48,
        lambda _question: packet(b"stranger", time.time()),
        lambda question: packet(question[40:48], time.time(), stratum=16),
        lambda question: packet(question[40:48], 0.0),
        lambda question: packet(question[40:48], time.time(), stratum=0, name=b"RATE"),
    ],
    ids=["silent", "empty", "noise", "stranger", "unsynchronised", "1970", "refuses"],
)
async def test_without_a_good_answer_the_clock_stays_unsure(answer):
    with TimeServerDouble() as server:
        server.answer = answer
        async with asking(server.port) as clock:
            assert not await until_trusted(clock, 0.7)
            assert server.asked


async def test_a_strangers_packet_does_not_hide_the_answer():
    with TimeServerDouble() as server:
        server.answer = lambda question: [packet(b"stranger", 0.0), packet(question[40:48], time.time())]
        async with asking(server.port) as clock:
            assert await until_trusted(clock)


async def test_a_server_that_comes_later_is_found():
    with TimeServerDouble() as server:
        right = server.answer
        server.answer = lambda _question: None
        async with asking(server.port) as clock:
            assert not await until_trusted(clock, 0.5)
            server.answer = right
            assert await until_trusted(clock)


async def test_a_server_that_is_no_host_is_no_end():
    async with asking(1, host="no-such-host.invalid") as clock:
        assert not await until_trusted(clock, 0.3)
