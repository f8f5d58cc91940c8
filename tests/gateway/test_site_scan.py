"""A scan beside the polls of a running site: what it finds, what ends it, and whom it leaves alone."""

import asyncio
import contextlib

import pytest

from agent.simulator.device import SimulatedDevice
from agent.simulator.server import TcpServer
from gateway.config import load_site
from gateway.console.ports import ActRefused, WrongArguments
from gateway.profiles import ProfileShelf
from gateway.site import Site
from gateway.site_scan import SiteScan

SITE = """\
version: 1
site: {{id: hall, name: {{en: Hall, zh: 村部}}}}
buses: [{{id: lan-1, url: "tcp://127.0.0.1:{port}"}}]
devices: [{{id: meter-1, profile: eastron-sdm630, bus: lan-1, unit: 1, every: 500ms, role: main_meter}}]
"""
NORMAL = {
    "active_power_kw": 12.5,
    "frequency_hz": 50.0,
    **{f"ac_voltage_l{phase}_v": 230.0 for phase in (1, 2, 3)},
    "energy_import_kwh": 5_000.0,
}


@pytest.fixture
async def line():
    """Two meters; the site file has the first."""
    units = {}
    for unit in (1, 5):
        units[unit] = SimulatedDevice(ProfileShelf().find("eastron-sdm630"))
        units[unit].set(**NORMAL | {"energy_import_kwh": 5_000.0 * unit})
    server = TcpServer(units)
    server.port = await server.start()
    yield server
    await server.close()


@contextlib.asynccontextmanager
async def running(tmp_path, port):
    """A site that polls, and its scan."""
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(port=port))
    site, stop, ready = Site(load_site(path), tmp_path / "data"), asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(site.run(stop, lambda _ready: ready.set()))
        try:
            async with asyncio.timeout(10):
                await ready.wait()
            yield site, SiteScan(site), path
        finally:
            stop.set()


async def until(scan, fits):
    async with asyncio.timeout(40):
        while not fits(scan.document()):
            await asyncio.sleep(0.05)
    return scan.document()


def is_over(document):
    return document["state"] != "running"


async def test_it_finds_what_the_site_file_lacks_while_the_site_is_polled(tmp_path, line):
    async with running(tmp_path, line.port) as (site, scan, path):
        before = path.read_text()
        assert [(bus["id"], bus["devices"]) for bus in scan.buses()] == [("lan-1", 1)]
        assert scan.document() is None
        await scan.start(bus="lan-1", units="1,5", thorough=False, by="wang")
        frames = site.frames
        document = await until(scan, is_over)
        assert (document["state"], document["why"], document["by"]) == ("done", None, "wang")
        known, new = document["units"]
        assert (known["unit"], known["device"], new["unit"], new["device"]) == (1, "meter-1", 5, None)
        assert new["profile"] == "eastron-sdm630"
        values = {value["point"]: value["value"] for value in new["values"]}
        assert values["frequency_hz"] == 50.0
        assert document["yaml"].startswith(
            "devices:\n  - {id: meter-2, profile: eastron-sdm630, bus: lan-1, unit: 5"
        )
        assert site.frames > frames, "the polls went on"
        assert path.read_text() == before
        assert site.seats.guest("lan-1") is None


async def test_the_proposed_lines_are_a_site_file_that_loads(tmp_path, line):
    async with running(tmp_path, line.port) as (_site, scan, _path):
        await scan.start(bus="lan-1", units="5", thorough=False, by="wang")
        document = await until(scan, is_over)
        lines = document["yaml"].removeprefix("devices:\n")
        pasted = tmp_path / "pasted.yaml"
        head = SITE.format(port=line.port).partition("devices:")[0]
        first = "  - {id: meter-1, profile: eastron-sdm630, bus: lan-1, unit: 1}\n"
        pasted.write_text(f"{head}devices:\n{first}{lines}")
        assert [device.id for device in load_site(pasted).devices] == ["meter-1", "meter-2"]


async def test_it_stops_at_once_and_can_begin_again(tmp_path, line):
    async with running(tmp_path, line.port) as (site, scan, _path):
        await scan.start(bus="lan-1", units=None, thorough=False, by="wang")
        await until(scan, lambda document: document["done"] > 0)
        assert site.seats.guest("lan-1") == "a scan that wang has started"
        with pytest.raises(ActRefused) as refused:
            await scan.start(bus="lan-1", units="1", thorough=False, by="li")
        assert refused.value.document == {"guard": "scan_running"}
        assert scan.document()["left_ms"] > 0
        await scan.stop()
        assert scan.document()["state"] == "stopped"
        assert site.seats.guest("lan-1") is None
        await scan.start(bus="lan-1", units="1", thorough=False, by="li")
        assert (await until(scan, is_over))["state"] == "done"


async def test_a_stop_before_it_has_begun_ends_it_too(tmp_path, line):
    async with running(tmp_path, line.port) as (_site, scan, _path):
        await scan.start(bus="lan-1", units="1", thorough=False, by="wang")
        await scan.stop()
        assert scan.document()["state"] == "stopped"
        await scan.stop()


async def test_another_guest_is_not_pushed_aside(tmp_path, line):
    async with running(tmp_path, line.port) as (site, scan, _path):
        async with site.seats.take("lan-1", site.pollers["lan-1"], "another guest (pid 7)"):
            with pytest.raises(ActRefused, match="pid 7") as refused:
                await scan.start(bus="lan-1", units="1", thorough=False, by="wang")
        assert refused.value.document == {"guard": "bus_in_use"}
        assert scan.document() is None


async def test_a_bus_that_the_site_lets_go_of_ends_the_scan_and_nothing_else(tmp_path, line):
    async with running(tmp_path, line.port) as (site, scan, _path):
        await scan.start(bus="lan-1", units=None, thorough=False, by="wang")
        await until(scan, lambda document: document["done"] > 0)
        await site.parts.stop("bus:lan-1")
        document = await until(scan, is_over)
        assert document["state"] == "failed"
        assert document["why"]


@pytest.mark.parametrize(
    ("bus", "units", "where"), [("nowhere", None, "body.bus"), ("lan-1", "0-900", "body.units")]
)
async def test_what_does_not_fit_is_told_where(tmp_path, line, bus, units, where):
    async with running(tmp_path, line.port) as (_site, scan, _path):
        with pytest.raises(WrongArguments) as wrong:
            await scan.start(bus=bus, units=units, thorough=False, by="wang")
        assert wrong.value.errors[0][0] == where
