"""What this run of the gateway is, for the journal's list of boots."""

import sqlite3
from contextlib import suppress
from pathlib import Path

from agent.clock import Clock
from gateway.journal.batch import Boot
from gateway.journal.errors import JournalTooNew, JournalUnavailable
from gateway.journal.file import DamagedFileError, connect_to_read
from gateway.journal.query import FILE, load_boots

_KERNEL_BOOT = Path("/proc/sys/kernel/random/boot_id")
_TIME_NAMESPACE = Path("/proc/self/ns/time")


def this_boot(clock: Clock) -> Boot:
    """By the clocks of now; without a kernel that tells its boot, clocks are not shared with other runs.

    Runs of one kernel boot share the monotonic clock, as long as they share a time namespace.
    """
    kernel_boot = _kernel_boot()
    trusted, mono_ms = clock.trusted(), clock.monotonic_ms()
    return Boot(clock.boot, kernel_boot, 0, mono_ms, clock.utc_at(mono_ms), trusted, clock.origin_ms)


def origin_beside(place: Path) -> int | None:
    """UTC of the monotonic clock's zero, where a gateway that ran or runs since the kernel started knows it.

    `place` is the journal's own folder.
    """
    kernel_boot = _kernel_boot()
    try:
        connection = connect_to_read(place / FILE)
    except (JournalUnavailable, JournalTooNew, DamagedFileError):
        return None
    try:
        boots = load_boots(connection).values()
    except sqlite3.Error:
        return None  # the gateway that has it will say so
    finally:
        connection.close()
    known = (b.offset_ms for b in boots if kernel_boot and b.kernel_boot == kernel_boot)
    return next((offset_ms for offset_ms in known if offset_ms is not None), None)


def _kernel_boot() -> str:
    try:
        kernel_boot = _KERNEL_BOOT.read_text().strip()
    except OSError:
        return ""
    with suppress(OSError):  # a kernel before 5.6 has none
        kernel_boot += f" {_TIME_NAMESPACE.readlink()}" if kernel_boot else ""
    return kernel_boot
