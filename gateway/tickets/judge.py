"""What the desk does by itself as time passes: verify, close, mark. Pure; asked at every tick."""

from gateway.tickets.ask import Ask, desk_key
from gateway.tickets.context import Context
from gateway.tickets.escalation import overdue
from gateway.tickets.life import SELF_CLOSING_KINDS, UNACCEPTED, Act, State
from gateway.tickets.recovery import latched, not_recovered, recovery_start_ms
from gateway.tickets.roles import DESK_ROLE
from gateway.tickets.ticket import Ticket


def measure_from_ms(ticket: Ticket, context: Context) -> int | None:
    """From when on samples must be counted before `judge` can say more; None: nothing to count yet."""
    if ticket.state is not State.REPORTED and ticket.state not in UNACCEPTED:
        return None
    start_ms = recovery_start_ms(ticket, context)
    due = start_ms is not None and context.now_ms - start_ms >= ticket.verify_for_ms
    return start_ms if due and context.own(ticket) else None


def judge(ticket: Ticket, context: Context) -> Ask | None:
    """The next event that the desk itself owes this ticket."""
    verdict: Ask | None = None
    if ticket.state is State.REPORTED:
        verdict = _of_reported(ticket, context)
    elif ticket.state in UNACCEPTED and context.own(ticket):
        verdict = _of_unaccepted(ticket, context)
    return verdict or _of_late(ticket, context)


def _of_late(ticket: Ticket, context: Context) -> Ask | None:
    late = overdue(ticket, context.timetable, context.now_ms)
    if late is None:
        return None
    reason = f"the time to {late.clock} is over"
    return _own(ticket, Act.ESCALATE, level=late.level, reason=reason, clock=late.clock, due=late.due_ms)


def _of_reported(ticket: Ticket, context: Context) -> Ask | None:
    reported_ms = ticket.reported_ms or context.now_ms
    active = [a for a in context.own(ticket) if a.state == "active" and not a.suppressed]
    if any(alert.since_ms > reported_ms for alert in active):
        return _own(ticket, Act.VERIFY_FAILED, reason="active again after the report")
    if active and context.now_ms - reported_ms >= ticket.verify_for_ms:
        return _own(ticket, Act.VERIFY_FAILED, reason="still active after the report")
    return None if active or not_recovered(ticket, context) else _own(ticket, Act.VERIFY_OK)


def _of_unaccepted(ticket: Ticket, context: Context) -> Ask | None:
    own = context.own(ticket)
    if latched(ticket, context) or any(alert.clear_since_ms is None for alert in own):
        return None
    if ticket.kind in SELF_CLOSING_KINDS:
        return None if not_recovered(ticket, context) else _own(ticket, Act.SELF_CLOSE)
    if ticket.self_recovered:
        return None
    return _own(ticket, Act.SELF_RECOVERED, clear_since=max(a.clear_since_ms or 0 for a in own))


def _own(ticket: Ticket, act: Act, **facts: object) -> Ask:
    """The key names the event's place in the log, so that two desks at once write it once."""
    key = desk_key(f"{ticket.last_seq + 1}-{act.value}")
    return Ask(act, "desk", DESK_ROLE, key, facts)
