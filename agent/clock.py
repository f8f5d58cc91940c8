"""The only asker of the time.

Two kinds that are never mixed: monotonic milliseconds to say how long, UTC
milliseconds to say when. Pure code is handed times; shells hold a `Clock`.
A gateway without a battery-backed clock starts untrusted; readings taken then
carry `unsure` and their place on the monotonic clock, so they can be mended.
"""

import asyncio
import ctypes
import secrets
import time
from typing import Protocol


class Clock(Protocol):
    """What a shell may ask."""

    @property
    def boot(self) -> str:
        """The id of this run of the gateway; readings of one boot share one monotonic clock."""

    def monotonic_ms(self) -> int: ...

    def utc_ms(self) -> int: ...

    def trusted(self) -> bool:
        """Whether the wall clock is known to be right."""

    def offset_s(self) -> float | None:
        """The kernel's estimate of the clock's error, None where it has none."""

    async def sleep_until(self, mono_ms: int) -> None: ...


def new_boot_id() -> str:
    """12 random hexadecimal digits."""
    return secrets.token_hex(6)


class SystemClock:
    """The machine's clocks. Trust follows the kernel's synchronisation state (adjtimex(2)).

    Args:
        boot: the id of this run; a new one unless given.
        taken_at_its_word: trust the wall clock without asking: for a demo on somebody's own machine.
    """

    def __init__(self, boot: str | None = None, *, taken_at_its_word: bool = False) -> None:
        self._boot = boot or new_boot_id()
        self._taken_at_its_word = taken_at_its_word
        self._kernel = _KernelClock()
        self._asked_ms = -_TRUST_HOLDS_MS
        self._trusted = False

    @property
    def boot(self) -> str:
        return self._boot

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def utc_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def trusted(self) -> bool:
        if self._taken_at_its_word:
            return True
        now_ms = self.monotonic_ms()
        if now_ms - self._asked_ms >= _TRUST_HOLDS_MS:
            self._asked_ms = now_ms
            self._trusted = self._kernel.synchronised()
        return self._trusted

    def offset_s(self) -> float | None:
        return self._kernel.offset_s()

    async def sleep_until(self, mono_ms: int) -> None:
        delay_ms = mono_ms - time.monotonic_ns() / 1_000_000
        await asyncio.sleep(max(0.0, delay_ms / 1_000))


class ManualClock:
    """Time that moves only when someone moves it: for tests and rule replays."""

    def __init__(
        self, utc_ms: int = 1_780_000_000_000, *, boot: str = "boot-test", trusted: bool = True
    ) -> None:
        self._start_utc_ms = utc_ms
        self._elapsed_ms = 0
        self._boot = boot
        self.is_trusted = trusted

    @property
    def boot(self) -> str:
        return self._boot

    def monotonic_ms(self) -> int:
        return self._elapsed_ms

    def utc_ms(self) -> int:
        return self._start_utc_ms + self._elapsed_ms

    def trusted(self) -> bool:
        return self.is_trusted

    def offset_s(self) -> float | None:
        return 0.0 if self.is_trusted else None

    def advance(self, ms: int) -> None:
        self._elapsed_ms += ms

    async def sleep_until(self, mono_ms: int) -> None:
        self._elapsed_ms = max(self._elapsed_ms, mono_ms)
        await asyncio.sleep(0)


_TRUST_HOLDS_MS = 10_000
_STA_UNSYNC = 0x0040  # linux/timex.h
_STA_NANO = 0x2000  # linux/timex.h: the offset is in nanoseconds


class _Timex(ctypes.Structure):
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


class _KernelClock:
    def __init__(self) -> None:
        self._adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)

    def _ask(self) -> _Timex | None:
        if self._adjtimex is None:
            return None
        timex = _Timex()
        return timex if self._adjtimex(ctypes.byref(timex)) >= 0 else None

    def synchronised(self) -> bool:
        timex = self._ask()
        return timex is not None and not timex.status & _STA_UNSYNC

    def offset_s(self) -> float | None:
        timex = self._ask()
        if timex is None or timex.status & _STA_UNSYNC:
            return None
        return float(timex.offset / (1_000_000_000 if timex.status & _STA_NANO else 1_000_000))
