"""What the journal still has for the windows of the rules, and where it stands on today's clock."""

from collections.abc import Mapping

from agent.clock import Clock
from agent.reading import Frame
from gateway.journal.journal import Journal

_MOST_REMEMBERED = 50_000


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
