"""A bus that cannot keep the rates of its devices is an error at `check`, with the sum and a remedy that works."""

import json
import re

import pytest
from typer.testing import CliRunner

from gateway.commands import _app

SITE = """\
version: 1
site: {id: s, name: {en: S, zh: S}}
buses:
  - {id: lan, url: "tcp://10.0.0.2:502"}
  - {id: serial, url: "rtu:///dev/ttyUSB0?baudrate=9600"}
devices:
  - {id: inv, profile: sunspec-inverter, bus: lan, unit: 1}
"""


@pytest.fixture
def check(tmp_path):
    path = tmp_path / "site.yaml"

    def run(meters, *, every="1s", command="check"):
        lines = [
            f"  - {{id: m{n}, profile: eastron-sdm630, bus: serial, unit: {n}, every: {every.get(f'm{n}', '1s') if isinstance(every, dict) else every}}}\n"
            for n in range(1, meters + 1)
        ]
        path.write_text(SITE + "".join(lines))
        return CliRunner().invoke(_app, [command, str(path), "--json"])

    return run


def faults(result):
    return [f for f in json.loads(result.stdout)["faults"] if f["level"] == "error"]


def test_what_fits_is_no_fault(check):
    assert faults(check(2)) == []
    assert faults(check(20, every="30s")) == []


def test_what_does_not_fit_says_where_why_and_what_to_write(check):
    result = check(10)
    assert result.exit_code == 2
    (fault,) = faults(result)
    assert (fault["line"], fault["path"]) == (5, "buses[1]")
    assert re.search(
        r"the bus 'serial' cannot keep its rates: its reads take 2\d\d % of the line's time at 9600 baud, "
        r"of which 95 % can be used \(m1 \d requests of 0\.\d+ s in all each 1 s = 2\d %; .*; and 7 more\)",
        fault["message"],
    )
    assert fault["remedy"].startswith("write every: ")
    assert fault["remedy"].endswith("raise the baud rate, or put some devices on another bus")


def test_who_follows_the_remedy_has_a_site_that_fits(check):
    (fault,) = faults(check(10))
    every = {
        name.strip(): f"{seconds}s"
        for seconds, names in re.findall(r"every: (\d+)s for ((?:m\d+(?:, )?)+)", fault["remedy"])
        for name in names.split(",")
        if name.strip()
    }
    assert every
    assert faults(check(10, every=every)) == []


def test_a_site_that_does_not_fit_can_still_be_looked_at(check):
    result = check(10, command="plan")
    assert result.exit_code == 1
    assert [bus["feasible"] for bus in json.loads(result.stdout)["buses"]] == [True, False]


def test_a_bus_that_is_late_only_when_everything_meets_is_warned_of(check):
    result = check(6, every="2s")
    assert result.exit_code == 0
    (told,) = [f for f in json.loads(result.stdout)["faults"] if f["path"] == "buses[1]"]
    assert told["level"] == "warning"
    assert "takes 1." in told["message"] or "takes 2." in told["message"]
