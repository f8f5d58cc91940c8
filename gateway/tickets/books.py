"""What one transaction reads and writes in the desk's tables."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Select, and_, delete, func, insert, or_, select, tuple_, update

from gateway.tickets import schema
from gateway.tickets.event import TicketEvent
from gateway.tickets.ticket import Ticket, apply, replay

_CLEAR = frozenset({"latched", "cleared"})
_FIRST_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class AlertEntry:
    """An alert as the desk keeps it: its document and the ticket that it belongs to or is listed in."""

    document: Mapping[str, Any]
    changed_ms: int
    clear_since_ms: int | None
    ticket: str | None
    listed_in: str | None

    @property
    def id(self) -> str:
        return str(self.document["id"])

    @property
    def suppressed(self) -> bool:
        return self.document["suppressed"] is not None

    @property
    def parent(self) -> str | None:
        """The alert that inhibits it."""
        suppressed = self.document["suppressed"]
        return suppressed["alert"] if suppressed and suppressed["by"] == "inhibited" else None

    def shown(self) -> dict[str, Any]:
        """The alert document with its ticket."""
        return {**self.document, "ticket": self.ticket or self.listed_in or self.document["ticket"]}


@dataclass(frozen=True, slots=True)
class Folder:
    """A ticket with the log that makes it, and what was last measured for its verification."""

    ticket: Ticket
    events: tuple[TicketEvent, ...]
    good_from_ms: int | None = None
    good_share: float | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of a list; `state` is `open`, `all` or one state (of alerts also `shelved`)."""

    state: str = "open"
    site: str | None = None
    device: str | None = None
    severities: frozenset[str] = frozenset()
    text: str | None = None


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


class Books:
    """The tables within one transaction."""

    def __init__(self, connection: Connection, cache: Cache) -> None:
        self._db = connection
        self._cache = cache

    # -- facts of the desk

    def fact(self, key: str) -> str | None:
        return self._db.execute(select(schema.meta.c.value).where(schema.meta.c.key == key)).scalar()

    def set_fact(self, key: str, value: str) -> None:
        changed = self._db.execute(update(schema.meta).where(schema.meta.c.key == key).values(value=value))
        if changed.rowcount == 0:
            self._db.execute(insert(schema.meta).values(key=key, value=value))

    # -- alerts

    def alert(self, alert_id: str) -> AlertEntry | None:
        row = self._db.execute(select(schema.alerts).where(schema.alerts.c.id == alert_id)).first()
        return None if row is None else _entry(row)

    def alerts(self, ids: Iterable[str]) -> dict[str, AlertEntry]:
        wanted = list(ids)
        if not wanted:
            return {}
        rows = self._db.execute(select(schema.alerts).where(schema.alerts.c.id.in_(wanted)))
        return {row.id: _entry(row) for row in rows}

    def open_alerts(self) -> list[AlertEntry]:
        """All but the cleared ones, oldest first."""
        query = select(schema.alerts).where(schema.alerts.c.state != "cleared")
        return [_entry(row) for row in self._db.execute(query.order_by(schema.alerts.c.since_ms))]

    def keep_alert(self, document: Mapping[str, Any], position: int, ts_ms: int) -> bool:
        """Store the alert as it is after a change; False when that change is known already."""
        alert_id, table = document["id"], schema.alerts
        known = self._db.execute(select(table).where(table.c.id == alert_id)).first()
        seen = select(func.max(schema.alert_changes.c.position)).where(
            schema.alert_changes.c.alert == alert_id
        )
        last = self._db.execute(seen).scalar()
        if last is not None and last >= position:
            return False
        suppressed = document["suppressed"] or {}
        values = {
            "site": document["site"],
            "device": document["device"],
            "rule": document["rule"],
            "state": document["state"],
            "severity": document["severity"],
            "since_ms": document["since"],
            "changed_ms": ts_ms,
            "clear_since_ms": _clear_since_ms(document, known, ts_ms),
            "suppressed_by": suppressed.get("by"),
            "parent": suppressed.get("alert"),
            "document": _json(document),
        }
        if known is None:
            self._db.execute(insert(table).values(id=alert_id, **values))
        else:
            self._db.execute(update(table).where(table.c.id == alert_id).values(**values))
        change = {"alert": alert_id, "position": position, "ts_ms": ts_ms, "document": values["document"]}
        self._db.execute(insert(schema.alert_changes).values(**change))
        return True

    def link_alert(self, alert_id: str, ticket_id: str) -> None:
        self._db.execute(update(schema.alerts).where(schema.alerts.c.id == alert_id).values(ticket=ticket_id))

    def list_alert(self, alert_id: str, ticket_id: str) -> None:
        self._db.execute(
            update(schema.alerts).where(schema.alerts.c.id == alert_id).values(listed_in=ticket_id)
        )

    def alert_changes(self, alert_id: str) -> list[tuple[int, dict[str, Any]]]:
        """All changes of an alert in order: when, and the document since then."""
        table = schema.alert_changes
        query = (
            select(table.c.ts_ms, table.c.document)
            .where(table.c.alert == alert_id)
            .order_by(table.c.position)
        )
        return [(ts_ms, orjson.loads(document)) for ts_ms, document in self._db.execute(query)]

    def page_of_alerts(self, wanted: Wanted, limit: int, before: tuple[int, str] | None) -> list[AlertEntry]:
        """The latest first."""
        table = schema.alerts
        query = select(table)
        if wanted.state == "open":
            query = query.where(table.c.state != "cleared")
        elif wanted.state == "shelved":
            query = query.where(table.c.suppressed_by == "shelved")
        elif wanted.state != "all":
            query = query.where(table.c.state == wanted.state)
        if wanted.site is not None:
            query = query.where(table.c.site == wanted.site)
        if wanted.device is not None:
            query = query.where(table.c.device == wanted.device)
        if wanted.severities:
            query = query.where(table.c.severity.in_(sorted(wanted.severities)))
        if wanted.text:
            query = query.where(func.lower(table.c.document).contains(wanted.text.lower(), autoescape=True))
        query = _latest_first(query, table.c.since_ms, table.c.id, limit, before)
        return [_entry(row) for row in self._db.execute(query)]

    # -- tickets

    def folder(self, id_or_number: str) -> Folder | None:
        table = schema.tickets
        query = select(table).where(or_(table.c.id == id_or_number, table.c.number == id_or_number))
        row = self._db.execute(query).first()
        return None if row is None else self._folder(row)

    def open_folders(self) -> list[Folder]:
        query = select(schema.tickets).where(schema.tickets.c.open == 1).order_by(schema.tickets.c.opened_ms)
        return [self._folder(row) for row in self._db.execute(query).all()]

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
        query = _latest_first(query, table.c.opened_ms, table.c.id, limit, before)
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
            ticket, document = after, _json(event.document())
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


def _json(document: Mapping[str, Any]) -> str:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()


def _entry(row: Row[Any]) -> AlertEntry:
    return AlertEntry(
        orjson.loads(row.document), row.changed_ms, row.clear_since_ms, row.ticket, row.listed_in
    )


def _clear_since_ms(document: Mapping[str, Any], known: Row[Any] | None, ts_ms: int) -> int | None:
    if document["state"] not in _CLEAR:
        return None
    if known is not None and known.clear_since_ms is not None:
        return int(known.clear_since_ms)
    return ts_ms


def _latest_first(
    query: Select[Any], when: Any, ident: Any, limit: int, before: tuple[int, str] | None
) -> Select[Any]:
    if before is not None:
        query = query.where(tuple_(when, ident) < tuple_(*before))
    return query.order_by(when.desc(), ident.desc()).limit(limit)
