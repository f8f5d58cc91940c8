"""The `time:` block: who may say that the time is right."""

import os

import pytest
from pydantic import ValidationError

from agent.clock import ManualClock, SystemClock
from agent.time_source import AlwaysRight
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from gateway.site_time import TimeConfig, clock_beside, site_time


@pytest.mark.parametrize(
    ("source", "server"),
    [
        ("auto", None),
        ("kernel", None),
        ("rtc", None),
        ("always", None),
        ("ntp://192.168.1.1", ("192.168.1.1", 123)),
        ("ntp://router.lan:1123/", ("router.lan", 1123)),
        ("ntp://[fe80::1]:123", ("fe80::1", 123)),
    ],
)
def test_sources(source, server):
    assert TimeConfig(source=source).server == server


@pytest.mark.parametrize(
    "source", ["", "gps", "ntp://", "ntp://a b", "http://a", "ntp://a:0", "ntp://a:99999", "ntp://a/b"]
)
def test_what_is_no_source(source):
    with pytest.raises(ValidationError, match="ntp://HOST"):
        TimeConfig(source=source)


def test_always_is_trusted_at_once(tmp_path):
    assert site_time(TimeConfig(source="always"), tmp_path / "site.yaml", tmp_path).clock.trusted()


def test_only_a_time_server_is_asked(tmp_path):
    assert site_time(TimeConfig(), tmp_path, tmp_path).server is None
    assert site_time(TimeConfig(source="ntp://a"), tmp_path, tmp_path).server is not None


def test_a_clock_before_the_site_file_was_written_is_never_trusted(tmp_path):
    file = tmp_path / "site.yaml"
    file.touch()
    later = file.stat().st_mtime + 3_600
    os.utime(file, (later, later))
    kernel = site_time(TimeConfig(source="kernel"), file, tmp_path).clock.trusted()
    assert site_time(TimeConfig(), file, tmp_path).clock.trusted() == kernel, (
        "only the kernel itself may say so"
    )


async def test_a_command_beside_the_gateway_has_its_time(tmp_path):
    # a gateway that asks a time server may know the time while the wall clock of its machine is wrong
    clock = ManualClock(utc_ms=2_000_000_000_000, boot="run")
    journal = await Journal.open(tmp_path, JournalConfig(), clock)
    await journal.commit()
    await journal.close()
    beside = clock_beside(TimeConfig(source="kernel"), tmp_path / "site.yaml", tmp_path / "journal")
    assert beside.trusted()
    assert beside.utc_ms() - beside.monotonic_ms() == 2_000_000_000_000


async def test_without_a_journal_it_has_its_own(tmp_path):
    clock = clock_beside(TimeConfig(source="always"), tmp_path / "site.yaml", tmp_path / "journal")
    assert clock.trusted()


@pytest.mark.parametrize(
    ("stepped_ms", "known"), [(0, True), (300_000, True), (3_600_000, False), (-86_400_000, False)]
)
async def test_a_restart_without_a_network_still_knows_the_time_unless_somebody_stepped_the_clock(
    tmp_path, stepped_ms, known
):
    machine = SystemClock(source=AlwaysRight())
    assert machine.trusted()
    before = ManualClock(machine.utc_at(0) + stepped_ms, boot="before")
    journal = await Journal.open(tmp_path, JournalConfig(), before)
    await journal.close()
    clock = site_time(
        TimeConfig(source="ntp://192.0.2.1"), tmp_path / "site.yaml", tmp_path / "journal"
    ).clock
    assert clock.trusted() == (known or clock.synchronised())
    if known and not clock.synchronised():
        assert clock.origin_ms == before.origin_ms
