"""The desk's work on its store: one method, one transaction. Blocking; runs on the desk's own thread.

A ticket, what it means for its alerts and the desk's place in the journal are always written
together, so that a stop at any point leaves exactly one ticket per subject.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from agent.clock import Clock
from agent.rules.rule import Rule
from gateway.tickets.alert_books import AlertEntry
from gateway.tickets.ask import Ask, desk_key
from gateway.tickets.books import Books, Cache, Folder
from gateway.tickets.judge import judge, measure_from_ms
from gateway.tickets.life import Act
from gateway.tickets.opening import Subject
from gateway.tickets.place import DeskSite
from gateway.tickets.placing import Placing
from gateway.tickets.recovery import GOOD_SHARE
from gateway.tickets.refusal import Refusal, Refused
from gateway.tickets.roles import DESK_ROLE, check_role
from gateway.tickets.routing import TeamFacts
from gateway.tickets.step import step
from gateway.tickets.store import Store
from gateway.tickets.story import rule_fact, rule_words
from gateway.tickets.ticket import ChecklistItem, Ticket


class UnknownTicket(LookupError):  # noqa: N818  # named for what is the case
    """No ticket has this id or number."""


@dataclass(frozen=True, slots=True)
class AlertChange:
    """An alert document from the journal, at its position there."""

    position: int
    ts_ms: int
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measuring:
    """Samples to count: of these devices and points, from `start_ms` until now."""

    ticket: str
    start_ms: int
    window_ms: int
    points: Mapping[str, frozenset[str]]
    """Device → the points that its alerts looked at."""


class Clerk:
    """Keeps alerts and tickets of one site."""

    def __init__(
        self,
        store: Store,
        site: DeskSite,
        *,
        rules: Callable[[str], Rule | None],
        teams: Sequence[TeamFacts],
        checklists: Mapping[str, Sequence[ChecklistItem]],
        clock: Clock,
    ) -> None:
        self._store = store
        self._clock = clock
        self._cache = Cache()
        self._rule = rules
        self.site_code = site.arrival_code or site.id
        self._placing = Placing(
            site, self.site_code, rules=rules, teams=teams, checklists=checklists, clock=clock
        )

    # -- from the journal

    def cursor(self) -> int:
        """The journal position up to which all is taken in."""
        with self._store.reading() as connection:
            return int(Books(connection, self._cache).fact("cursor") or 0)

    def take(self, changes: Sequence[AlertChange], upto: int) -> set[str]:
        """Take in alert changes and remember the place. Ids of the tickets that changed."""
        touched: set[str] = set()
        with self._undoing(), self._store.writing() as connection:
            books = Books(connection, self._cache)
            for change in changes:
                if books.keep_alert(change.document, change.position, change.ts_ms):
                    self._keep_rule(books, change.document)
                    entry = books.alert(str(change.document["id"]))
                    if entry is not None:
                        touched |= self._placing.place(books, entry, change.ts_ms)
            books.set_fact("cursor", str(upto))
        return touched

    def _keep_rule(self, books: Books, document: Mapping[str, Any]) -> None:
        """Once for each text: an alert is explained by the rule that raised it, also years later."""
        basis, rule = document.get("basis"), self._rule(document["rule"])
        if basis is None or rule is None or rule.hash != basis["rule_hash"]:
            return
        fact = rule_fact(rule.hash)
        if books.fact(fact) is None:
            books.set_fact(fact, orjson.dumps(rule_words(rule)).decode())

    # -- as time passes

    def tick(self) -> set[str]:
        """Open what is due, verify, close, number. Ids of the tickets that changed."""
        touched: set[str] = set()
        now_ms = self._clock.utc_ms()
        with self._undoing(), self._store.writing() as connection:
            books = Books(connection, self._cache)
            for entry in books.open_alerts():
                touched |= self._placing.place(books, entry, now_ms)
            for folder in books.open_folders():
                if self._advance(books, folder):
                    touched.add(folder.ticket.id)
        return touched

    def to_measure(self) -> list[Measuring]:
        """What must be counted before the next tick can verify more."""
        wanted: list[Measuring] = []
        with self._store.reading() as connection:
            books = Books(connection, self._cache)
            for folder in books.open_folders():
                ticket = folder.ticket
                entries = books.alerts(ticket.alerts)
                start_ms = measure_from_ms(ticket, self._placing.context(ticket, entries))
                believed = folder.good_from_ms == start_ms and (folder.good_share or 0.0) >= GOOD_SHARE
                if start_ms is not None and not believed:
                    wanted.append(
                        Measuring(ticket.id, start_ms, ticket.verify_for_ms, _points(entries.values()))
                    )
        return wanted

    def note_share(self, ticket_id: str, start_ms: int, share: float) -> None:
        with self._store.writing() as connection:
            Books(connection, self._cache).note_share(ticket_id, start_ms, share)

    # -- by persons

    def act(self, ticket_id: str, ask: Ask, keep: Callable[[str], None] | None = None) -> str:
        """Do what was asked; the same key again changes nothing. The ticket's id.

        `keep` is called with the ticket's id once the event is accepted, before it is committed.

        Raises:
            UnknownTicket, Forbidden, Refused
        """
        with self._undoing(), self._store.writing() as connection:
            books = Books(connection, self._cache)
            folder = self._find(books, ticket_id)
            ticket = folder.ticket
            person = ask.arguments.get("person")
            check_role(ask.act, by=ask.by, role=ask.role, ticket=ticket, person=person)
            if any(event.key == ask.key for event in folder.events):
                return ticket.id
            other = books.folder(ask.arguments["into"]) if ask.act is Act.MERGE else None
            rival = books.open_by_key(ticket.key) if ask.act is Act.REOPEN else None
            entries = books.alerts(ticket.alerts)
            context = self._placing.context(ticket, entries, folder=folder, words=True)
            context = replace(
                context, other=None if other is None else other.ticket, key_taken=rival is not None
            )
            answer = step(ticket, ask, context)
            if isinstance(answer, Refusal):
                raise Refused(answer)
            if keep is not None:
                keep(ticket.id)
            books.append(folder, answer.events)
            if answer.other and other is not None:
                books.append(other, answer.other)
                self._hand_over(books, ticket, other.ticket.id)
        return ticket.id

    def open_by_person(self, subject: Subject, *, key: str, by: str, role: str) -> str:
        """A ticket that a person asks for; the same key again gives the same ticket."""
        with self._undoing(), self._store.writing() as connection:
            books = Books(connection, self._cache)
            known = books.open_by_key(subject.key)
            if known is not None:
                return known.ticket.id
            return self._placing.open(books, subject, key, by=by, role=role).ticket.id

    def _find(self, books: Books, id_or_number: str) -> Folder:
        folder = books.folder(id_or_number)
        if folder is None:
            raise UnknownTicket(id_or_number)
        return folder

    def _hand_over(self, books: Books, ticket: Ticket, other_id: str) -> None:
        for alert_id in ticket.alerts:
            books.link_alert(alert_id, other_id)
        for alert_id in ticket.inhibited:
            books.list_alert(alert_id, other_id)

    def _advance(self, books: Books, folder: Folder) -> bool:
        """Do what the desk itself owes a ticket now."""
        moved = False
        if folder.ticket.number is None and (number := self._placing.number(books)) is not None:
            ask = Ask(Act.NUMBER, "desk", DESK_ROLE, desk_key("number"), self._numbered(number))
            folder, moved = self._placing.do(books, folder, ask), True
        entries = books.alerts(folder.ticket.alerts)
        context = self._placing.context(folder.ticket, entries, folder=folder)
        verdict = judge(folder.ticket, context)
        if verdict is not None:
            self._placing.do(books, folder, verdict)
        return moved or verdict is not None

    def _numbered(self, number: str) -> dict[str, Any]:
        moved = self._clock.moved()
        if moved is None:
            return {"number": number}
        return {"number": number, "moved": {"from": moved.from_ms, "to": moved.to_ms, "by": moved.by_ms}}

    def _undoing(self) -> "_ForgetOnError":
        return _ForgetOnError(self._cache)


class _ForgetOnError:
    """What a transaction that failed has put into the cache never happened."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind is not None:
            self._cache.forget()


def _points(entries: Iterable[AlertEntry]) -> dict[str, frozenset[str]]:
    points: dict[str, frozenset[str]] = {}
    for entry in entries:
        device = entry.document["device"]
        points[device] = points.get(device, frozenset()) | entry.document["values"].keys()
    return points
