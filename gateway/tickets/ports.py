"""What the desk asks of the rest of the house."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from agent.reading import Frame
from gateway.journal.record import Position, Record


class AlertPort(Protocol):
    """The rule engine, as far as tickets reach back to it.

    Each call may come twice and must then do nothing; an alert that is not open any more is no error.
    """

    async def acknowledge(self, alert_id: str, by: str) -> None: ...

    async def reset_latch(self, alert_id: str, by: str) -> None: ...

    async def attach_ticket(self, alert_id: str, ticket_id: str) -> None: ...


RawPort: TypeAlias = Callable[[str], Sequence[Mapping[str, Any]]]
"""The last words of a device, one mapping for each read; none for one that is not polled."""


class JournalPort(Protocol):
    """The journal, as far as the desk reads and writes it."""

    def cursor(self, reader: str) -> Position: ...

    def head(self) -> Position: ...

    async def wait(self, after: Position) -> None: ...

    async def read(self, after: Position, limit: int = 500) -> list[Record]: ...

    def settle(self, reader: str, first: Position, last: Position) -> None: ...

    async def frames(self, device: str, from_ms: int, to_ms: int, limit: int = ...) -> list[Frame]: ...

    def watches(self) -> dict[str, bytes]: ...

    def append_outcome(
        self,
        bodies: Sequence[dict[str, Any]],
        watches: Mapping[str, bytes | None],
        *,
        mono_ms: int,
        ts_ms: int,
        unsure: bool,
    ) -> None: ...

    async def commit(self) -> None: ...
