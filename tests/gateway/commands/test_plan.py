import json

import pytest
from typer.testing import CliRunner

from gateway.commands import _app

SITE = """\
version: 1
site: {id: s, name: {en: S, zh: S}}
buses:
  - {id: lan, url: "tcp://10.0.0.2:502"}
  - {id: serial, url: "rtu:///dev/ttyUSB0?baudrate=BAUD"}
devices:
  - {id: inv, profile: sunspec-inverter, bus: lan, unit: 1}
  - {id: m1, profile: eastron-sdm630, bus: serial, unit: 1, every: EVERY}
  - {id: m2, profile: eastron-sdm630, bus: serial, unit: 2, every: EVERY}
journal: {max_size: 1GB}
"""


@pytest.fixture
def plan(tmp_path):
    def run(*arguments, baud=9600, every="5s", text=SITE):
        path = tmp_path / "site.yaml"
        path.write_text(text.replace("BAUD", str(baud)).replace("EVERY", every))
        return CliRunner().invoke(_app, ["plan", str(path), *arguments])

    return run


def test_json_names_every_read_of_every_bus(plan):
    result = plan("--json")
    assert result.exit_code == 0, result.stderr
    lan, serial = json.loads(result.stdout)["buses"]
    assert set(lan) == {
        "id", "cycle_s", "load_pct", "feasible", "requests", "waste_pct", "blocks", "turns"
    }  # fmt: skip
    assert (lan["id"], serial["id"]) == ("lan", "serial")
    assert serial["requests"] == len(serial["blocks"])
    assert set(serial["blocks"][0]) == {"device", "unit", "table", "start", "count", "used", "every_s"}
    assert {b["every_s"] for b in serial["blocks"]} >= {5.0}
    assert all(0 < b["used"] <= b["count"] <= 125 for b in lan["blocks"] + serial["blocks"])
    assert serial["cycle_s"] > lan["cycle_s"] > 0
    assert serial["feasible"]


def test_a_bus_that_cannot_keep_its_rates_is_an_error(plan):
    result = plan("--json", baud=1200, every="1s")
    assert result.exit_code == 1
    _, serial = json.loads(result.stdout)["buses"]
    assert serial["load_pct"] > 100
    assert not serial["feasible"]
    human = plan("--lang", "en", baud=1200, every="1s")
    assert human.exit_code == 1
    assert "bus serial cannot keep its rates" in human.stderr


def test_slower_polling_halves_the_load(plan):
    loads = [
        json.loads(plan("--json", every=every).stdout)["buses"][1]["load_pct"] for every in ("10s", "20s")
    ]
    assert loads[0] > loads[1]


def test_days_of_history_that_fit_the_budget(plan):
    history = json.loads(plan("--json").stdout)["history"]
    assert history["max_size"] == 1_000_000_000
    assert history["days"] == pytest.approx(1e9 / history["bytes_per_day"], abs=0.1)
    assert "days fit into 1000 MB" in plan("--lang", "en").stdout
    assert "可存" in plan("--lang", "zh").stdout


def test_a_faulty_site_says_where(plan):
    result = plan("--json", text=SITE.replace("sunspec-inverter", "sunspec-invertor"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "site.yaml:7:" in result.stderr


def test_an_unknown_language_is_refused(plan):
    assert plan("--lang", "fr").exit_code == 2


def test_turns_in_which_several_rates_meet_are_told_apart(plan):
    _, serial = json.loads(plan("--json").stdout)["buses"]
    mine = [turn for turn in serial["turns"] if turn["device"] == "m1"]
    assert [turn["rates_s"] for turn in mine] == [[5], [5, 10], [5, 10, 60]]
    assert sum(turn["per_h"] for turn in mine) == pytest.approx(3_600 / 5, abs=0.1)
    load = sum(turn["per_h"] * turn["line_ms"] / 3_600_000 for turn in serial["turns"])
    assert serial["load_pct"] == pytest.approx(100 * load, abs=0.1)
    shown = plan("--lang", "en").stdout
    assert "m1 when 5+10+60 s are due, 60 times an hour:" in shown
    assert "% of what is read only saves requests" in shown


def test_a_round_takes_what_its_reads_take(plan):
    _, serial = json.loads(plan("--json").stdout)["buses"]
    line_ms = [turn["line_ms"] for turn in serial["turns"] if len(turn["rates_s"]) == 3]
    assert serial["cycle_s"] == pytest.approx(sum(line_ms) / 1_000, abs=0.001)
    read, used = (sum(block[key] for block in serial["blocks"]) for key in ("count", "used"))
    assert serial["waste_pct"] == pytest.approx(100 * (1 - used / read), abs=0.1)
