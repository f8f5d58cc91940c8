"""How long to wait before trying a broken link again."""

import random


class BackOff:
    """Doubling delays with jitter, so that many sites do not come back in one instant.

    Args:
        first_ms: the first delay is drawn from a tenth of it up to all of it.
        cap_ms: no drawn delay is longer.
    """

    def __init__(self, first_ms: int, cap_ms: int) -> None:
        self._first_ms = first_ms
        self._cap_ms = cap_ms
        self._tries = 0

    def next_ms(self, at_least_ms: int = 0) -> int:
        ceiling_ms = min(self._cap_ms, self._first_ms << min(self._tries, 20))
        floor_ms = ceiling_ms // (10 if self._tries == 0 else 2)
        self._tries += 1
        return max(at_least_ms, random.randint(floor_ms, ceiling_ms))  # noqa: S311  # jitter, not a secret

    def reset(self) -> None:
        self._tries = 0
