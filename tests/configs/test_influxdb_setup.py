"""The buckets' set-up: against a real InfluxDB 1, and by the words that InfluxDB 2's own command takes."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path("configs/influxdb/setup.sh").resolve()
STAND_IN = """#!/usr/bin/env bash
echo "$@" >> "$CALLS"
if [ "$1 $2" = "bucket list" ]; then cat "$BUCKETS" 2>/dev/null || true; fi
"""


def run(*arguments, **surroundings):
    environment = {"PATH": "/usr/bin:/bin", **surroundings}
    return subprocess.run([SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.database
def test_a_real_influxdb_1_gets_databases_with_their_times_also_when_asked_twice(influxd):
    database = influxd()
    url = f"http://127.0.0.1:{database.port}"
    for raw in ("30d", "60d"):
        said = run("v1", url, "hall", RAW=raw)
        assert said.returncode == 0, said.stderr
    assert "tiers: {minute: hall_1m, quarter: hall_15m}" in said.stdout
    kept = {}
    for name in ("hall", "hall_1m", "hall_15m"):
        (policy,) = database.rows(f'SHOW RETENTION POLICIES ON "{name}"')
        kept[name] = policy["duration"]
    assert kept == {"hall": "1440h0m0s", "hall_1m": "17520h0m0s", "hall_15m": "0s"}


def test_a_database_that_is_not_there_is_told(tmp_path):
    said = run("v1", "http://127.0.0.1:1")
    assert said.returncode != 0
    assert "127.0.0.1" in said.stderr


def test_influxdb_2_is_asked_to_make_what_is_missing_and_to_change_what_is_there(tmp_path):
    command = tmp_path / "influx"
    command.write_text(STAND_IN)
    command.chmod(0o755)
    (tmp_path / "buckets").write_text("0a1b\tmicrogrid\t168h0m0s\tn/a\tab12\timplicit\n")
    calls = tmp_path / "calls"
    said = run(
        "v2", "village", PATH=f"{tmp_path}:/usr/bin:/bin", CALLS=str(calls), BUCKETS=str(tmp_path / "buckets")
    )
    assert said.returncode == 0, said.stderr
    assert [line for line in calls.read_text().splitlines() if "list" not in line] == [
        "bucket update --id 0a1b --retention 30d",
        "bucket create --org village --name microgrid_1m --retention 730d",
        "bucket create --org village --name microgrid_15m --retention 0",
    ]


def test_a_wrong_call_says_how(tmp_path):
    said = run("v3", "village")
    assert said.returncode == 2
    assert "setup.sh v2 ORG" in said.stderr
