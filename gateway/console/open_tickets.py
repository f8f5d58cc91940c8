"""The open tickets, kept at hand for counts, snapshots and streams."""

from collections.abc import Iterable

import structlog

from gateway.console.ports import Desk, Json, UnknownObject

log = structlog.get_logger(__name__)

_ENDED = frozenset({"archived", "cancelled", "merged"})
_PAGE = 500


class OpenTickets:
    """A mirror of the desk's open tickets; `changed` names the ones to look at again."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._open: dict[str, Json] = {}
        self._to_read: dict[str, None] = {}
        self._changes: list[Json] = []

    def all(self) -> Iterable[Json]:
        return self._open.values()

    def changed(self, ticket_id: str) -> None:
        self._to_read[ticket_id] = None

    async def load(self) -> None:
        """Read all open tickets."""
        cursor: str | None = None
        while True:
            page = await self._desk.tickets(state="open", site=None, text=None, limit=_PAGE, cursor=cursor)
            for ticket in page.items:
                self._open[ticket["id"]] = ticket
            if page.next is None:
                return
            cursor = page.next

    async def refresh(self) -> None:
        """Read again what changed; what is read stands in `take_changes`."""
        while self._to_read:
            ticket_id = next(iter(self._to_read))
            del self._to_read[ticket_id]
            try:
                ticket = await self._desk.ticket(ticket_id)
            except UnknownObject:
                log.warning("ticket.unknown", ticket=ticket_id)
                continue
            if ticket["state"] in _ENDED:
                self._open.pop(ticket_id, None)
            else:
                self._open[ticket_id] = ticket
            self._changes.append(ticket)

    def take_changes(self) -> list[Json]:
        changes, self._changes = self._changes, []
        return changes
