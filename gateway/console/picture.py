"""What is known of each device now: readings with their age, silence, and the last good values.

Listens to `Live` and remembers only what that does not keep: since when a device answers,
and for points that went bad the last value that was good.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.clock import Clock
from agent.reading import Frame, Quality, Value
from gateway.console.balance import Figure
from gateway.console.ports import DeviceFacts, Json
from gateway.live import Live

STALE_PERIODS = 3
"""A reading is stale, and a device offline, after this many poll periods without a new one."""
_GRACE_MS = 2_000
_GROUPS_PER_DEVICE = 32


@dataclass(frozen=True, slots=True)
class Seen:
    """A point as it stands now. `value` is None exactly where the quality has none."""

    value: Value | None
    quality: Quality
    frame: Frame | None
    age_ms: int | None

    @property
    def ts_ms(self) -> int | None:
        return None if self.frame is None else self.frame.ts_ms


@dataclass(slots=True)
class _Heard:
    online_since_ms: int | None = None
    first_failed_ms: int | None = None
    groups: dict[tuple[str, ...], Frame] = field(default_factory=dict)
    """The last frame of each set of due points: where a last good value is looked for."""
    last_good: dict[str, tuple[Value, int]] = field(default_factory=dict)


class Picture:
    """The console's view of `Live`. `watch` starts it and returns what ends it."""

    def __init__(self, live: Live, clock: Clock) -> None:
        self._live = live
        self._clock = clock
        self._heard: dict[str, _Heard] = {}

    def watch(self) -> Callable[[], None]:
        for frame in self._live.last.values():
            self._note(frame)
        return self._live.listen(self._on_news)

    def age_ms(self, frame: Frame) -> int:
        """How old the frame is now; by the monotonic clock where that is the same one."""
        if frame.boot == self._clock.boot:
            return max(0, self._clock.monotonic_ms() - frame.mono_ms)
        return max(0, self._clock.utc_ms() - frame.ts_ms)

    def online(self, device: DeviceFacts) -> bool | None:
        """Whether it answers; None before anything was heard."""
        answered = self._live.last_answered.get(device.id)
        if answered is None:
            return None if device.id not in self._live.last else False
        return self.age_ms(answered) <= STALE_PERIODS * device.period_ms + _GRACE_MS

    def since_ms(self, device: DeviceFacts) -> int | None:
        """Since when it is online or offline, as `online` says."""
        heard = self._heard.get(device.id)
        if heard is None:
            return None
        if self.online(device):
            return heard.online_since_ms
        answered = self._live.last_answered.get(device.id)
        return heard.first_failed_ms if answered is None else answered.ts_ms

    def seen(self, device: DeviceFacts, point: str) -> Seen | None:
        """The point's latest reading; None where the device has no such point."""
        entry = self._live.values.get(device.id, {}).get(point)
        facts = device.points.get(point)
        if entry is None:
            return None if facts is None else Seen(None, Quality.STALE, None, None)
        frame, index = entry
        age_ms = self.age_ms(frame)
        period_ms = device.period_ms if facts is None else max(facts.period_ms, device.period_ms)
        quality = frame.faults.get(index, Quality.GOOD)
        if age_ms > STALE_PERIODS * period_ms + _GRACE_MS:
            return Seen(None, Quality.STALE, frame, age_ms)
        return Seen(frame.values[index], quality, frame, age_ms)

    def figure(self, device: DeviceFacts, point: str) -> Figure | None:
        """The point as a number for sums."""
        seen = self.seen(device, point)
        if seen is None:
            return None
        if isinstance(seen.value, float | int) and not isinstance(seen.value, bool):
            return Figure(float(seen.value), seen.quality)
        return Figure(None, Quality.BAD if seen.quality.has_value else seen.quality)

    def last_good(self, device: str, point: str) -> tuple[Value, int] | None:
        """(value, UTC ms) of the last good reading of a point that is not good now."""
        entry = self._live.values.get(device, {}).get(point)
        if entry is not None:
            frame, index = entry
            value = frame.values[index]
            if index not in frame.faults and value is not None:
                return value, frame.ts_ms
        heard = self._heard.get(device)
        return None if heard is None else heard.last_good.get(point)

    def last_good_document(self, device: str, point: str) -> Json | None:
        found = self.last_good(device, point)
        return None if found is None else {"value": found[0], "ts": found[1]}

    def _on_news(self, kind: str, news: object) -> None:
        if kind == "frame" and isinstance(news, Frame):
            self._note(news)

    def _note(self, frame: Frame) -> None:
        heard = self._heard.setdefault(frame.device, _Heard())
        if frame.failed:
            heard.online_since_ms = None
            heard.first_failed_ms = heard.first_failed_ms or frame.ts_ms
        else:
            heard.online_since_ms = heard.online_since_ms or frame.ts_ms
        if frame.faults:
            self._keep_last_good(heard, frame)
        if frame.points not in heard.groups and len(heard.groups) >= _GROUPS_PER_DEVICE:
            heard.groups.pop(next(iter(heard.groups)))
        if not frame.failed:
            heard.groups[frame.points] = frame

    def _keep_last_good(self, heard: _Heard, frame: Frame) -> None:
        for index in frame.faults:
            point = frame.points[index]
            for earlier in heard.groups.values():
                reading = earlier.reading(point)
                if reading is None or reading.value is None or reading.quality is not Quality.GOOD:
                    continue
                known = heard.last_good.get(point)
                if known is None or known[1] < earlier.ts_ms:
                    heard.last_good[point] = (reading.value, earlier.ts_ms)
