import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.document import parse
from agent.profile_file import read_profile
from agent.simulator.device import SimulatedDevice
from agent.simulator.dump import DumpedDevice, read_dump
from agent.simulator.fault import faulty
from agent.simulator.server import RtuServer, TcpServer
from gateway.commands import _app
from gateway.profiles import shipped_configs

DUMPS = Path(__file__).parents[2] / "data" / "dumps"


def shipped(name):
    return read_profile(parse((shipped_configs() / "profiles" / f"{name}.yaml").read_text(), f"{name}.yaml"))


async def read(*arguments):
    """The command as a person calls it, beside the server that runs in this loop."""
    return await asyncio.to_thread(CliRunner().invoke, _app, ["read", *arguments])


async def served(unit, *arguments, number=1, profile):
    server = TcpServer({number: unit})
    port = await server.start()
    try:
        return await read(f"tcp://127.0.0.1:{port}", "--profile", profile, "--unit", str(number), *arguments)
    finally:
        await server.close()


async def test_json_is_one_document_with_value_unit_and_quality():
    meter = SimulatedDevice(shipped("eastron-sdm630"))
    meter.set(ac_voltage_l1_v=230.25, active_power_kw=1.5)
    result = await served(meter, "--json", profile="eastron-sdm630")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["profile"] == "eastron-sdm630"
    assert document["points"]["ac_voltage_l1_v"] == {"value": 230.25, "unit": "V", "quality": "good"}
    assert document["points"]["active_power_kw"]["value"] == 1.5
    assert set(document["points"]) == {p.name for p in shipped("eastron-sdm630").points}


async def test_what_the_device_does_not_have_is_null_and_says_why():
    inverter = SimulatedDevice(shipped("sunspec-inverter"))
    inverter.set(ac_power_kw=12.5, temperature_c=None)
    result = await served(inverter, "--json", profile="sunspec-inverter")
    points = json.loads(result.stdout)["points"]
    assert points["ac_power_kw"]["value"] == 12.5
    temperature = points["temperature_c"]
    assert (temperature["value"], temperature["unit"], temperature["quality"]) == (None, "°C", "absent")
    assert temperature["why"] == temperature["why_text"]["en"] == "the device says not available (0x8000)"
    assert temperature["why_text"]["zh"] == "设备表示没有该量(0x8000)"
    assert temperature["words"] == [0x8000]
    assert temperature["where"] == {"table": "holding", "start": 40_103, "count": 1}


async def test_set_fault_bits_are_told_in_words():
    inverter = SimulatedDevice(shipped("sunspec-inverter"))
    inverter.set(ac_power_kw=12.5, fault_code="0,1")
    document = await served(inverter, "--json", profile="sunspec-inverter")
    bits = json.loads(document.stdout)["points"]["fault_code"]["bits"]
    assert [bit["bit"] for bit in bits] == [0, 1]
    assert all(bit["text"]["en"] != bit["text"]["zh"] for bit in bits)
    table = await served(inverter, "--lang", "zh", profile="sunspec-inverter")
    assert "; ".join(bit["text"]["zh"] for bit in bits) in table.stdout


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ("not available", "the device says not available (0x8000)")),
        ("zh", ("设备未提供", "设备表示没有该量(0x8000)")),
    ],
)
async def test_people_get_a_table_in_their_language(lang, words):
    inverter = SimulatedDevice(shipped("sunspec-inverter"))
    inverter.set(ac_power_kw=12.5)
    result = await served(inverter, "--lang", lang, profile="sunspec-inverter")
    assert result.exit_code == 0
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("ac_power_kw")]
    assert "12.5" in row
    for word in words:
        assert word in result.stdout
    assert "holding 40103: 0x8000 " in result.stdout


@pytest.mark.parametrize(
    ("role", "flagged"),
    [
        ((), False),
        (("--role", "sub_meter"), True),
        (("--role", "main_meter"), False),  # by day it may well export
        (("--role", "main_meter", "--dark"), True),
        (("--role", "pv_meter", "--dark"), False),
    ],
)
async def test_a_meter_whose_power_flows_the_wrong_way_for_its_role(role, flagged):
    meter = SimulatedDevice(shipped("eastron-sdm630"))
    meter.set(frequency_hz=50, active_power_kw=-3.0)
    result = await served(meter, "--json", *role, profile="eastron-sdm630")
    found = {finding["check"] for finding in json.loads(result.stdout)["findings"]}
    assert ("reversed_meter" in found) is flagged


async def test_a_serial_line_too(tmp_path):
    meter = SimulatedDevice(shipped("eastron-sdm630"))
    meter.set(frequency_hz=50)
    server = RtuServer({11: meter})
    path = await server.start(tmp_path / "tty")
    try:
        result = await read(
            f"rtu://{path}?baudrate=19200", "--profile", "eastron-sdm630", "--unit", "11", "--json"
        )
        assert json.loads(result.stdout)["points"]["frequency_hz"]["value"] == 50
    finally:
        await server.close()


async def test_a_recorded_device_that_has_only_some_of_the_registers():
    dump = read_dump(json.loads((DUMPS / "eastron-sdm630-ev-meter.json").read_text()))
    result = await served(DumpedDevice(dump), "--json", number=dump.unit_id, profile="eastron-sdm630")
    points = json.loads(result.stdout)["points"]
    assert points["ac_current_l1_a"]["value"] == pytest.approx(15.463, rel=2e-3)
    assert points["active_power_l3_kw"]["value"] == pytest.approx(3.729, rel=2e-3)
    assert points["energy_import_kwh"]["quality"] == "bad"


async def test_a_device_that_does_not_answer_is_said_in_one_line():
    meter = SimulatedDevice(shipped("eastron-sdm630"))
    meter.faults = faulty("dead")
    result = await served(meter, "--json", profile="eastron-sdm630")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no reply in time (timeout)" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("udp://x", "--profile", "eastron-sdm630"), "is not a bus address"),
        (("tcp://127.0.0.1", "--profile", "eastron"), "there is no profile 'eastron'"),
        (("tcp://127.0.0.1", "--profile", "eastron-sdm630", "--unit", "256"), "use 0 to 255"),
        (("rtu:///dev/ttyS0", "--profile", "eastron-sdm630", "--unit", "0"), "use 1 to 247"),
        (("tcp://127.0.0.1", "--profile", "eastron-sdm630", "--lang", "fr"), "use zh or en"),
    ],
)
async def test_wrong_use_is_refused_with_a_remedy(arguments, complaint):
    result = await read(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert complaint in result.stderr
