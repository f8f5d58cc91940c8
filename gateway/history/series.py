"""A chart's worth of a device's past: a grid of steps, filled from frames or rows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from agent.quantity import HOUR_MS, MINUTE_MS
from agent.reading import Frame, Quality, Value
from gateway.history.bucket import QUARTER_MS, Row, Span

MAX_STEPS = 2_000
RAW_SPAN_MS = 2 * HOUR_MS
"""Longer spans come from the minutes, however fine the step that was asked for."""
_NO_FRAMES = "no_frames"


@dataclass(frozen=True, slots=True)
class SeriesGap:
    """A time without a good poll: a poll's reason, a journal gap's, or `no_frames`."""

    from_ms: int
    to_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Series:
    """Equally long columns; `ts_ms` starts the step. None where a step has no good reading.

    `mean` holds the last value for texts and flags, which have no `low` and `high`.
    """

    step_ms: int
    ts_ms: Sequence[int]
    mean: Mapping[str, Sequence[Value | None]]
    low: Mapping[str, Sequence[float | None]]
    high: Mapping[str, Sequence[float | None]]
    gaps: Sequence[SeriesGap]


def fitting_step_ms(from_ms: int, to_ms: int, step_ms: int) -> int:
    """The step that is asked for, grown until the series has at most 2,000 steps and can be served."""
    span_ms = max(1, to_ms - from_ms)
    step_ms = max(1_000, step_ms, -(-span_ms // (MAX_STEPS - 1)))
    if span_ms > RAW_SPAN_MS:
        step_ms = max(step_ms, MINUTE_MS)
    for unit_ms in (QUARTER_MS, MINUTE_MS, 1_000):
        if step_ms >= unit_ms:
            return -(-step_ms // unit_ms) * unit_ms
    return step_ms


@dataclass(slots=True)
class Grid:
    """Steps from the aligned start to `to_ms`, exclusive."""

    points: Sequence[str]
    from_ms: int
    to_ms: int
    step_ms: int
    _cells: dict[tuple[str, int], Span] = field(default_factory=dict)
    _polled: list[tuple[int, int, str | None]] = field(default_factory=list)
    """Start, end and, where nothing good came of it, the reason."""

    def __post_init__(self) -> None:
        self.from_ms -= self.from_ms % self.step_ms

    def add_row(self, at_ms: int, width_ms: int, row: Row) -> None:
        self._polled.append((at_ms, at_ms + width_ms, row.main_reason()))
        index = (max(at_ms, self.from_ms) - self.from_ms) // self.step_ms
        for point in self.points:
            span = row.points.get(point)
            if span is not None:
                self._put(point, index, span)

    def add_frame(self, frame: Frame, period_ms: int) -> None:
        self._polled.append((frame.ts_ms, frame.ts_ms + period_ms, frame.reason))
        if frame.reason is not None:
            return
        index = (frame.ts_ms - self.from_ms) // self.step_ms
        for point in self.points:
            reading = frame.reading(point)
            if reading is None or reading.quality is not Quality.GOOD or reading.value is None:
                continue
            value = reading.value
            number = None if isinstance(value, (str, bool)) else value
            self._put(point, index, Span(1, value, number, number))

    def _put(self, point: str, index: int, span: Span) -> None:
        before = self._cells.get((point, index))
        self._cells[point, index] = span if before is None else before.merged(span)

    def series(self, known: Iterable[SeriesGap], until_ms: int) -> Series:
        """What was put in; times that nothing covers are gaps, up to `until_ms`, the newest time there is."""
        starts = range(self.from_ms, max(self.to_ms, self.from_ms + 1), self.step_ms)
        mean: dict[str, list[Value | None]] = {}
        low: dict[str, list[float | None]] = {}
        high: dict[str, list[float | None]] = {}
        for point in self.points:
            cells = [self._cells.get((point, index)) for index in range(len(starts))]
            mean[point] = [None if cell is None else cell.mean for cell in cells]
            low[point] = [None if cell is None else cell.least for cell in cells]
            high[point] = [None if cell is None else cell.most for cell in cells]
        gaps = self._gaps(list(known), min(self.to_ms, until_ms))
        return Series(self.step_ms, list(starts), mean, low, high, gaps)

    def _gaps(self, known: Sequence[SeriesGap], until_ms: int) -> list[SeriesGap]:
        gaps: list[SeriesGap] = []
        at_ms = self.from_ms
        for start_ms, end_ms, reason in sorted(self._polled, key=lambda polled: polled[:2]):
            if start_ms > at_ms:
                _extend(gaps, at_ms, start_ms, _reason_of(known, at_ms, start_ms))
            if reason is not None:
                _extend(gaps, max(start_ms, self.from_ms), min(end_ms, until_ms), reason)
            at_ms = max(at_ms, end_ms)
        if until_ms > at_ms:
            _extend(gaps, at_ms, until_ms, _reason_of(known, at_ms, until_ms))
        return gaps


def _extend(gaps: list[SeriesGap], from_ms: int, to_ms: int, reason: str) -> None:
    if to_ms <= from_ms:
        return
    if gaps and gaps[-1].reason == reason and gaps[-1].to_ms >= from_ms:
        gaps[-1] = SeriesGap(gaps[-1].from_ms, max(to_ms, gaps[-1].to_ms), reason)
    else:
        gaps.append(SeriesGap(from_ms, to_ms, reason))


def _reason_of(known: Sequence[SeriesGap], from_ms: int, to_ms: int) -> str:
    """The known gap that explains most of it."""
    best = max(
        known,
        key=lambda gap: min(gap.to_ms, to_ms) - max(gap.from_ms, from_ms),
        default=None,
    )
    if best is None or min(best.to_ms, to_ms) - max(best.from_ms, from_ms) < 0:
        return _NO_FRAMES
    return best.reason


def period_of(frames: Sequence[Frame]) -> int:
    """How long a frame speaks for: two and a half usual distances, so that one late poll is no gap."""
    distances = sorted(b.ts_ms - a.ts_ms for a, b in pairwise(frames))
    return int(distances[len(distances) // 2] * 2.5) if distances else MINUTE_MS
