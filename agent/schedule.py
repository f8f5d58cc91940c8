"""Which device is due, at which of its rates: on the monotonic clock, without bursts.

Rates of one device share one phase, so that points of several rates meet in one
frame. After a stall each device is due once, not once for every slot it missed.
This module knows no clock; it is handed the time.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slot:
    """A device's turn.

    Args:
        key: whose.
        due_ms: since when.
        rates_ms: which of its rates are due.
        skipped: slots that passed unused before this one.
    """

    key: str
    due_ms: int
    rates_ms: frozenset[int]
    skipped: int


class Timetable:
    """The turns of all devices of a bus; the longest overdue comes first."""

    def __init__(self, start_ms: int) -> None:
        self._start_ms = start_ms
        self._next_ms: dict[str, dict[int, int]] = {}
        self._sets: dict[str, dict[frozenset[int], frozenset[int]]] = {}
        self._heap: list[tuple[int, int, str]] = []
        self._turn = 0

    def set(self, key: str, rates_ms: Iterable[int], now_ms: int) -> None:
        """Give a device its rates, or other ones. A new rate is due at the next multiple from the start.

        Raises:
            ValueError: no rate, or one that is not positive.
        """
        rates = set(rates_ms)
        if not rates or min(rates) <= 0:
            raise ValueError(f"{key} needs at least one rate, in positive milliseconds")
        known = self._next_ms.get(key, {})
        first_ms = {
            r: self._start_ms if now_ms <= self._start_ms else self._after(now_ms - 1, r) for r in rates
        }
        self._next_ms[key] = {r: known.get(r, first_ms[r]) for r in rates}
        self._push(key)

    def again(self, key: str, rates_ms: frozenset[int], at_ms: int) -> None:
        """A device is due once more at these rates, unless its next slot comes sooner."""
        next_ms = self._next_ms[key]
        for rate in rates_ms & next_ms.keys():
            next_ms[rate] = min(next_ms[rate], at_ms)
        self._push(key)

    def first_ms(self) -> int | None:
        """When the next device is due, None without devices."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def take(self, now_ms: int) -> Slot | None:
        """The turn of the device that is due longest, None while nobody is due."""
        self._drop_stale()
        if not self._heap or self._heap[0][0] > now_ms:
            return None
        due_ms, _, key = heapq.heappop(self._heap)
        next_ms = self._next_ms[key]
        due = frozenset(rate for rate, at in next_ms.items() if at <= now_ms)
        skipped = max((now_ms - next_ms[rate]) // rate for rate in due)
        for rate in due:
            next_ms[rate] = self._after(now_ms, rate)
        self._push(key)
        return Slot(key, due_ms, self._shared(key, due), skipped)

    def _after(self, now_ms: int, rate_ms: int) -> int:
        return self._start_ms + ((now_ms - self._start_ms) // rate_ms + 1) * rate_ms

    def _push(self, key: str) -> None:
        self._turn += 1
        heapq.heappush(self._heap, (min(self._next_ms[key].values()), self._turn, key))

    def _drop_stale(self) -> None:
        # a device that was given other rates has an older entry left in the heap
        while self._heap and self._heap[0][0] != min(self._next_ms[self._heap[0][2]].values()):
            heapq.heappop(self._heap)

    def _shared(self, key: str, due: frozenset[int]) -> frozenset[int]:
        """One object for equal sets, so that whoever caches by it finds it fast."""
        return self._sets.setdefault(key, {}).setdefault(due, due)
