"""What one device refuses: as its model's memory has it, and as it says itself."""

from dataclasses import replace

from agent.clock import Clock
from agent.modbus.lessons import HOLDS_MS, Lesson, Lessons
from agent.modbus.plan import NO_HOLES, Holes
from agent.quantity import MINUTE_MS

_SILENCE_HOLDS_MS = 5 * MINUTE_MS
"""At first: to find silence out again costs time-outs."""


class UnitLessons:
    """The holes of one device, and when they are doubted.

    Args:
        device: its id.
        lessons: the memory of all devices.
        clock: for the time that a lesson holds.
    """

    def __init__(self, device: str, lessons: Lessons, clock: Clock) -> None:
        self.holes = NO_HOLES
        self._device = device
        self._lessons = lessons
        self._clock = clock
        self._key: str | None = None
        self._hold_ms = HOLDS_MS
        self._doubted: Lesson | None = None
        """What was believed before it was to be found out again."""
        self._ask_again_ms: int | None = None

    def turn_to(self, key: str) -> bool:
        """The device has turned out to be of this model and firmware; whether that changes its holes."""
        if key == self._key:
            return False
        before, self._key = self.holes, key
        self._forget()
        lesson = self._lessons.recall(key)
        if lesson is not None:
            left_ms = lesson.left_ms(self._device, self._clock.utc_ms())
            self._hold_ms = lesson.hold_ms
            if left_ms > 0:
                self.holes = lesson.holes
                self._ask_again_ms = self._clock.monotonic_ms() + left_ms
            else:
                self._doubted = lesson
        return self.holes != before

    def add(self, holes: Holes, *, by_silence: bool = False) -> None:
        """The device has taught something, by its words or by silence."""
        self.holes |= holes
        if by_silence and self._doubted is None:
            self._hold_ms = max(self._hold_ms, _SILENCE_HOLDS_MS)
        lesson = Lesson(self.holes, self._device, self._clock.utc_ms(), self._hold_ms)
        if self._doubted is not None and self._doubted.holes.refused <= self.holes.refused:
            lesson = replace(lesson, hold_ms=self._doubted.hold_ms).confirmed()
            self._hold_ms, self._doubted = lesson.hold_ms, None
        self._ask_again_ms = self._clock.monotonic_ms() + self._hold_ms
        if self._key is not None:
            self._lessons.keep(self._key, lesson)

    def doubt(self) -> bool:
        """Forget what was believed for long enough; whether there was anything."""
        if self._ask_again_ms is None or self._clock.monotonic_ms() < self._ask_again_ms:
            return False
        doubted = Lesson(self.holes, self._device, self._clock.utc_ms(), self._hold_ms)
        self._forget()
        self._doubted = doubted
        kept = self._lessons.recall(self._key) if self._key is not None else None
        if self._key is not None and kept is not None and kept.device == self._device:
            self._lessons.forget(self._key)
        return True

    def _forget(self) -> None:
        self.holes, self._ask_again_ms, self._doubted, self._hold_ms = NO_HOLES, None, None, HOLDS_MS
