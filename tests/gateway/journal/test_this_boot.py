"""Runs of one kernel boot share the monotonic clock, unless a time namespace stands between them."""

import os
import shutil
import subprocess
import sys

import pytest

from agent.clock import ManualClock
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from gateway.journal.this_boot import origin_beside, this_boot

NOON_MS = 1_780_000_000_000
ASK = """
import sys
from pathlib import Path
from gateway.journal.this_boot import origin_beside
from gateway.vitals import Machine
place = Path(sys.argv[1])
print(origin_beside(place), Machine(place).signs(0)["uptime_s"])
"""


def test_a_run_is_described_by_the_clocks_of_now():
    clock = ManualClock(NOON_MS, boot="run")
    clock.advance(5_000)
    boot = this_boot(clock)
    assert (boot.boot, boot.mono_ms, boot.utc_ms) == ("run", 5_000, NOON_MS + 5_000)
    assert (boot.trusted, boot.offset_ms) == (True, NOON_MS)
    assert boot.kernel_boot == this_boot(ManualClock()).kernel_boot


def test_an_unsure_clock_has_no_offset():
    boot = this_boot(ManualClock(0, trusted=False))
    assert (boot.trusted, boot.offset_ms) == (False, None)


async def test_what_a_run_knows_of_the_time_is_told_beside_it(tmp_path):
    assert origin_beside(tmp_path / "journal") is None
    for number, clock in enumerate([ManualClock(0, boot="a", trusted=False), ManualClock(NOON_MS, boot="b")]):
        journal = await Journal.open(tmp_path, JournalConfig(), clock)
        await journal.close()
        assert origin_beside(tmp_path / "journal") == (None, NOON_MS)[number]


async def test_another_time_namespace_has_another_monotonic_clock(tmp_path):
    unshare = shutil.which("unshare")
    if os.geteuid() != 0 or unshare is None:
        if os.environ.get("CI"):
            pytest.fail("CI must be able to make a time namespace")
        pytest.skip("only root may make a time namespace")
    journal = await Journal.open(tmp_path, JournalConfig(), ManualClock(NOON_MS))
    await journal.close()
    ask = (sys.executable, "-c", ASK, str(tmp_path / "journal"))
    beside = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.split()
    days_s = 10 * 86_400
    apart = subprocess.run(
        (unshare, "-T", "--monotonic", str(days_s // 2), "--boottime", str(days_s), *ask),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert (beside[0], apart[0]) == (str(NOON_MS), "None")
    assert float(apart[1]) - float(beside[1]) == pytest.approx(days_s, abs=30), (
        "uptime is that of the namespace"
    )
