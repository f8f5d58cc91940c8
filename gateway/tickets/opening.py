"""How an alert becomes a ticket: the key that keeps one subject in one ticket, priority, first event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agent.quantity import MINUTE_MS
from agent.reading import Text
from agent.rules.alert import Severity
from agent.rules.rule import TicketPlan
from gateway.tickets.config import TicketKind
from gateway.tickets.due import Timetable
from gateway.tickets.event import TicketEvent
from gateway.tickets.life import Act, Priority, State

STORM_TICKETS = 5
STORM_WINDOW_MS = 10 * MINUTE_MS
"""More new tickets of one site in this window become one storm ticket."""
DEFAULT_VERIFY_MS = 30 * MINUTE_MS
_PRIORITY: Mapping[Severity, Priority] = {
    "critical": "P1",
    "high": "P2",
    "medium": "P3",
    "low": "P4",
    "journal": "P4",
}


def priority_of(kind: TicketKind, severity: Severity) -> Priority:
    return "P1" if kind == "emergency" else _PRIORITY[severity]


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


STORM_TITLE = Text("Many alerts at once", "告警风暴")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a new ticket is about.

    Args:
        items: the checklist's items as they stand now.
        source: `alert` or `person`.
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
