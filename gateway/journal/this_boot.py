"""What this run of the gateway is, for the journal's list of boots."""

from pathlib import Path

from agent.clock import Clock
from gateway.journal.batch import Boot

_KERNEL_BOOT = Path("/proc/sys/kernel/random/boot_id")


def this_boot(clock: Clock) -> Boot:
    """By the clocks of now; without a kernel that tells its boot, clocks are not shared with other runs."""
    try:
        kernel_boot = _KERNEL_BOOT.read_text().strip()
    except OSError:
        kernel_boot = ""
    mono_ms, utc_ms, trusted = clock.monotonic_ms(), clock.utc_ms(), clock.trusted()
    return Boot(clock.boot, kernel_boot, 0, mono_ms, utc_ms, trusted, utc_ms - mono_ms if trusted else None)
