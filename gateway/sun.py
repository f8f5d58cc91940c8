"""Where the sun stands at the site."""

from collections.abc import Callable
from datetime import UTC, datetime

from astral import Observer
from astral.sun import elevation

_HOLDS_MS = 10_000
"""The sun moves 0.04 degrees in this time."""


def sun_elevation_at(latitude: float, longitude: float) -> Callable[[int], float]:
    """Degrees above the horizon at a UTC millisecond; the latest answer is kept for 10 s."""
    observer = Observer(latitude, longitude)
    latest: tuple[int, float] = (-1, 0.0)

    def at(ts_ms: int) -> float:
        nonlocal latest
        slot = ts_ms // _HOLDS_MS
        if slot != latest[0]:
            when = datetime.fromtimestamp(slot * _HOLDS_MS / 1000, UTC)
            latest = (slot, float(elevation(observer, when)))
        return latest[1]

    return at
