"""The present picture in memory: last frame per device, and who wants to hear of news.

Written by the pollers' callbacks, read by the console. Nothing here is durable;
what must last is in the journal.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from agent.reading import Frame, Reading

Listener: TypeAlias = Callable[[str, Any], None]
"""Called with ("frame", Frame), ("alert", alert document) or ("ticket", ticket id)."""


@dataclass(slots=True)
class Live:
    """Last frames (the last poll, and the last one that answered) and listeners."""

    last: dict[str, Frame] = field(default_factory=dict)
    last_answered: dict[str, Frame] = field(default_factory=dict)
    values: dict[str, dict[str, tuple[Frame, int]]] = field(default_factory=dict)
    """Device → point → the frame that last had it due, and its index there."""
    _listeners: list[Listener] = field(default_factory=list)

    def frame(self, frame: Frame) -> None:
        self.last[frame.device] = frame
        if not frame.failed:
            self.last_answered[frame.device] = frame
        seen = self.values.setdefault(frame.device, {})
        for index, point in enumerate(frame.points):
            seen[point] = (frame, index)
        self._tell("frame", frame)

    def readings(self, device: str) -> dict[str, Reading]:
        """The last reading of each point."""
        seen = self.values.get(device, {})
        return {
            point: reading
            for point, (frame, _) in seen.items()
            if (reading := frame.reading(point)) is not None
        }

    def alert(self, document: dict[str, Any]) -> None:
        self._tell("alert", document)

    def ticket(self, ticket_id: str) -> None:
        self._tell("ticket", ticket_id)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear of all news until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _tell(self, kind: str, news: Any) -> None:
        for listener in self._listeners:
            listener(kind, news)
