"""Which positions are settled: a low-water mark and disjoint ranges beyond it. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ranges:
    """Inclusive ranges of positions, ascending, disjoint and never touching each other."""

    spans: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int]]) -> "Ranges":
        """Any order, overlaps allowed."""
        merged: list[tuple[int, int]] = []
        for first, last in sorted(spans):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], last))
            else:
                merged.append((first, last))
        return cls(tuple(merged))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.spans)

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __contains__(self, position: int) -> bool:
        return self.covers(position, position)

    @property
    def count(self) -> int:
        """How many positions they hold."""
        return sum(last - first + 1 for first, last in self.spans)

    def covers(self, first: int, last: int) -> bool:
        """Whether every position from `first` to `last` is inside."""
        index = bisect_right(self.spans, first, key=_first) - 1
        return index >= 0 and self.spans[index][1] >= last

    def add(self, first: int, last: int) -> "Ranges":
        """With `first` to `last` as well.

        Raises:
            ValueError: the range is empty or starts before 1.
        """
        if not 1 <= first <= last:
            raise ValueError(f"{first}..{last} is no range of positions")
        low = bisect_left(self.spans, first - 1, key=_last)
        high = bisect_right(self.spans, last + 1, key=_first)
        if low < high:
            first = min(first, self.spans[low][0])
            last = max(last, self.spans[high - 1][1])
        return Ranges((*self.spans[:low], (first, last), *self.spans[high:]))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one reader has got: all up to `cursor`, and what is settled beyond it."""

    cursor: int = 0
    beyond: Ranges = Ranges()

    def settle(self, first: int, last: int) -> "Progress":
        """With `first` to `last` settled; the cursor moves over what is whole by then."""
        if last <= self.cursor:
            return self
        beyond = self.beyond.add(max(first, self.cursor + 1), last)
        if beyond.spans[0][0] == self.cursor + 1:
            return Progress(beyond.spans[0][1], Ranges(beyond.spans[1:]))
        return Progress(self.cursor, beyond)

    def settle_all(self, ranges: Ranges) -> "Progress":
        progress = self
        for first, last in ranges:
            progress = progress.settle(first, last)
        return progress

    def covers(self, first: int, last: int) -> bool:
        return last <= self.cursor or self.beyond.covers(max(first, self.cursor + 1), last)

    def backlog(self, head: int) -> int:
        """Positions up to `head` that are not settled."""
        return max(0, head - self.cursor - self.beyond.count)


def _first(span: tuple[int, int]) -> int:
    return span[0]


def _last(span: tuple[int, int]) -> int:
    return span[1]
