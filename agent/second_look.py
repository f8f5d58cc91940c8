"""A second look at what a poll brought: what cannot be true, and how far off the device's clock is."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import structlog

from agent.clock import Clock
from agent.device import Device
from agent.plausible import Plausible, Values
from agent.poll import Poll
from agent.profile import Point, Profile
from agent.quantity import DAY_MS, MINUTE_MS
from agent.reading import Quality, Value

log = structlog.get_logger(__name__)

Remembered = Mapping[str, tuple[int, Value]]
"""By point: UTC milliseconds and value of the last good reading."""
_LONG_AGO_MS = 30 * DAY_MS
_TOLD = {"wrap": "counter.rolled_over", "reset": "counter.was_reset", "return": "counter.came_back"}


class SecondLook:
    """Looks at the polls of one device.

    Args:
        device: whose rating and time zone count.
        clock: ours, for the age of what is remembered and the offset of the device's own.
        remembered: the last good readings from before this run.
        pace: how many times faster than real time the device lives, for a simulated one.
    """

    def __init__(
        self, device: Device, clock: Clock, remembered: Remembered | None = None, pace: float = 1.0
    ) -> None:
        self._device = device
        self._clock = clock
        self._plausible = Plausible()
        self._remembered = dict(remembered or {})
        self._pace = pace
        self._zone = ZoneInfo(device.timezone)
        self._clocks: dict[str, Point] = {}

    @property
    def why(self) -> Mapping[str, str]:
        """Why values that the last poll brought are doubted, by point."""
        return self._plausible.why

    @property
    def jumped(self) -> bool:
        """Whether a number of the last poll jumped, and only the next one says if it is true."""
        return self._plausible.jumped

    def learn(self, profile: Profile) -> None:
        """The device's points are these now."""
        known = {name: (self._mono_ms(at_ms), value) for name, (at_ms, value) in self._remembered.items()}
        self._remembered = {}
        self._plausible.learn(profile.points, self._device.rated_kw, known)
        self._clocks = {point.name: point for point in profile.points if point.format.is_clock}

    def look(self, poll: Poll) -> Poll:
        """The poll as it goes into a frame."""
        values, faults = self._plausible.look(
            self._lived_ms(poll.first_ms), poll.points, poll.values, poll.faults
        )
        if self._plausible.events:
            self._tell()
        if self._clocks:
            values, faults = self._compare(poll, values, faults)
        return replace(poll, values=values, faults=faults)

    def _mono_ms(self, utc_ms: int) -> int:
        """When something was; long ago where our clock cannot tell, so that all of it can have changed."""
        age_ms = self._clock.utc_ms() - utc_ms if self._clock.trusted() else _LONG_AGO_MS
        if age_ms < -MINUTE_MS:  # stamped by a clock that was wrong, and never mended
            age_ms = _LONG_AGO_MS
        return self._lived_ms(self._clock.monotonic_ms() - max(0, age_ms))

    def _lived_ms(self, mono_ms: int) -> int:
        return mono_ms if self._pace == 1.0 else round(mono_ms * self._pace)

    def _tell(self) -> None:
        for event in self._plausible.events:
            log.warning(
                _TOLD[event.kind],
                device=self._device.id,
                point=event.point,
                before=event.before,
                after=event.after,
            )
        self._plausible.events.clear()

    def _compare(
        self, poll: Poll, values: Values, faults: Mapping[int, Quality]
    ) -> tuple[Values, Mapping[int, Quality]]:
        """The device's clock against ours: how far it is ahead."""
        changed, marked = list(values), dict(faults)
        for index, name in enumerate(poll.points):
            point, shown_s = self._clocks.get(name), values[index]
            if point is None or not isinstance(shown_s, float):
                continue
            now_s = self._clock.utc_at(poll.first_ms) / 1_000
            if not point.format.utc:
                offset = datetime.fromtimestamp(now_s, UTC).astimezone(self._zone).utcoffset()
                now_s += offset.total_seconds() if offset is not None else 0.0
            changed[index] = round(shown_s - now_s, 1)
            if not self._clock.trusted():
                marked[index] = Quality.UNCERTAIN
        return tuple(changed), marked
