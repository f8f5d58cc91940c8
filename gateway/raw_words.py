"""The words that a device last sent and what was made of them: evidence to be worked out again. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agent.last_poll import LastPoll
from agent.modbus.address import Span
from agent.profile import Point
from agent.reading import Reading
from agent.reason import shown_span


def raw_lines(
    poll: LastPoll,
    points: Iterable[Point],
    readings: Mapping[str, Reading],
    utc_at: Callable[[int], int],
) -> list[dict[str, Any]]:
    """One JSON line for each read: function code, address, words, and the points in them with their values.

    Args:
        poll: the last words of the device.
        points: of its profile, as far as known.
        readings: the last reading of each point.
        utc_at: UTC ms at a monotonic ms.
    """
    spans = [(point, shown_span(point)) for point in points]
    lines: list[dict[str, Any]] = []
    for block in poll.blocks:
        whole = Span(block.table, block.start, block.count)
        inside = [(point, span) for point, span in spans if whole.covers(span)]
        lines.append(
            {
                "device": poll.device,
                "ts": utc_at(block.mono_ms),
                "function": block.table.function,
                "address": block.start,
                "count": block.count,
                "words": None if block.words is None else list(block.words),
                "problem": block.problem,
                "points": {
                    point.name: {
                        "address": span.start,
                        "count": span.count,
                        **_read(readings.get(point.name)),
                    }
                    for point, span in inside
                },
            }
        )
    return lines


def _read(reading: Reading | None) -> dict[str, Any]:
    if reading is None:
        return {"value": None, "quality": None}
    return {"value": reading.value, "quality": reading.quality.value}
