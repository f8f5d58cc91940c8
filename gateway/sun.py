"""Where the sun stands at the site."""

from collections.abc import Callable
from datetime import UTC, datetime

from astral import Observer
from astral.sun import elevation

from gateway.config import Location

_HOLDS_MS = 10_000
"""The sun moves 0.04 degrees in this time."""


def sun_of(place: Location | None) -> Callable[[int], float] | None:
    """The sun over a site, None while nobody knows where it is."""
    return None if place is None else sun_elevation_at(place.latitude, place.longitude)


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
