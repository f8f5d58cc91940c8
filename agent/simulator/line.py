"""What occupies a simulated serial line, and how long: bytes, pauses of the units, collisions.

It is handed the time and knows nothing of the gateway that asks, so that what it counts
can be held against what the gateway says of itself. Pure.
"""

import math
from dataclasses import dataclass

_SILENT_BYTES = 3.5  # between two frames: Modbus over Serial Line V1.02, 2.5.1.1
_FAST_SILENCE_S = 0.00175  # the same above 19,200 baud
_FAST_BAUD = 19_200


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a line and its units are.

    Args:
        baudrate: 0: bytes take no time.
        bits: of a byte on the line with start, parity and stop bits.
        turnaround_ms: from the end of a request to the first byte of its reply.
    """

    baudrate: int = 0
    bits: int = 10
    turnaround_ms: float = 0.0

    @property
    def byte_s(self) -> float:
        """Time of one byte."""
        return self.bits / self.baudrate if self.baudrate else 0.0

    @property
    def silence_s(self) -> float:
        """The silence that must stand between two frames; 0 where bytes take no time."""
        if not self.baudrate:
            return 0.0
        return _FAST_SILENCE_S if self.baudrate > _FAST_BAUD else _SILENT_BYTES * self.byte_s


class Line:
    """The time of one line, in seconds of a clock that only grows.

    Attributes:
        requests: how many were heard or drowned.
        busy_s: bytes of requests and replies, and the turnaround of every reply.
        overlaps: requests that began while another exchange was on the line.
        hurried: requests that began in less than the silence that must stand between two frames.
    """

    def __init__(self, speed: Speed) -> None:
        self.speed = speed
        self.requests = 0
        self.busy_s = 0.0
        self.overlaps = 0
        self.hurried = 0
        self._taken: list[tuple[float, float, bool]] = []
        """From, to, and whether bytes were on the line."""
        self._last_s = -math.inf

    def hear(self, start_s: float, size: int) -> float | None:
        """When a request that begins now has been heard; None where other bytes were on the line."""
        end_s = start_s + size * self.speed.byte_s
        self.requests += 1
        self.busy_s += end_s - start_s
        self._last_s = max([self._last_s, *(end for _, end, _ in self._taken if end <= start_s)])
        self._taken = [span for span in self._taken if span[1] > start_s]
        met = [is_bytes for start, _, is_bytes in self._taken if start < end_s]
        self.overlaps += bool(met)
        self.hurried += not met and start_s - self._last_s < self.speed.silence_s
        self._taken.append((start_s, end_s, True))
        return None if any(met) else end_s

    def turn(self, asked_s: float) -> float:
        """When the reply to a request that ended at `asked_s` can begin."""
        start_s = asked_s + self.speed.turnaround_ms / 1_000
        self.busy_s += start_s - asked_s
        self._taken.append((asked_s, start_s, False))
        return start_s

    def speak(self, start_s: float, size: int) -> float:
        """When bytes that start at `start_s` are through."""
        end_s = start_s + size * self.speed.byte_s
        self.busy_s += end_s - start_s
        self._taken.append((start_s, end_s, True))
        return end_s
