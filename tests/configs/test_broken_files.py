"""Seventy ways to break a site, profile or rule file: each gives one clear error at its line, and no traceback.

Each row takes a good file, replaces one piece of its text, and says on which line the error must stand
and what it must say.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.commands.check import faults_of_file

SITE = """\
version: 1
site:
  id: hall
  name: {en: Hall, zh: 村部}
  location: {latitude: 29.79, longitude: 120.44}
  timezone: Asia/Shanghai
buses:
  - {id: lan-1, url: "tcp://192.168.1.20:502"}
  - {id: rs485-1, url: "rtu:///dev/serial/by-id/usb-FTDI?baudrate=9600", timeout: 1s}
devices:
  - {id: inv-1, profile: sunspec-inverter, bus: lan-1, unit: 1, rated_kw: 50}
  - {id: meter-main, profile: eastron-sdm630, bus: rs485-1, unit: 2, role: main_meter, every: 5s}
  - {id: meter-lift, profile: eastron-sdm630, bus: rs485-1, unit: 3, role: sub_meter, parent: meter-main}
journal: {path: journal, max_size: 4GB, commit_every: 1s}
mqtt: {url: "mqtt://broker:1883", root: microgrid}
influxdb: {url: "http://localhost:8086", org: village, bucket: microgrid}
tickets: {store: "sqlite:///tickets.db"}
teams: [{id: station, name: {en: Station, zh: 供电所}, members: [{id: zhang, name: Zhang}]}]
console: {listen: "127.0.0.1:8080"}
maintenance: [{match: {device: inv-1}, from: "2026-05-30T08:00+08:00", to: "2026-05-30T12:00+08:00", keep: [BAT-02]}]
routes: [{match: {ticket_kind: outage}, team: station, person: zhang}]
"""

BROKEN_SITES = [
    # what is replaced, by what, the line of the error, what it says
    ("version: 1\n", "version: 2\n", 1, "1"),
    ("version: 1\n", "", 1, "'version' is missing"),
    ("id: hall", "id: Hall 1", 3, "pattern"),
    ("  id: hall\n", "", 3, "'id' is missing"),
    ("name: {en: Hall, zh: 村部}", "name: {zh: 村部}", 4, "'en' is missing"),
    ("latitude: 29.79", "latitude: 129.79", 5, "less than or equal to 90"),
    ("Asia/Shanghai", "Asia/Hangzhou", 6, "not a time zone"),
    ("  timezone: Asia/Shanghai", "  timezone: Asia/Shanghai\n  colour: red", 7, "unknown key 'colour'"),
    ("tcp://192.168.1.20:502", "192.168.1.20", 8, "not a bus address"),
    ("tcp://192.168.1.20:502", "tcp://192.168.1.20:70000", 8, "not a bus address"),
    ("rtu:///dev/serial/by-id/usb-FTDI?baudrate=9600", "rtu://ttyUSB0?baudrate=9600", 9, "three slashes"),
    ("baudrate=9600", "baudrate=fast", 9, "baudrate=fast is not possible"),
    ("timeout: 1s", "timeout: 1", 9, "not a duration"),
    ("buses:\n", 'buses:\n  - {id: lan-1, url: "tcp://192.168.1.9:502"}\n', 9, "defined twice"),
    ("rtu:///dev/serial/by-id/usb-FTDI?baudrate=9600", "tcp://192.168.1.20:502", 9, "same address"),
    ("profile: sunspec-inverter", "profile: sunspec-invertor", 11, "did you mean 'sunspec-inverter'?"),
    ("bus: lan-1, unit: 1", "bus: lan-2, unit: 1", 11, "there is no bus 'lan-2'"),
    ("unit: 1, rated_kw: 50", "unit: 300, rated_kw: 50", 11, "less than or equal to 255"),
    ("unit: 1, rated_kw: 50", "unit: one, rated_kw: 50", 11, "integer"),
    ("rated_kw: 50", "rated_kw: -50", 11, "greater than 0"),
    ("rated_kw: 50", "rated: 50", 11, "unknown key 'rated'"),
    ("rated_kw: 50", "role: sub_meter", 11, "only a meter can be a sub_meter"),
    ("unit: 2, role", "unit: 250, role", 12, "units there are 1..247"),
    ("every: 5s", "every: fast", 12, "not a duration"),
    ("role: main_meter", "role: chief_meter", 12, "use one of"),
    ("unit: 3, role", "unit: 2, role", 13, "already 'meter-main'"),
    (
        "devices:\n",
        "devices:\n  - {id: inv-1, profile: eastron-sdm630, bus: lan-1, unit: 9}\n",
        12,
        "defined twice",
    ),
    ("id: meter-lift", "id: gateway", 13, "belongs to the gateway itself"),
    ("role: sub_meter", "role: main_meter", 13, "two main meters"),
    ("parent: meter-main", "parent: meter-mian", 13, "did you mean 'meter-main'?"),
    ("parent: meter-main", "params: {GRID-99: {hi: 3}}", 13, "there is no rule 'GRID-99'"),
    ("parent: meter-main", "params: {GRID-03: {colour: 3}}", 13, "no parameter 'colour'"),
    ("parent: meter-main", "params: {GRID-03: {hi: high}}", 13, "'high' is not possible for 'hi'"),
    ("parent: meter-main", "parent: inv-1", 13, "'inv-1' is no meter"),
    ("max_size: 4GB", "max_size: 4", 14, "not a size"),
    ("commit_every: 1s", "commit_every: 10ms", 14, "greater than or equal to 50"),
    ("mqtt://broker:1883", "http://broker:1883", 15, "not a broker's address"),
    ("mqtt://broker:1883", "mqtt://me:secret@broker:1883", 15, "a password may not stand in the address"),
    ("root: microgrid", "root: micro/+/grid", 15, "pattern"),
    ("root: microgrid", "password_file: mqtt.pass", 15, "mqtt.pass is not there"),
    ("http://localhost:8086", "localhost:8086", 16, "not a database's address"),
    ("sqlite:///tickets.db", "mysql://host/db", 17, "not a store"),
    (
        "[{id: zhang, name: Zhang}]",
        "[{id: zhang, name: Zhang}, {id: zhang, name: Li}]",
        18,
        "twice in the team",
    ),
    ("127.0.0.1:8080", "0.0.0.0:8080", 19, "only with TLS"),
    ('console: {listen: "127.0.0.1:8080"}', "console: {listen: ", 20, "not valid YAML"),
    ("match: {device: inv-1}", "match: {device: inv-2}", 20, "there is no device 'inv-2'"),
    ("match: {device: inv-1}", "match: {rule: PV-99}", 20, "there is no rule 'PV-99'"),
    ("match: {device: inv-1}", "match: {site: school}", 20, "there is no site 'school'"),
    ("match: {device: inv-1}", "match: {colour: red}", 20, "unknown key 'colour'"),
    ('from: "2026-05-30T08:00+08:00"', 'from: "2026-05-30T08:00"', 20, "does not say in which zone"),
    ('to: "2026-05-30T12:00+08:00"', 'to: "noon"', 20, "is not a time"),
    ('to: "2026-05-30T12:00+08:00"', 'to: "2026-05-29T12:00+08:00"', 20, "ends before it begins"),
    ("keep: [BAT-02]", "keep: [BAT-99]", 20, "there is no rule 'BAT-99' to keep"),
    ("ticket_kind: outage", "ticket_kind: party", 21, "'party'"),
    ("team: station, person: zhang", "team: stations", 21, "did you mean 'station'?"),
    (
        "team: station, person: zhang",
        "team: station, person: wang",
        21,
        "no member of the team 'station' 'wang'",
    ),
    ("team: station, person: zhang", "person: zhang", 21, "a person is sent as one of a team"),
    ("ticket_kind: outage", "device: inv-7", 21, "there is no device 'inv-7'"),
    (
        "[{id: zhang, name: Zhang}]}]",
        '[{id: zhang, name: Zhang}], duty: [{person: li, from: "08:00", to: "20:00"}]}]',
        18,
        "no member of the team 'station' 'li'",
    ),
    (
        "[{id: zhang, name: Zhang}]}]",
        "[{id: zhang, name: Zhang}], duty: [{person: zhang, from: noon}]}]",
        18,
        "no time of day",
    ),
    ("teams: [", "journal: {}\nteams: [", 18, "duplicate key"),
]

PROFILE = """\
version: 1
profile: broken
kind: meter
vendor: Maker
model: M1
title: {en: Meter, zh: 电能表}
sources: [maker's document]
link: {word_order: big, max_registers: 80, timeout: 1s}
every: 1s
points:
  - {name: active_power_kw, table: input, address: 52, type: f32, scale: 0.001}
  - {name: energy_import_kwh, table: input, address: 72, type: f32, counter: true}
  - {name: temperature_c, table: holding, address: 42, type: i16, scale: 0.1, absent: [0x8000]}
samples:
  - {input: {"52": [17530, 32768], "72": [17530, 0]}, holding: {"42": [561]}, expect: {active_power_kw: 1.002, temperature_c: 56.1}}
"""

BROKEN_PROFILES = [
    ("profile: broken", "profile: other", 2, "its file 'broken.yaml'"),
    ("kind: meter", "kind: toaster", 3, "use one of"),
    ("title: {en: Meter, zh: 电能表}\n", "", 1, "'title' is missing"),
    ("word_order: big", "word_order: middle", 8, "use one of"),
    ("timeout: 1s", "timeout: 1000", 8, "not a duration"),
    ("max_registers: 80", "max_registers: 0", 8, "greater than or equal to 1"),
    ("table: input, address: 52", "table: inputs, address: 52", 11, "use one of"),
    ("address: 52", "address: 65535", 11, "outside 0..65535"),
    ("type: f32, scale: 0.001", "type: float, scale: 0.001", 11, "float"),
    ("name: energy_import_kwh", "name: active_power_kw", 12, "already defined"),
    ("name: temperature_c", "name: probe_1", 13, "needs a label and a unit"),
    ("scale: 0.1,", "scale: 0.1, unit: K,", 13, "is in '°C'"),
    ("absent: [0x8000]", "absent: [nothing]", 13, "integer"),
    ("expect: {active_power_kw", "expect: {active_power", 15, "no point of this profile"),
]

RULES = (
    (Path(__file__).parents[1] / "data/rules/cell-warm.yaml")
    .read_text()
    .replace("rules:\n", "defaults: {on_bad: freeze, max_gap: 3x, hold_max: 30m, clear_for: 5m}\nrules:\n")
)

BROKEN_RULES = [
    ("id: BAT-01", "id: bat1", 4, "pattern"),
    ("    title: {en: Cell warm, zh: 电芯偏热}\n", "", 4, "'title' is missing"),
    ("    action: {en: check cooling, zh: 检查冷却}\n", "", 4, "'action' is missing"),
    ("scope: {kind: battery}", "scope: {kind: toaster}", 9, "use one of"),
    ("when: cell_temperature_max_c >= high", "when: cell_temperature_max_c >=", 11, "did not expect the end"),
    (
        "when: cell_temperature_max_c >= high",
        "when: cell_temperature_mux_c >= high",
        11,
        "cell_temperature_mux_c",
    ),
    ("when: cell_temperature_max_c >= high", "when: __import__('os')", 11, "__import__"),
    ("when: cell_temperature_max_c >= high", "when: state >= high", 11, "a number is needed here"),
    ("when: cell_temperature_max_c >= high", "when: cell_temperature_max_c", 11, "true or false"),
    ("for: 0s", "for: 20", 13, "not a duration"),
    ("severity: medium", "severity: middling", 15, "use one of"),
    ("severity: medium", "severity: medium\n    colour: red", 16, "unknown key 'colour'"),
    ("kind: inspection", "kind: outing", 16, "no kind of ticket"),
    ("on_bad: freeze", "on_bad: ignore_it", 2, "use one of"),
]


def errors(path: Path) -> list[str]:
    return [str(fault) for fault in faults_of_file(path) if fault.level == "error"]


def named(rows):
    return [pytest.param(*row, id=f"{row[2]}: {row[3]}"[:50]) for row in rows]


def test_the_good_files_are_good(tmp_path):
    for name, text in (("site.yaml", SITE), ("broken.yaml", PROFILE), ("rules.yaml", RULES)):
        path = tmp_path / name
        path.write_text(text)
        assert errors(path) == []


@pytest.mark.parametrize(("old", "new", "line", "says"), named(BROKEN_SITES))
def test_a_broken_site_file(tmp_path, old, new, line, says):
    assert_one_error(tmp_path / "site.yaml", SITE, old, new, line, says)


@pytest.mark.parametrize(("old", "new", "line", "says"), named(BROKEN_PROFILES))
def test_a_broken_profile(tmp_path, old, new, line, says):
    assert_one_error(tmp_path / "broken.yaml", PROFILE, old, new, line, says)


@pytest.mark.parametrize(("old", "new", "line", "says"), named(BROKEN_RULES))
def test_a_broken_rule_file(tmp_path, old, new, line, says):
    assert_one_error(tmp_path / "rules.yaml", RULES, old, new, line, says)


def assert_one_error(path: Path, good: str, old: str, new: str, line: int, says: str) -> None:
    assert old in good, "the row replaces nothing"
    path.write_text(good.replace(old, new, 1))
    found = errors(path)
    assert len(found) == 1, found
    assert found[0].startswith(f"{path}:{line}:"), found
    assert says in found[0]


def run_check(*arguments) -> subprocess.CompletedProcess:
    command = [
        sys.executable,
        "-c",
        "from gateway.commands import main; main()",
        "check",
        *map(str, arguments),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_tells_all_faults_of_all_files_at_once(tmp_path):
    site, profile = tmp_path / "site.yaml", tmp_path / "broken.yaml"
    site.write_text(SITE.replace("id: hall", "id: HALL").replace("every: 5s", "every: 5"))
    profile.write_text(PROFILE.replace("kind: meter", "kind: toaster"))
    result = run_check(site, profile)
    assert result.returncode == 2
    lines = result.stderr.splitlines()
    assert [line.rsplit("/", 1)[-1].split(":")[:2] for line in lines] == [
        ["site.yaml", "3"],
        ["site.yaml", "12"],
        ["broken.yaml", "3"],
    ]
    assert "Traceback" not in result.stderr


def test_json_has_the_shape_of_the_contract(tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text(SITE.replace("unit: 3", "unit: 300"))
    result = run_check(site, "--json")
    document = json.loads(result.stdout)
    assert (result.returncode, document["ok"]) == (2, False)
    assert document["faults"][0] == {
        "file": str(site),
        "line": 13,
        "column": 67,
        "path": "devices[2].unit",
        "message": "input should be less than or equal to 255, not 300",
        "remedy": "",
        "level": "error",
    }


def test_warnings_alone_do_not_fail(tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text(SITE.replace('mqtt: {url: "mqtt://broker:1883", root: microgrid}', "mqtt: embedded"))
    result = run_check(site, "--json")
    document = json.loads(result.stdout)
    assert (result.returncode, document["ok"]) == (0, True)
    assert [fault["level"] for fault in document["faults"]] == ["warning"]


@pytest.mark.parametrize("name", ["nothing.yaml", "folder/site.yaml"])
def test_a_file_that_is_not_there_is_one_clear_line(tmp_path, name):
    result = run_check(tmp_path / name)
    assert result.returncode == 2
    assert "cannot be read: No such file or directory" in result.stderr
    assert len(result.stderr.splitlines()) == 1
