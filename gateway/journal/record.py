"""What stands in the journal: frames and changes, each at a position of its own."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from agent.reading import Frame

Position: TypeAlias = int
"""Counts all records of a journal from 1, over all boots; never reused."""


@dataclass(frozen=True, slots=True)
class Change:
    """An alert or ticket change, in the order of `<root>/<site>/changes`.

    `body` is `{"alert": {...}}` or `{"ticket": id, "event": {...}}`; `seq` counts the
    changes of one boot from 1.
    """

    boot: str
    seq: int
    mono_ms: int
    ts_ms: int
    unsure: bool
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A committed entry."""

    position: Position
    entry: Frame | Change
