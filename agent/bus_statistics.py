"""How a bus has fared over the last minute: what its poller counts, held against the time that has passed."""

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from agent.quantity import MINUTE_MS

_WINDOW_MS = MINUTE_MS
_SAMPLE_MS = 5_000


SILENT_DEVICES = 5
"""So many devices asked in vain one after the other are a dead line."""
DEAD_POLLS = 5
"""So many failed polls in a row are a device that is gone, not a line that is noisy."""


@dataclass(frozen=True, slots=True)
class BusStatistics:
    """The state of a bus, over the last minute.

    Args:
        load_pct: share of the time in which the line was in use, or had to be silent.
        planned_load_pct: what the planned reads should take by the cost model.
        cycle_s: time to poll every device once, with everything due.
        requests_per_s: on the wire.
        errors_pct: requests without a usable reply; a refused address is none.
        devices_total: devices that answered within the hour before the bus's last answer;
            all of them while the gateway has run for less than an hour.
        devices_silent: those of them whose last poll failed.
        silent_for_s: since the last answer of any of them, once so many of them were asked in vain since
            then (five, or all) that it must be the line; 0 otherwise.
        devices_dead: those of them whose last `DEAD_POLLS` failed.
        missed_polls_pct: polls that were due and passed, because the line was not free for them.
        longest_delay_s: the longest that a poll began after it was due.
        skipped: slots that passed unused, since the start.
    """

    load_pct: float
    planned_load_pct: float
    cycle_s: float
    requests_per_s: float
    errors_pct: float
    devices_total: int
    devices_silent: int
    devices_dead: int
    silent_for_s: float
    missed_polls_pct: float
    longest_delay_s: float
    skipped: int


class Counted(Protocol):
    """A bus, as far as it counts what it does."""

    @property
    def requests(self) -> int: ...
    @property
    def errors(self) -> int: ...
    @property
    def busy_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Rates:
    """What was counted in the last minute: see `BusStatistics`."""

    load_pct: float
    requests_per_s: float
    errors_pct: float
    missed_polls_pct: float
    longest_delay_s: float


@dataclass(slots=True)
class _Sample:
    at_ms: int
    busy_s: float
    requests: int
    errors: int
    polls: int
    missed: int


class BusMeter:
    """Counts polls, and remembers the counters of the bus each few seconds, for a minute."""

    def __init__(self, bus: Counted, now_ms: int) -> None:
        self.missed = 0
        """Polls that were due and passed, since the start."""
        self._bus = bus
        self._polls = 0
        self._delays: deque[tuple[int, int]] = deque()
        self._samples: deque[_Sample] = deque([self._sample(now_ms)])

    def note_poll(self, due_ms: int, begun_ms: int, missed: int) -> None:
        """A poll begins; so many before it had no time."""
        self._polls += 1 + missed
        self.missed += missed
        delay_ms = begun_ms - due_ms
        while self._delays and self._delays[-1][1] <= delay_ms:  # only what can still be the longest stays
            self._delays.pop()
        self._delays.append((begun_ms, delay_ms))
        if begun_ms - self._samples[-1].at_ms >= _SAMPLE_MS:
            self._samples.append(self._sample(begun_ms))
            while begun_ms - self._samples[0].at_ms > _WINDOW_MS:
                self._samples.popleft()

    def rates(self, now_ms: int) -> Rates:
        """Over the last minute, or since the start."""
        then, now = self._samples[0], self._sample(now_ms)
        span_s = max(now_ms - then.at_ms, 1) / 1_000
        asked, polls = now.requests - then.requests, now.polls - then.polls
        while self._delays and now_ms - self._delays[0][0] > _WINDOW_MS:
            self._delays.popleft()
        return Rates(
            load_pct=round(min(100.0, 100 * (now.busy_s - then.busy_s) / span_s), 1),
            requests_per_s=round(asked / span_s, 2),
            errors_pct=round(100 * (now.errors - then.errors) / asked, 2) if asked else 0.0,
            missed_polls_pct=round(100 * (now.missed - then.missed) / polls, 2) if polls else 0.0,
            longest_delay_s=max((delay_ms for _, delay_ms in self._delays), default=0) / 1_000,
        )

    def _sample(self, now_ms: int) -> _Sample:
        bus = self._bus
        return _Sample(now_ms, bus.busy_s, bus.requests, bus.errors, self._polls, self.missed)
