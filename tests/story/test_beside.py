"""One master per wire: `read` and `scan` beside a running gateway go through it, and disturb nothing."""

import asyncio
import os
import re
import sys
import time

import pytest

from agent.clock import SystemClock
from agent.device import BusLine
from agent.modbus.address import Span, Table
from agent.simulator.line import Speed
from agent.simulator.server import RtuServer, TcpServer
from gateway.guests.shared_bus import open_shared_bus
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal

SITE = """\
version: 1
site: {{id: hall, name: {{en: Hall, zh: 村部}}}}
buses: [{{id: bus-1, url: "{url}", timeout: 500ms}}]
devices:
  - {{id: meter-1, profile: eastron-sdm630, bus: bus-1, unit: 1, every: 1s, role: main_meter}}
  - {{id: meter-2, profile: eastron-sdm630, bus: bus-1, unit: 2, every: 1s, role: sub_meter}}
journal: {{commit_every: 100ms}}
"""


class OnlyOne(TcpServer):
    """As many small devices: a second connection ends the first."""

    connected = 0

    async def _serve(self, reader, writer):
        self.connected += 1
        await self.hang_up()
        await super()._serve(reader, writer)


@pytest.fixture
def meters(simulated):
    """Three of them; the site knows only the first two."""
    units = {number: simulated("eastron-sdm630") for number in (1, 2, 3)}
    for number, unit in units.items():
        unit.set(ac_voltage_l1_v=230.0 + number, ac_voltage_l2_v=231, ac_voltage_l3_v=229, frequency_hz=50)
    return units


@pytest.fixture(params=["tcp", "pty"])
async def wire(request, meters):
    """A line that takes one master only, and its URL."""
    if request.param == "tcp":
        server = OnlyOne(meters)
        url = f"tcp://127.0.0.1:{await server.start()}"
    else:
        server = RtuServer(meters, speed=Speed(19_200, turnaround_ms=8))
        url = f"rtu://{await server.start()}?baudrate=19200"
    yield server, url
    await server.close()


@pytest.fixture
async def running(tmp_path, gateway, wire, meters, until):
    """The gateway that holds the line, after its first polls."""
    _, url = wire
    site = tmp_path / "site.yaml"
    site.write_text(SITE.format(url=url))
    process = await (await gateway("run", site, "--data", tmp_path / "data")).until_ready()
    await until(lambda: all(meters[number].requests > 3 for number in (1, 2)), "the first polls")
    return process


async def frames(folder, device, from_ms, to_ms):
    """What the stopped gateway has left in its journal."""
    journal = await Journal.open(folder, JournalConfig(), SystemClock())
    try:
        return await journal.frames(device, from_ms, to_ms, 1_000)
    finally:
        await journal.close()


async def test_read_beside_a_gateway_goes_through_it_and_ends_with_it(wire, running, maplebridge):
    server, url = wire
    alias = url.replace("127.0.0.1", "localhost")
    answers = [
        await maplebridge("read", alias, "--profile", "eastron-sdm630", "--unit", number, "--json")
        for number in (1, 3)
    ]
    for number, answer in zip((1, 3), answers, strict=True):
        assert answer.code == 0, answer.err
        assert answer.json["points"]["ac_voltage_l1_v"] == {
            "value": 230.0 + number, "unit": "V", "quality": "good",
        }  # fmt: skip
        assert "through the running gateway of site hall (pid" in answer.err
    assert getattr(server, "connected", 1) == 1
    assert server.line.overlaps == 0
    assert running.alive
    bus = await open_shared_bus(BusLine("read", url), {}, lambda _: None)
    assert await running.stop() == 0
    with pytest.raises(Exception, match="the gateway is stopping"):
        await bus.fetch(1, Span(Table.INPUT, 0, 2))
    bus.close()


async def test_a_scan_leaves_the_polling_its_schedule(tmp_path, wire, running, maplebridge):
    server, url = wire
    from_ms = time.time_ns() // 1_000_000
    answer = await maplebridge("scan", url, "--units", "2-4", "--json")
    to_ms = time.time_ns() // 1_000_000
    assert await running.stop() == 0
    assert answer.code == 0, answer.err
    assert {device["unit"]: device["profile"] for device in answer.json["devices"]} == dict.fromkeys(
        (2, 3), "eastron-sdm630"
    )
    assert "through the running gateway of site hall (pid" in answer.err
    assert getattr(server, "connected", 1) == 1
    assert server.line.overlaps == 0
    slots = (to_ms - from_ms) // 1_000
    assert slots > 3
    for device in ("meter-1", "meter-2"):
        seen = await frames(tmp_path / "data", device, from_ms, to_ms)
        assert len(seen) >= 0.95 * slots
        assert all(frame.reason is None for frame in seen)


@pytest.mark.parametrize("wire", ["pty"], indirect=True)
async def test_a_gateway_that_is_killed_is_named(wire, running):
    _, url = wire
    bus = await open_shared_bus(BusLine("read", url), {}, lambda _: None)
    await bus.fetch(1, Span(Table.INPUT, 0, 2))
    await running.kill()
    with pytest.raises(Exception, match=r"the running gateway of site hall \(pid \d+\) has ended"):
        await bus.fetch(1, Span(Table.INPUT, 0, 2))
    assert not bus.is_open


@pytest.mark.parametrize("wire", ["tcp"], indirect=True)
async def test_a_scan_ends_with_the_gateway_that_it_goes_through(wire, running, gateway, until):
    server, url = wire
    scan = await gateway("scan", url, "--units", "1-60", "--json")
    await until(lambda: "through the running gateway" in scan.log, "the scan's first words")
    await running.kill()
    assert await scan.ended(10) == 1
    assert re.search(r"the running gateway of site hall \(pid \d+\) has ended", scan.log)
    assert server.connected == 1


@pytest.mark.parametrize("wire", ["pty"], indirect=True)
async def test_a_gateway_that_is_frozen_keeps_its_line(wire, running, maplebridge):
    server, url = wire
    running.freeze()
    answer = await maplebridge("read", url, "--profile", "eastron-sdm630", "--json")
    running.thaw()
    assert (answer.code, answer.out) == (1, "")
    assert "does not say which lines it holds; is it frozen?" in answer.err
    assert getattr(server, "connected", 1) == 1


HOLD = """
import sys, time, serial
port = serial.Serial(sys.argv[1], exclusive=True)
print("held", flush=True)
time.sleep(60)
"""


async def test_another_process_that_holds_the_port_is_named(tmp_path, meters, maplebridge):
    server = RtuServer(meters)
    path = await server.start(tmp_path / "tty")
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, os.path.realpath(path), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert await holder.stdout.readline() == b"held\n"
        answer = await maplebridge("read", f"rtu://{path}", "--profile", "eastron-sdm630")
    finally:
        holder.kill()
        await holder.wait()
        await server.close()
    assert (answer.code, answer.out) == (1, "")
    assert f"{path} is held by python" in answer.err
    assert f"(pid {holder.pid})" in answer.err
