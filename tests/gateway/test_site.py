"""A site comes up, hands frames on and goes down, whatever its buses do."""

import asyncio
import socket
from pathlib import Path

import pytest

from agent.simulator.device import SimulatedDevice
from agent.simulator.server import TcpServer
from gateway.config import load_site
from gateway.journal.errors import JournalLocked
from gateway.profiles import ProfileShelf
from gateway.site import Ready, Site

SITE = """\
version: 1
site: {{id: hall, name: {{en: Hall, zh: 村部}}}}
buses: [{{id: lan-1, url: "tcp://127.0.0.1:{port}"}}]
devices: [{{id: meter-1, profile: eastron-sdm630, bus: lan-1, unit: 1, every: 200ms, role: main_meter}}]
journal: {{commit_every: 100ms}}
"""


def config(tmp_path: Path, port: int):
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(port=port))
    return load_site(path)


@pytest.fixture
def nowhere() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
async def meter():
    device = SimulatedDevice(ProfileShelf().find("eastron-sdm630"))
    device.set(active_power_kw=12.5, ac_voltage_l1_v=230.0)
    server = TcpServer({1: device})
    port = await server.start()
    yield device, port
    await server.close()


async def run_until(site: Site, condition, ready: list[Ready] | None = None) -> None:
    """Run the site until the condition holds, at most 10 s, then stop it."""
    stop = asyncio.Event()

    async def watch() -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.02)
        stop.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        await site.run(stop, (ready if ready is not None else []).append)


async def test_a_register_on_the_wire_becomes_a_frame_in_the_journal(tmp_path, meter):
    _, port = meter
    site = Site(config(tmp_path, port), tmp_path / "data")
    await run_until(site, lambda: site.journal.head() >= 3 if hasattr(site, "journal") else False)
    frame = site.live.last["meter-1"]
    assert frame.good_values()["active_power_kw"] == 12.5
    again = Site(config(tmp_path, port), tmp_path / "data")
    await run_until(again, lambda: "meter-1" in again.live.last)
    assert again.live.last["meter-1"].boot != frame.boot


async def test_it_says_ready_and_stops_while_no_bus_can_be_reached(tmp_path, nowhere):
    ready: list[Ready] = []
    site = Site(config(tmp_path, nowhere), tmp_path / "data")
    await run_until(site, lambda: bool(ready), ready)
    assert ready == [Ready(None, None, None)]
    assert site.live.last["meter-1"].reason == "refused"


async def test_a_second_gateway_on_the_same_folder_is_refused(tmp_path, meter):
    _, port = meter
    site = Site(config(tmp_path, port), tmp_path / "data")
    refused: list[JournalLocked] = []

    def try_another() -> bool:
        return bool(refused)

    async def second() -> None:
        async with asyncio.timeout(10):
            while "meter-1" not in site.live.last:
                await asyncio.sleep(0.02)
        with pytest.raises(JournalLocked) as error:
            await Site(config(tmp_path, port), tmp_path / "data").run(asyncio.Event(), lambda _ready: None)
        refused.append(error.value)

    async with asyncio.TaskGroup() as group:
        group.create_task(second())
        await run_until(site, try_another)
    assert str(tmp_path / "data") in str(refused[0])


async def test_a_reload_replaces_the_bus_and_numbers_go_on(tmp_path, meter):
    _, port = meter
    first = config(tmp_path, port)
    site = Site(first, tmp_path / "data")
    seen: list[int] = []
    site.live.listen(
        lambda kind, frame: seen.append(frame.seq) if kind == "frame" and frame.device == "meter-1" else None
    )

    async def change() -> None:
        async with asyncio.timeout(10):
            while len(seen) < 3:
                await asyncio.sleep(0.02)
            path = tmp_path / "site.yaml"
            path.write_text(path.read_text().replace("200ms", "100ms"))
            plan = await site.reload(load_site(path))
            assert plan.start == ("bus:lan-1",)

    async with asyncio.TaskGroup() as group:
        group.create_task(change())
        await run_until(site, lambda: len(seen) >= 8)
    assert seen == list(range(1, len(seen) + 1))
