"""The UTC of one boot: its monotonic clock plus one offset. Pure.

Until a source has said the time, the offset is the wall clock's at the start. When it has, the offset
is the source's, and from there on UTC never steps: small differences are slewed, so times stay strictly
rising, and a leap is not followed at all. A clock that is stepped by hours was wrong before or is wrong
now, and nobody here can know which; what was written with the first answer cannot be unwritten. A
restart believes the new one.
"""

from collections import deque
from dataclasses import dataclass

SLEW = 0.05
"""Of the time that passes, at most; chrony slews at up to 8.3 % (`maxslewrate`)."""
LEAP_MS = 600_000
"""A difference that is no drift: 1,000 ppm for a week, ten times a bad crystal."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The UTC that was given out while nobody knew the time, and how far the truth is from it, in ms."""

    from_ms: int
    to_ms: int
    by_ms: int

    def true_ms(self, ts_ms: int) -> int:
        """The same instant in true UTC; a time that is none of these stays."""
        return ts_ms + self.by_ms if self.from_ms <= ts_ms <= self.to_ms else ts_ms


class Timekeeper:
    """What a boot takes for UTC.

    Args:
        mono_ms: the monotonic clock at the start.
        offset_ms: the wall clock minus the monotonic one then.
    """

    def __init__(self, mono_ms: int, offset_ms: float) -> None:
        self._began_ms = mono_ms
        self.start_ms = float(round(offset_ms))
        self.origin_ms: int | None = None
        """UTC of the monotonic clock's zero as it stood when the time became known; None before."""
        self.leap_ms = 0.0
        """How far the source stands from us where that is too far to follow; 0 otherwise."""
        self.moved: Moved | None = None
        """What became of the times before trust; None before, and where there are none."""
        self._from = (0, self.start_ms)
        self._target_ms = self._from[1]

    def learn(self, mono_ms: int, offset_ms: float) -> bool:
        """A source says that UTC is monotonic time plus this; whether that was news of a leap."""
        if self.origin_ms is None:
            self.origin_ms = round(offset_ms)
            start_ms = round(self.start_ms)
            if self.origin_ms != start_ms:
                given = self._began_ms + start_ms, mono_ms + start_ms
                self.moved = Moved(*given, self.origin_ms - start_ms)
            self._from = mono_ms, float(self.origin_ms)
            self._target_ms = self._from[1]
            return False
        kept_ms = self.offset_ms(mono_ms)
        before_ms, self.leap_ms = self.leap_ms, 0.0
        if abs(offset_ms - kept_ms) <= LEAP_MS:
            self._from, self._target_ms = (mono_ms, kept_ms), offset_ms
            return False
        self.leap_ms = offset_ms - kept_ms
        return abs(self.leap_ms - before_ms) > LEAP_MS

    def offset_ms(self, mono_ms: int) -> float:
        """UTC minus monotonic time at an instant that is not long ago."""
        since_ms, offset_ms = self._from
        most_ms = max(0, mono_ms - since_ms) * SLEW
        return offset_ms + max(-most_ms, min(most_ms, self._target_ms - offset_ms))

    def utc_ms(self, mono_ms: int) -> int:
        """UTC at an instant of the monotonic clock."""
        return mono_ms + round(self.offset_ms(mono_ms))


class Skew:
    """How much too fast a clock runs, from its differences to a better one over the last minutes."""

    def __init__(self) -> None:
        self._differences: deque[tuple[int, float]] = deque()
        self._measured = False

    def note(self, mono_ms: int, ahead_ms: float, *, measured: bool) -> None:
        """The clock is ahead by so much now, of a measurement or else of the monotonic clock.

        A step, or another measure, begins anew.
        """
        if self._differences:
            last_ms, before_ms = self._differences[-1]
            if measured is not self._measured or abs(ahead_ms - before_ms) > _NO_SKEW_MS:
                self._differences.clear()
            elif mono_ms - last_ms < _EVERY_MS:
                return
        self._measured = measured
        self._differences.append((mono_ms, ahead_ms))
        while mono_ms - self._differences[0][0] > _OVER_MS:
            self._differences.popleft()

    def ppm(self) -> float | None:
        """None until it was watched for ten seconds."""
        if not self._differences:
            return None
        (first_ms, before_ms), (last_ms, now_ms) = self._differences[0], self._differences[-1]
        if last_ms - first_ms < _AFTER_MS:
            return None
        return (now_ms - before_ms) / (last_ms - first_ms) * 1e6


_EVERY_MS = 5_000
_AFTER_MS = 10_000
_OVER_MS = 600_000
_NO_SKEW_MS = 500.0
"""More than this in a few seconds is a step, whatever the crystal."""
