"""The door of a gateway: who may ask, what can be said there, and what a bad guest can do (nothing)."""

import asyncio
import contextlib
import json
import subprocess
import sys

import pytest

from agent.clock import SystemClock
from agent.device import BusLine
from agent.modbus.address import Span, Table
from agent.modbus.bus import open_bus
from agent.modbus.endpoint import parse_url
from agent.modbus.pdu import BusDown, UnitRefused, UnitSilent
from agent.profile import Link
from agent.shared_line import SharedLine
from agent.simulator.fault import faulty
from agent.simulator.server import TcpServer
from agent.simulator.unit import Unit
from gateway.guests.door import Door
from gateway.guests.find import LineHeld, find_host
from gateway.guests.guest_bus import GuestBus
from gateway.guests.shared_bus import open_shared_bus

TEN = Span(Table.HOLDING, 0, 10)


class Registers(Unit):
    def read(self, table, start, count):
        return 2 if start > 1_000 else list(range(start, start + count))


class Polled:
    """A bus as the door sees it; nobody polls it here."""

    def __init__(self, url):
        self.line = BusLine("lan-1", url)
        self.shared = SharedLine(open_bus(self.line, {1: Link(), 2: Link()}), SystemClock())


@pytest.fixture
async def served():
    units = {1: Registers(), 2: Registers()}
    units[1].identity = {0: "Maple", 1: "M-1", 2: "1.0"}
    units[2].faults = faulty("dead")
    server = TcpServer(units)
    server.url = f"tcp://127.0.0.1:{await server.start()}"
    yield server
    await server.close()


@pytest.fixture
async def polled(served):
    """The door of site `hall` stands open for its one bus."""
    bus = Polled(served.url)
    async with asyncio.TaskGroup() as group:
        door = group.create_task(Door("hall", {"lan-1": bus}).run())
        await asyncio.sleep(0.05)
        yield bus
        door.cancel()
    bus.shared.close()


async def seat(url):
    return await open_shared_bus(BusLine("b", url), {}, lambda _: None)


async def test_a_guest_reads_what_the_gateways_bus_reads(served, polled):
    told = []
    bus = await open_shared_bus(BusLine("b", served.url), {}, told.append)
    assert isinstance(bus, GuestBus)
    assert await bus.fetch(1, TEN) == b"".join(n.to_bytes(2) for n in range(10))
    identity = await bus.identify(1)
    assert (identity.vendor, identity.product_code, identity.revision) == ("Maple", "M-1", "1.0")
    bus.close()
    assert told[0].startswith("through the running gateway of site hall (pid ")
    assert served.connections == 1


async def test_what_went_wrong_on_the_line_is_the_same_error_here(served, polled):
    bus = await seat(served.url)
    with pytest.raises(UnitRefused) as refused:
        await bus.fetch(1, Span(Table.HOLDING, 2_000, 1))
    assert refused.value.code == 2
    with pytest.raises(UnitSilent):
        await bus.fetch(2, TEN, timeout_ms=50)
    await served.close()
    with pytest.raises(BusDown):
        await bus.fetch(1, TEN)
    bus.close()


async def test_one_guest_at_a_time(served, polled, until):
    first = await seat(served.url)
    with pytest.raises(LineHeld, match=r"another guest \(pid \d+\) asks on it just now; try again later"):
        await seat(served.url)
    first.close()

    async def second():
        with contextlib.suppress(LineHeld):
            return await seat(served.url)

    async with asyncio.timeout(5):
        while (bus := await second()) is None:
            await asyncio.sleep(0.01)
    assert len(await bus.fetch(1, TEN)) == 20
    bus.close()


async def test_a_guest_that_vanishes_in_the_middle_frees_its_seat(served, polled):
    bus = await seat(served.url)
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(bus.fetch(2, TEN, timeout_ms=5_000))
        await asyncio.sleep(0.05)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
    assert not bus.is_open
    async with asyncio.timeout(1):
        while True:
            with contextlib.suppress(LineHeld):
                again = await seat(served.url)
                break
            await asyncio.sleep(0.01)
    assert len(await again.fetch(1, TEN)) == 20
    again.close()


READ = {"unit": 1, "timeout_ms": 100, "read": {"table": "holding", "start": 0, "count": 1}}


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\n",
        b"{}\n",
        b"x" * 100_000,
        json.dumps(READ | {"function": 6}).encode() + b"\n",
        json.dumps(READ | {"unit": 256}).encode() + b"\n",
        json.dumps(READ | {"timeout_ms": 1e9}).encode() + b"\n",
        json.dumps(READ | {"read": {"table": "holding", "start": 0, "count": 126}}).encode() + b"\n",
        json.dumps(READ | {"read": {"table": "holding", "start": 65_535, "count": 2}}).encode() + b"\n",
    ],
)
async def test_nothing_but_a_read_can_be_said(served, polled, words):
    host = await find_host(parse_url(served.url))
    host.writer.write(b'{"bus": "lan-1"}\n')
    assert json.loads(await host.reader.readline()) == {"why": ""}
    asked = served.requests
    host.writer.write(words)
    with contextlib.suppress(ConnectionError):
        said = await asyncio.wait_for(host.reader.read(), 5)
        assert b'"error":"wrong"' in said or said == b""
    host.writer.close()
    assert served.requests == asked
    bus = await seat(served.url)  # and the door is still open
    assert len(await bus.fetch(1, TEN)) == 20
    bus.close()


async def test_a_bus_that_the_gateway_lacks_is_not_found(served, polled):
    assert await find_host(parse_url("tcp://127.0.0.1:9")) is None


STRANGER = """
import asyncio, concurrent.futures.thread, os, sys
from agent.device import BusLine
from gateway.guests.find import LineHeld
from gateway.guests.shared_bus import open_shared_bus
"host".encode("idna")  # the rest of Python may be out of a stranger's reach
os.setgid(65534)
os.setuid(65534)
try:
    asyncio.run(open_shared_bus(BusLine("b", sys.argv[1]), {}, print))
except LineHeld as held:
    print(held)
"""


async def test_a_stranger_is_told_who_holds_the_line_and_may_not_ask(served, polled):
    result = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", STRANGER, served.url],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Operation not permitted" in result.stderr:
        pytest.skip("only root can become somebody else")
    assert "the running gateway of site hall" in result.stdout, result.stderr
    assert "only root and user 0 may ask through it" in result.stdout
    assert served.requests == 0
