"""What this run of the gateway is, for the journal's list of boots."""

from contextlib import suppress
from pathlib import Path

from agent.clock import Clock
from gateway.journal.batch import Boot

_KERNEL_BOOT = Path("/proc/sys/kernel/random/boot_id")
_TIME_NAMESPACE = Path("/proc/self/ns/time")


def this_boot(clock: Clock) -> Boot:
    """By the clocks of now; without a kernel that tells its boot, clocks are not shared with other runs.

    Runs of one kernel boot share the monotonic clock, as long as they share a time namespace.
    """
    try:
        kernel_boot = _KERNEL_BOOT.read_text().strip()
    except OSError:
        kernel_boot = ""
    with suppress(OSError):  # a kernel before 5.6 has none
        kernel_boot += f" {_TIME_NAMESPACE.readlink()}" if kernel_boot else ""
    trusted, mono_ms = clock.trusted(), clock.monotonic_ms()
    return Boot(clock.boot, kernel_boot, 0, mono_ms, clock.utc_at(mono_ms), trusted, clock.origin_ms)
