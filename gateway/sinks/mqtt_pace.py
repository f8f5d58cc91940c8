"""How patient and how fast a sink is. Pure."""

from collections import deque
from dataclasses import dataclass

_LIVE_OVER_MS = 10_000
_FASTER_THAN_LIVE = 25
_MOST_PER_S = 10_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient and how fast.

    Args:
        keepalive_s: a silent broker is noticed after about 1.3 times this.
        connect_s: for the connection and for its acknowledgement.
        stall_s: messages in flight without any acknowledgement for this long: the broker is dead.
        retry_spread_ms: the first attempt after a loss is spread over this long, most of them early.
        retry_first_ms, retry_cap_ms: between further attempts to connect.
        refused_ms: at least this long after the broker refused us or one of our messages.
        holds_ms: a connection that lasted this long was a good one: the next attempt comes soon again.
        taken_over_ms: at least this long after another client took our identity.
        backlog_per_s: frames sent late each second beside the live ones, at least.
        receipt_ms: what the station has not confirmed after this long goes again.
        farewell_s: for the last word when we stop.
    """

    keepalive_s: int = 20
    connect_s: float = 8.0
    stall_s: float = 15.0
    retry_spread_ms: int = 40_000
    retry_first_ms: int = 2_000
    retry_cap_ms: int = 60_000
    refused_ms: int = 60_000
    holds_ms: int = 5_000
    taken_over_ms: int = 5_000
    backlog_per_s: int = 500
    receipt_ms: int = 30_000
    farewell_s: float = 1.5


class Pacer:
    """Lets so many through each second, with little saved up for later.

    Args:
        per_s: at least; 25 times the live frames of the last seconds where that is more, so that
            a backlog shrinks at any rate of polling.
    """

    def __init__(self, per_s: int) -> None:
        self._least_per_s = per_s
        self._saved = 0.0
        self._at_ms: int | None = None
        self._live: deque[tuple[int, int]] = deque([(0, 0)])

    def live(self, now_ms: int) -> None:
        """A live frame has come."""
        last_ms, count = self._live[-1]
        if now_ms - last_ms >= 1_000 or len(self._live) == 1:
            self._live.append((now_ms, 1))
            while now_ms - self._live[0][0] > _LIVE_OVER_MS:
                self._live.popleft()
        else:
            self._live[-1] = (last_ms, count + 1)

    @property
    def per_s(self) -> float:
        live_per_s = sum(count for _, count in self._live) * 1_000 / _LIVE_OVER_MS
        return min(_MOST_PER_S, max(self._least_per_s, _FASTER_THAN_LIVE * live_per_s))

    def advance(self, now_ms: int) -> None:
        if self._at_ms is not None:
            per_s = self.per_s
            saved = self._saved + (now_ms - self._at_ms) * per_s / 1_000
            self._saved = min(max(1.0, per_s / 10), saved)
        self._at_ms = now_ms

    def allows(self) -> bool:
        return self._saved >= 1

    def spend(self) -> None:
        self._saved -= 1
