"""The unit is valid and gives the service no more than it needs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd" / "maplebridge.service"

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def test_systemd_finds_no_fault_in_the_unit(tmp_path):
    here = tmp_path / UNIT.name  # the command is not at its installed place on a developer's machine
    here.write_text(UNIT.read_text().replace("/usr/bin/maplebridge", shutil.which("true")))
    result = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, check=False)
    assert result.stderr == ""  # verify exits 0 on an unknown key and only prints
    assert result.returncode == 0


def test_the_exposure_level_stays_at_most_2():
    result = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    level = re.search(r"Overall exposure level .*: ([\d.]+)", result.stdout)
    assert level, result.stdout + result.stderr
    assert float(level[1]) <= 2.0


@pytest.mark.parametrize(
    "line", ["Type=notify", "WatchdogSec=30s", "Restart=always", "StateDirectory=maplebridge"]
)
def test_the_service_is_watched_and_keeps_its_state(line):
    assert line in UNIT.read_text().splitlines()


def test_read_and_scan_on_the_same_machine_find_the_service():
    lines = UNIT.read_text().splitlines()
    (families,) = [line for line in lines if line.startswith("RestrictAddressFamilies=")]
    assert "AF_UNIX" in families.partition("=")[2].split()
    assert not any(line.startswith("PrivateNetwork=") for line in lines)
