"""How an alert becomes a ticket: the key that keeps one subject in one ticket, priority, first event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agent.quantity import DAY_MS, MINUTE_MS
from agent.reading import Text
from agent.rules.alert import Severity
from agent.rules.rule import TicketPlan
from gateway.tickets.config import TicketKind
from gateway.tickets.due import Timetable
from gateway.tickets.event import TicketEvent
from gateway.tickets.life import HIGHER, Act, Priority, State

STORM_TICKETS = 4
STORM_WINDOW_MS = 10 * MINUTE_MS
"""After so many new tickets of a site in this window the next takes all that comes: never more than five."""
DEFAULT_VERIFY_MS = 30 * MINUTE_MS
_PRIORITY: Mapping[Severity, Priority] = {
    "critical": "P1",
    "high": "P2",
    "medium": "P3",
    "low": "P4",
    "journal": "P4",
}


RECURRENCES = 3
RECURRENCE_WINDOW_MS = 90 * DAY_MS
"""So many tickets of one subject in so long a time propose preventive work."""


def priority_of(kind: TicketKind, severity: Severity, *, raised: bool = False) -> Priority:
    """`raised`: one step more urgent, since the site serves what must not fail."""
    priority: Priority = "P1" if kind == "emergency" else _PRIORITY[severity]
    return HIGHER.get(priority, priority) if raised else priority


def kind_of(plan: TicketPlan) -> TicketKind:
    """The rule reader lets no other kinds through."""
    return cast(TicketKind, plan.kind)


def verify_for_ms(plan: TicketPlan) -> int:
    return DEFAULT_VERIFY_MS if plan.verify_for_ms is None else plan.verify_for_ms


def rule_family(rule: str) -> str:
    """`BAT-02` → `BAT`."""
    return rule.rpartition("-")[0] or rule


def dedupe_key(site: str, device: str, rule: str, kind: TicketKind) -> str:
    """At most one ticket is open per key."""
    return f"{site}/{device}/{rule_family(rule)}/{kind}"


def storm_key(site: str) -> str:
    return f"{site}/*/storm/defect"


def preventive_key(key: str) -> str:
    """Of the proposal that a recurring subject makes."""
    return f"{key.rpartition('/')[0]}/preventive"


STORM_TITLE = Text("Many alerts at once", "告警风暴")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a new ticket is about.

    Args:
        items: the checklist's items as they stand now.
        source: `alert`, `person`, or `recurrence` for a proposal of preventive work.
        rule: of the alert that opened it.
    """

    key: str
    kind: TicketKind
    site: str
    title: Text
    source: str
    priority: Priority
    devices: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    team: str | None = None
    checklist: str | None = None
    items: Sequence[Mapping[str, Any]] = ()
    verify_for_ms: int = DEFAULT_VERIFY_MS
    recurrence_of: str | None = None
    rule: str | None = None
    severity: Severity | None = None
    note: str = ""


def opened(
    subject: Subject,
    *,
    ticket_id: str,
    number: str | None,
    event_key: str,
    by: str,
    role: str,
    now_ms: int,
    timetable: Timetable,
) -> TicketEvent:
    """The first event of a ticket. `number` is None while the clock is not trusted."""
    facts: dict[str, Any] = {
        "id": ticket_id,
        "number": number,
        "dedupe_key": subject.key,
        "kind": subject.kind,
        "site": subject.site,
        "title": subject.title.document(),
        "source": subject.source,
        "priority": subject.priority,
        "devices": list(subject.devices),
        "alerts": list(subject.alerts),
        "team": subject.team,
        "checklist": subject.checklist,
        "items": list(subject.items),
        "verify_for_ms": subject.verify_for_ms,
        "recurrence_of": subject.recurrence_of,
        "rule": subject.rule,
        "note": subject.note,
        "accept_due": timetable.accept_ms(subject.kind, subject.priority, now_ms),
    }
    return TicketEvent(1, event_key, Act.OPEN, by, role, now_ms, None, State.NEW, facts)
