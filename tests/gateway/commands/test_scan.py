"""`maplebridge scan` as a person calls it, from the wire to a site file that passes `check`."""

import asyncio
import json

from typer.testing import CliRunner

from agent.simulator.device import SimulatedDevice
from agent.simulator.motion import Motion
from agent.simulator.server import TcpServer
from gateway.commands import _app
from gateway.config import load_site
from gateway.profiles import ProfileShelf

SHELF = ProfileShelf()
SITE = {"version": 1, "site": {"id": "hall", "name": {"en": "Hall", "zh": "站"}}}


def device(name):
    made = SimulatedDevice(SHELF.find(name))
    made.set(**Motion(name, made.free_points).values(0.0))
    return made


async def command(*arguments):
    return await asyncio.to_thread(CliRunner().invoke, _app, list(arguments))


async def test_what_is_found_can_be_pasted_and_read(tmp_path):
    names = {1: "sunspec-inverter", 2: "eastron-sdm630", 3: "rs485-pyranometer"}
    server = TcpServer({unit: device(name) for unit, name in names.items()})
    url = f"tcp://127.0.0.1:{await server.start()}"
    try:
        result = await command("scan", url, "--units", "1-4", "--json")
        assert result.exit_code == 0, result.stderr
        document = json.loads(result.stdout)
        found = {entry["unit"]: entry for entry in document["devices"]}
        assert {unit: entry["profile"] for unit, entry in found.items()} == {
            1: "sunspec-inverter",
            2: "eastron-sdm630",
            3: None,
        }
        assert all(found[unit]["confidence"] >= 0.8 for unit in (1, 2))
        assert (found[3]["confidence"], found[1]["url"], found[1]["serial"]) == (0.0, url, "SIM-1")
        entries = [entry["entry"] for entry in document["devices"] if entry["profile"]]
        site = tmp_path / "site.yaml"
        site.write_text(json.dumps(SITE | {"buses": document["buses"], "devices": entries}))
        assert [d.profile.name for d in load_site(site).devices] == ["sunspec-inverter", "eastron-sdm630"]
        for entry in entries:
            read = await command(
                "read", url, "--profile", entry["profile"], "--unit", str(entry["unit"]), "--json"
            )
            document = json.loads(read.stdout)
            assert document["findings"] == []
            assert all(point["quality"] != "bad" for point in document["points"].values())
    finally:
        await server.close()


async def test_people_get_it_in_their_language():
    server = TcpServer({2: device("eastron-sdm630")})
    url = f"tcp://127.0.0.1:{await server.start()}"
    try:
        result = await command("scan", url, "--units", "2", "--lang", "zh")
    finally:
        await server.close()
    assert "最多" in result.stderr, "how long it may take comes first"
    assert "profile: eastron-sdm630" in result.stdout
    assert "站号 2" in result.stdout


async def test_a_line_that_cannot_be_opened():
    server = TcpServer({})
    port = await server.start()
    await server.close()
    result = await command("scan", f"tcp://127.0.0.1:{port}", "--units", "1")
    assert result.exit_code == 1
    assert "refuses the connection" in result.stderr


async def test_units_that_cannot_be():
    result = await command("scan", "rtu:///dev/ttyUSB0", "--units", "0-3")
    assert (result.exit_code, result.stdout) == (2, "")
