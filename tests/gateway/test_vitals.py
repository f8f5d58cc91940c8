"""The gateway's pulse: what the machine has is told, what it lacks is absent."""

import resource
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.points import standard
from agent.reading import Frame, Quality
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from gateway.vitals import Machine, Vitals


@dataclass
class Bus:
    load_pct: float = 12.5
    cycle_s: float = 0.8
    requests_per_s: float = 20.0
    errors_pct: float = 1.0
    devices_silent: int = 1
    devices_dead: int = 1
    silent_for_s: float = 0.0
    devices_total: int = 3
    planned_load_pct: float = 11.5
    missed_polls_pct: float = 0.5
    longest_delay_s: float = 0.25

    def statistics(self) -> "Bus":
        return self


@dataclass
class Link:
    connected: bool = True
    identity_in_use: bool = False
    errors_pct: float = 2.5
    rejected: int = 3


@dataclass
class North:
    mqtt: dict[str, Link] = field(default_factory=dict)
    influxdb: Link | None = None


@dataclass
class Site:
    clock: ManualClock
    data: Path
    journal: Journal
    pollers: dict[str, Any] = field(default_factory=dict)
    north: North = field(default_factory=North)
    taken: list[Frame] = field(default_factory=list)

    def take(self, frame: Frame) -> None:
        self.taken.append(frame)


@pytest.fixture
async def site(tmp_path):
    clock = ManualClock()
    journal = await Journal.open(tmp_path, JournalConfig(), clock)
    yield Site(clock, tmp_path, journal)
    await journal.close()


@pytest.fixture
def root(tmp_path) -> Path:
    """A Raspberry Pi's /proc and /sys, as far as they are asked."""
    device = tmp_path.stat().st_dev
    files = {
        "proc/stat": "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3\n",
        "proc/meminfo": "MemTotal:  1000000 kB\nMemAvailable:   250000 kB\n",
        "proc/uptime": "3600.5 7000.0\n",
        "sys/class/thermal/thermal_zone0/temp": "48312\n",
        f"sys/dev/block/{device >> 8 & 0xFFF}:{device & 0xFF}/stat": _disk(2_000),
        "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
    }
    for name, text in files.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "root"


def _disk(sectors: int) -> str:
    return f"  9 0 99 9 9 0 {sectors} 9 0 9 9\n"


def test_the_machine_is_read(root, tmp_path):
    machine = Machine(tmp_path, root)
    first = machine.signs(0)
    assert first["cpu_pct"] is None, "a load needs a span of time"
    assert first["sd_written_mb_per_day"] is None
    (root / "proc/stat").write_text("cpu  150 0 100 740 110 0 0 0 0 0\n")
    block = next((root / "sys/dev/block").iterdir())
    (block / "stat").write_text(_disk(2_000 + 10_000))
    signs = machine.signs(600_000)
    assert signs["cpu_pct"] == 50.0
    assert signs["memory_available_pct"] == 25.0
    assert signs["cpu_temperature_c"] == pytest.approx(48.312)
    assert signs["uptime_s"] == 3_600.5
    assert signs["sd_written_mb_per_day"] == pytest.approx(10_000 * 512 / 1e6 * 144, rel=0.01)
    assert signs["under_voltage"] is True
    assert signs["throttled"] is True
    assert signs["disk_free_mb"] > 0
    assert 0 <= signs["disk_used_pct"] <= 100


async def test_what_a_machine_lacks_is_absent(site, tmp_path):
    vitals = Vitals(site, Machine(tmp_path / "gone", tmp_path / "nothing"))
    (frame,) = await vitals.frames()
    for point in ("cpu_pct", "cpu_temperature_c", "disk_free_mb", "under_voltage", "mqtt_connected"):
        assert frame.reading(point).quality is Quality.ABSENT
        assert frame.reading(point).value is None
    assert frame.reading("clock_synchronized").value is True


async def test_every_point_is_a_standard_one_of_its_type(site, root, tmp_path):
    site.pollers["lan-1"] = Bus()
    site.north = North({"a": Link(), "b": Link(connected=False)}, Link())
    gateway, bus = await Vitals(site, Machine(tmp_path, root)).frames()
    assert (gateway.device, bus.device) == ("gateway", "bus-lan-1")
    kinds = {str: "string", bool: "bool", float: "number"}
    for frame in (gateway, bus):
        for point, value in frame.good_values().items():
            assert standard(point) is not None, point
            assert kinds[type(value)] == standard(point).type, point
    assert gateway.reading("mqtt_connected").value is False
    assert gateway.reading("mqtt_identity_in_use").value is False
    assert gateway.reading("influxdb_errors_pct").value == 2.5
    assert gateway.reading("influxdb_rejected").value == 3
    assert bus.good_values() == {
        "load_pct": 12.5, "cycle_s": 0.8, "requests_per_s": 20.0, "errors_pct": 1.0,
        "devices_silent": 1.0, "devices_dead": 1.0, "silent_for_s": 0.0, "devices_total": 3.0,
        "planned_load_pct": 11.5, "missed_polls_pct": 0.5, "longest_delay_s": 0.25,
    }  # fmt: skip


async def test_frames_are_numbered_per_device_and_time_rises(site):
    site.pollers["lan-1"] = Bus()
    vitals = Vitals(site)
    frames = [frame for _ in range(3) for frame in await vitals.frames()]
    for device in ("gateway", "bus-lan-1"):
        mine = [frame for frame in frames if frame.device == device]
        assert [frame.seq for frame in mine] == [1, 2, 3]
        assert mine[0].ts_ms < mine[1].ts_ms < mine[2].ts_ms


async def test_times_step_back_with_the_clock_when_trust_comes(site):
    vitals = Vitals(site)
    site.clock = ManualClock(utc_ms=2_000_000_000_000, trusted=False)
    (ahead,) = await vitals.frames()
    site.clock = ManualClock(utc_ms=1_780_000_000_000)
    (right,) = await vitals.frames()
    assert (ahead.unsure, ahead.ts_ms) == (True, 2_000_000_000_000)
    assert (right.unsure, right.ts_ms) == (False, 1_780_000_000_000)


async def test_the_backlog_is_that_of_the_slowest_destination(site):
    vitals = Vitals(site)
    (frame,) = await vitals.frames()
    assert frame.reading("backlog_frames").value == 0.0
    for reader in ("mqtt", "influxdb", "history"):
        site.journal.cursor(reader)
    for _ in range(4):
        for frame in await vitals.frames():
            site.journal.append(frame)
    await site.journal.commit()
    site.journal.settle("mqtt", 1, 4)
    site.journal.settle("influxdb", 1, 1)
    site.clock.advance(60_000)
    (frame,) = await vitals.frames()
    assert frame.reading("backlog_frames").value == 3.0
    assert frame.reading("backlog_age_s").value == pytest.approx(60, abs=1)


async def test_restarts_are_counted_without_the_first_start(tmp_path):
    clock = ManualClock()
    for boot in range(4):
        clock = ManualClock(boot=f"boot-{boot}")
        clock.advance(boot * 2_000_000)
        journal = await Journal.open(tmp_path, JournalConfig(), clock)
        (frame,) = await Vitals(Site(clock, tmp_path, journal)).frames()
        await journal.close()
    assert frame.reading("restarts_1h").value == 3.0 - 1.0, "one of three is older than an hour"


def test_without_descriptors_it_knows_little_and_goes_on(root):
    machine = Machine(root, root)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        signs = machine.signs(0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert signs["under_voltage"] is None
    assert signs["cpu_temperature_c"] is None
