"""A site comes up, hands frames on and goes down, whatever its buses do."""

import asyncio
import socket
from pathlib import Path

import pytest

from agent.reading import Quality
from agent.rules.engine import Engine
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


async def test_a_counter_that_falls_while_nobody_looks_is_not_believed(tmp_path, meter):
    device, port = meter
    device.set(energy_import_kwh=1_000.0)
    site = Site(config(tmp_path, port), tmp_path / "data")
    await run_until(site, lambda: site.journal.head() >= 3 if hasattr(site, "journal") else False)
    assert site.history.last("meter-1")["energy_import_kwh"][1] == 1_000.0
    device.set(energy_import_kwh=0.0)
    again = Site(config(tmp_path, port), tmp_path / "data")
    await run_until(again, lambda: "energy_import_kwh" in again.live.values.get("meter-1", {}))
    frame, index = again.live.values["meter-1"]["energy_import_kwh"]
    assert (frame.values[index], frame.faults[index]) == (None, Quality.BAD)


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


async def change(site: Site, when, *changes: tuple[str, str]):
    """Reload the site file with these changes once the condition holds."""
    async with asyncio.timeout(10):
        while not when():
            await asyncio.sleep(0.02)
    path = site.config.path
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return await site.reload(load_site(path))


async def test_a_reload_before_the_first_poll_waits_for_it(tmp_path, meter):
    _, port = meter
    site = Site(config(tmp_path, port), tmp_path / "data")
    done = []

    async def at_once() -> None:
        done.append(await change(site, lambda: True, ("200ms", "100ms")))

    async with asyncio.TaskGroup() as group:
        group.create_task(at_once())
        await run_until(site, lambda: bool(done))
    assert done[0].start == ("bus:lan-1",)


async def test_a_stop_in_the_middle_of_a_reload_just_stops(tmp_path, meter):
    _, port = meter
    site = Site(config(tmp_path, port), tmp_path / "data")
    asked = asyncio.Event()

    def polled() -> bool:
        if "meter-1" in site.live.last:
            asked.set()
        return asked.is_set()

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(change(site, polled, ("200ms", "100ms")))
        await run_until(site, asked.is_set)


async def test_what_a_reload_removes_leaves_nothing_behind(tmp_path, meter, nowhere):
    _, port = meter
    first = config(tmp_path, port)
    more = (
        SITE.format(port=port)
        .replace("buses: [", f'buses: [{{id: lan-2, url: "tcp://127.0.0.1:{nowhere}"}}, ')
        .replace("devices: [", "devices: [{id: meter-2, profile: eastron-sdm630, bus: lan-2, unit: 1}, ")
    )
    north = f'mqtt: {{url: "mqtt://127.0.0.1:{nowhere}"}}\ninfluxdb: {{url: "http://127.0.0.1:{nowhere}"}}\n'
    first.path.write_text(more + north)
    site = Site(load_site(first.path), tmp_path / "data")
    done = []

    async def shrink() -> None:
        done.append(
            await change(site, lambda: "meter-2" in site.live.last, (more + north, SITE.format(port=port)))
        )
        assert list(site.pollers) == ["lan-1"]
        assert (site.north.mqtt, site.north.influxdb) == ({}, None)
        assert site.journal.readers() <= {"history", "desk"}

    async with asyncio.TaskGroup() as group:
        group.create_task(shrink())
        await run_until(site, lambda: bool(done))
    assert set(done[0].stop) - set(done[0].start) == {"bus:lan-2", "mqtt:mqtt", "influxdb"}


async def test_changed_rules_remember_what_the_journal_has(tmp_path, meter):
    _, port = meter
    site = Site(config(tmp_path, port), tmp_path / "data")
    remembered = []

    async def another_rate() -> None:
        remember = Engine.remember
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Engine, "remember", lambda *told: (remembered.append(told[0]), remember(*told))[1])
            await change(
                site, lambda: "meter-1" in site.live.last and site.journal.head() > 3, ("200ms", "100ms")
            )
        assert remembered
        assert set(map(id, remembered)) == {id(site.engine)}

    async with asyncio.TaskGroup() as group:
        task = group.create_task(another_rate())
        await run_until(site, task.done)


@pytest.fixture
def service_manager(tmp_path, monkeypatch):
    """Where systemd would listen, wanting a sign of life each 300 ms."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        yield listener


def signs_of_life(listener: socket.socket) -> int:
    count = 0
    while True:
        try:
            count += listener.recv(200) == b"WATCHDOG=1"
        except BlockingIOError:
            return count


async def test_signs_of_life_come_between_commits_that_are_far_apart(tmp_path, meter, service_manager):
    _, port = meter
    first = config(tmp_path, port)
    first.path.write_text(first.path.read_text().replace("commit_every: 100ms", "commit_every: 60s"))
    site = Site(load_site(first.path), tmp_path / "data")
    signs = []

    def enough() -> bool:
        signs.append(signs_of_life(service_manager))
        return sum(signs) >= 6

    await run_until(site, enough)


async def test_no_sign_of_life_while_no_device_is_polled_or_no_commit_is_tried(
    tmp_path, meter, service_manager
):
    _, port = meter
    site = Site(config(tmp_path, port), tmp_path / "data")
    stop = asyncio.Event()

    async def stall(what: str) -> None:
        async with asyncio.timeout(10):
            while not signs_of_life(service_manager):
                await asyncio.sleep(0.02)
        if what == "polls":
            await site.parts.stop("bus:lan-1")
        else:
            await site.journal._committing.acquire()
        quiet = 0
        async with asyncio.timeout(10):
            while quiet < 10:  # half a second, longer than the patience of 0.4 s
                await asyncio.sleep(0.05)
                quiet = 0 if signs_of_life(service_manager) else quiet + 1
        if what == "commits":
            site.journal._committing.release()

    async def both() -> None:
        await stall("commits")
        await stall("polls")
        stop.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(both())
        await site.run(stop, lambda _ready: None)


OWN_RULE = """\
version: 1
rules:
  - id: X-01
    title: {en: Power, zh: 功率}
    cause: {en: c, zh: 因}
    consequence: {en: q, zh: 果}
    action: {en: a, zh: 措}
    scope: {kind: inverter}
    when: avg(ac_power_kw, '10m') > 1
    for: 0s
    severity: low
"""


def sunspec_site(tmp_path: Path, port: int):
    (tmp_path / "rules.yaml").write_text(OWN_RULE)
    text = SITE.replace("eastron-sdm630", "sunspec-inverter").replace(", role: main_meter", "")
    (tmp_path / "site.yaml").write_text(
        text.format(port=port) + "rules: [rules.yaml]\nstandard_rules: false\n"
    )
    return load_site(tmp_path / "site.yaml")


async def test_windows_of_a_sunspec_device_and_its_open_alert_are_there_before_its_first_answer(
    tmp_path, nowhere
):
    device = SimulatedDevice(ProfileShelf().find("sunspec-inverter"))
    device.set(ac_power_kw=5.0)
    server = TcpServer({1: device})
    site = Site(sunspec_site(tmp_path, await server.start()), tmp_path / "data")

    def raised() -> bool:
        return (
            bool(site.live.last)
            and bool(site.open_alerts())
            and "ac_power_kw" in site.history.last("meter-1")
        )

    await run_until(site, raised)
    await server.close()
    again = Site(sunspec_site(tmp_path, nowhere), tmp_path / "data")
    await run_until(again, lambda: "meter-1" in again.live.last)
    assert [report.bound for report in again.engine.bindings()] == [True]
    assert again.engine.memory_ms() == {"meter-1": 600_000}
    (alert,) = again.open_alerts()
    assert (alert.rule, alert.values["ac_power_kw"]) == ("X-01", 5.0)
