"""What one poll of a device said, before it gets its number and its wall-clock time."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.reading import Quality, Value


@dataclass(frozen=True, slots=True)
class Poll:
    """The outcome of one poll, before it gets its number and its wall-clock time."""

    points: tuple[str, ...]
    values: tuple[Value | None, ...]
    faults: Mapping[int, Quality]
    reason: str | None
    first_ms: int
    last_ms: int
