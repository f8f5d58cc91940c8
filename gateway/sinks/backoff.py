"""How long to wait before trying a broken link again."""

import random


class BackOff:
    """Doubling delays with jitter, so that many sites do not come back in one instant.

    Args:
        first_ms: the first delay is drawn from a tenth of it up to all of it.
        cap_ms: no drawn delay is longer, but for the first one where `spread_ms` says so.
        spread_ms: where given, the first delay is up to this long instead, by the fourth power of
            chance: half of all sites try within a sixteenth of it, and the last of many at its end.
    """

    def __init__(self, first_ms: int, cap_ms: int, *, spread_ms: int | None = None) -> None:
        self._first_ms = first_ms
        self._cap_ms = cap_ms
        self._spread_ms = spread_ms
        self._tries = 0

    def next_ms(self, at_least_ms: int = 0) -> int:
        self._tries += 1
        if self._tries == 1 and self._spread_ms is not None:
            return max(at_least_ms, round(self._spread_ms * random.random() ** 4))  # noqa: S311  # jitter
        ceiling_ms = min(self._cap_ms, self._first_ms << min(self._tries - 1, 20))
        floor_ms = ceiling_ms // (10 if self._tries == 1 else 2)
        return max(at_least_ms, random.randint(floor_ms, ceiling_ms))  # noqa: S311  # jitter, not a secret

    def reset(self) -> None:
        self._tries = 0
