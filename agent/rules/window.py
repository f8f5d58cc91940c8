"""What a value did during the last minutes or days, kept in bounded memory.

A window holds single samples while few fit into it, and otherwise at most
`CELLS` cells that each sum up a slice of it; its old edge is then exact to one cell.
Samples at most as old as the window belong to `delta` and `rate`; the others leave out the
sample that is exactly as old, so that ten minutes at 10 s are 60 samples.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal, TypeAlias

from agent.reading import Value

CELLS = 240
_MISSED_AFTER = 2.5
"""Periods without a sample after which samples count as missing."""

Measure: TypeAlias = Literal["avg", "min", "max", "delta", "rate", "count_events", "duration"]


@dataclass(slots=True)
class _Cell:
    start_ms: int
    good: int = 0
    bad: int = 0
    total: float = 0.0
    low: float = 0.0
    high: float = 0.0
    first: float = 0.0
    first_ms: int = 0
    last: float = 0.0
    last_ms: int = 0


class Window:
    """One measure of one expression over one length.

    Args:
        measure: what `value` gives.
        length_ms: how far back it looks.
        period_ms: expected time between two samples.
        min_good: the share of good samples below which there is no value.
    """

    __slots__ = (
        "_at_ms",
        "_bad",
        "_cell_ms",
        "_cells",
        "_edge_ms",
        "_good",
        "_high",
        "_low",
        "_measure",
        "_min_good",
        "_period_ms",
        "_total",
        "_was",
        "length_ms",
    )  # fmt: skip

    def __init__(self, measure: Measure, length_ms: int, period_ms: int, min_good: float) -> None:
        self._measure: Measure = measure
        self.length_ms = length_ms
        self._period_ms = max(1, period_ms)
        self._cell_ms = 0 if length_ms // self._period_ms <= CELLS else length_ms // CELLS
        self._edge_ms = length_ms if measure in ("delta", "rate") else length_ms - 1
        self._min_good = min_good
        self._cells: deque[_Cell] = deque()
        self._good = self._bad = 0
        self._total = 0.0
        self._low: float | None = None
        self._high: float | None = None
        # Known extremes of all cells; None: to be looked for again.
        self._was: Value | None = None
        self._at_ms: int | None = None

    def push(self, value: Value | None, mono_ms: int) -> None:
        """Take a sample; None is a bad one."""
        missed = self._missed(mono_ms)
        number = None if value is None else self._number(value, mono_ms)
        cells = self._cells
        if cells and (mono_ms < cells[-1].start_ms + self._cell_ms):
            cell = cells[-1]
        else:
            cell = _Cell(mono_ms)
            cells.append(cell)
        cell.bad += missed
        self._bad += missed
        if number is None:
            cell.bad += 1
            self._bad += 1
        else:
            if cell.good == 0:
                cell.low = cell.high = cell.first = number
                cell.first_ms = mono_ms
            elif number < cell.low:
                cell.low = number
            elif number > cell.high:
                cell.high = number
            if self._low is not None and number < self._low:
                self._low = number
            if self._high is not None and number > self._high:
                self._high = number
            cell.last, cell.last_ms = number, mono_ms
            cell.good += 1
            cell.total += number
            self._good += 1
            self._total += number
        self._was, self._at_ms = value, mono_ms
        self._forget(mono_ms)

    def value(self, mono_ms: int) -> float | None:
        """The measure now, None while too few samples are good."""
        self._forget(mono_ms)
        if self._good == 0 or self._good < self._min_good * (self._good + self._bad):
            return None
        match self._measure:
            case "avg":
                return self._total / self._good
            case "count_events" | "duration":
                return round(self._total, 3)
            case "min":
                if self._low is None:
                    self._low = min(cell.low for cell in self._cells if cell.good)
                return self._low
            case "max":
                if self._high is None:
                    self._high = max(cell.high for cell in self._cells if cell.good)
                return self._high
        first = next(cell for cell in self._cells if cell.good)
        last = next(cell for cell in reversed(self._cells) if cell.good)
        change = last.last - first.first
        if self._measure == "delta":
            return change
        span_ms = last.last_ms - first.first_ms
        return 1000 * change / span_ms if span_ms > 0 else None

    def _missed(self, mono_ms: int) -> int:
        """Samples that should have come since the last one, within the window."""
        if self._at_ms is None:
            return 0
        since_ms = min(mono_ms - self._at_ms, self.length_ms)
        if since_ms <= _MISSED_AFTER * self._period_ms:
            return 0
        return round(since_ms / self._period_ms) - 1

    def _number(self, value: Value, mono_ms: int) -> float:
        """What to add up: the number itself, a rising edge, or the seconds that the condition held."""
        if self._measure == "count_events":
            return 1.0 if value is True and self._was is False else 0.0
        if self._measure == "duration":
            held = value is True and self._was is True and self._at_ms is not None
            return (mono_ms - (self._at_ms or 0)) / 1000 if held else 0.0
        return float(value)

    def _forget(self, mono_ms: int) -> None:
        cells, oldest_ms = self._cells, mono_ms - self._edge_ms
        if not cells or cells[0].start_ms >= oldest_ms:
            return
        while cells and cells[0].start_ms < oldest_ms:
            gone = cells.popleft()
            self._good -= gone.good
            self._bad -= gone.bad
            self._total -= gone.total
            if gone.good and gone.low == self._low:
                self._low = None
            if gone.good and gone.high == self._high:
                self._high = None
        if not cells or len(cells) % 64 == 0:  # now and then anew, so that rounding cannot pile up
            self._total = sum(cell.total for cell in cells)
