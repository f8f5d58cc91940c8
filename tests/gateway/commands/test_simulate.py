"""`maplebridge simulate` serves devices that a Modbus client can read, and says where."""

import asyncio
import json
import shutil
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.modbus.address import Span, Table
from agent.modbus.decode import compile_block
from agent.modbus.endpoint import parse_url
from agent.modbus.plan import plan
from gateway.config import load_site
from gateway.profiles import ProfileShelf

DUMPS = Path(__file__).parents[2] / "data" / "dumps"

SITE = """\
version: 1
site: {id: lab, name: {en: Lab, zh: 实验室}}
buses:
  - {id: lan, url: "tcp://192.0.2.1:502"}   # kept as written
  - {id: line, url: 'rtu:///dev/ttyUSB0?baudrate=19200&parity=E'}
  - {id: far, url: 'rtu+tcp://192.0.2.2:4001?baudrate=19200'}
devices:
  - {id: inv-1, profile: goodwe-dt, bus: lan, unit: 127, rated_kw: 20}
  - {id: meter-1, profile: eastron-sdm630, bus: line, unit: 3, role: main_meter}
"""


@asynccontextmanager
async def running(*arguments):
    """The command in its own process, and what it says when it is ready."""
    command = [sys.executable, "-c", "from gateway.commands import main; main()", "simulate"]
    process = await asyncio.create_subprocess_exec(
        *command, *map(str, arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    line = await asyncio.wait_for(process.stdout.readline(), 20)
    try:
        yield json.loads(line or b"{}"), process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 10)


async def ask(url, unit, span):
    """One read over TCP; the words, or the exception code."""
    endpoint = parse_url(url)
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    pdu = bytes((span.table.function,)) + span.start.to_bytes(2) + span.count.to_bytes(2)
    writer.write(b"\0\1\0\0" + (len(pdu) + 1).to_bytes(2) + bytes((unit,)) + pdu)
    head = await asyncio.wait_for(reader.readexactly(7), 5)
    body = await asyncio.wait_for(reader.readexactly(int.from_bytes(head[4:6]) - 1), 5)
    writer.close()
    if body[0] & 0x80:
        return body[1]
    return [int.from_bytes(body[i : i + 2]) for i in range(2, len(body), 2)]


async def test_a_dump_is_served_as_it_was_recorded():
    async with running("--dump", DUMPS / "keba-p30x-free.json") as (ready, process):
        assert ready["event"] == "ready"
        assert ready["unit"] == 255
        assert await ask(ready["url"], 255, Span(Table.HOLDING, 1018, 2)) == [778, 13568]
        assert await ask(ready["url"], 255, Span(Table.HOLDING, 1000, 6)) == 2
    assert process.returncode == 0


async def test_a_dump_folder_is_served_on_a_serial_line(tmp_path):
    shutil.copy(DUMPS / "heidelberg-energy-control-idle.json", tmp_path / "dump.json")
    async with running("--dump", tmp_path, "--rtu", tmp_path / "line") as (ready, _):
        assert ready == {"event": "ready", "url": f"rtu://{tmp_path}/line", "unit": 2}
        assert (tmp_path / "line").is_symlink()
    assert not (tmp_path / "line").exists()


async def test_a_site_is_served_and_written_with_the_urls_that_reach_it(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "faults.yaml").write_text("version: 1\nfaults: [{device: meter-1, do: dead}]\n")
    arguments = (tmp_path / "site.yaml", "--faults", tmp_path / "faults.yaml")
    async with running(*arguments) as (ready, process):
        simulated = load_site(Path(ready["site"]))
        urls = {bus.id: bus.url for bus in simulated.buses}
        assert "# kept as written" in Path(ready["site"]).read_text()
        assert parse_url(urls["line"]).parity == "E"
        assert [parse_url(urls[bus]).baudrate for bus in ("line", "far")] == [19_200, 19_200]
        assert {entry["device"] for entry in ready["devices"]} == {"inv-1", "meter-1"}
        profile = ProfileShelf().find("goodwe-dt")
        for block in plan(profile, cost=parse_url(urls["lan"]).cost()):
            values, _ = compile_block(block)(await ask(urls["lan"], 127, block.span))
            read = dict(zip((p.name for p in block.points), values, strict=True))
            if "state" in read:
                assert read["state"] == "running"
                assert 4 < read["ac_power_kw"] < 12
    assert process.returncode == 0


async def test_a_script_of_faults_is_played_and_told(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "faults.yaml").write_text(
        "version: 1\nfaults:\n"
        "  - {device: inv-1, do: refuse, code: 6, to: 2s}\n"
        "  - {bus: line, do: unplug, to: 1s, says: {en: pulled, zh: 拔出}}\n"
    )
    async with running(tmp_path / "site.yaml", "--faults", tmp_path / "faults.yaml") as (ready, process):
        urls = {entry["device"]: entry["url"] for entry in ready["devices"]}
        told = [json.loads(await asyncio.wait_for(process.stdout.readline(), 5)) for _ in range(2)]
        assert told == [
            {"event": "begins", "do": "refuse", "device": "inv-1"},
            {"event": "begins", "do": "unplug", "bus": "line", "says": {"en": "pulled", "zh": "拔出"}},
        ]
        assert await ask(urls["inv-1"], 127, Span(Table.HOLDING, 35_000, 1)) == 6
        port = Path(parse_url(urls["meter-1"]).path)
        assert not port.exists()
        told = [json.loads(await asyncio.wait_for(process.stdout.readline(), 5))["event"] for _ in range(2)]
        assert told == ["ends", "ends"]
        assert await ask(urls["inv-1"], 127, Span(Table.HOLDING, 30_100, 1)) != 6
        assert port.is_symlink()
    assert not port.is_symlink()


async def test_what_is_wrong_in_the_script_is_told_with_its_place(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE)
    faults = tmp_path / "faults.yaml"
    faults.write_text("version: 1\nfaults: [{device: inv-9, do: dead}]\n")
    command = [
        sys.executable,
        "-c",
        "from gateway.commands import main; main()",
        "simulate",
        str(tmp_path / "site.yaml"),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, "--faults", str(faults), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, out) == (2, b"")
    assert err.decode().startswith(f"{faults}:2:19: there is no device 'inv-9'; use one of inv-1, meter-1")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give either a site file or --dump"),
        (("--dump", "nowhere"), "nowhere: cannot be read"),
        (("nowhere.yaml",), "nowhere.yaml:1:1: cannot be read"),
    ],
)
async def test_what_cannot_be_served_is_refused_in_one_line(arguments, says):
    command = [sys.executable, "-c", "from gateway.commands import main; main()", "simulate", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert out == b""
    assert err.decode().startswith(says)
    assert err.count(b"\n") == 1
