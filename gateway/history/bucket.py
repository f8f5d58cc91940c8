"""A minute of a device folded into one row, rows merged into a quarter hour, and back from bytes. Pure.

Only good values count. Text and flags have no mean: their last value stands for the span.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeAlias

import orjson

from agent.reading import Frame, Value

QUARTER_MS = 900_000
_LEVEL = 1

Fall: TypeAlias = tuple[int, float, int, float]
"""A reading's time and value, and those of the next one, which was lower."""


@dataclass(frozen=True, slots=True)
class Span:
    """What a point did in a span: numbers have all four, text and flags only the last value."""

    count: int
    mean: Value
    least: float | None = None
    most: float | None = None

    def merged(self, later: "Span") -> "Span":
        """Both in one; a point that changed its type keeps the later form."""
        numbers = (self.least, self.most, later.least, later.most)
        if (
            None in numbers
            or not isinstance(self.mean, (int, float))
            or not isinstance(later.mean, (int, float))
        ):
            return later
        count = self.count + later.count
        mean = (self.mean * self.count + later.mean * later.count) / count
        return Span(
            count,
            mean,
            min(n for n in (self.least, later.least) if n is not None),
            max(n for n in (self.most, later.most) if n is not None),
        )


@dataclass(frozen=True, slots=True)
class Register:
    """A counter's first and last good reading in a span, and where it fell in between."""

    first_ms: int
    first: float
    last_ms: int
    last: float
    falls: tuple[Fall, ...] = ()

    def merged(self, other: "Register") -> "Register":
        early, late = (self, other) if self.first_ms <= other.first_ms else (other, self)
        last = early if early.last_ms > late.last_ms else late
        falls = early.falls + late.falls
        if late.first < early.last and late.first_ms > early.last_ms:
            falls += ((early.last_ms, early.last, late.first_ms, late.first),)
        return Register(early.first_ms, early.first, last.last_ms, last.last, tuple(sorted(falls)))

    def shifted(self, ms: int) -> "Register":
        falls = tuple((at + ms, before, then + ms, after) for at, before, then, after in self.falls)
        return Register(self.first_ms + ms, self.first, self.last_ms + ms, self.last, falls)

    def readings(self) -> Iterator[tuple[int, float]]:
        """Time and value wherever it did not just grow, and at both ends."""
        yield self.first_ms, self.first
        for at_ms, before, then_ms, after in self.falls:
            if at_ms > self.first_ms:
                yield at_ms, before
            if then_ms < self.last_ms:
                yield then_ms, after
        if self.last_ms > self.first_ms:
            yield self.last_ms, self.last


@dataclass(frozen=True, slots=True)
class Row:
    """One device and one span of time.

    `polls` counts frames, `failed` those of them that failed, by reason.
    """

    polls: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    points: dict[str, Span] = field(default_factory=dict)
    registers: dict[str, Register] = field(default_factory=dict)

    def merged(self, later: "Row") -> "Row":
        failed = dict(self.failed)
        for reason, count in later.failed.items():
            failed[reason] = failed.get(reason, 0) + count
        points = dict(self.points)
        for point, span in later.points.items():
            points[point] = points[point].merged(span) if point in points else span
        registers = dict(self.registers)
        for point, register in later.registers.items():
            registers[point] = registers[point].merged(register) if point in registers else register
        return Row(self.polls + later.polls, failed, points, registers)

    def shifted(self, ms: int) -> "Row":
        """The same at a time that is `ms` later."""
        registers = {point: register.shifted(ms) for point, register in self.registers.items()}
        return Row(self.polls, self.failed, self.points, registers)

    def main_reason(self) -> str | None:
        """Why nothing is there, None when a poll was answered."""
        if self.polls > sum(self.failed.values()) or not self.failed:
            return None
        return max(self.failed, key=lambda reason: self.failed[reason])

    def pack(self) -> bytes:
        spans: dict[str, list[Value]] = {}
        for point, span in self.points.items():
            if span.least is None or span.most is None:
                spans[point] = [span.count, span.mean]
            elif span.least == span.most:
                spans[point] = [span.count, span.least, True]
            else:
                spans[point] = [span.count, _short(span.mean), span.least, span.most]
        registers = {
            p: [r.first_ms, r.first, r.last_ms, r.last, *([r.falls] if r.falls else [])]
            for p, r in self.registers.items()
        }
        return zlib.compress(orjson.dumps([self.polls, self.failed, spans, registers]), _LEVEL)

    @classmethod
    def unpack(cls, data: bytes) -> "Row":
        polls, failed, spans, registers = orjson.loads(zlib.decompress(data))
        return cls(
            polls,
            failed,
            {point: _span(entry) for point, entry in spans.items()},
            {point: _stored(*entry) for point, entry in registers.items()},
        )


@dataclass(slots=True)
class Bucket:
    """The frames of one device and minute, kept as they came and folded column by column."""

    first_position: int
    last_position: int = 0
    _answered: dict[tuple[str, ...], list[tuple[int, tuple[Value | None, ...]]]] = field(default_factory=dict)
    _failed: dict[str, int] = field(default_factory=dict)

    def add(self, position: int, frame: Frame) -> None:
        self.last_position = position
        if frame.reason is not None:
            self._failed[frame.reason] = self._failed.get(frame.reason, 0) + 1
            return
        values = frame.values
        if frame.faults:
            values = tuple(None if i in frame.faults else value for i, value in enumerate(values))
        self._answered.setdefault(frame.points, []).append((frame.ts_ms, values))

    def fold(self, is_counter: Callable[[str], bool]) -> Row:
        row = Row(sum(self._failed.values()), dict(self._failed))
        counted: dict[str, list[tuple[int, float]]] = {}
        for points, polls in self._answered.items():
            times = [ts_ms for ts_ms, _ in polls]
            spans: dict[str, Span] = {}
            columns = zip(*(values for _, values in polls), strict=True)
            for point, column in zip(points, columns, strict=True):
                good: Iterable[Value | None] = column
                if None in column:
                    good = [value for value in column if value is not None]
                folded = _fold(list(good))
                if folded is None:
                    continue
                spans[point] = folded
                if folded.least is not None and is_counter(point):
                    counted.setdefault(point, []).extend(_numbers(times, column))
            row = row.merged(Row(len(polls), {}, spans))
        registers = {point: _register(sorted(readings)) for point, readings in counted.items()}
        return replace(row, registers=registers)


def _fold(values: list[Value | None]) -> Span | None:
    """Of values that are all there."""
    if not values:
        return None
    last = values[-1]
    if last is None or isinstance(last, (str, bool)):
        return None if last is None else Span(len(values), last)
    numbers = [v for v in values if isinstance(v, (int, float))] if str in map(type, values) else values
    total = sum(numbers)  # type: ignore[arg-type]  # one type per point, checked just above
    least, most = min(numbers), max(numbers)  # type: ignore[type-var]  # as above
    return Span(len(numbers), total / len(numbers), least, most)  # type: ignore[arg-type]  # as above


def _numbers(times: list[int], column: tuple[Value | None, ...]) -> Iterator[tuple[int, float]]:
    return ((ts, v) for ts, v in zip(times, column, strict=True) if isinstance(v, (int, float)))


def _register(good: list[tuple[int, float]]) -> Register:
    (first_ms, first), (last_ms, last) = good[0], good[-1]
    falls = tuple((*early, *late) for early, late in pairwise(good) if late[1] < early[1])
    return Register(first_ms, first, last_ms, last, falls)


def _stored(
    first_ms: int,
    first: float,
    last_ms: int,
    last: float,
    falls: Iterable[Fall] = (),
) -> Register:
    return Register(first_ms, first, last_ms, last, tuple((a, b, c, d) for a, b, c, d in falls))


def _span(entry: list[Value]) -> Span:
    count = int(entry[0])
    if len(entry) == 2:
        return Span(count, entry[1])
    if len(entry) == 3:
        return Span(count, entry[1], float(entry[1]), float(entry[1]))
    return Span(count, entry[1], float(entry[2]), float(entry[3]))


def _short(mean: Value) -> Value:
    """Ten digits say all that a mean knows, and deflate better."""
    return float(f"{mean:.10g}") if isinstance(mean, float) else mean
