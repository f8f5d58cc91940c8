"""What has happened to a ticket, one thing at a time, as it is kept and published."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.tickets.life import Act, State


@dataclass(frozen=True, slots=True)
class TicketEvent:
    """One thing that happened. `seq` counts the events of a ticket from 1."""

    seq: int
    key: str
    act: Act
    by: str
    role: str
    ts_ms: int
    before: State | None
    after: State
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {
            **self.arguments,
            "seq": self.seq,
            "event": self.act.value,
            "key": self.key,
            "by": self.by,
            "role": self.role,
            "at": self.ts_ms,
            "from": None if self.before is None else self.before.value,
            "to": self.after.value,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "TicketEvent":
        """The reverse of `document`."""
        rest = {k: v for k, v in document.items() if k not in _OWN_KEYS}
        before = document["from"]
        return cls(
            seq=document["seq"],
            key=document["key"],
            act=Act(document["event"]),
            by=document["by"],
            role=document["role"],
            ts_ms=document["at"],
            before=None if before is None else State(before),
            after=State(document["to"]),
            arguments=rest,
        )


_OWN_KEYS = frozenset({"seq", "event", "key", "by", "role", "at", "from", "to"})
