"""What stands in the journal: frames and changes, each at a position of its own."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from agent.reading import Frame

Position: TypeAlias = int
"""Counts all records of a journal from 1, over all boots; never reused."""


@dataclass(frozen=True, slots=True)
class Change:
    """An alert or ticket change, in the order of `<root>/<site>/changes`.

    `body` is `{"alert": {...}}`, `{"ticket": id, "event": {...}}` or `{"pause": {...}}`; `seq` counts the
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


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames that nobody will ever see, and why.

    `id` rises with every new or extended gap; `slots` is the number of polls that are
    missing (None: not known); `seq` are the lost frames' numbers where they had some.
    """

    id: int
    device: str
    boot: str
    from_ms: int
    to_ms: int
    slots: int | None
    seq: tuple[int, int] | None
    reason: str

    def document(self) -> dict[str, Any]:
        """The JSON form of the contract's `gaps` topic."""
        return {
            "boot": self.boot,
            "from": self.from_ms,
            "to": self.to_ms,
            "slots": self.slots,
            "seq": None if self.seq is None else list(self.seq),
            "reason": self.reason,
        }
