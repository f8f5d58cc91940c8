"""Gives an alert its ticket: attached to the open one of its subject, an archived one again, or a new one.

Works within a transaction of the `clerk`.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from agent.clock import Clock
from agent.quantity import DAY_MS
from agent.reading import Text, Value
from agent.rules.alert import Severity
from agent.rules.rule import Rule
from gateway.tickets.alert_books import AlertEntry
from gateway.tickets.ask import Ask, desk_key
from gateway.tickets.books import Books, Folder
from gateway.tickets.config import TicketKind
from gateway.tickets.context import AlertFacts, Context
from gateway.tickets.guards import REOPEN_WITHIN_MS
from gateway.tickets.life import Act, Priority
from gateway.tickets.opening import (
    RECURRENCE_WINDOW_MS,
    RECURRENCES,
    STORM_TICKETS,
    STORM_TITLE,
    STORM_WINDOW_MS,
    Subject,
    dedupe_key,
    kind_of,
    opened,
    preventive_key,
    priority_of,
    storm_key,
    verify_for_ms,
)
from gateway.tickets.place import DeskSite
from gateway.tickets.recovery import recovery_start_ms
from gateway.tickets.refusal import Refusal, Refused
from gateway.tickets.roles import DESK_ROLE
from gateway.tickets.routing import Matter, TeamFacts, sent_to
from gateway.tickets.step import Accepted, step
from gateway.tickets.ticket import ChecklistItem, Ticket
from gateway.tickets.wording import alert_words


class Placing:
    """What the site, its rules and its teams make of alerts."""

    def __init__(
        self,
        site: DeskSite,
        site_code: str,
        *,
        rules: Callable[[str], Rule | None],
        teams: Sequence[TeamFacts],
        checklists: Mapping[str, Sequence[ChecklistItem]],
        clock: Clock,
    ) -> None:
        self._site = site
        self._site_code = site_code
        self._rule = rules
        self._teams = tuple(teams)
        self._checklists = checklists
        self._clock = clock

    def place(self, books: Books, entry: AlertEntry, at_ms: int) -> set[str]:
        """Give an alert its ticket, if it needs one and has none."""
        if entry.ticket is not None or entry.document["state"] == "cleared":
            return set()
        if entry.suppressed:
            return self._list(books, entry)
        rule = self._rule(entry.document["rule"])
        plan = None if rule is None else rule.ticket
        if rule is None or plan is None or self._age_ms(entry, at_ms) < plan.open_after_ms:
            return set()
        if entry.document["state"] == "clearing" and plan.open_after_ms:
            return set()
        attached = self._attached(books, entry, rule)
        folder = attached or self._again(books, entry, rule) or self._opened(books, entry, rule)
        books.link_alert(entry.id, folder.ticket.id)
        proposal = None if attached else self._proposed(books, folder.ticket, rule)
        return {folder.ticket.id} if proposal is None else {folder.ticket.id, proposal.ticket.id}

    def _age_ms(self, entry: AlertEntry, at_ms: int) -> int:
        """How long the alert has stood, also where its time has become known meanwhile."""
        since_ms, moved = int(entry.document["since"]), self._clock.moved()
        return at_ms - since_ms if moved is None else moved.true_ms(at_ms) - moved.true_ms(since_ms)

    def _list(self, books: Books, entry: AlertEntry) -> set[str]:
        """Name an inhibited alert in the ticket of its root cause."""
        parent = None if entry.parent is None or entry.listed_in is not None else books.alert(entry.parent)
        ticket_id = None if parent is None else parent.ticket or parent.listed_in
        folder = None if ticket_id is None else books.folder(ticket_id)
        if folder is None or not folder.ticket.open:
            return set()
        facts = {
            "alerts": [entry.id],
            "devices": [entry.document["device"]],
            "priority": self._priority(folder.ticket.kind, entry),
        }
        self.do(books, folder, Ask(Act.LIST, "desk", DESK_ROLE, desk_key(f"list-{entry.id}"), facts))
        books.list_alert(entry.id, folder.ticket.id)
        return {folder.ticket.id}

    def _attached(self, books: Books, entry: AlertEntry, rule: Rule) -> Folder | None:
        """The open ticket of the same subject, with this alert added."""
        key = self._key(entry, rule)
        folder = books.open_by_key(key)
        if folder is None and self._storm(books):
            folder = books.open_by_key(storm_key(self._site.id))
        return None if folder is None else self._attach(books, folder, entry, rule)

    def _attach(self, books: Books, folder: Folder, entry: AlertEntry, rule: Rule) -> Folder:
        facts = self._alert_facts(entry, rule)
        return self.do(
            books, folder, Ask(Act.ATTACH, "desk", DESK_ROLE, desk_key(f"alert-{entry.id}"), facts)
        )

    def _again(self, books: Books, entry: AlertEntry, rule: Rule) -> Folder | None:
        """The ticket of the same subject that was archived not long ago, opened again."""
        folder = books.last_archived(self._key(entry, rule))
        if folder is None or self._clock.utc_ms() - (folder.ticket.ended_ms or 0) > REOPEN_WITHIN_MS:
            return None
        act = Act.REOPEN if folder.ticket.accepted else Act.RECUR
        facts = {**self._alert_facts(entry, rule), "reason": "the alert came again"}
        again = self.do(books, folder, Ask(act, "desk", DESK_ROLE, desk_key(f"alert-{entry.id}"), facts))
        return self._dispatched(
            books, again, desk_key(f"alert-{entry.id}:dispatch"), entry.document["severity"]
        )

    def _opened(self, books: Books, entry: AlertEntry, rule: Rule) -> Folder:
        facts, plan = self._alert_facts(entry, rule), rule.ticket
        assert plan is not None  # noqa: S101  # only rules with a ticket come here
        before = books.last_archived(self._key(entry, rule))
        storm = self._storm(books)
        subject = Subject(
            key=storm_key(self._site.id) if storm else self._key(entry, rule),
            kind="defect" if storm else kind_of(plan),
            site=self._site.id,
            title=STORM_TITLE if storm else Text(**entry.document["title"]),
            source="alert",
            priority=facts["priority"],
            devices=tuple(facts["devices"]),
            alerts=(entry.id,),
            team=plan.team,
            checklist=None if storm else plan.checklist,
            items=() if storm else self._checklists.get(plan.checklist or "", ()),
            verify_for_ms=facts["verify_for_ms"],
            severity=entry.document["severity"],
            recurrence_of=None if before is None or storm else before.ticket.id,
            rule=rule.id,
        )
        return self.open(books, subject, desk_key(f"alert-{entry.id}"), by="desk", role=DESK_ROLE)

    def _proposed(self, books: Books, ticket: Ticket, rule: Rule) -> Folder | None:
        """Preventive work, where this subject has come too often since it was last proposed."""
        key = preventive_key(ticket.key)
        if ticket.key == storm_key(self._site.id) or key == ticket.key or books.open_by_key(key) is not None:
            return None
        since_ms = max(self._clock.utc_ms() - RECURRENCE_WINDOW_MS, books.last_opened_ms(key) or 0)
        episodes = books.episodes(ticket.key, since_ms)
        if len(episodes) < RECURRENCES:
            return None
        plan = rule.ticket
        checklist = None if plan is None else plan.checklist
        shown = (books.folder(ticket_id) for ticket_id in dict.fromkeys(episodes))
        names = ", ".join(f.ticket.shown_number or f.ticket.id for f in shown if f is not None)
        subject = Subject(
            key=key,
            kind="preventive",
            site=self._site.id,
            title=Text(f"Keeps coming back: {ticket.title.en}", f"反复发生:{ticket.title.zh}"),
            source="recurrence",
            priority="P4",
            devices=ticket.devices,
            team=None if plan is None else plan.team,
            checklist=checklist,
            items=self._checklists.get(checklist or "", ()),
            recurrence_of=ticket.id,
            rule=rule.id,
            note=f"{len(episodes)} in {RECURRENCE_WINDOW_MS // DAY_MS} days: {names}",
        )
        return self.open(books, subject, desk_key(f"preventive-{len(episodes)}"), by="desk", role=DESK_ROLE)

    def open(self, books: Books, subject: Subject, key: str, *, by: str, role: str) -> Folder:
        first = opened(
            subject,
            ticket_id=secrets.token_hex(8),
            number=self.number(books),
            event_key=key,
            by=by,
            role=role,
            now_ms=self._clock.utc_ms(),
            timetable=self._site.timetable,
        )
        return self._dispatched(
            books, books.append(None, [first]), desk_key(f"{key}:dispatch"), subject.severity
        )

    def _dispatched(self, books: Books, folder: Folder, key: str, severity: Severity | None) -> Folder:
        """Sent to the team, and to whoever of it is on duty, if the site has somebody for it."""
        ticket = folder.ticket
        matter = Matter(ticket.kind, severity, ticket.rule, ticket.devices, ticket.wanted_team)
        to = sent_to(matter, self._teams, self._site.routes, self._clock.utc_ms(), self._site.zone)
        if to is None:
            return folder
        ask = Ask(Act.DISPATCH, "desk", DESK_ROLE, key, {"team": to.team, "person": to.person})
        answer = step(folder.ticket, ask, self.context(folder.ticket, {}))
        return books.append(folder, answer.events) if isinstance(answer, Accepted) else folder

    def do(self, books: Books, folder: Folder, ask: Ask) -> Folder:
        """An event of the desk's own.

        Raises:
            Refused: a bug, since the desk asks only for what the table has.
        """
        entries = books.alerts(folder.ticket.alerts)
        answer = step(folder.ticket, ask, self.context(folder.ticket, entries, folder=folder))
        if isinstance(answer, Refusal):
            raise Refused(answer)
        return books.append(folder, answer.events)

    def context(
        self,
        ticket: Ticket,
        entries: Mapping[str, AlertEntry],
        *,
        folder: Folder | None = None,
        words: bool = False,
    ) -> Context:
        alerts = {entry.id: self._judged(entry, words=words) for entry in entries.values()}
        context = Context(
            self._clock.utc_ms(), self._site.timetable, alerts, teams=self._teams, site_code=self._site_code
        )
        # A share counts only for the recovery that it was measured on.
        if folder is None or folder.good_from_ms != recovery_start_ms(ticket, context):
            return context
        return replace(context, good_share=folder.good_share)

    def _judged(self, entry: AlertEntry, *, words: bool) -> AlertFacts:
        document = entry.document
        text = Text("", "")
        if words:
            text = alert_words(document, self._rule(document["rule"]), self._params(entry))
        return AlertFacts(
            id=entry.id,
            device=document["device"],
            state=document["state"],
            severity=document["severity"],
            since_ms=document["since"],
            suppressed=entry.suppressed,
            clear_since_ms=entry.clear_since_ms,
            words=text,
        )

    def _params(self, entry: AlertEntry) -> Mapping[str, Value]:
        device = self._site.devices.get(entry.document["device"])
        return {} if device is None else device.params.get(entry.document["rule"], {})

    def _alert_facts(self, entry: AlertEntry, rule: Rule) -> dict[str, Any]:
        plan = rule.ticket
        assert plan is not None  # noqa: S101  # only rules with a ticket come here
        return {
            "alerts": [entry.id],
            "devices": self._site.concerned(entry.document["device"]),
            "priority": self._priority(kind_of(plan), entry),
            "verify_for_ms": verify_for_ms(plan),
        }

    def _priority(self, kind: TicketKind, entry: AlertEntry) -> Priority:
        return priority_of(kind, entry.document["severity"], raised=self._site.raised)

    def _key(self, entry: AlertEntry, rule: Rule) -> str:
        assert rule.ticket is not None  # noqa: S101  # only rules with a ticket come here
        return dedupe_key(self._site.id, entry.document["device"], rule.id, kind_of(rule.ticket))

    def _storm(self, books: Books) -> bool:
        since_ms = self._clock.utc_ms() - STORM_WINDOW_MS
        return books.opened_since(self._site.id, since_ms) >= STORM_TICKETS

    def number(self, books: Books) -> str | None:
        """The next number of the site's day; None while nobody knows what day it is."""
        if not self._clock.trusted():
            return None
        now = datetime.fromtimestamp(self._clock.utc_ms() / 1_000, UTC).astimezone(self._site.zone)
        prefix = f"T-{now:%Y%m%d}-{self._site.id}-"
        return f"{prefix}{books.numbers_with(prefix) + 1:03d}"
