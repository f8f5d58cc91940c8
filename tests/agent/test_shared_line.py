"""A guest on a polled bus: its questions go where they disturb no slot."""

import asyncio
import time

import pytest

from agent.clock import SystemClock
from agent.device import BusLine
from agent.modbus.address import Span, Table
from agent.modbus.bus import open_bus
from agent.modbus.pdu import BusDown, UnitSilent
from agent.profile import Link
from agent.shared_line import GUEST_SHARE, SharedLine
from agent.simulator.fault import faulty
from agent.simulator.server import TcpServer
from agent.simulator.unit import Unit

ONE = Span(Table.HOLDING, 7, 1)


class Registers(Unit):
    def read(self, table, start, count):
        return list(range(start, start + count))


@pytest.fixture
async def served():
    units = {1: Registers(), 2: Registers()}
    units[2].faults = faulty("dead")
    server = TcpServer(units)
    server.url = f"tcp://127.0.0.1:{await server.start()}"
    yield server
    await server.close()


@pytest.fixture
async def shared(served):
    """A line that is open, with no slot due ever."""
    bus = open_bus(BusLine("b", served.url), {1: Link(), 2: Link()})
    line = SharedLine(bus, SystemClock())
    await bus.fetch(1, ONE)
    yield line
    line.close()


def now_ms():
    return SystemClock().monotonic_ms()


async def ask(line, unit, timeout_ms=1_000):
    return await line.ask(unit, timeout_ms, lambda ms: line.bus.fetch(unit, ONE, timeout_ms=ms), rtu_bytes=15)


async def test_a_question_is_put_at_once_where_no_slot_is_near(shared):
    shared.due_ms = now_ms() + 60_000
    assert await ask(shared, 1) == b"\0\7"


async def test_a_question_waits_for_the_slot_that_is_near(shared):
    with pytest.raises(UnitSilent):
        await ask(shared, 2, 100)  # a guest that has just used the line
    shared.due_ms = due_ms = now_ms() + 200

    async def slot():
        await asyncio.sleep(0.2)
        async with shared.turn:
            await asyncio.sleep(0.05)
            shared.due_ms = now_ms() + 60_000

    async with asyncio.TaskGroup() as both:
        both.create_task(slot())
        answer = both.create_task(ask(shared, 1))
    assert answer.result() == b"\0\7"
    assert now_ms() >= due_ms + 50


async def test_a_time_out_is_cut_to_the_gap_and_says_so(shared):
    started_ms = now_ms()
    shared.due_ms = started_ms + 600
    with pytest.raises(UnitSilent, match=r"within \d+ ms, all that the gateway's polls leave"):
        await ask(shared, 2, 5_000)
    assert now_ms() <= shared.due_ms


async def test_on_a_line_without_gaps_a_guest_gets_its_small_share(shared):
    shared.due_ms = now_ms()  # overdue, again and again
    busy_s, started_s = 0.0, time.monotonic()
    for _ in range(3):
        with pytest.raises(UnitSilent):
            await ask(shared, 2, 20)
        busy_s += 0.02
    took_s = time.monotonic() - started_s
    assert took_s >= 2 * 0.02 * (1 / GUEST_SHARE - 1)


async def test_what_a_guest_asks_is_none_of_the_gateways_load(shared):
    bus = shared.bus
    before = bus.requests, bus.errors, bus.busy_s
    await ask(shared, 1)
    with pytest.raises(UnitSilent):
        await ask(shared, 2, 50)
    assert (bus.requests, bus.errors, bus.busy_s) == before


async def test_a_line_that_the_gateway_lets_go_is_not_opened_again(served, shared):
    asyncio.get_running_loop().call_later(0.1, shared.close)
    with pytest.raises(BusDown):
        await ask(shared, 2)
    with pytest.raises(BusDown, match="let go"):
        await ask(shared, 1)
    await asyncio.sleep(0.05)
    assert served.connections == 0


async def test_a_line_that_is_closed_between_polls_is_closed_after_a_guest(served):
    line = SharedLine(open_bus(BusLine("b", served.url), {1: Link()}), SystemClock(), closes=True)
    await ask(line, 1)
    await line.leave()
    assert not line.bus.is_open
