"""The tickets of the retained picture: asked of the desk, and asked again while it cannot say."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

import structlog

from agent.clock import Clock
from gateway.failure import Failure

log = structlog.get_logger(__name__)

_AGAIN_MS = 3_000

TicketDocument: TypeAlias = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""The document of a ticket, None when there is none of this id; a Failure while the desk cannot say."""
OpenTickets: TypeAlias = Callable[[], Awaitable[Iterable[str]]]
"""Ids of the tickets that are open now; a Failure while the desk cannot say."""


class Tickets:
    """Which tickets the picture still lacks.

    Args:
        sink: its name, for the log.
        clock: for the pauses.
        open_tickets: what is open now.
        document: of one ticket.
    """

    def __init__(
        self, sink: str, clock: Clock, *, open_tickets: OpenTickets, document: TicketDocument
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._open_tickets = open_tickets
        self._document = document
        self._to_list = True
        """The open tickets are not yet in the picture."""
        self._missing: dict[str, None] = {}
        """Tickets whose document the desk could not give."""
        self._due_ms: int | None = None
        """The desk refuses; when to ask it again."""

    def begin(self) -> None:
        """A new connection wants all of them."""
        self._to_list = True

    async def document(self, ticket: str) -> Mapping[str, Any] | None:
        """None also while the desk cannot say; the picture is then completed later."""
        if not self._rests():
            try:
                return await self._document(ticket)
            except Failure as refusal:
                self._refused(refusal)
        self._missing[ticket] = None
        return None

    async def found(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What the picture lacked and the desk can tell now."""
        found: list[tuple[str, Mapping[str, Any]]] = []
        if self._rests() or not (self._to_list or self._missing):
            return found
        try:
            if self._to_list:
                self._missing.update(dict.fromkeys(await self._open_tickets()))
                self._to_list = False
            while self._missing:
                ticket = next(iter(self._missing))
                document = await self._document(ticket)
                if document is not None:
                    found.append((ticket, document))
                del self._missing[ticket]
        except Failure as refusal:
            self._refused(refusal)
            return found
        if self._due_ms is not None:
            log.info("mqtt.tickets_healed", sink=self._sink)
        self._due_ms = None
        return found

    def _rests(self) -> bool:
        return self._due_ms is not None and self._clock.monotonic_ms() < self._due_ms

    def _refused(self, refusal: Failure) -> None:
        if self._due_ms is None:
            log.warning("mqtt.tickets_refused", sink=self._sink, why=str(refusal))
        self._due_ms = self._clock.monotonic_ms() + _AGAIN_MS
