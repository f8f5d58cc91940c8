"""What one transaction reads and writes in the desk's tables."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from gateway.tickets import schema
from gateway.tickets.alert_books import AlertBooks, Wanted, json_text, latest_first
from gateway.tickets.event import TicketEvent
from gateway.tickets.life import Act
from gateway.tickets.ticket import Ticket, apply, replay

_FIRST_HASH = "0" * 64
_BEGINS = frozenset({Act.OPEN.value, Act.REOPEN.value, Act.RECUR.value})


@dataclass(frozen=True, slots=True)
class Folder:
    """A ticket with the log that makes it, and what was last measured for its verification."""

    ticket: Ticket
    events: tuple[TicketEvent, ...]
    good_from_ms: int | None = None
    good_share: float | None = None


class Cache:
    """Folded tickets by id, valid as long as their last event is the same."""

    def __init__(self, size: int = 500) -> None:
        self._size = size
        self._folders: dict[str, Folder] = {}

    def get(self, ticket_id: str, last_seq: int) -> Folder | None:
        folder = self._folders.get(ticket_id)
        return folder if folder is not None and folder.ticket.last_seq == last_seq else None

    def put(self, folder: Folder) -> None:
        self._folders.pop(folder.ticket.id, None)
        self._folders[folder.ticket.id] = folder
        while len(self._folders) > self._size:
            del self._folders[next(iter(self._folders))]

    def forget(self) -> None:
        """After a transaction that was undone."""
        self._folders.clear()


class Books(AlertBooks):
    """The tables within one transaction."""

    def __init__(self, connection: Connection, cache: Cache) -> None:
        super().__init__(connection)
        self._cache = cache

    # -- facts of the desk

    def fact(self, key: str) -> str | None:
        return self._db.execute(select(schema.meta.c.value).where(schema.meta.c.key == key)).scalar()

    def set_fact(self, key: str, value: str) -> None:
        changed = self._db.execute(update(schema.meta).where(schema.meta.c.key == key).values(value=value))
        if changed.rowcount == 0:
            self._db.execute(insert(schema.meta).values(key=key, value=value))

    # -- tickets

    def folder(self, id_or_number: str) -> Folder | None:
        table = schema.tickets
        query = select(table).where(or_(table.c.id == id_or_number, table.c.number == id_or_number))
        row = self._db.execute(query).first()
        return None if row is None else self._folder(row)

    def ticket_ids(self) -> list[str]:
        """All tickets, the oldest first."""
        table = schema.tickets
        return list(self._db.execute(select(table.c.id).order_by(table.c.opened_ms, table.c.id)).scalars())

    def open_folders(self) -> list[Folder]:
        query = select(schema.tickets).where(schema.tickets.c.open == 1).order_by(schema.tickets.c.opened_ms)
        return [self._folder(row) for row in self._db.execute(query).all()]

    def folders_since(self, since_ms: int) -> list[Folder]:
        """All that are open, or to which anything has happened since then, oldest first."""
        table, events = schema.tickets, schema.ticket_events
        touched = select(events.c.ticket).where(events.c.ts_ms >= since_ms).distinct()
        query = select(table).where(or_(table.c.open == 1, table.c.id.in_(touched)))
        return [self._folder(row) for row in self._db.execute(query.order_by(table.c.opened_ms)).all()]

    def open_by_key(self, key: str) -> Folder | None:
        table = schema.tickets
        row = self._db.execute(
            select(table).where(and_(table.c.dedupe_key == key, table.c.open == 1))
        ).first()
        return None if row is None else self._folder(row)

    def last_archived(self, key: str) -> Folder | None:
        table = schema.tickets
        query = select(table).where(and_(table.c.dedupe_key == key, table.c.state == "archived"))
        row = self._db.execute(query.order_by(table.c.ended_ms.desc())).first()
        return None if row is None else self._folder(row)

    def opened_since(self, site: str, since_ms: int) -> int:
        """How many tickets of a site were opened since then."""
        table = schema.tickets
        where = and_(table.c.site == site, table.c.opened_ms > since_ms)
        return self._db.execute(select(func.count()).select_from(table).where(where)).scalar_one()

    def episodes(self, key: str, since_ms: int) -> list[str]:
        """For each time since then that a ticket of this key was opened or came back: its id, in order."""
        events, tickets = schema.ticket_events, schema.tickets
        query = select(events.c.ticket, events.c.document).join(tickets, tickets.c.id == events.c.ticket)
        where = and_(tickets.c.dedupe_key == key, events.c.ts_ms > since_ms)
        rows = self._db.execute(query.where(where).order_by(events.c.id))
        return [ticket for ticket, text in rows if orjson.loads(text)["event"] in _BEGINS]

    def last_opened_ms(self, key: str) -> int | None:
        """When the latest ticket of this key was opened."""
        table = schema.tickets
        query = select(func.max(table.c.opened_ms)).where(table.c.dedupe_key == key)
        return self._db.execute(query).scalar()

    def numbers_with(self, prefix: str) -> int:
        table = schema.tickets
        where = table.c.number.startswith(prefix, autoescape=True)
        return self._db.execute(select(func.count()).select_from(table).where(where)).scalar_one()

    def page_of_tickets(self, wanted: Wanted, limit: int, before: tuple[int, str] | None) -> list[Folder]:
        """The latest first; `open` means not archived, cancelled or merged."""
        table = schema.tickets
        query = select(table)
        if wanted.state == "open":
            query = query.where(table.c.open == 1)
        elif wanted.state != "all":
            query = query.where(table.c.state == wanted.state)
        if wanted.site is not None:
            query = query.where(table.c.site == wanted.site)
        if wanted.text:
            query = query.where(table.c.search.contains(wanted.text.lower(), autoescape=True))
        query = latest_first(query, table.c.opened_ms, table.c.id, limit, before)
        return [self._folder(row) for row in self._db.execute(query).all()]

    def append(self, folder: Folder | None, events: Sequence[TicketEvent]) -> Folder:
        """The ticket with more events in its log; they go to the outbox too.

        Raises:
            sqlalchemy.exc.IntegrityError: another open ticket has this one's key.
        """
        ticket = None if folder is None else folder.ticket
        log = () if folder is None else folder.events
        last_hash = self._last_hash(ticket)
        for event in events:
            after = apply(ticket, event)
            self._keep_ticket(after, new=ticket is None)
            ticket, document = after, json_text(event.document())
            last_hash = chained(last_hash, document)
            row = {
                "ticket": after.id,
                "seq": event.seq,
                "key": event.key,
                "ts_ms": event.ts_ms,
                "document": document,
                "hash": last_hash,
            }
            done = self._db.execute(insert(schema.ticket_events).values(**row))
            number = None if done.inserted_primary_key is None else done.inserted_primary_key[0]
            self._db.execute(insert(schema.outbox).values(event=number))
        if ticket is None:
            raise ValueError("no events to append")
        kept = Folder(ticket, (*log, *events))
        self._cache.put(kept)
        return kept

    def note_share(self, ticket_id: str, from_ms: int, share: float) -> None:
        """What was measured for a verification: the share of good samples since `from_ms`."""
        table = schema.tickets
        values = {"good_from_ms": from_ms, "good_share": share}
        self._db.execute(update(table).where(table.c.id == ticket_id).values(**values))

    def hashes(self, ticket_id: str) -> list[tuple[str, str]]:
        """Document and hash of each event, in order."""
        table = schema.ticket_events
        query = (
            select(table.c.document, table.c.hash).where(table.c.ticket == ticket_id).order_by(table.c.seq)
        )
        return [(document, stored) for document, stored in self._db.execute(query)]

    # -- outbox

    def pending(self, limit: int = 100) -> list[tuple[int, str, TicketEvent]]:
        """Events not yet acted upon: number, ticket, event; oldest first."""
        table = schema.ticket_events
        query = select(table.c.id, table.c.ticket, table.c.document).join(
            schema.outbox, schema.outbox.c.event == table.c.id
        )
        rows = self._db.execute(query.order_by(table.c.id).limit(limit))
        return [
            (number, ticket, TicketEvent.from_document(orjson.loads(text))) for number, ticket, text in rows
        ]

    def settle_outbox(self, upto: int) -> None:
        self._db.execute(delete(schema.outbox).where(schema.outbox.c.event <= upto))

    # -- inside

    def _folder(self, row: Row[Any]) -> Folder:
        kept = self._cache.get(row.id, row.last_seq)
        if kept is None:
            table = schema.ticket_events
            query = select(table.c.document).where(table.c.ticket == row.id).order_by(table.c.seq)
            events = tuple(
                TicketEvent.from_document(orjson.loads(text)) for text in self._db.execute(query).scalars()
            )
            kept = Folder(replay(events), events)
            self._cache.put(kept)
        return replace(kept, good_from_ms=row.good_from_ms, good_share=row.good_share)

    def _last_hash(self, ticket: Ticket | None) -> str:
        if ticket is None:
            return _FIRST_HASH
        table = schema.ticket_events
        where = and_(table.c.ticket == ticket.id, table.c.seq == ticket.last_seq)
        return str(self._db.execute(select(table.c.hash).where(where)).scalar_one())

    def _keep_ticket(self, ticket: Ticket, *, new: bool) -> None:
        title = ticket.title
        values = {
            "number": ticket.number,
            "dedupe_key": ticket.key,
            "site": ticket.site,
            "kind": ticket.kind,
            "state": ticket.state.value,
            "open": int(ticket.open),
            "opened_ms": ticket.opened_ms,
            "ended_ms": ticket.ended_ms,
            "last_seq": ticket.last_seq,
            "search": " ".join(
                (ticket.number or "", ticket.kind, *ticket.devices, title.en, title.zh)
            ).lower(),
        }
        if new:
            self._db.execute(insert(schema.tickets).values(id=ticket.id, **values))
        else:
            self._db.execute(update(schema.tickets).where(schema.tickets.c.id == ticket.id).values(**values))


def chained(last_hash: str, document: str) -> str:
    """The hash of an event's row: over the row before it and its own text."""
    return hashlib.sha256(f"{last_hash}\n{document}".encode()).hexdigest()


def broken_link(rows: Iterable[tuple[str, str]]) -> int | None:
    """Number of the first event whose hash does not fit its text and the row before; None: all fit."""
    last_hash = _FIRST_HASH
    for seq, (document, stored) in enumerate(rows, start=1):
        last_hash = chained(last_hash, document)
        if last_hash != stored:
            return seq
    return None
