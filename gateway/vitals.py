"""The gateway's own pulse: frames of the devices `gateway` and `bus-<id>`, for rules, charts and tickets.

Read from /proc and /sys; what this machine does not have is `absent`, never 0.
"""

import asyncio
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, TypeAlias

from agent.clock import Clock
from agent.poller import FrameNumbers
from agent.quantity import DAY_MS, HOUR_MS, MINUTE_MS
from agent.reading import Frame, Quality, Value
from gateway.journal.journal import Journal

EVERY_MS = 10_000
Signs: TypeAlias = dict[str, Value | None]
"""Point → value, None where there is none to be had."""

_WEAR_AFTER_MS = MINUTE_MS
_SECTOR = 512  # of /sys/block/*/stat, whatever the disk's own are
_AT_HOME = frozenset({"history", "desk"})
_UNDER_VOLTAGE, _THROTTLED = 0x1, 0x4 | 0x8  # Raspberry Pi firmware, get_throttled: now, not since boot


class BusPulse(Protocol):
    """What a bus tells of itself, over the last minute."""

    @property
    def load_pct(self) -> float: ...
    @property
    def cycle_s(self) -> float: ...
    @property
    def requests_per_s(self) -> float: ...
    @property
    def errors_pct(self) -> float: ...
    @property
    def devices_silent(self) -> int: ...
    @property
    def devices_dead(self) -> int: ...
    @property
    def silent_for_s(self) -> float: ...
    @property
    def devices_total(self) -> int: ...
    @property
    def planned_load_pct(self) -> float: ...
    @property
    def missed_polls_pct(self) -> float: ...
    @property
    def longest_delay_s(self) -> float: ...


class Bus(Protocol):
    def statistics(self) -> BusPulse: ...


class Broker(Protocol):
    @property
    def connected(self) -> bool: ...
    @property
    def identity_in_use(self) -> bool: ...


class Database(Protocol):
    @property
    def errors_pct(self) -> float: ...
    @property
    def rejected(self) -> int: ...


class North(Protocol):
    """Brokers by name and the database, as far as they are configured."""

    @property
    def mqtt(self) -> Mapping[str, Broker]: ...
    @property
    def influxdb(self) -> Database | None: ...


class Host(Protocol):
    """The running site, as far as its pulse needs it."""

    @property
    def clock(self) -> Clock: ...
    @property
    def data(self) -> Path: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def pollers(self) -> Mapping[str, Bus]: ...
    @property
    def north(self) -> North: ...
    def take(self, frame: Frame) -> None: ...


class Machine:
    """The computer below; `root` stands for `/`."""

    def __init__(self, data: Path, root: Path = Path("/")) -> None:
        self._data = data
        self._proc = root / "proc"
        self._sys = root / "sys"
        self._processor: tuple[int, int] | None = None
        self._written: deque[tuple[int, int]] = deque()

    def signs(self, mono_ms: int) -> Signs:
        """All that it says now; loads are over the time since the last call."""
        return {
            "cpu_pct": self._cpu_pct(),
            "cpu_temperature_c": self._cpu_temperature_c(),
            "memory_available_pct": self._memory_available_pct(),
            **self._disk(),
            "sd_written_mb_per_day": self._written_mb_per_day(mono_ms),
            "uptime_s": self._uptime_s(),
            **self._supply(),
        }

    def _cpu_pct(self) -> float | None:
        words = _read(self._proc / "stat").partition("\n")[0].split()
        if len(words) < 6:
            return None
        ticks = [int(word) for word in words[1:9]]
        now = sum(ticks), ticks[3] + ticks[4]  # all; idle and waiting for disks
        before, self._processor = self._processor, now
        if before is None or now[0] <= before[0]:
            return None
        return round(100.0 * (1 - (now[1] - before[1]) / (now[0] - before[0])), 1)

    def _cpu_temperature_c(self) -> float | None:
        text = _read(self._sys / "class/thermal/thermal_zone0/temp")
        return int(text) / 1_000 if text.lstrip("-").isdigit() else None

    def _memory_available_pct(self) -> float | None:
        sizes = dict(line.split(":", 1) for line in _read(self._proc / "meminfo").splitlines() if ":" in line)
        if "MemAvailable" not in sizes or "MemTotal" not in sizes:
            return None
        available, total = (int(sizes[name].split()[0]) for name in ("MemAvailable", "MemTotal"))
        return round(100.0 * available / total, 1)

    def _disk(self) -> Signs:
        try:
            disk = os.statvfs(self._data)
        except OSError:
            return {"disk_free_mb": None, "disk_used_pct": None}
        used = disk.f_blocks - disk.f_bfree
        return {
            "disk_free_mb": round(disk.f_bavail * disk.f_frsize / 1_000_000, 1),
            "disk_used_pct": round(100.0 * used / max(1, used + disk.f_bavail), 1),
        }

    def _written_mb_per_day(self, mono_ms: int) -> float | None:
        """Of the block device below the data folder, over the last hour."""
        try:
            device = self._data.stat().st_dev
        except OSError:
            return None
        name = f"{os.major(device)}:{os.minor(device)}"
        words = _read(self._sys / "dev/block" / name / "stat").split()
        if len(words) < 7:
            return None
        self._written.append((mono_ms, int(words[6]) * _SECTOR))
        while mono_ms - self._written[0][0] > HOUR_MS:
            self._written.popleft()
        since_ms, then = self._written[0]
        if mono_ms - since_ms < _WEAR_AFTER_MS:
            return None
        written = self._written[-1][1] - then
        return round(written / 1_000_000 * DAY_MS / (mono_ms - since_ms), 1)

    def _uptime_s(self) -> float | None:
        words = _read(self._proc / "uptime").split()
        return float(words[0]) if words else None

    def _supply(self) -> Signs:
        for path in _found(self._sys / "devices/platform", "soc*/soc*:firmware/get_throttled"):
            text = _read(path)
            if text:
                bits = int(text, 16)
                return {"under_voltage": bool(bits & _UNDER_VOLTAGE), "throttled": bool(bits & _THROTTLED)}
        return {"under_voltage": None, "throttled": None}


class Vitals:
    """Takes the pulse every ten seconds and hands the frames to the site."""

    def __init__(self, host: Host, machine: Machine | None = None) -> None:
        self._host = host
        self._machine = machine or Machine(host.data)
        self._numbers = FrameNumbers()

    async def run(self) -> None:
        """Until cancelled; a slow disk delays this pulse, and nothing else."""
        clock = self._host.clock
        due_ms = clock.monotonic_ms()
        await asyncio.to_thread(self._machine.signs, due_ms)  # loads count from here
        while True:
            due_ms = max(due_ms + EVERY_MS, clock.monotonic_ms())
            await clock.sleep_until(due_ms)
            for frame in await self.frames():
                self._host.take(frame)

    async def frames(self) -> list[Frame]:
        """The pulse now: the gateway, then each bus."""
        host = self._host
        machine = await asyncio.to_thread(self._machine.signs, host.clock.monotonic_ms())
        buses = dict(self._buses())
        signs = {
            **machine,
            **self._time(),
            **await self._backlog(),
            **self._north(),
            **_of_all(buses.values()),
        }
        frames = [self._frame("gateway", signs)]
        frames += (self._frame(f"bus-{bus}", signs) for bus, signs in buses.items())
        return frames

    def _time(self) -> Signs:
        clock, boots = self._host.clock, self._host.journal.boots
        offset_s, skew_ppm = clock.offset_s(), clock.skew_ppm()
        return {
            "clock_synchronized": clock.synchronised(),
            "clock_offset_s": None if offset_s is None else round(offset_s, 6),
            "clock_skew_ppm": None if skew_ppm is None else round(skew_ppm, 1),
            "restarts_1h": float(boots.restarts(clock.monotonic_ms(), clock.utc_ms(), HOUR_MS)),
        }

    async def _backlog(self) -> Signs:
        """Of the destination that is furthest behind; 0 where there is none."""
        journal = self._host.journal
        behind = {reader: await journal.backlog(reader) for reader in sorted(journal.readers() - _AT_HOME)}
        frames, age_s = max(behind.values(), default=(0, 0.0))
        database = behind.get("influxdb")
        return {
            "backlog_frames": float(frames),
            "backlog_age_s": round(age_s, 1),
            "storage_refuses": not journal.works,
            "influxdb_lag_s": None if database is None else round(database[1], 1),
        }

    def _north(self) -> Signs:
        north = self._host.north
        brokers = north.mqtt.values()
        return {
            "influxdb_errors_pct": None if north.influxdb is None else round(north.influxdb.errors_pct, 1),
            "influxdb_rejected": None if north.influxdb is None else float(north.influxdb.rejected),
            "mqtt_connected": all(broker.connected for broker in brokers) if brokers else None,
            "mqtt_identity_in_use": any(broker.identity_in_use for broker in brokers) if brokers else None,
        }

    def _buses(self) -> Iterator[tuple[str, Signs]]:
        for bus, poller in self._host.pollers.items():
            pulse = poller.statistics()
            yield (
                bus,
                {
                    "load_pct": round(pulse.load_pct, 2),
                    "cycle_s": round(pulse.cycle_s, 3),
                    "requests_per_s": round(pulse.requests_per_s, 2),
                    "errors_pct": round(pulse.errors_pct, 2),
                    "devices_silent": float(pulse.devices_silent),
                    "devices_dead": float(pulse.devices_dead),
                    "silent_for_s": round(pulse.silent_for_s, 1),
                    "devices_total": float(pulse.devices_total),
                    "planned_load_pct": round(pulse.planned_load_pct, 2),
                    "missed_polls_pct": round(pulse.missed_polls_pct, 2),
                    "longest_delay_s": round(pulse.longest_delay_s, 3),
                },
            )

    def _frame(self, device: str, signs: Signs) -> Frame:
        clock = self._host.clock
        unsure = not clock.trusted()
        now_ms = clock.monotonic_ms()
        seq, mono_ms, ts_ms = self._numbers.next(device, now_ms, clock.utc_at(now_ms), unsure=unsure)
        faults = {index: Quality.ABSENT for index, value in enumerate(signs.values()) if value is None}
        return Frame(
            device=device,
            boot=clock.boot,
            seq=seq,
            mono_ms=mono_ms,
            ts_ms=ts_ms,
            unsure=unsure,
            span_ms=0,
            points=tuple(signs),
            values=tuple(signs.values()),
            faults=faults,
        )


def _of_all(buses: Iterable[Signs]) -> Signs:
    """How many buses have had answers within the hour, and how many of them have none now."""
    lately = [bus for bus in buses if bus["devices_total"]]
    silent = [bus for bus in lately if bus["silent_for_s"] or bus["devices_silent"] == bus["devices_total"]]
    return {"buses_total": float(len(lately)), "buses_silent": float(len(silent))}


def _found(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:  # no descriptors left, such as: then it is not known now
        return []


def _read(path: Path) -> str:
    """A small file of the kernel, empty where there is none."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
