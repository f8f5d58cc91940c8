"""Whether another client uses our client id: told by the broker's reason, or by how connections end. Pure.

A broker of MQTT 5 may say `session taken over` (0x8E). Others, mosquitto 2.0 among them, just close
the older connection; then the sign is that it happens again and again, each time soon after a
connection that was made at the first attempt.
"""

_SHORT_MS = 60_000
"""A connection that the broker ended sooner than this may have been taken over."""
_SIGNS = 3
_FOR_MS = 300_000
"""So long signs count, and so long after the last one the identity counts as used by somebody else."""


class Rival:
    """Watches how connections end."""

    def __init__(self) -> None:
        self._signs_ms: list[int] = []
        self._seen_ms: int | None = None

    def taken_over(self, now_ms: int) -> None:
        """The broker said so."""
        self._seen_ms = now_ms

    def hung_up(self, now_ms: int, lived_ms: int) -> bool:
        """The broker closed a connection without a word; whether it was a short one."""
        if lived_ms >= _SHORT_MS:
            self._signs_ms.clear()
            return False
        self._signs_ms = [sign_ms for sign_ms in self._signs_ms if now_ms - sign_ms < _FOR_MS]
        self._signs_ms.append(now_ms)
        if len(self._signs_ms) >= _SIGNS:
            self._seen_ms = now_ms
        return True

    def unreachable(self) -> None:
        """An attempt to connect failed: it is the broker that comes and goes."""
        self._signs_ms.clear()

    def is_there(self, now_ms: int) -> bool:
        return self._seen_ms is not None and now_ms - self._seen_ms < _FOR_MS
