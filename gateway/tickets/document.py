"""The ticket as everybody outside sees it (the contract's JSON, persons as ids only)."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.tickets.event import TicketEvent
from gateway.tickets.life import Act
from gateway.tickets.ticket import Ticket


def ticket_document(
    ticket: Ticket,
    events: Sequence[TicketEvent],
    allowed: Sequence[Act],
    cell: Mapping[str, str],
    now_ms: int,
) -> dict[str, Any]:
    """The contract's keys, and beside them title, times, what was inhibited, report and feedback."""
    return {
        "id": ticket.id,
        "number": ticket.shown_number,
        "kind": ticket.kind,
        "state": ticket.state.value,
        "priority": ticket.priority,
        "site": ticket.site,
        "devices": list(ticket.devices),
        "level": ticket.level,
        "owner": owner_of(ticket, cell),
        "team": ticket.team,
        "assignee": ticket.assignee,
        "alerts": [*ticket.alerts, *ticket.inhibited],
        "inhibited": list(ticket.inhibited),
        "title": ticket.title.document(),
        "source": ticket.source,
        "rule": ticket.rule,
        "opened": ticket.opened_ms,
        "ended": ticket.ended_ms,
        "checklist": _checklist(ticket),
        "clocks": {name: clock.document(now_ms) for name, clock in ticket.clocks.items()},
        "evidence": [dict(item) for item in ticket.evidence],
        "report": ticket.report,
        "feedback": ticket.feedback,
        "self_recovered": ticket.self_recovered,
        "waived": ticket.waived,
        "merged_into": ticket.merged_into,
        "recurrence_of": ticket.recurrence_of,
        "verify_for_ms": ticket.verify_for_ms,
        "events": [_without_items(event.document()) for event in events],
        "allowed": [act.value for act in allowed],
    }


def owner_of(ticket: Ticket, cell: Mapping[str, str]) -> str:
    """The one who must act: at the village whoever has it in hand, above that the level's office."""
    if ticket.level != "village":
        return cell.get(ticket.level, ticket.level)
    return ticket.assignee or ticket.team or cell.get("village", "operator")


def _checklist(ticket: Ticket) -> dict[str, Any] | None:
    if ticket.checklist is None:
        return None
    items = [{**item, "answer": ticket.answers.get(item["id"])} for item in ticket.items]
    return {"id": ticket.checklist, "items": items}


def _without_items(event: dict[str, Any]) -> dict[str, Any]:
    """The checklist stands in the ticket already."""
    event.pop("items", None)
    return event
