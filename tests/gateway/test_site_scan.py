"""A search from the console, through the gateway's own door: the site's polls go on, one search at a time."""

import asyncio

import pytest

from agent.simulator.device import SimulatedDevice
from agent.simulator.server import TcpServer
from gateway.console.ports import ActRefused, WrongArguments
from gateway.profiles import ProfileShelf
from gateway.site import Site
from tests.gateway.test_site import config


@pytest.fixture
async def line():
    """The meter that the site polls, and one that it does not know."""
    units = {}
    for unit in (1, 7):
        units[unit] = SimulatedDevice(ProfileShelf().find("eastron-sdm630"), f"SIM-{unit}")
        units[unit].set(active_power_kw=12.5, ac_voltage_l1_v=230.0, frequency_hz=50.0)
    server = TcpServer(units)
    yield await server.start()
    await server.close()


async def searched(tmp_path, port, act):
    """Run a site and `act` beside it, once it polls."""
    site, stop = Site(config(tmp_path, port), tmp_path / "data"), asyncio.Event()

    async def beside():
        async with asyncio.timeout(120):
            while "meter-1" not in site.live.last:
                await asyncio.sleep(0.02)
            await act(site)
        stop.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(beside())
        await site.run(stop, lambda _ready: None)


async def ended(site):
    async with asyncio.timeout(60):
        while site.scan.state()["state"] == "running":
            await asyncio.sleep(0.02)
    return site.scan.state()


async def test_it_finds_what_hangs_on_the_bus_while_the_site_goes_on_polling(tmp_path, line):
    async def act(site):
        before = site.live.last["meter-1"].seq
        told = site.scan.start("lan-1", "1-10", by="zhang")
        assert (told["state"], told["bus"]) == ("running", "lan-1")
        with pytest.raises(ActRefused, match="a search is running"):
            site.scan.start("lan-1", None, by="zhang")
        told = await ended(site)
        assert told["state"] == "done", told["problem"]
        found = told["result"]["devices"]
        assert [(unit["unit"], unit["profile"]) for unit in found] == [
            (1, "eastron-sdm630"),
            (7, "eastron-sdm630"),
        ]
        assert found[1]["values"]["ac_voltage_l1_v"] == 230.0
        assert "unit: 7" in told["result"]["yaml"]
        assert site.live.last["meter-1"].seq > before + 2
        assert not site.live.last["meter-1"].failed

    await searched(tmp_path, line, act)


async def test_it_can_be_stopped_and_begun_again(tmp_path, line):
    async def act(site):
        site.scan.start("lan-1", None, by="zhang")
        await asyncio.sleep(0.3)
        assert site.scan.stop()["state"] == "stopped"
        await asyncio.sleep(0.2)
        assert site.scan.state()["result"] is None
        site.scan.start("lan-1", "7", by="zhang")
        assert [unit["unit"] for unit in (await ended(site))["result"]["devices"]] == [7]

    await searched(tmp_path, line, act)


async def test_what_cannot_be_meant_is_refused_by_name(tmp_path, line):
    async def act(site):
        with pytest.raises(WrongArguments) as unknown:
            site.scan.start("lan-9", None, by="zhang")
        assert unknown.value.errors[0][0] == "bus"
        with pytest.raises(WrongArguments) as wrong:
            site.scan.start("lan-1", "one to ten", by="zhang")
        assert wrong.value.errors[0][0] == "units"
        assert site.scan.state()["state"] == "idle"

    await searched(tmp_path, line, act)
