"""Whether the tickets' logs and evidence are what they were: hash chains and files, all of them. Blocking."""

from dataclasses import dataclass
from typing import Any

from gateway.tickets.books import Books, Cache, broken_link
from gateway.tickets.evidence import EvidenceRoom, sha256
from gateway.tickets.store import Store


@dataclass(frozen=True, slots=True)
class Tampered:
    """What does not fit: an event of a ticket's log, or a file of its evidence."""

    ticket: str
    number: str | None
    what: str

    def document(self) -> dict[str, Any]:
        return {"ticket": self.ticket, "number": self.number, "what": self.what}


@dataclass(frozen=True, slots=True)
class Audit:
    tickets: int
    events: int
    files: int
    faults: tuple[Tampered, ...]

    def document(self) -> dict[str, Any]:
        faults = [fault.document() for fault in self.faults]
        return {"tickets": self.tickets, "events": self.events, "files": self.files, "faults": faults}


def audit(store: Store, room: EvidenceRoom) -> Audit:
    """Work out every hash again. The log names each file's hash, and each of its rows covers the one before.

    Raises:
        StoreError: the store cannot be read.
    """
    faults: list[Tampered] = []
    events = files = 0
    with store.reading() as connection:
        books = Books(connection, Cache(size=1))
        ids = books.ticket_ids()
        for ticket_id in ids:
            rows = books.hashes(ticket_id)
            events += len(rows)
            broken = broken_link(rows)
            if broken is not None:
                faults.append(Tampered(ticket_id, None, f"event {broken} of its log has been changed"))
                continue
            folder = books.folder(ticket_id)
            if folder is None:
                continue
            ticket = folder.ticket
            for entry in ticket.evidence:
                files += 1
                why = _wrong(room, ticket_id, entry["name"], entry["sha256"])
                if why is not None:
                    faults.append(Tampered(ticket_id, ticket.shown_number, why))
    return Audit(len(ids), events, files, tuple(faults))


def _wrong(room: EvidenceRoom, ticket_id: str, name: str, expected: str) -> str | None:
    try:
        content = room.read(ticket_id, name)
    except OSError as error:
        return f"its file {name} cannot be read: {error.strerror}"
    return None if sha256(content) == expected else f"its file {name} has been changed"
