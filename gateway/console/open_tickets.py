"""The open tickets, kept at hand for counts, snapshots and streams."""

from collections.abc import Iterable

import structlog

from gateway.console.ports import Desk, Json, UnknownObject
from gateway.failure import Failure

log = structlog.get_logger(__name__)

_ENDED = frozenset({"archived", "cancelled", "merged"})
_PAGE = 500


class OpenTickets:
    """A mirror of the desk's open tickets; `changed` names the ones to look at again.

    While the desk's store refuses, what was known stays, and what was to be read is read later.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._open: dict[str, Json] = {}
        self._to_read: dict[str, None] = {}
        self._changes: list[Json] = []
        self._loaded = False
        self._works = True

    def all(self) -> Iterable[Json]:
        return self._open.values()

    def changed(self, ticket_id: str) -> None:
        self._to_read[ticket_id] = None

    async def load(self) -> None:
        """Read all open tickets; `refresh` tries again where the store refuses."""
        try:
            await self._read_all()
        except Failure as refusal:
            self._refused(refusal)
        else:
            self._loaded = True
            self._heal()

    async def _read_all(self) -> None:
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
        if not self._loaded:
            await self.load()
            self._changes.extend(self._open.values() if self._loaded else ())
        while self._loaded and self._to_read:
            ticket_id = next(iter(self._to_read))
            del self._to_read[ticket_id]
            try:
                ticket = await self._desk.ticket(ticket_id)
            except UnknownObject:
                log.warning("ticket.unknown", ticket=ticket_id)
                continue
            except Failure as refusal:
                self._to_read[ticket_id] = None
                self._refused(refusal)
                return
            self._heal()
            if ticket["state"] in _ENDED:
                self._open.pop(ticket_id, None)
            else:
                self._open[ticket_id] = ticket
            self._changes.append(ticket)

    def _refused(self, refusal: Failure) -> None:
        if self._works:
            log.warning("tickets.refused", why=str(refusal))
        self._works = False

    def _heal(self) -> None:
        if not self._works:
            log.info("tickets.healed")
        self._works = True

    def take_changes(self) -> list[Json]:
        changes, self._changes = self._changes, []
        return changes
