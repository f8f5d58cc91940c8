"""Who may say that the time is right: the kernel, a clock chip, a time server, or the site file itself.

Each says how UTC stands to the monotonic clock, or that it does not know. Nothing here ever sets a clock.
"""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

FLOOR_MS = 1_704_067_200_000
"""2024-01-01: no gateway of this software has lived before; a clock that says so has lost its battery."""
_FRESH_MS = 1_800_000
"""What a time server said half an hour ago is still its word; later the machine is on its own."""
_CHIP_MS = 2_000
"""A clock chip shows whole seconds; a wall clock farther off was not set by it, or has run away."""


class TimeSource(Protocol):
    """Says what it knows of UTC; cheap, and asked about once a second."""

    def offset_ms(self, mono_ms: int, wall_ms: float) -> float | None:
        """UTC minus monotonic time now, None while it does not know.

        Args:
            mono_ms: now, on the monotonic clock.
            wall_ms: the wall clock minus the monotonic one, now.
        """

    def error_s(self) -> float:
        """How far it believes the wall clock to be off where its word is that very clock."""


class KernelTime:
    """The kernel's synchronisation state (adjtimex(2)), as chrony, ntpd and systemd-timesyncd keep it.

    The bound of the error tells it, and not the flag: chronyd without `rtcsync` never clears that, and
    whoever sets the clock puts the bound to its end.

    Args:
        adjtimex: the system call, by a pointer to a `Timex`; negative where it is refused.
    """

    def __init__(self, adjtimex: Callable[[Any], int] | None = None) -> None:
        self._adjtimex = adjtimex or getattr(ctypes.CDLL(None), "adjtimex", None)

    def offset_ms(self, mono_ms: int, wall_ms: float) -> float | None:
        return None if self._ask() is None else wall_ms

    def error_s(self) -> float:
        timex = self._ask()
        if timex is None:
            return 0.0
        return float(timex.offset / (1_000_000_000 if timex.status & _STA_NANO else 1_000_000))

    def correction_ppm(self) -> float:
        """By how much the kernel makes the machine's clock run faster; 0 where nobody steers it."""
        timex = self._ask()
        return 0.0 if timex is None else float(timex.freq) / 65_536

    def _ask(self) -> "Timex | None":
        """What the kernel says, None while nobody keeps its clock."""
        if self._adjtimex is None:
            return None
        timex = Timex()
        known = self._adjtimex(ctypes.byref(timex)) >= 0 and timex.maxerror < _PHASE_LIMIT_US
        return timex if known else None


class AlwaysRight:
    """Whoever wrote the site file vouches for the wall clock: containers, a demo on somebody's machine."""

    def offset_ms(self, mono_ms: int, wall_ms: float) -> float | None:
        return wall_ms

    def error_s(self) -> float:
        return 0.0


class FixedTime:
    """What is known already of this boot.

    Args:
        origin_ms: UTC of the monotonic clock's zero.
    """

    def __init__(self, origin_ms: int) -> None:
        self._origin_ms = origin_ms

    def offset_ms(self, mono_ms: int, wall_ms: float) -> float | None:
        return float(self._origin_ms)

    def error_s(self) -> float:
        return 0.0


class ClockChip:
    """A battery-backed clock that is known to be right, while the wall clock agrees with it."""

    def __init__(self, chip: Path = Path("/sys/class/rtc/rtc0/since_epoch")) -> None:
        self._chip = chip

    def offset_ms(self, mono_ms: int, wall_ms: float) -> float | None:
        try:
            shown_ms = int(self._chip.read_text()) * 1_000
        except (OSError, ValueError):
            return None
        agrees = -_CHIP_MS < mono_ms + wall_ms - shown_ms < 1_000 + _CHIP_MS
        return wall_ms if agrees and shown_ms >= FLOOR_MS else None

    def error_s(self) -> float:
        return 0.0


class HostTime:
    """In a virtual machine the host sets the clock and the kernel says nothing; elsewhere it knows nothing.

    Args:
        floor_ms: a clock that shows an earlier time is not believed.
        root: stands for `/`.
    """

    def __init__(self, floor_ms: int = FLOOR_MS, root: Path = Path("/")) -> None:
        self._floor_ms = max(FLOOR_MS, floor_ms)
        self._virtual = _is_virtual(root)

    def offset_ms(self, mono_ms: int, wall_ms: float) -> float | None:
        return wall_ms if self._virtual and mono_ms + wall_ms >= self._floor_ms else None

    def error_s(self) -> float:
        return 0.0


class MeasuredTime:
    """What a time server has been measured to say; whoever measures puts it in."""

    def __init__(self) -> None:
        self._measured: tuple[int, float] | None = None

    def note(self, mono_ms: int, offset_ms: float) -> None:
        """A measurement: UTC minus monotonic time."""
        self._measured = mono_ms, offset_ms

    def offset_ms(self, mono_ms: int, wall_ms: float) -> float | None:
        if self._measured is None or mono_ms - self._measured[0] > _FRESH_MS:
            return None
        return self._measured[1]

    def error_s(self) -> float:
        return 0.0


class FirstOf:
    """The first of several sources that knows."""

    def __init__(self, *sources: TimeSource) -> None:
        self._sources = sources
        self._spoke: TimeSource | None = None

    def offset_ms(self, mono_ms: int, wall_ms: float) -> float | None:
        for source in self._sources:
            offset_ms = source.offset_ms(mono_ms, wall_ms)
            if offset_ms is not None:
                self._spoke = source
                return offset_ms
        self._spoke = None
        return None

    def error_s(self) -> float:
        return 0.0 if self._spoke is None else self._spoke.error_s()


def _is_virtual(root: Path) -> bool:
    """x86 tells a guest by a processor flag, ARM by a node of the device tree or the maker's name."""
    if (root / "proc/device-tree/hypervisor").exists():
        return True
    try:
        with (root / "proc/cpuinfo").open() as lines:
            if any(line.startswith("flags") and " hypervisor" in line for line in lines):
                return True
    except OSError:
        return False
    try:
        maker = (root / "sys/class/dmi/id/sys_vendor").read_text()
    except OSError:
        return False
    return maker.strip() in {"QEMU", "Amazon EC2", "Google", "VMware, Inc.", "innotek GmbH", "Xen"}


_PHASE_LIMIT_US = 16_000_000  # linux/timex.h, NTP_PHASE_LIMIT: grows to it in nine hours without news
_STA_NANO = 0x2000  # linux/timex.h: the offset is in nanoseconds


class Timex(ctypes.Structure):
    """struct timex of adjtimex(2), 64 or 32 bit long as the machine has it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )
