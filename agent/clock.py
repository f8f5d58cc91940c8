"""The only asker of the time.

Two kinds that are never mixed: monotonic milliseconds to say how long, UTC
milliseconds to say when. Pure code is handed times; shells hold a `Clock`.
A gateway without a battery-backed clock starts untrusted; readings taken then
carry `unsure` and their place on the monotonic clock, so they can be mended.

UTC is monotonic time plus an offset (`timekeeper`), never the wall clock itself:
a wall clock that leaps moves nothing that asks here.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from agent.time_source import KernelTime, TimeSource
from agent.timekeeper import LEAP_MS, Moved, Skew, Timekeeper

log = structlog.get_logger(__name__)


class Clock(Protocol):
    """What a shell may ask."""

    @property
    def boot(self) -> str:
        """The id of this run of the gateway; readings of one boot share one monotonic clock."""

    @property
    def origin_ms(self) -> int | None:
        """UTC of the monotonic clock's zero as it stood when the time became known; None before."""

    def monotonic_ms(self) -> int: ...

    def utc_ms(self) -> int: ...

    def utc_at(self, mono_ms: int) -> int:
        """UTC at an instant of the monotonic clock that is not long ago."""

    def trusted(self) -> bool:
        """Whether UTC is known in this boot; once it is, the monotonic clock keeps it."""

    def synchronised(self) -> bool:
        """Whether the source of the time vouches for it now."""

    def moved(self) -> Moved | None:
        """What became of the times that were given out before the time was known."""

    def offset_s(self) -> float | None:
        """How far the machine's wall clock is ahead of UTC, None while UTC is not known."""

    def skew_ppm(self) -> float | None:
        """How much too fast the machine's clock runs by itself, None while that is not known."""

    async def sleep_until(self, mono_ms: int) -> None: ...


def new_boot_id() -> str:
    """12 random hexadecimal digits."""
    return secrets.token_hex(6)


class SystemClock:
    """The machine's clocks.

    Args:
        boot: the id of this run; a new one unless given.
        source: who says that the time is right; the kernel unless given.
        wall_ms: the wall clock minus the monotonic one; the machine's unless given.
    """

    def __init__(
        self,
        boot: str | None = None,
        source: TimeSource | None = None,
        wall_ms: Callable[[], float] | None = None,
    ) -> None:
        self._boot = boot or new_boot_id()
        self._kernel = KernelTime()
        self._source = source or self._kernel
        self._wall_ms = wall_ms or _wall_ms
        self._keeper = Timekeeper(self.monotonic_ms(), self._wall_ms())
        self._asking = threading.Lock()
        self._asked: tuple[int, float] | None = None
        self._synchronised = False
        self._skew = Skew()

    @property
    def boot(self) -> str:
        return self._boot

    @property
    def origin_ms(self) -> int | None:
        return self._keeper.origin_ms

    def recall(self, origin_ms: int) -> None:
        """What a run before this one, on the same monotonic clock, knew of the time.

        It holds where the source does not know and nobody has stepped the wall clock since: the kernel
        forgets after nine hours without news, the monotonic clock does not.
        """
        if not self.trusted() and abs(self._keeper.start_ms - origin_ms) <= LEAP_MS:
            self._keeper.learn(self.monotonic_ms(), origin_ms)

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def utc_ms(self) -> int:
        return self._keeper.utc_ms(self.monotonic_ms())

    def utc_at(self, mono_ms: int) -> int:
        return mono_ms + round(self._keeper.offset_ms(self.monotonic_ms()))

    def trusted(self) -> bool:
        self._ask()
        return self._keeper.origin_ms is not None

    def synchronised(self) -> bool:
        self._ask()
        return self._synchronised

    def moved(self) -> Moved | None:
        return self._keeper.moved

    def offset_s(self) -> float | None:
        if not self.trusted():
            return None
        ahead_ms = self._wall_ms() - self._keeper.offset_ms(self.monotonic_ms())
        return ahead_ms / 1_000 + self._source.error_s()

    def skew_ppm(self) -> float | None:
        self._ask()
        ppm = self._skew.ppm()
        return None if ppm is None else ppm - self._kernel.correction_ppm()

    async def sleep_until(self, mono_ms: int) -> None:
        delay_ms = mono_ms - time.monotonic_ns() / 1_000_000
        await asyncio.sleep(max(0.0, delay_ms / 1_000))

    def _ask(self) -> None:
        """Hear the source, once a second; at once when the wall clock was stepped."""
        with self._asking:  # the desk asks from its own thread
            now_ms, wall_ms = self.monotonic_ms(), self._wall_ms()
            waited = self._asked is not None
            if self._asked is not None:
                asked_ms, before_ms = self._asked
                if now_ms - asked_ms < _ASKED_HOLDS_MS and abs(wall_ms - before_ms) < _STEP_MS:
                    return
            self._asked = now_ms, wall_ms
            said_ms = self._source.offset_ms(now_ms, wall_ms)
            self._synchronised = said_ms is not None
            measured = said_ms is not None and said_ms != wall_ms
            self._skew.note(now_ms, wall_ms - (said_ms or 0.0) if measured else wall_ms, measured=measured)
            if said_ms is None:
                return
            known = self._keeper.origin_ms is not None
            if self._keeper.learn(now_ms, said_ms):
                log.error("clock.leap_not_followed", leap_s=round(self._keeper.leap_ms / 1_000, 1))
            elif waited and not known:
                log.info("clock.trusted", moved_s=round((said_ms - self._keeper.start_ms) / 1_000, 3))


class ManualClock:
    """Time that moves only when someone moves it: for tests and rule replays."""

    def __init__(
        self, utc_ms: int = 1_780_000_000_000, *, boot: str = "boot-test", trusted: bool = True
    ) -> None:
        self._start_utc_ms = utc_ms
        self._elapsed_ms = 0
        self._boot = boot
        self.is_trusted = trusted
        self._moved: Moved | None = None

    @property
    def boot(self) -> str:
        return self._boot

    @property
    def origin_ms(self) -> int | None:
        return self._start_utc_ms if self.is_trusted else None

    def monotonic_ms(self) -> int:
        return self._elapsed_ms

    def utc_ms(self) -> int:
        return self._start_utc_ms + self._elapsed_ms

    def utc_at(self, mono_ms: int) -> int:
        return self._start_utc_ms + mono_ms

    def trusted(self) -> bool:
        return self.is_trusted

    def synchronised(self) -> bool:
        return self.is_trusted

    def moved(self) -> Moved | None:
        return self._moved

    def offset_s(self) -> float | None:
        return 0.0 if self.is_trusted else None

    def skew_ppm(self) -> float | None:
        return 0.0 if self.is_trusted else None

    def advance(self, ms: int) -> None:
        self._elapsed_ms += ms

    def learn(self, utc_ms: int) -> None:
        """The time becomes known: it is this now."""
        self._moved = Moved(self._start_utc_ms, self.utc_ms(), utc_ms - self.utc_ms())
        self._start_utc_ms = utc_ms - self._elapsed_ms
        self.is_trusted = True

    async def sleep_until(self, mono_ms: int) -> None:
        self._elapsed_ms = max(self._elapsed_ms, mono_ms)
        await asyncio.sleep(0)


_ASKED_HOLDS_MS = 1_000
_STEP_MS = 20.0
"""Within a second a wall clock that nobody steps moves much less against the monotonic one."""


def _wall_ms() -> float:
    """The wall clock minus the monotonic one, read between two readings of that."""
    best_ns, offset_ns = _WORST_NS, 0
    for _ in range(_TRIES):
        before_ns = time.monotonic_ns()
        wall_ns = time.time_ns()
        after_ns = time.monotonic_ns()
        if after_ns - before_ns < best_ns:
            best_ns, offset_ns = after_ns - before_ns, wall_ns - (before_ns + after_ns) // 2
        if best_ns < _GOOD_NS:
            break
    return offset_ns / 1_000_000


_WORST_NS = 1 << 62
_GOOD_NS = 20_000
_TRIES = 4
