"""What devices refuse is found out once: restarts, reloads and the next device of the model need not ask again."""

import asyncio

import pytest

from agent.simulator.server import TcpServer
from agent.simulator.unit import Unit
from gateway.config import load_site
from gateway.site import Site

PROFILE = """\
version: 1
profile: odd-meter
kind: meter
vendor: Maker
model: M
title: {en: Odd meter, zh: 电表}
sources: ["made up for a test"]
link: {timeout: 300ms}
every: 100ms
points:
  - {name: model, table: holding, address: 100, type: string:2, every: 1h}
  - {name: firmware, table: holding, address: 102, type: string:2, every: 1h}
  - {name: active_power_kw, table: holding, address: 1, type: u16}
  - {name: energy_import_kwh, table: holding, address: 2, type: u16}
  - {name: energy_export_kwh, table: holding, address: 3, type: u16}
  - {name: frequency_hz, table: holding, address: 8, type: u16}
"""
NAMELESS = "\n".join(line for line in PROFILE.splitlines() if "string" not in line)


class OddMeter(Unit):
    """It says its own addresses, and refuses a read that touches register 3 or 5."""

    def __init__(self, model="MDL1", firmware="1.00"):
        super().__init__()
        self.lacks, self.reads = {3, 5}, []
        text = (model + firmware).encode()
        self.words = {100 + i: int.from_bytes(text[2 * i : 2 * i + 2]) for i in range(4)}

    def read(self, table, start, count):
        wanted = range(start, start + count)
        refused = bool(self.lacks & set(wanted))
        self.reads.append((start, count, refused))
        return 2 if refused else [self.words.get(a, a) for a in wanted]

    @property
    def refused(self):
        return [read for read in self.reads if read[2]]


@pytest.fixture
async def gateway(tmp_path):
    """`gateway({device: (unit id, unit)})` runs a gateway until each has given five frames; returns those."""
    servers = []

    async def run(units, *, profile=PROFILE, reload=None):
        server = TcpServer(dict(units.values()))
        servers.append(server)
        port = await server.start()
        (tmp_path / "profiles").mkdir(exist_ok=True)
        (tmp_path / "profiles" / "odd-meter.yaml").write_text(profile)
        path = tmp_path / "site.yaml"

        def write(every):
            devices = "\n".join(
                f"  - {{id: {name}, profile: odd-meter, bus: lan, unit: {number}, every: {every}}}"
                for name, (number, _) in units.items()
            )
            path.write_text(
                "version: 1\nsite: {id: s, name: {en: S, zh: S}}\n"
                f'buses: [{{id: lan, url: "tcp://127.0.0.1:{port}"}}]\ndevices:\n{devices}\n'
                "journal: {commit_every: 100ms}\n"
            )
            return load_site(path)

        site = Site(write("100ms"), tmp_path / "data")
        stop, frames = asyncio.Event(), {name: [] for name in units}
        take = site.take

        def taken(frame):
            take(frame)
            if frame.device in frames:
                frames[frame.device].append(frame)

        site.take = taken

        async def watch():
            async with asyncio.timeout(10):
                while min(map(len, frames.values())) < 5:
                    await asyncio.sleep(0.02)
                if reload:
                    await reload(site, lambda: write("150ms"))
                    before = {name: len(seen) for name, seen in frames.items()}
                    while any(len(frames[name]) < before[name] + 3 for name in frames):
                        await asyncio.sleep(0.02)
            stop.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(watch())
            await site.run(stop, lambda _ready: None)
        return frames

    yield run
    for server in servers:
        await server.close()


def readable(frames):
    """Whether every good frame had all that can be read."""
    wanted = {"active_power_kw", "energy_import_kwh", "frequency_hz"}
    return all(f.good_values().keys() >= wanted for seen in frames.values() for f in seen)


@pytest.mark.parametrize("profile", [PROFILE, NAMELESS], ids=["says what it is", "says nothing"])
async def test_after_a_restart_nothing_is_asked_that_was_refused_before(gateway, profile):
    first, again = OddMeter(), OddMeter()
    assert readable(await gateway({"m": (1, first)}, profile=profile))
    assert first.refused
    assert readable(await gateway({"m": (1, again)}, profile=profile))
    assert again.refused == []


async def test_the_next_device_of_the_model_is_not_asked_for_it_either(gateway):
    await gateway({"m": (1, OddMeter())})
    new = OddMeter()
    assert readable(await gateway({"other": (2, new)}))
    assert new.refused == []


@pytest.mark.parametrize(
    "new", [OddMeter(firmware="2.00"), OddMeter(model="MDL2")], ids=["firmware", "model"]
)
async def test_another_firmware_or_model_is_asked_for_everything(gateway, new):
    await gateway({"m": (1, OddMeter())})
    new.lacks = {5}
    frames = await gateway({"m": (1, new)})
    assert new.refused
    assert {f.reading("energy_export_kwh").value for f in frames["m"]} == {3.0}


async def test_a_device_that_does_not_say_what_it_is_teaches_nothing_about_others(gateway):
    await gateway({"m": (1, OddMeter())}, profile=NAMELESS)
    new = OddMeter()
    await gateway({"other": (2, new)}, profile=NAMELESS)
    assert new.refused


async def test_a_reload_does_not_find_it_out_again(gateway):
    unit = OddMeter()

    async def reload(site, config):
        unit.reads.clear()
        await site.reload(config())

    assert readable(await gateway({"m": (1, unit)}, reload=reload))
    assert unit.reads
    assert unit.refused == []
