"""What a poll says: values with quality, all of one device at one time.

A `Frame` is one poll of one device: arrays in the order of its plan, with a
quality only where it is not good. Missing is a quality, never 0.
This module knows no clock, no wire and no file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

Value: TypeAlias = float | str | bool
"""A number (always a float), a state or text, or a flag."""


class Quality(StrEnum):
    """Trust in a value. The first three come with a value, the others without."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    SUBSTITUTED = "substituted"
    STALE = "stale"
    BAD = "bad"
    ABSENT = "absent"
    """The device itself says "not available" (sentinel, NaN)."""

    @property
    def has_value(self) -> bool:
        return self in _WITH_VALUE


_WITH_VALUE = frozenset({Quality.GOOD, Quality.UNCERTAIN, Quality.SUBSTITUTED})


@dataclass(frozen=True, slots=True)
class Text:
    """A text in both languages of the house; English stands in where Chinese is missing."""

    en: str
    zh: str

    def in_(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en

    def document(self) -> dict[str, str]:
        return {"en": self.en, "zh": self.zh}


@dataclass(frozen=True, slots=True)
class Reading:
    """One point of a frame, taken out of it."""

    value: Value | None
    quality: Quality


@dataclass(frozen=True, slots=True)
class Frame:
    """One poll of one device.

    Args:
        device: the device's id in the site file.
        boot: the run of the gateway that took it.
        seq: counts the frames of one boot and device from 1, without holes.
        mono_ms: milliseconds on the monotonic clock of that boot, at the first reply.
        ts_ms: UTC milliseconds of the same instant; rises strictly per device, except that it may
            step back where `unsure` ends.
        unsure: the wall clock was not trusted when `ts_ms` was derived.
        span_ms: from the first to the last reply of the poll.
        points: names of the points that were due, in plan order (one shared tuple per plan).
        values: one per point; None exactly where the quality has no value.
        faults: index in `points` → quality, only where it is not good.
        reason: why a whole poll failed (`timeout`, `refused`, `bad_reply`, `bus_down`,
            `exception_<n>`); then `points` names what was due, and every fault is `bad`.
    """

    device: str
    boot: str
    seq: int
    mono_ms: int
    ts_ms: int
    unsure: bool
    span_ms: int
    points: tuple[str, ...]
    values: tuple[Value | None, ...]
    faults: Mapping[int, Quality] = field(default_factory=dict)
    reason: str | None = None

    @property
    def failed(self) -> bool:
        return self.reason is not None

    def reading(self, point: str) -> Reading | None:
        """The point's reading, or None when it was not due in this poll."""
        try:
            index = self.points.index(point)
        except ValueError:
            return None
        return Reading(self.values[index], self.faults.get(index, Quality.GOOD))

    def readings(self) -> Iterator[tuple[str, Reading]]:
        for index, point in enumerate(self.points):
            yield point, Reading(self.values[index], self.faults.get(index, Quality.GOOD))

    def good_values(self) -> dict[str, Value]:
        """Points with a value, whatever the trust in it."""
        return {p: v for p, v in zip(self.points, self.values, strict=True) if v is not None}
