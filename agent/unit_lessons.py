"""What one device refuses: as its model's memory has it, and as it says itself."""

from collections.abc import Iterable
from dataclasses import replace

from agent.clock import Clock
from agent.modbus.address import Span
from agent.modbus.lessons import HOLDS_MS, Lesson, Lessons
from agent.modbus.plan import NO_HOLES, Holes
from agent.quantity import MINUTE_MS

_SILENCE_HOLDS_MS = 5 * MINUTE_MS
"""At first: to find silence out again costs time-outs."""
_FICKLE_MS = MINUTE_MS
"""After it has given what it had refused before, a device's refusals teach nothing for so long."""


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
        self._suspected = NO_HOLES
        self._fickle_until_ms = 0

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

    def weigh(self, holes: Holes, *, by_silence: bool = False, gives_it: bool = False) -> Holes:
        """What of a poll's refusals is believed, and heeded from now on.

        Some refuse for a moment, or now and then. A refusal is believed when the next poll that asks meets
        it again, or when it was believed before it was doubted; silence has been insisted on already.
        `gives_it`: asked once more, the device gave it.
        """
        now_ms = self._clock.monotonic_ms()
        if gives_it:
            self._fickle_until_ms = now_ms + _FICKLE_MS
        if not by_silence:
            known = self._suspected if self._doubted is None else self._suspected | self._doubted.holes
            is_fickle = now_ms < self._fickle_until_ms
            self._suspected = NO_HOLES if is_fickle else self._suspected | holes
            holes = NO_HOLES if is_fickle else holes & known
        if holes:
            self._add(holes, by_silence=by_silence)
        return holes

    def note_given(self, spans: Iterable[Span]) -> None:
        """These were read just now: that they were refused in the poll before was no lesson."""
        if not self._suspected:
            return
        for span in spans:
            if within := self._suspected.within(span):
                self._suspected -= within
                self._fickle_until_ms = self._clock.monotonic_ms() + _FICKLE_MS

    def _add(self, holes: Holes, *, by_silence: bool) -> None:
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
