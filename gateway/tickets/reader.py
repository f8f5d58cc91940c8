"""Answers to questions about alerts and tickets, as documents. Blocking; runs on the desk's thread."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from agent.clock import Clock
from agent.quantity import HOUR_MS
from agent.rules.alarm_load import alarm_load, annunciation, causes, floods
from agent.rules.rule import Rule
from gateway.tickets.alert_books import Wanted
from gateway.tickets.ask import WrongArguments
from gateway.tickets.books import Books, Cache, Folder
from gateway.tickets.clerk import UnknownTicket
from gateway.tickets.context import AlertFacts, Context
from gateway.tickets.document import ticket_document
from gateway.tickets.event import TicketEvent
from gateway.tickets.evidence import EvidenceRoom
from gateway.tickets.handover import handover
from gateway.tickets.place import DeskSite
from gateway.tickets.step import allowed
from gateway.tickets.store import Store
from gateway.tickets.story import alert_story, rule_fact, rule_words
from gateway.tickets.ticket import Ticket

FLOOD_LOOKS_BACK_MS = 6 * HOUR_MS
"""A flood that has lasted for longer is one that everybody knows of."""


class UnknownAlert(LookupError):  # noqa: N818  # named for what is the case
    """No alert has this id."""


class UnknownEvidence(LookupError):  # noqa: N818  # named for what is the case
    """The ticket has no such file, or it is gone from the disk."""


class Reader:
    """Reads the store."""

    def __init__(
        self, store: Store, site: DeskSite, rules: Callable[[str], Rule | None], clock: Clock
    ) -> None:
        self._store = store
        self._site = site
        self._rule = rules
        self._clock = clock
        self._cache = Cache()

    def alerts(
        self, wanted: Wanted, limit: int, cursor: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        with self._store.reading() as connection:
            found = Books(connection, self._cache).page_of_alerts(wanted, limit + 1, _before(cursor))
        shown = found[:limit]
        last = f"{shown[-1].document['since']}.{shown[-1].id}" if len(found) > limit else None
        return [entry.shown() for entry in shown], last

    def alarm_load(self, from_ms: int, to_ms: int, operators: int) -> dict[str, Any]:
        """What the alarms of a time asked of people, and what stands now."""
        with self._store.reading() as connection:
            books = Books(connection, self._cache)
            changes = books.changes_between(from_ms, to_ms)
            standing = [entry.shown() for entry in books.open_alerts()]
        told = [alarm for said in changes.values() if (alarm := annunciation(said)) is not None]
        alarms = sorted((a for a in told if a.ts_ms >= from_ms), key=lambda alarm: alarm.ts_ms)
        return alarm_load(alarms, standing, from_ms=from_ms, to_ms=to_ms, operators=operators)

    def flood(self) -> dict[str, Any] | None:
        """The flood that there is now, with its causes; None while there is none."""
        now_ms = self._clock.utc_ms()
        with self._store.reading() as connection:
            books = Books(connection, self._cache)
            changes = books.changes_between(now_ms - FLOOD_LOOKS_BACK_MS, now_ms)
            told = [alarm.ts_ms for said in changes.values() if (alarm := annunciation(said)) is not None]
            spans = floods(sorted(told), now_ms)
            if not spans or spans[-1].to_ms < now_ms:
                return None
            standing = [entry.shown() for entry in books.open_alerts()]
        return {"since": spans[-1].from_ms, "alerts": len(standing), "causes": causes(standing)}

    def story(self, alert_id: str) -> dict[str, Any]:
        with self._store.reading() as connection:
            books = Books(connection, self._cache)
            entry = books.alert(alert_id)
            if entry is None:
                raise UnknownAlert(alert_id)
            shown = entry.shown()
            folder = None if shown["ticket"] is None else books.folder(shown["ticket"])
            device = self._site.devices.get(shown["device"])
            params = {} if device is None else device.params.get(shown["rule"], {})
            ticket = None if folder is None else folder.ticket
            rule = self._rule_words(books, shown)
            return alert_story(shown, books.alert_changes(alert_id), rule, params, ticket)

    def _rule_words(self, books: Books, alert: Mapping[str, Any]) -> dict[str, Any] | None:
        """The rule that raised it, as it read then; as it reads now where that was never kept."""
        basis, rule = alert.get("basis"), self._rule(alert["rule"])
        if basis is not None and (rule is None or rule.hash != basis["rule_hash"]):
            kept = books.fact(rule_fact(basis["rule_hash"]))
            if kept is not None:
                words: dict[str, Any] = orjson.loads(kept)
                return words
        return None if rule is None else rule_words(rule)

    def tickets(
        self, wanted: Wanted, limit: int, cursor: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        with self._store.reading() as connection:
            books = Books(connection, self._cache)
            found = books.page_of_tickets(wanted, limit + 1, _before(cursor))
            shown = [self._document(books, folder) for folder in found[:limit]]
        last = f"{shown[-1]['opened']}.{shown[-1]['id']}" if len(found) > limit else None
        return shown, last

    def ticket(self, ticket_id: str) -> dict[str, Any]:
        with self._store.reading() as connection:
            books = Books(connection, self._cache)
            return self._document(books, _found(books, ticket_id))

    def handover(self, from_ms: int, to_ms: int) -> dict[str, Any]:
        """The sheet of a shift."""
        with self._store.reading() as connection:
            books = Books(connection, self._cache)
            tickets = [self._document(books, folder) for folder in books.folders_since(from_ms)]
            alerts = [entry.shown() for entry in books.open_alerts()]
        return handover(tickets, alerts, from_ms=from_ms, to_ms=to_ms)

    def evidence(self, room: EvidenceRoom, ticket_id: str, name: str) -> tuple[bytes, str]:
        with self._store.reading() as connection:
            ticket = _found(Books(connection, self._cache), ticket_id).ticket
        entry = next((item for item in ticket.evidence if item["name"] == name), None)
        if entry is None:
            raise UnknownEvidence(name)
        try:
            return room.read(ticket.id, name), entry["media_type"]
        except OSError:
            raise UnknownEvidence(name) from None

    def pending(self) -> list[tuple[int, TicketEvent, Ticket]]:
        """Events not yet acted upon, oldest first, each with its ticket as it is now."""
        with self._store.reading() as connection:
            books = Books(connection, self._cache)
            return [
                (number, event, _found(books, ticket).ticket) for number, ticket, event in books.pending()
            ]

    def stories(self, ticket: Ticket) -> list[dict[str, Any]]:
        """The stories of a ticket's own alerts, for its evidence."""
        return [self.story(alert_id) for alert_id in ticket.alerts]

    def rules_of(self, stories: Sequence[Mapping[str, Any]]) -> dict[str, Rule]:
        """The rules of these stories, as far as they are still there, by id."""
        named = sorted({story["rule"] for story in stories})
        return {name: rule for name in named if (rule := self._rule(name)) is not None}

    def settle_outbox(self, upto: int) -> None:
        with self._store.writing() as connection:
            Books(connection, self._cache).settle_outbox(upto)

    @property
    def store_id(self) -> str:
        return self._store.id

    def _document(self, books: Books, folder: Folder) -> dict[str, Any]:
        ticket, now_ms = folder.ticket, self._clock.utc_ms()
        alerts = {
            entry.id: AlertFacts(
                entry.id,
                entry.document["device"],
                entry.document["state"],
                entry.document["severity"],
                entry.document["since"],
            )
            for entry in books.alerts(ticket.alerts).values()
        }
        context = Context(now_ms, self._site.timetable, alerts)
        return ticket_document(ticket, folder.events, allowed(ticket, context), self._site.cell, now_ms)


def _found(books: Books, ticket_id: str) -> Folder:
    folder = books.folder(ticket_id)
    if folder is None:
        raise UnknownTicket(ticket_id)
    return folder


def _before(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    when, _, ident = cursor.partition(".")
    if not re.fullmatch(r"[0-9]{1,18}", when) or not ident:
        raise WrongArguments([{"path": "cursor", "message": "is not one that this list gave out"}])
    return int(when), ident
