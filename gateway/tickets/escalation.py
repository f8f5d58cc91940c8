"""What is not settled in time moves up, village → town → county. Pure.

The spans after the broken promise are house defaults by priority; those of P3, P4 and of mediation count
working days.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.tickets.config import TicketKind
from gateway.tickets.due import Target, Timetable
from gateway.tickets.life import Priority, TicketLevel
from gateway.tickets.ticket import Ticket

PROMISES = ("accept", "arrive", "restore")
"""The clocks that are promises to the village; the others watch over ourselves."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """How long after a broken promise each level takes over; None: never by itself."""

    town: Target
    county: Target | None


BY_PRIORITY: Mapping[Priority, Ladder] = {
    "P1": Ladder(Target(), Target(hours=1)),
    "P2": Ladder(Target(hours=2), Target(hours=8)),
    "P3": Ladder(Target(working_days=2), Target(working_days=5)),
    "P4": Ladder(Target(working_days=10), None),
}
MEDIATION = Ladder(Target(working_days=5), Target(working_days=10))


@dataclass(frozen=True, slots=True)
class Overdue:
    """Why a ticket must go to `level`: the promise `clock` was due at `due_ms`."""

    level: TicketLevel
    clock: str
    due_ms: int


def ladder_of(kind: TicketKind, priority: Priority) -> Ladder:
    return MEDIATION if kind == "mediation" else BY_PRIORITY[priority]


def overdue(ticket: Ticket, timetable: Timetable, now_ms: int) -> Overdue | None:
    """The next level that the ticket must go to by now; a promise that is paused is not broken."""
    ladder = ladder_of(ticket.kind, ticket.priority)
    level: TicketLevel = "town" if ticket.level == "village" else "county"
    span = ladder.town if level == "town" else ladder.county
    broken = [
        (clock.due_ms, name)
        for name in PROMISES
        if (clock := ticket.clocks.get(name)) is not None
        and clock.due_ms is not None
        and clock.stopped_ms is None
        and clock.paused_since_ms is None
    ]
    if span is None or not broken or ticket.level == "county":
        return None
    due_ms, name = min(broken)
    return Overdue(level, name, due_ms) if now_ms >= timetable.after(span, due_ms) else None
