"""The retained picture of a site's devices: which answer, and what they are.

Kept from the frames as they are committed, connected or not, so that it is right
at the moment a connection begins.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.reading import Frame
from gateway.sinks import mqtt_json
from gateway.sinks.mqtt_json import DeviceMeta, DeviceState, Topics

OFFLINE_AFTER = 3
"""Failed polls in a row after which a device counts as offline; before that we are unsure."""


@dataclass(slots=True)
class _Seen:
    state: DeviceState
    since_ms: int
    failed: int = 0


class DevicePicture:
    """Which devices answer.

    Args:
        topics: the site's topic names.
        devices: device id → what it is; read anew each time.
        since_ms: when we began not to know.
    """

    def __init__(self, topics: Topics, devices: Mapping[str, DeviceMeta], since_ms: int) -> None:
        self._topics = topics
        self._devices = devices
        self._begun_ms = since_ms
        self._seen: dict[str, _Seen] = {}

    def note(self, frame: Frame) -> bool:
        """Take a frame in; whether the device's state changed by it."""
        seen = self._seen.get(frame.device)
        if seen is None:
            seen = self._seen[frame.device] = _Seen("unsure", self._begun_ms)
        if frame.reason is None:
            seen.failed = 0
            state: DeviceState = "online"
        else:
            seen.failed += 1
            state = "offline" if seen.failed >= OFFLINE_AFTER or seen.state == "offline" else "unsure"
        if state == seen.state:
            return False
        seen.state, seen.since_ms = state, frame.ts_ms
        return True

    def status(self, device: str) -> tuple[str, bytes]:
        seen = self._seen.get(device) or _Seen("unsure", self._begun_ms)
        return self._topics.device_status(device), mqtt_json.device_status(seen.state, seen.since_ms)

    def meta(self, device: str) -> tuple[str, bytes]:
        return self._topics.meta(device), mqtt_json.meta(self._devices[device])

    def messages(self) -> Iterator[tuple[str, bytes]]:
        """Meta and status of every device."""
        for device in self._devices:
            yield self.meta(device)
            yield self.status(device)
