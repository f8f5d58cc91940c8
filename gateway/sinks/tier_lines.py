"""Means of a minute or a quarter hour as line protocol, in milliseconds. Pure.

Measurement = the device's (main) kind with the tier's name behind it, tags `site` and `device`, at the
start of the span. A number has its mean under the point's own name, its extremes under `_min` and `_max`;
a counter its last reading, and its first under `_first`; text and flags their last value. `polls` and
`failed` are integers. Writing a span again, because more of it has come, changes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from agent.reading import Value
from gateway.sinks.line_protocol import escaped_key, escaped_measurement, field_value

Summary: TypeAlias = tuple[Value, float | None, float | None]
"""Mean or last value, least, most."""


@dataclass(frozen=True, slots=True)
class TierRow:
    """A device's span.

    Args:
        upto: the journal's last record that went into it.
        device: its id.
        from_ms: where it starts.
        polls, failed: frames, and those of them that failed.
        points: what had good readings.
        counters: first and last reading.
    """

    upto: int
    device: str
    from_ms: int
    polls: int
    failed: int
    points: Mapping[str, Summary] = field(default_factory=dict)
    counters: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def tier_line(row: TierRow, *, site: str, kind: str, tier: str) -> str:
    """The line of a span; `tier` is `1m` or `15m`."""
    fields = [f"polls={row.polls}i", f"failed={row.failed}i"]
    for point, (mean, least, most) in row.points.items():
        key = escaped_key(point)
        if point in row.counters:
            first, last = row.counters[point]
            fields += [f"{key}={field_value(last)}", f"{key}_first={field_value(first)}"]
            continue
        fields.append(f"{key}={field_value(mean)}")
        if least is not None and most is not None:
            fields += [f"{key}_min={field_value(least)}", f"{key}_max={field_value(most)}"]
    head = f"{escaped_measurement(kind)}_{tier},site={escaped_key(site)},device={escaped_key(row.device)}"
    return f"{head} {','.join(fields)} {row.from_ms}"
