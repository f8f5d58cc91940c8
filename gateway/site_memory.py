"""What is still known from before: devices as they last were, and frames for the windows of the rules."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from agent.clock import Clock
from agent.device import Device
from agent.poller import BusPoller
from agent.reading import Frame
from agent.rules.facts import DeviceFacts
from gateway.history.history import History
from gateway.journal.journal import Journal
from gateway.rules import device_facts

_MOST_REMEMBERED = 50_000


def as_last_seen(
    devices: Iterable[Device], pollers: Mapping[str, BusPoller], history: History
) -> Iterator[DeviceFacts]:
    """SunSpec devices with the points that they have told of in this run, else with those of the last one.

    So their rules are bound, and their windows filled, before the first answer after a start.
    """
    for device in devices:
        if device.profile.sunspec is None:
            continue
        poller = pollers.get(device.bus)
        told = poller.device_facts(device.id).profile if poller and poller.knows(device.id) else None
        if told is not None:
            yield device_facts(device, told)
        elif seen := history.last(device.id):
            yield replace(device_facts(device), points=frozenset(seen))


async def remembered(
    journal: Journal, clock: Clock, lengths_ms: Mapping[str, int]
) -> list[tuple[Frame, int]]:
    """Frames of the last so many milliseconds per device, each with its place on this boot's clock."""
    memory: list[tuple[Frame, int]] = []
    for device, length_ms in lengths_ms.items():
        mono_ms, now_ms = clock.monotonic_ms(), clock.utc_ms()
        frames = await journal.frames(device, now_ms - length_ms, now_ms, _MOST_REMEMBERED)
        memory += [
            (frame, mono_ms - (now_ms - frame.ts_ms))
            for frame in frames
            if not frame.unsure or not clock.trusted()
        ]
    return memory
